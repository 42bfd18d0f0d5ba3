//! Overviews: counts over all items, summed up once for everybody who asks at about the same time.

use std::sync::Arc;

use moka::future::Cache;

use crate::answers::StockOverview;
use crate::database::Database;
use crate::error::Error;
use crate::settings::Settings;

/// Owners whose overviews are kept; more only means more queries.
const OWNERS_KEPT: u64 = 1_000;

/// The overviews of late, by the owner that they are for; `None` sees all.
pub(crate) struct Overviews {
    database: Database,
    kept: Cache<Option<String>, Arc<StockOverview>>,
}

impl Overviews {
    pub(crate) fn new(database: Database, settings: &Settings) -> Overviews {
        let kept = Cache::builder().max_capacity(OWNERS_KEPT).time_to_live(settings.aggregate_ttl()).build();
        Overviews { database, kept }
    }

    /// The overview for `owner`.
    pub(crate) async fn of(&self, owner: Option<&str>) -> Result<Arc<StockOverview>, Error> {
        let sum_up = async {
            let overview = self.database.ask(self.database.reader.overview(owner)).await?;
            Ok::<_, Error>(Arc::new(StockOverview::from(overview)))
        };
        Ok(self.kept.try_get_with(owner.map(str::to_owned), sum_up).await?)
    }
}

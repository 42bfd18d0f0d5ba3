//! Overviews: counts over all items, summed up once for everybody who asks at about the same time.

use std::sync::Arc;

use crate::answers::StockOverview;
use crate::brief::Brief;
use crate::database::Database;
use crate::error::Error;
use crate::settings::Settings;

/// Owners whose overviews are kept; more only means more queries.
const OWNERS_KEPT: u64 = 1_000;

/// The overviews of late, by the owner that they are for; `None` sees all.
pub(crate) struct Overviews {
    database: Database,
    kept: Brief<Option<String>, StockOverview>,
}

impl Overviews {
    pub(crate) fn new(database: Database, settings: &Settings) -> Overviews {
        Overviews { database, kept: Brief::new(OWNERS_KEPT, settings.aggregate_ttl()) }
    }

    /// The overview for `owner`.
    pub(crate) async fn of(&self, owner: Option<&str>) -> Result<Arc<StockOverview>, Error> {
        let sum_up = async { Ok(self.database.ask_wide(self.database.reader.overview(owner)).await?.into()) };
        self.kept.of(owner.map(str::to_owned), sum_up).await
    }
}

//! Overviews: counts over all items, summed up once for everybody who asks at about the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use crate::answers::StockOverview;
use crate::database::Database;
use crate::error::Error;
use crate::settings::Settings;

/// Owners whose overviews are kept; more only means more queries.
const OWNERS_KEPT: u64 = 1_000;

/// An overview is used so many times as long as it took to sum up, if that is longer than it would be otherwise: over
/// a million items that is seconds, and summing up takes no more than a tenth of the time.
const TIMES_ITS_COST: u32 = 10;

/// The overviews of late, by the owner that they are for; `None` sees all.
pub(crate) struct Overviews {
    database: Database,
    kept: Cache<Option<String>, Kept>,
    ttl: Duration,
}

/// An overview, and how long it is used.
#[derive(Clone)]
struct Kept {
    overview: Arc<StockOverview>,
    lasts: Duration,
}

struct AsLongAsItLasts;

impl Expiry<Option<String>, Kept> for AsLongAsItLasts {
    fn expire_after_create(&self, _: &Option<String>, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(kept.lasts)
    }
}

impl Overviews {
    pub(crate) fn new(database: Database, settings: &Settings) -> Overviews {
        let kept = Cache::builder().max_capacity(OWNERS_KEPT).expire_after(AsLongAsItLasts).build();
        Overviews { database, kept, ttl: settings.aggregate_ttl() }
    }

    /// The overview for `owner`.
    pub(crate) async fn of(&self, owner: Option<&str>) -> Result<Arc<StockOverview>, Error> {
        let sum_up = async {
            let began = Instant::now();
            let overview = self.database.ask_wide(self.database.reader.overview(owner)).await?;
            let lasts = self.ttl.max(began.elapsed() * TIMES_ITS_COST);
            Ok::<_, Error>(Kept { overview: Arc::new(overview.into()), lasts })
        };
        Ok(self.kept.try_get_with(owner.map(str::to_owned), sum_up).await?.overview)
    }
}

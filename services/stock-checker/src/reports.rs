//! Reports over many items: which of them carry the sales, how often stock turns over, what nobody buys.
//!
//! **Invariant.** A report reads at most so many items a page, the ranking excepted, which reads all and is kept.

use std::sync::Arc;

use chrono::NaiveDate;
use domain::ItemId;
use ledger::{AbcPage, AbcQuery, Demand, Demands};

use crate::answers::ItemForecast;
use crate::brief::Brief;
use crate::database::Database;
use crate::error::Error;
use crate::forecasts::net;
use crate::settings::Settings;

/// Pages of rankings that are kept, of some tens of kilobytes each.
const PAGES_KEPT: u64 = 200;
/// Forecasts of single items that are kept, of some kilobytes each.
const FORECASTS_KEPT: u64 = 2_000;

const DAYS_OF_YEAR: f64 = 365.0;

/// The item, the location, how far, and the service level and lead time as they were asked for.
pub(crate) type ForecastAsked = (ItemId, Option<String>, usize, [Option<u64>; 3]);

/// What was reported of late.
pub(crate) struct Reports {
    database: Database,
    ranks: Brief<AbcQuery, AbcPage>,
    /// Forecasts of single items.
    pub(crate) forecasts: Brief<ForecastAsked, ItemForecast>,
}

/// How a stock turned over in some days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Turned {
    pub(crate) days: usize,
    /// Units that customers kept.
    pub(crate) units: i64,
    /// On the shelf at the end of a day, on average.
    pub(crate) average_on_hand: f64,
    /// How often the average was sold; none of no stock.
    pub(crate) turnover: Option<f64>,
    /// The same if a year went on so.
    pub(crate) per_year: Option<f64>,
}

impl Reports {
    pub(crate) fn new(database: Database, settings: &Settings) -> Reports {
        let ttl = settings.aggregate_ttl();
        Reports { database, ranks: Brief::new(PAGES_KEPT, ttl), forecasts: Brief::new(FORECASTS_KEPT, ttl) }
    }

    /// A page of the ranking.
    pub(crate) async fn abc(&self, query: &AbcQuery) -> Result<Arc<AbcPage>, Error> {
        let rank = async { self.database.ask_wide(self.database.reader.abc(query)).await };
        self.ranks.of(query.clone(), rank).await
    }

    /// What the items sold in the last so many days.
    pub(crate) async fn demand(&self, items: &[ItemId], days: u32) -> Result<Demands, Error> {
        self.database.ask(self.database.reader.demand(items, None, days)).await
    }
}

/// How an item's stock turned over.
pub(crate) fn turned(demand: Option<&Demand>) -> Turned {
    let days = demand.map_or(&[][..], |demand| &demand.days);
    let units: i64 = net(days).iter().sum();
    let on_hand: i64 = days.iter().map(|day| day.on_hand).sum();
    let average_on_hand = on_hand as f64 / days.len().max(1) as f64;
    let turnover = (on_hand > 0).then(|| units as f64 / average_on_hand);
    let per_year = turnover.map(|turnover| turnover * DAYS_OF_YEAR / days.len() as f64);
    Turned { days: days.len(), units, average_on_hand, turnover, per_year }
}

/// Whether an item was there for so many days and none of it was sold in them.
pub(crate) fn is_dead(demand: &Demand, today: NaiveDate, days: u32) -> bool {
    let since = today - chrono::Days::new(u64::from(days));
    demand.first_day <= since && demand.last_sold.is_none_or(|last| last < since)
}

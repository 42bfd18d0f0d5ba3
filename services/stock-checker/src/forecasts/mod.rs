//! Forecasts: what will be asked for, how long stock lasts, when to order and how much.
//!
//! Reading order: [`Forecasts::of_items`] (demand and lead times are read) → `series` (days become a series) →
//! [`Forecasts::compute`] (the methods are in the crate `forecast`).
//!
//! **Invariants.** At most half of the processors compute at once, and so many wait and no more: questions about stock
//! have the others. A forecast is made of what was sold up to yesterday.

mod series;
mod settings;
mod turns;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use domain::{ItemId, LocationId};
use forecast::{Forecast, LeadTime, Pattern, Suggestion};
use ledger::Demand;
use ledger::demand::lead_times::Observed;

pub(crate) use series::net;
pub use series::series as demand_series;
pub(crate) use settings::{LONGEST_DAYS, Settings};
use turns::Turns;

use crate::database::Database;
use crate::error::Error;

/// What a caller says instead of what is known or configured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    pub(crate) service_level: Option<f64>,
    pub(crate) lead_time_days: Option<f64>,
    pub(crate) lead_time_sd_days: Option<f64>,
}

/// An item to be forecast, with the units that there are.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) item: ItemId,
    pub(crate) supplier: Option<String>,
    /// What is to last: units that may be promised.
    pub(crate) available: i64,
}

/// How long a delivery takes, and whence that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lead {
    pub(crate) time: LeadTime,
    pub(crate) source: Source,
    /// The supplier's orders that were observed, however it is known.
    pub(crate) orders: usize,
}

/// Whence a lead time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The caller says so.
    Request,
    /// The supplier took so long of late.
    Observed,
    /// Nothing better is known.
    Configured,
}

/// What is known of an item, and what follows.
#[derive(Clone, Debug)]
pub(crate) struct Foretold {
    pub(crate) demand: Demand,
    pub(crate) lead: Lead,
    pub(crate) computed: Computed,
}

/// What follows from a series.
#[derive(Clone, Debug)]
pub(crate) struct Computed {
    pub(crate) method: &'static str,
    pub(crate) pattern: Pattern,
    /// Days that say something.
    pub(crate) observed_days: usize,
    /// What a day misses its forecast by.
    pub(crate) daily_sd: f64,
    /// What is expected of each day, today in front.
    pub(crate) ahead: Vec<f64>,
    /// How long what is available lasts; none is for ever.
    pub(crate) cover: Option<f64>,
    pub(crate) suggestion: Suggestion,
}

/// A series to be forecast.
struct Work {
    demand: Demand,
    lead: Lead,
    available: i64,
}

/// Who computes, and who waits.
pub(crate) struct Forecasts {
    database: Database,
    settings: Settings,
    turns: Turns,
}

impl Forecasts {
    pub(crate) fn new(database: Database, settings: Settings) -> Forecasts {
        let at_once = std::thread::available_parallelism().map_or(1, |all| (all.get() / 2).max(1));
        let turns = Turns::new(at_once, settings.waiting, settings.wait());
        Forecasts { database, settings, turns }
    }

    /// The service level that is suggested for.
    pub(crate) fn service_level(&self, said: Said) -> f64 {
        said.service_level.unwrap_or(self.settings.service_level)
    }

    /// Forecasts the items for so many days, at a location or everywhere. Those of which nothing ever moved there are
    /// left out.
    pub(crate) async fn of_items(
        &self,
        what: &'static str,
        asked: &[Asked],
        location: Option<LocationId>,
        days: usize,
        said: Said,
    ) -> Result<(DateTime<Utc>, BTreeMap<ItemId, Foretold>), Error> {
        let ids: Vec<ItemId> = asked.iter().map(|asked| asked.item).collect();
        let mut suppliers: Vec<&str> = asked.iter().filter_map(|asked| asked.supplier.as_deref()).collect();
        suppliers.sort_unstable();
        suppliers.dedup();
        let reader = &self.database.reader;
        let read = async {
            let demands = reader.demand(&ids, location, self.settings.history_days).await?;
            Ok::<_, ledger::ReadError>((demands, reader.lead_times(&suppliers).await?))
        };
        let (mut demands, observed) = self.database.ask(read).await?;
        let work = asked.iter().filter_map(|asked| {
            let demand = demands.items.remove(&asked.item)?;
            let observed = asked.supplier.as_ref().and_then(|supplier| observed.get(supplier));
            let lead = self.lead(said, observed);
            Some((asked.item, Work { demand, lead, available: asked.available }))
        });
        let work: Vec<(ItemId, Work)> = work.collect();
        let items = self.compute(what, work, days, self.service_level(said)).await?;
        Ok((demands.as_of, items))
    }

    /// What is said, else what was observed if that is enough, else what is configured.
    fn lead(&self, said: Said, observed: Option<&Observed>) -> Lead {
        let enough = observed.filter(|observed| observed.orders >= self.settings.lead_time_orders);
        let (mean, sd, source) = match enough {
            Some(observed) => (observed.mean_days, observed.sd_days, Source::Observed),
            None => (self.settings.lead_time_days, self.settings.lead_time_sd_days, Source::Configured),
        };
        let asked = said.lead_time_days.is_some() || said.lead_time_sd_days.is_some();
        let time = LeadTime {
            mean_days: said.lead_time_days.unwrap_or(mean),
            sd_days: said.lead_time_sd_days.unwrap_or(sd),
        };
        let source = if asked { Source::Request } else { source };
        Lead { time, source, orders: observed.map_or(0, |observed| observed.orders) }
    }

    /// Computes on a thread of its own when it is its turn.
    async fn compute(
        &self,
        what: &'static str,
        work: Vec<(ItemId, Work)>,
        days: usize,
        service_level: f64,
    ) -> Result<BTreeMap<ItemId, Foretold>, Error> {
        let turn = self.turns.take().await?;
        let cover = self.settings.cover_days;
        let computing = tokio::task::spawn_blocking(move || {
            // Until it is done, whether or not anybody waits for it.
            let _held = turn;
            let began = Instant::now();
            let number = work.len() as u64;
            let computed = work.into_iter().map(|(item, work)| (item, work.done(days, service_level, cover)));
            let computed: BTreeMap<ItemId, Foretold> = computed.collect();
            told(what, number, began.elapsed());
            computed
        });
        computing.await.map_err(|_| Error::Failed("a forecast"))
    }
}

fn told(what: &'static str, number: u64, took: Duration) {
    metrics::counter!("forecasts_computed_total").increment(number);
    metrics::histogram!("forecast_seconds", "of" => what).record(took.as_secs_f64());
}

impl Work {
    fn done(self, days: usize, service_level: f64, cover_days: f64) -> Foretold {
        let Work { demand, lead, available } = self;
        let told: Forecast = forecast::forecast(&series::series(&demand));
        let computed = Computed {
            method: told.method.as_str(),
            pattern: told.pattern,
            observed_days: told.observed_days,
            daily_sd: told.daily_sd,
            ahead: (1..=days).map(|day| told.mean(day)).collect(),
            cover: forecast::days_of_cover(available, &told),
            suggestion: forecast::suggest(&told, &lead.time, service_level, cover_days),
        };
        Foretold { demand, lead, computed }
    }
}

impl Foretold {
    /// The last day that counts.
    pub(crate) fn last_day(&self) -> NaiveDate {
        let days = self.demand.days.len().saturating_sub(1) as u64;
        self.demand.first_day + chrono::Days::new(days)
    }

    /// Units that are expected of a day, on average over those that were foretold.
    pub(crate) fn mean_per_day(&self) -> f64 {
        self.computed.ahead.iter().sum::<f64>() / self.computed.ahead.len().max(1) as f64
    }
}

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Source::Request => "request",
            Source::Observed => "observed",
            Source::Configured => "configured",
        }
    }
}

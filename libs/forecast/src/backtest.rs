//! What a method would have said, and how wrong it was, beside the forecasts that cost nothing.
//!
//! From origins in the second half of a series each method foretells the next [`HORIZON`] days from what was known
//! there. The errors are told as MASE, the mean absolute error in parts of that of the seasonal naive forecast of one
//! week within what was known (Hyndman, Koehler, "Another look at measures of forecast accuracy", International Journal
//! of Forecasting 22, 2006), and as RMSE in units. For demand that comes seldom look at the RMSE: an absolute error is
//! smallest for those who always foretell nothing.

use serde::Serialize;

use crate::choose::{HORIZON, forecast};
use crate::series::{MAX_DAYS, Series};
use crate::smoothing::WEEK;

/// Days that a method is given before the first origin, at least.
const FIRST: usize = 4 * WEEK;

/// The most origins: half a year of weeks. Each takes a forecast.
const MAX_ORIGINS: usize = 26;

/// How wrong a method was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Errors {
    /// The mean absolute scaled error: above 1 it is worse than what the week before tells of the next day.
    /// None for a series of which no week differs from another.
    pub mase: Option<f64>,
    /// The root of the mean squared error, in units.
    pub rmse: f64,
}

/// How wrong each method was about one series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Backtest {
    /// How often the next days were foretold.
    pub origins: usize,
    /// How many days were foretold in all.
    pub foretold: usize,
    /// [`forecast`].
    pub ours: Errors,
    /// The last day again.
    pub naive: Errors,
    /// The last week again.
    pub seasonal_naive: Errors,
}

/// The errors of one method so far.
#[derive(Default)]
struct Sums {
    scaled: f64,
    squared: f64,
    days: usize,
    scaled_days: usize,
}

/// Tries all methods on a series; `None` for one of fewer than six weeks. Of one that is longer than [`MAX_DAYS`] the last
/// days are taken.
pub fn backtest(series: &Series) -> Option<Backtest> {
    let units = series.usable();
    let origins = origins(units.len())?;
    let [mut ours, mut naive, mut seasonal] = [Sums::default(), Sums::default(), Sums::default()];
    for origin in &origins {
        let (known, ahead) = units.split_at(*origin);
        let scale = scale(known);
        let said = forecast(&Series { first_day: series.first_day, units: known.to_vec() });
        let last = known.iter().rev().flatten().next().copied().unwrap_or(0.0);
        for (day, units) in ahead.iter().take(HORIZON).enumerate() {
            if let Some(units) = units {
                ours.add(units - said.mean(day + 1), scale);
                naive.add(units - last, scale);
                seasonal.add(units - week_before(known, day).unwrap_or(last), scale);
            }
        }
    }
    Some(Backtest {
        origins: origins.len(),
        foretold: ours.days,
        ours: ours.errors(),
        naive: naive.errors(),
        seasonal_naive: seasonal.errors(),
    })
}

/// The days before which something is foretold: a week apart and the last with a whole horizon after it.
fn origins(days: usize) -> Option<Vec<usize>> {
    let last = days.min(MAX_DAYS).checked_sub(HORIZON).filter(|last| *last >= FIRST)?;
    let first = (days / 2).max(FIRST).min(last);
    let mut origins: Vec<usize> = (0..MAX_ORIGINS)
        .map_while(|week| last.checked_sub(week * WEEK))
        .filter(|day| *day >= first)
        .collect();
    origins.reverse();
    Some(origins)
}

/// The mean absolute difference between a day and the same day a week before.
fn scale(known: &[Option<f64>]) -> Option<f64> {
    let differences: Vec<f64> =
        known.windows(WEEK + 1).filter_map(|days| Some((days[WEEK]? - days[0]?).abs())).collect();
    let mean = differences.iter().sum::<f64>() / differences.len().max(1) as f64;
    (mean > 0.0).then_some(mean)
}

/// What was last known of the day of the week that is `ahead` days after the first unknown one.
fn week_before(known: &[Option<f64>], ahead: usize) -> Option<f64> {
    let back = WEEK - ahead % WEEK;
    (0..).map_while(|week| known.len().checked_sub(back + week * WEEK)).find_map(|day| known[day])
}

impl Sums {
    fn add(&mut self, miss: f64, scale: Option<f64>) {
        self.squared += miss * miss;
        self.days += 1;
        if let Some(scale) = scale {
            self.scaled += miss.abs() / scale;
            self.scaled_days += 1;
        }
    }

    fn errors(&self) -> Errors {
        Errors {
            mase: (self.scaled_days > 0).then(|| self.scaled / self.scaled_days as f64),
            rmse: (self.squared / self.days.max(1) as f64).sqrt(),
        }
    }
}

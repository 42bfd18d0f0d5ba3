//! Which method a series calls for, and with which gains.
//!
//! Every candidate walks through the series once. At origins in the second half it foretells the next [`HORIZON`] days,
//! from what it knew there, and the squared errors of that choose: first the gains within a method, then the method. A
//! method with more to it is taken only when it is better by a [`MARGIN`], for the best of many looks better than it is.

use crate::outlook::{ENOUGH_DAYS, Forecast, Method, Shape};
use crate::pattern::{self, Pattern};
use crate::rate::{Chance, Croston};
use crate::series::{MAX_DAYS, Series};
use crate::smoothing::{Gains, Smoothing, WEEK};

/// How many days ahead errors are looked at: about what a delivery takes.
pub const HORIZON: usize = 14;

/// Days between two origins; no multiple of a week, so that they fall on all its days.
const STRIDE: usize = 4;

/// The last days that origins lie in, at most; the half of a shorter series.
const WINDOW: usize = 180;

/// What a method is begun with, at most: two weeks, so that each day of the week is there twice.
const HEAD: usize = 2 * WEEK;

/// Days that have to say something before more than a mean is tried.
const FEW: usize = 8;

/// Days that a trend or a season needs: two weeks to begin with and two to be judged by.
const FOUR_WEEKS: usize = 4 * WEEK;

/// The part of a simpler method's error that a method with more to it may have at most.
const MARGIN: f64 = 0.97;

/// The gains that are tried. 0 is the mean of all days, 1 the last day alone.
const LEVELS: [f64; 9] = [0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0];
const FEWER_LEVELS: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.4];
const SLOPES: [f64; 3] = [0.02, 0.1, 0.3];
const DAMPINGS: [f64; 2] = [0.9, 0.98];
const SEASONS: [f64; 4] = [0.0, 0.05, 0.15, 0.3];
const FEWER_SEASONS: [f64; 2] = [0.0, 0.1];
const RATES: [f64; 4] = [0.02, 0.05, 0.1, 0.2];

/// How many candidates a series can have, at most.
const MAX_CANDIDATES: usize = LEVELS.len() * (1 + SEASONS.len())
    + FEWER_LEVELS.len() * SLOPES.len() * DAMPINGS.len() * (1 + FEWER_SEASONS.len());

/// The most days that are smoothed or foretold for one forecast. Each takes some nanoseconds, so that the longest series
/// takes about a millisecond.
pub const MAX_STEPS: u64 = (MAX_CANDIDATES * (MAX_DAYS + (WINDOW / STRIDE + 1) * HORIZON)) as u64;

/// A method with its gains, on its way through a series.
pub(crate) trait Candidate {
    /// What it expects of the day that is so many ahead, from 1.
    fn ahead(&self, day: usize) -> f64;
    /// Takes in what the next day was.
    fn meet(&mut self, units: Option<f64>);
    /// What it expects, as numbers.
    fn shape(&self) -> Shape;
}

/// How a candidate did.
struct Tried {
    method: Method,
    /// The mean squared error over the horizon.
    error: f64,
    /// The mean squared error of the next day.
    spread: f64,
    shape: Shape,
}

/// Forecasts a series by the method that it calls for.
///
/// Demand that comes seldom ([`Pattern`]) is forecast by [`Method::SyntetosBoylan`], or by
/// [`Method::TeunterSyntetosBabai`] or [`Method::Weekly`] where that is better; other demand by smoothing. Fewer than
/// eight days that say something have their mean.
pub fn forecast(series: &Series) -> Forecast {
    let units = series.usable();
    let observed_days = units.iter().flatten().count();
    if observed_days == 0 {
        return Forecast::nothing();
    }
    let pattern = pattern::pattern(&units);
    let mut trial = Trial::of(&units);
    let chosen = trial.choose(pattern, observed_days);
    let poisson = if observed_days < ENOUGH_DAYS { chosen.shape.mean(1) } else { 0.0 };
    Forecast {
        method: chosen.method,
        pattern,
        observed_days,
        daily_sd: chosen.spread.max(poisson).sqrt(),
        steps: trial.steps,
        shape: chosen.shape,
    }
}

/// A series that candidates are tried on.
struct Trial<'a> {
    units: &'a [Option<f64>],
    head: usize,
    /// The first origin.
    from: usize,
    steps: u64,
}

impl Trial<'_> {
    fn of(units: &[Option<f64>]) -> Trial<'_> {
        let head = HEAD.min(units.len().div_ceil(2));
        let from = (units.len() - (units.len() / 2).min(WINDOW)).max(head);
        Trial { units, head, from, steps: 0 }
    }

    fn choose(&mut self, pattern: Pattern, observed: usize) -> Tried {
        if observed < FEW {
            return self.level(&[0.0]);
        }
        let long = observed >= FOUR_WEEKS;
        let level = self.level(&LEVELS);
        if pattern.is_seldom() {
            let (croston, chance, weekly) = (self.croston(), self.chance(), self.weekly());
            let rate = better(croston, chance);
            // The season has to be what is better, so a level alone must not be as good.
            if long && weekly.beats(&level) { better(rate, weekly) } else { rate }
        } else if long {
            let trend = self.trend(Method::Trend, &[None]);
            let weekly = self.weekly();
            let both = self.trend(Method::WeeklyTrend, &FEWER_SEASONS.map(Some));
            better(better(better(level, trend), weekly), both)
        } else {
            level
        }
    }

    fn level(&mut self, levels: &[f64]) -> Tried {
        let gains = levels.iter().map(|level| Gains { level: *level, ..Gains::default() });
        self.smoothed(Method::Level, gains)
    }

    fn weekly(&mut self) -> Tried {
        let gains = LEVELS.into_iter().flat_map(|level| {
            SEASONS.map(|season| Gains { level, season: Some(season), ..Gains::default() })
        });
        self.smoothed(Method::Weekly, gains)
    }

    fn trend(&mut self, method: Method, seasons: &[Option<f64>]) -> Tried {
        let mut gains = Vec::new();
        for level in FEWER_LEVELS {
            for slope in SLOPES {
                for damping in DAMPINGS {
                    gains.extend(seasons.iter().map(|season| Gains {
                        level,
                        slope,
                        damping,
                        season: *season,
                    }));
                }
            }
        }
        self.smoothed(method, gains.into_iter())
    }

    fn croston(&mut self) -> Tried {
        self.best(Method::SyntetosBoylan, RATES.into_iter(), |gain, head| Croston::begin(*gain, head))
    }

    fn chance(&mut self) -> Tried {
        let gains = RATES.into_iter().flat_map(|size| RATES.map(|chance| (size, chance)));
        let begin = |gains: &(f64, f64), head: &[Option<f64>]| Chance::begin(gains.0, gains.1, head);
        self.best(Method::TeunterSyntetosBabai, gains, begin)
    }

    fn smoothed(&mut self, method: Method, gains: impl Iterator<Item = Gains>) -> Tried {
        self.best(method, gains, |gains, head| Smoothing::begin(*gains, head))
    }

    /// The candidate of a method with the smallest error; of equals the first.
    fn best<G, C: Candidate>(
        &mut self,
        method: Method,
        gains: impl Iterator<Item = G>,
        begin: impl Fn(&G, &[Option<f64>]) -> C,
    ) -> Tried {
        let mut best = None::<Tried>;
        for gains in gains {
            let tried = self.walk(method, begin(&gains, &self.units[..self.head]));
            if best.as_ref().is_none_or(|best| tried.error < best.error) {
                best = Some(tried);
            }
        }
        best.unwrap_or_else(|| Tried { method, error: f64::INFINITY, spread: 0.0, shape: Shape::default() })
    }

    fn walk(&mut self, method: Method, mut candidate: impl Candidate) -> Tried {
        let (mut horizon, mut next) = (Mean::default(), Mean::default());
        for (day, units) in self.units.iter().enumerate().skip(self.head) {
            if day >= self.from && (day - self.from).is_multiple_of(STRIDE) {
                for (ahead, units) in self.units[day..].iter().take(HORIZON).enumerate() {
                    horizon.miss(*units, candidate.ahead(ahead + 1));
                    self.steps += 1;
                }
            }
            next.miss(*units, candidate.ahead(1));
            candidate.meet(*units);
            self.steps += 1;
        }
        Tried { method, error: horizon.squared(), spread: next.squared(), shape: candidate.shape() }
    }
}

/// A method with more to it, if it is better by a margin.
fn better(simple: Tried, more: Tried) -> Tried {
    if more.beats(&simple) { more } else { simple }
}

impl Tried {
    fn beats(&self, simple: &Tried) -> bool {
        self.error < simple.error * MARGIN
    }
}

/// A mean of squared errors.
#[derive(Default)]
struct Mean {
    sum: f64,
    number: f64,
}

impl Mean {
    fn miss(&mut self, units: Option<f64>, expected: f64) {
        if let Some(units) = units {
            self.sum += (units - expected.max(0.0)).powi(2);
            self.number += 1.0;
        }
    }

    fn squared(&self) -> f64 {
        self.sum / self.number.max(1.0)
    }
}

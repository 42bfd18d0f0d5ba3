//! What a forecast says.

use serde::Serialize;

use crate::pattern::Pattern;
use crate::smoothing::WEEK;

/// How many days ahead a forecast is worked out day by day. Sums over more go on with the last week's mean, for a trend
/// has died out and a season says nothing new by then.
pub const MAX_AHEAD: usize = 730;

/// Days that have to say something before their spread is believed. Until then it is at least that of Poisson's
/// distribution, in which the variance is the mean.
pub(crate) const ENOUGH_DAYS: usize = 14;

/// How a forecast was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// No day says anything, so nothing is expected.
    Nothing,
    /// A smoothed level.
    Level,
    /// A level with a damped trend.
    Trend,
    /// A level with a season of seven days.
    Weekly,
    /// A level with a damped trend and a season of seven days.
    WeeklyTrend,
    /// How often and how much, as Croston has it, corrected by Syntetos and Boylan.
    SyntetosBoylan,
    /// How often and how much, as Teunter, Syntetos and Babai have it.
    TeunterSyntetosBabai,
}

impl Method {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Nothing => "nothing",
            Method::Level => "level",
            Method::Trend => "trend",
            Method::Weekly => "weekly",
            Method::WeeklyTrend => "weekly_trend",
            Method::SyntetosBoylan => "syntetos_boylan",
            Method::TeunterSyntetosBabai => "teunter_syntetos_babai",
        }
    }
}

/// What is expected of the days after a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// How it was made.
    pub method: Method,
    /// What kind of demand the series shows.
    pub pattern: Pattern,
    /// How many days of the series said something.
    pub observed_days: usize,
    /// The standard deviation of what one day misses its forecast by, in units.
    pub daily_sd: f64,
    /// What it took to choose and make it, in days that were smoothed or foretold; at most
    /// [`MAX_STEPS`](crate::MAX_STEPS).
    pub steps: u64,
    pub(crate) shape: Shape,
}

/// What is expected, as numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shape {
    pub level: f64,
    pub slope: f64,
    pub damping: f64,
    /// By days ahead, the next day first.
    pub season: [f64; WEEK],
    /// What of one day's miss stays in the level, the slope, and the day of the week.
    pub level_gain: f64,
    pub slope_gain: f64,
    pub season_gain: f64,
}

impl Forecast {
    pub(crate) fn nothing() -> Forecast {
        Forecast {
            method: Method::Nothing,
            pattern: Pattern::None,
            observed_days: 0,
            daily_sd: 0.0,
            steps: 0,
            shape: Shape::default(),
        }
    }

    /// The mean demand that is expected of one day, in units, never below zero. 1 is the day after the series' last.
    pub fn mean(&self, day_ahead: usize) -> f64 {
        self.shape.mean(day_ahead.clamp(1, MAX_AHEAD))
    }

    /// The mean and the standard deviation of the demand of so many days together, from the day after the series on, in
    /// units. A part of a day has that part of its mean and variance.
    ///
    /// Errors of the days ahead go together, for they start from one level: the variance is that of lead-time demand in
    /// Hyndman and others (2008), chapter 6, σ²·ΣC², where C is what a day's miss comes to in the days that are left.
    pub fn over(&self, days: f64) -> (f64, f64) {
        let days = if days.is_finite() { days.max(0.0) } else { 0.0 };
        let whole = (days as usize).min(MAX_AHEAD);
        let part = days - whole as f64;
        let mut mean: f64 = (1..=whole).map(|day| self.shape.mean(day)).sum();
        let mut effect = 1.0;
        let mut effects = 0.0;
        for day in 0..whole {
            effects += effect * effect;
            effect += self.shape.lasting(day + 1);
        }
        let next = if whole < MAX_AHEAD { self.shape.mean(whole + 1) } else { self.last_week() };
        mean += part * next;
        effects += part * effect * effect;
        (mean, self.daily_sd * effects.sqrt())
    }

    /// The mean of the last days that are worked out one by one.
    pub(crate) fn last_week(&self) -> f64 {
        (MAX_AHEAD - WEEK + 1..=MAX_AHEAD).map(|day| self.shape.mean(day)).sum::<f64>() / WEEK as f64
    }
}

impl Shape {
    /// The mean of the day that is so many ahead, from 1.
    pub(crate) fn mean(&self, ahead: usize) -> f64 {
        let units = self.level + damped(self.slope, self.damping, ahead) + self.season[(ahead - 1) % WEEK];
        units.max(0.0)
    }

    /// What of a day's miss goes into the forecast of the day that comes so many later.
    fn lasting(&self, later: usize) -> f64 {
        let season = if later.is_multiple_of(WEEK) { self.season_gain } else { 0.0 };
        self.level_gain + damped(self.slope_gain, self.damping, later) + season
    }
}

/// How far a slope leads in so many days, when each day leaves `damping` of it.
pub(crate) fn damped(slope: f64, damping: f64, days: usize) -> f64 {
    if slope == 0.0 || damping <= 0.0 {
        return 0.0;
    }
    let left = damping.powi(i32::try_from(days).unwrap_or(i32::MAX));
    slope * damping * (1.0 - left) / (1.0 - damping)
}

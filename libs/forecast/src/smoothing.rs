//! Exponential smoothing: a level, a damped trend, and a season of seven days that is added to it.
//!
//! Holt-Winters in its error-correction form (Hyndman, Koehler, Ord, Snyder: "Forecasting with Exponential Smoothing",
//! Springer 2008, chapter 2; the damped trend is Gardner's and McKenzie's, Management Science 31, 1985). A gain is never
//! less than that of a plain mean of what was seen so far, so that what it was begun with weighs no more than any other
//! day, and a gain of 0 is the mean of all days.

use crate::choose::Candidate;
use crate::outlook::{Shape, damped};

/// Days of a season.
pub(crate) const WEEK: usize = 7;

/// How much one day's miss changes what is expected of the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gains {
    /// Of the level.
    pub level: f64,
    /// Of the slope, as a part of the level's.
    pub slope: f64,
    /// What is left of the slope after a day; 0 without a trend.
    pub damping: f64,
    /// Of the season; none without one.
    pub season: Option<f64>,
}

/// What is expected after the days so far.
#[derive(Clone, Debug)]
pub(crate) struct Smoothing {
    gains: Gains,
    level: f64,
    slope: f64,
    season: [f64; WEEK],
    /// Days that said something, and those of each day of the week.
    seen: f64,
    seen_on: [f64; WEEK],
    /// The day of the week that comes next, counted from the first day of the series.
    next: usize,
}

impl Smoothing {
    /// What the first days make one expect.
    pub(crate) fn begin(gains: Gains, head: &[Option<f64>]) -> Smoothing {
        let seen = head.iter().flatten().count() as f64;
        let level = head.iter().flatten().sum::<f64>() / seen.max(1.0);
        let (mut season, mut seen_on) = ([0.0; WEEK], [0.0; WEEK]);
        if gains.season.is_some() {
            for (day, units) in head.iter().enumerate() {
                if let Some(units) = units {
                    season[day % WEEK] += units - level;
                    seen_on[day % WEEK] += 1.0;
                }
            }
            for day in 0..WEEK {
                season[day] /= f64::max(seen_on[day], 1.0);
            }
        }
        Smoothing { gains, level, slope: 0.0, season, seen, seen_on, next: head.len() % WEEK }
    }

    fn level_gain(&self) -> f64 {
        self.gains.level.max(1.0 / (self.seen + 1.0))
    }

    fn season_gain(&self, day: usize) -> f64 {
        let Some(gain) = self.gains.season else { return 0.0 };
        gain.max(1.0 / (self.seen_on[day] + 1.0)) * (1.0 - self.level_gain())
    }
}

impl Candidate for Smoothing {
    fn ahead(&self, day: usize) -> f64 {
        let season = self.season[(self.next + day - 1) % WEEK];
        self.level + damped(self.slope, self.gains.damping, day) + season
    }

    fn meet(&mut self, units: Option<f64>) {
        let (today, slope) = (self.next, self.gains.damping * self.slope);
        let base = self.level + slope;
        (self.level, self.slope, self.next) = (base, slope, (today + 1) % WEEK);
        if let Some(units) = units {
            let miss = units - base - self.season[today];
            let (level_gain, season_gain) = (self.level_gain(), self.season_gain(today));
            self.level += level_gain * miss;
            self.slope += level_gain * self.gains.slope * miss;
            self.season[today] += season_gain * miss;
            self.seen += 1.0;
            self.seen_on[today] += 1.0;
        }
    }

    fn shape(&self) -> Shape {
        let level_gain = self.level_gain();
        let mut season = [0.0; WEEK];
        for (ahead, units) in season.iter_mut().enumerate() {
            *units = self.season[(self.next + ahead) % WEEK];
        }
        Shape {
            level: self.level,
            slope: self.slope,
            damping: self.gains.damping,
            season,
            level_gain,
            slope_gain: level_gain * self.gains.slope,
            season_gain: self.season_gain(self.next),
        }
    }
}

//! Methods for what is asked for seldom: how often, and how much then, each smoothed by itself.
//!
//! [`Croston`] is Croston's method (Operational Research Quarterly 23, 1972) with the correction of its bias by Syntetos
//! and Boylan (International Journal of Forecasting 21, 2005). [`Chance`] is that of Teunter, Syntetos and Babai
//! (European Journal of Operational Research 214, 2011), which also learns from days without demand, so that what
//! nobody asks for any more fades. As in smoothing, a gain is never less than that of a plain mean.

use crate::choose::Candidate;
use crate::outlook::Shape;

/// A size and the days between two demands, both changed on days with demand only.
#[derive(Clone, Debug)]
pub(crate) struct Croston {
    gain: f64,
    size: f64,
    interval: f64,
    demands: f64,
    since: f64,
}

/// A size, and the chance that a day has demand, which each day changes.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    size_gain: f64,
    chance_gain: f64,
    size: f64,
    chance: f64,
    demands: f64,
    days: f64,
}

/// How often and how much, in the first days: days, demands, and the mean size.
fn counted(head: &[Option<f64>]) -> (f64, f64, f64) {
    let days = head.iter().flatten().count() as f64;
    let demands = head.iter().flatten().filter(|size| **size > 0.0).count() as f64;
    (days, demands, head.iter().flatten().sum::<f64>() / demands.max(1.0))
}

impl Croston {
    pub(crate) fn begin(gain: f64, head: &[Option<f64>]) -> Croston {
        let (days, demands, size) = counted(head);
        let since = head.iter().rev().flatten().take_while(|size| **size <= 0.0).count() as f64;
        // Before the first demand it is expected to be as far off as it has been awaited.
        Croston { gain, size, interval: days.max(1.0) / demands.max(1.0), demands, since }
    }

    fn gain(&self) -> f64 {
        self.gain.max(1.0 / (self.demands + 1.0))
    }
}

impl Candidate for Croston {
    fn ahead(&self, _: usize) -> f64 {
        self.size / self.interval * (1.0 - self.gain / 2.0)
    }

    fn meet(&mut self, units: Option<f64>) {
        let Some(units) = units else { return };
        self.since += 1.0;
        if units > 0.0 {
            let gain = self.gain();
            self.size += gain * (units - self.size);
            self.interval += gain * (self.since - self.interval);
            (self.since, self.demands) = (0.0, self.demands + 1.0);
        }
    }

    fn shape(&self) -> Shape {
        Shape { level: self.ahead(1), ..Shape::default() }
    }
}

impl Chance {
    pub(crate) fn begin(size_gain: f64, chance_gain: f64, head: &[Option<f64>]) -> Chance {
        let (days, demands, size) = counted(head);
        Chance { size_gain, chance_gain, size, chance: demands / days.max(1.0), demands, days }
    }
}

impl Candidate for Chance {
    fn ahead(&self, _: usize) -> f64 {
        self.size * self.chance
    }

    fn meet(&mut self, units: Option<f64>) {
        let Some(units) = units else { return };
        let came = if units > 0.0 { 1.0 } else { 0.0 };
        self.chance += self.chance_gain.max(1.0 / (self.days + 1.0)) * (came - self.chance);
        self.days += 1.0;
        if units > 0.0 {
            self.size += self.size_gain.max(1.0 / (self.demands + 1.0)) * (units - self.size);
            self.demands += 1.0;
        }
    }

    fn shape(&self) -> Shape {
        Shape { level: self.ahead(1), ..Shape::default() }
    }
}

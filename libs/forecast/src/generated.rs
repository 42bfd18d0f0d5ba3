//! Series to try methods on, made from a seed: what shops see, and what nothing can be foretold of.

use chrono::NaiveDate;

use crate::chance::Chance;
use crate::series::Series;

/// A year and a half: enough to learn from, with half a year left to be judged by.
pub const DAYS: usize = 546;

/// What each day of the week sells of the mean, in parts of it.
const WEEKDAYS: [f64; 7] = [0.8, 0.7, 0.8, 0.9, 1.3, 1.6, 0.9];

/// A kind of demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The same mean all along.
    Steady,
    /// A mean by day of the week.
    Weekly,
    /// The same, and it grows.
    TrendWeekly,
    /// One mean, and from some day on another.
    LevelShift,
    /// Each day is the day before and a step that knows nothing of it: nothing is better than the last day.
    Walk,
    /// Every fourth day on the average, a few units.
    Intermittent,
    /// Every fifth day on the average, some units or very many.
    Lumpy,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] = [
        Kind::Steady,
        Kind::Weekly,
        Kind::TrendWeekly,
        Kind::LevelShift,
        Kind::Walk,
        Kind::Intermittent,
        Kind::Lumpy,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Steady => "steady",
            Kind::Weekly => "weekly",
            Kind::TrendWeekly => "trend-weekly",
            Kind::LevelShift => "level-shift",
            Kind::Walk => "walk",
            Kind::Intermittent => "intermittent",
            Kind::Lumpy => "lumpy",
        }
    }

    /// Whether there is something in it that a method can know and the week before does not tell.
    pub fn has_structure(self) -> bool {
        self != Kind::Walk
    }
}

/// A series of so many days. The same seed makes the same one.
pub fn series(kind: Kind, seed: u64, days: usize) -> Series {
    let mut chance = Chance::new(seed, kind as u64);
    let mut walk = 100.0;
    let units = (0..days).map(|day| {
        let (week, part) = (WEEKDAYS[day % WEEKDAYS.len()], day as f64 / days.max(1) as f64);
        let units = match kind {
            Kind::Steady => 20.0 + 4.5 * chance.normal(),
            Kind::Weekly => 20.0 * week + 4.0 * chance.normal(),
            Kind::TrendWeekly => (15.0 + 30.0 * part) * week + 4.0 * chance.normal(),
            Kind::LevelShift if part < 0.75 => 20.0 + 4.5 * chance.normal(),
            Kind::LevelShift => 35.0 + 4.5 * chance.normal(),
            Kind::Walk => {
                walk = f64::max(walk + 4.0 * chance.normal(), 0.0);
                walk
            }
            Kind::Intermittent if chance.happens(0.25) => 2.0 + 0.8 * chance.normal(),
            Kind::Lumpy if chance.happens(0.2) => {
                let many = if chance.happens(0.2) { 20.0 } else { 4.0 };
                many * (0.5 + chance.uniform())
            }
            Kind::Intermittent | Kind::Lumpy => 0.0,
        };
        // Whole units, as shops sell them.
        Some(units.round().max(0.0))
    });
    Series { first_day: NaiveDate::default(), units: units.collect() }
}

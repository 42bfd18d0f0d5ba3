//! What was asked for, day by day.

use chrono::{Days, NaiveDate};

/// How many days of a series count: the last two years. What is older says little about the next weeks, and the work of
/// a forecast grows with it.
pub const MAX_DAYS: usize = 730;

/// The most units that a day counts for; far above any shop's sales, and far below where sums of squares lose
/// themselves.
pub const MOST_A_DAY: f64 = 1e12;

/// Demand by day, from one day on, with no day left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The day of the first entry.
    pub first_day: NaiveDate,
    /// Units by day. `None` is a day that says nothing about demand, such as one on which there was nothing to sell.
    pub units: Vec<Option<f64>>,
}

impl Series {
    /// The series from one day to another, both included, of what was sold on days in it. A day that `sold` does not
    /// name sold nothing; one that it names twice sold both.
    ///
    /// Of more than [`MAX_DAYS`] days the last ones are taken. A last day before the first makes an empty series.
    pub fn counted(
        first_day: NaiveDate,
        last_day: NaiveDate,
        sold: impl IntoIterator<Item = (NaiveDate, f64)>,
    ) -> Series {
        let earliest = last_day.checked_sub_days(Days::new(MAX_DAYS as u64 - 1)).unwrap_or(first_day);
        let first_day = first_day.max(earliest);
        let days = usize::try_from((last_day - first_day).num_days() + 1).unwrap_or(0);
        let mut series = Series { first_day, units: vec![Some(0.0); days] };
        for (day, units) in sold {
            if let Some(Some(sum)) = series.entry(day) {
                *sum += units;
            }
        }
        series
    }

    /// The same series, in which these days say nothing.
    #[must_use]
    pub fn without(mut self, days: impl IntoIterator<Item = NaiveDate>) -> Series {
        for day in days {
            if let Some(entry) = self.entry(day) {
                *entry = None;
            }
        }
        self
    }

    /// What the days say: the last [`MAX_DAYS`], from the first that says something. What is no number says nothing; what
    /// is below zero, such as a day on which more came back than was sold, counts as no demand.
    pub(crate) fn usable(&self) -> Vec<Option<f64>> {
        let from = self.units.len().saturating_sub(MAX_DAYS);
        let number = |units: &Option<f64>| {
            units.filter(|units| units.is_finite()).map(|units| units.clamp(0.0, MOST_A_DAY))
        };
        self.units[from..].iter().map(number).skip_while(Option::is_none).collect()
    }

    fn entry(&mut self, day: NaiveDate) -> Option<&mut Option<f64>> {
        let index = usize::try_from((day - self.first_day).num_days()).ok()?;
        self.units.get_mut(index)
    }
}

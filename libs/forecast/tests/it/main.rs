//! Forecasts, told one by one, then as properties of any series, then by how wrong they are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod backtesting;
mod forecasting;
mod generating;
mod properties;
mod series;
mod suggesting;

use chrono::NaiveDate;
use forecast::Series;

/// A day of a month.
fn day(day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
}

/// A series in which every day says something.
fn of(units: impl IntoIterator<Item = f64>) -> Series {
    Series { first_day: day(1), units: units.into_iter().map(Some).collect() }
}

//! How much will be asked for, and what follows from it, as pure functions.
//!
//! Read in this order: [`Series`] (what was asked for, by day), [`forecast`] (which method the data call for),
//! [`Forecast`] (what it says), [`days_of_cover`] and [`suggest`] (what follows from it for stock). Beside them:
//! [`backtest`] (what a method would have said, and how wrong it was), [`generated`] (series to try methods on) and
//! [`chance`] (random numbers that are the same everywhere).
//!
//! **Invariants.** Nothing here reads a clock, a file or a socket, and nothing is drawn but from a seed: the same series
//! has the same forecast. No forecast is below zero. The work is bounded ([`MAX_STEPS`]), whatever the series. What is
//! absent: stock, items, suppliers, orders. A number here does not know whose it is.

pub mod backtest;
pub mod chance;
mod choose;
mod cover;
pub mod generated;
mod outlook;
mod pattern;
mod quantile;
mod rate;
mod reorder;
mod series;
mod smoothing;

pub use choose::{HORIZON, MAX_STEPS, forecast};
pub use cover::days_of_cover;
pub use outlook::{Forecast, MAX_AHEAD, Method};
pub use pattern::{Pattern, pattern};
pub use reorder::{LeadTime, MAX_SERVICE_LEVEL, MIN_SERVICE_LEVEL, Suggestion, suggest};
pub use series::{MAX_DAYS, MOST_A_DAY, Series};

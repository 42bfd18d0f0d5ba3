//! This service's database: the only code that knows its tables.
//!
//! Read [`entities`] (the rows), then a module a table. Functions take a connection or a transaction, so that
//! their caller decides what is one unit. **Invariants.** What does not parse is an error, never a default. Times
//! are arguments, cut to the microsecond that PostgreSQL keeps.

pub(crate) mod catalog;
pub(crate) mod entities;
mod migrations;
pub(crate) mod orders;
pub(crate) mod policies;
pub(crate) mod price_breaks;
pub(crate) mod receipts;
pub(crate) mod runs;
#[cfg(test)]
mod runs_tests;
pub(crate) mod seen;
pub(crate) mod suppliers;

use chrono::{DateTime, SubsecRound, Utc};

pub(crate) use migrations::Migrator;

/// The present, as precise as both engines keep it.
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

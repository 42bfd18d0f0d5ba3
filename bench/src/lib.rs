//! What the benchmarks have in common: what is measured beside what, how, and how it is told.
//!
//! Reading order: [`Setting`] (how long, where to) → [`measure`] (a load, and what it measured) → [`engine`] (our
//! design) → [`naive`] (the conventional one) → [`counters`] (what either costs the database) → [`report`].
//!
//! **Invariants.** No figure stands alone: each is told beside another that was measured in the same run. What is
//! measured is what the services run, with the default configuration. Nothing here is used outside benchmarks.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark hosts its own tasks and reads its own environment"
)]

pub mod counters;
pub mod engine;
pub mod measure;
pub mod naive;
pub mod report;
mod setting;

pub use setting::Setting;

/// Callers of the conventional design, each with a connection: more only queue for the cores.
pub const NAIVE_CALLERS: usize = 64;
/// Callers of the batched writer, which shares its connections.
pub const BATCHED_CALLERS: usize = 512;
/// How many items a uniform load is spread over, unless a benchmark is about that.
pub const ITEMS: usize = 10_000;

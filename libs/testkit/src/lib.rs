//! What tests stand on: real servers, a stage with fresh databases and names, and patience.
//!
//! Read in this order: [`Stage`] (where a test of a service starts), [`eventually`] (how it waits),
//! [`servers`] (private, throw-away PostgreSQL, Redis, RabbitMQ and Prometheus), [`proxy`] (how a network fails),
//! [`traces`] (what services tell a collector).
//!
//! **Invariant**: nothing here knows any of our crates, so every crate's tests may use it.
//! **Invariant**: nothing here is skipped when a server is missing; it fails and says what to run.

mod eventually;
pub mod proxy;
pub mod servers;
#[cfg(feature = "stage")]
mod stage;
#[cfg(feature = "traces")]
pub mod traces;

pub use eventually::eventually;
#[cfg(feature = "stage")]
pub use stage::{Backend, Stage};

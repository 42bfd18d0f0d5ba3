//! What other tests rely on: that servers come back with their data and go without a trace, that a
//! stage is nobody else's, that the proxy fails as it says.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and ends its tasks"
)]

mod databases;
mod eventually;
mod proxy;
mod servers;
mod stage;

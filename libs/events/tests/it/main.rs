//! The tests of the events library: what travels, and that it arrives, over both buses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime")]

mod bus;
mod dead_letters;
mod faults;
mod inbox;
mod legacy;
mod outbox;
mod products;
mod stand;
mod wire;

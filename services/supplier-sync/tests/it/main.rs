//! Supplier-sync through its wire: HTTP, the bus, and a simulated supplier. Every test on both kinds of back ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod brake;
mod cancelling;
mod compat;
mod credentials;
mod failures;
mod input;
mod kills;
mod ordering;
mod performance;
mod policies;
mod promises;
mod receipts;
mod replicas;
mod restocking;
mod roles;
mod schedule;
mod syncing;
mod world;

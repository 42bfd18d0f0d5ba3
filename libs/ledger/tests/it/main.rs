//! The ledger on its two databases: one suite, run on both.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod append_only;
mod auditing;
mod books;
mod demand;
mod faults;
mod histories;
mod idempotency;
mod listing;
mod past;
mod reading;
mod rebuilding;
mod replicas;
mod selling;

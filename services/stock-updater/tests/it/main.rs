//! Stock-updater through its wire: HTTP and the bus, on both kinds of back end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod callers;
mod compat;
mod events;
mod items;
mod locations;
mod reservations;
mod shop;
mod stock;

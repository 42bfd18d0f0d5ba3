//! The rules of stock, told one by one and then as properties of any history.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adjusting;
mod choosing;
mod counting;
mod holding;
mod items;
mod moving;
mod parts;
mod properties;
mod reading;
mod receiving;
mod restock_properties;
mod restocking;
mod returns;
mod story;
mod transfers;
mod watching;

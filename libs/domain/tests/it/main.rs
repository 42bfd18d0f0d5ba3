//! The rules of stock, told one by one and then as properties of any history.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adjusting;
mod holding;
mod items;
mod properties;
mod receiving;
mod restocking;
mod story;
mod watching;

//! Stock-checker from outside: over HTTP and the bus, on embedded and on real back ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod answer;
mod availability;
mod bad_input;
mod callers;
mod compat;
mod feed;
mod feed_bounds;
mod feed_order;
mod forecast;
mod fresh;
mod grpc;
mod history;
mod items;
mod listener;
mod lists;
mod misses;
mod outages;
mod prices;
mod projection;
mod races;
mod search;
mod stand;
mod strong;

//! What any company's services need: a library that knows nothing of stock.
//!
//! Reading order: [`config`] → [`hosting`] (how a process lives and dies) → [`http`], [`grpc`], [`problem`]
//! and [`auth`] (what a request meets on its way to a handler) → [`db`] and [`idempotency`] → [`cache`],
//! [`lock`], [`breaker`] and [`schedule`] → [`telemetry`].
//!
//! **Invariants.** There is no state outside what a caller holds (but for the metrics recorder, of which
//! a process can have only one). A back end is chosen by its URL's scheme, never by a flag. Nothing here
//! depends on another crate of ours.

pub mod auth;
pub mod breaker;
pub mod cache;
pub mod config;
pub mod db;
pub mod grpc;
pub mod hosting;
pub mod http;
pub mod idempotency;
pub mod lock;
mod measure;
pub mod problem;
pub mod schedule;
pub mod telemetry;

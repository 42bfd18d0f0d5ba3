//! The tidy test: rules about the repository itself that no compiler checks.
//!
//! Each rule is a function from text to complaints with a test of its own, because a check that cannot
//! fail proves nothing; then one test runs it on every file there is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod edges;
mod files;
mod metrics;
mod repository;
mod settings;

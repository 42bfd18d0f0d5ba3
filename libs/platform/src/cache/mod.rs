//! A cache of versioned values: in Redis, in this process, or in both.
//!
//! Reading order: [`Cache`] (what either is) → `memory` → `link` (the way to Redis), `redis` → [`Layers`] (one in front of
//! the other) → [`Board`].
//!
//! **Invariants.** A value gives way only to one that is as new: a slow fill cannot bury a newer value.
//! What became wrong is not deleted but buried under a tombstone of the version that made it wrong, so
//! that an older fill still cannot come back. Both hold while an entry lives: let it live longer than
//! the slowest fill takes. A failure is an error at once, never a wait: the caller has a database.

mod board;
mod layers;
mod link;
mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::config::ConfigError;
pub use board::{Board, Rank};
pub use layers::{Began, Held, Layers};
pub(crate) use link::Link;
pub(crate) use redis::milliseconds;

/// Section `cache` of the configuration; locks use it too.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheConfig {
    /// `memory:`, `redis://…` or `rediss://…`; for a cluster `redis-cluster://host:port,host:port` or
    /// `rediss-cluster://…`.
    pub url: SecretString,
    /// Put before every key.
    pub prefix: String,
    /// How long to wait for Redis.
    pub timeout_ms: u64,
    /// For how long Redis is not asked after it failed.
    pub down_pause_ms: u64,
    /// Connections to Redis, which all questions share.
    pub max_connections: usize,
    /// Bytes of values that a process holds itself.
    pub max_bytes: u64,
    /// How long a process itself uses what it got from Redis; 0: not at all.
    pub local_ttl_ms: u64,
}

/// A value, and the version of what it tells about (0 or more).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The version.
    pub version: i64,
    /// The value; empty is a tombstone: "nothing from before this version is right".
    pub bytes: Bytes,
}

impl Versioned {
    /// A tombstone.
    pub fn tombstone(version: i64) -> Self {
        Self { version, bytes: Bytes::new() }
    }

    /// Whether it is one.
    pub fn is_tombstone(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether it takes the place of `held`. At one version a value takes a tombstone's place and another
    /// value's, but a tombstone no value's: what is held is already as new as the tombstone demands.
    fn replaces(&self, held: &Self) -> bool {
        self.version > held.version
            || (self.version == held.version && (!self.is_tombstone() || held.is_tombstone()))
    }
}

/// Why the cache is of no use at the moment.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It did not answer, or not in time.
    #[error("the cache did not answer: {0}")]
    Unreachable(String),
    /// It holds something that we did not put there.
    #[error("the cache holds something else under this key")]
    Foreign,
}

/// Versioned values by key.
#[async_trait]
pub trait Cache: Send + Sync {
    /// What is held, tombstones too.
    async fn get(&self, key: &str) -> Result<Option<Versioned>, CacheError>;

    /// Holds `value` for `ttl` unless something newer is held; says whether it does.
    async fn put(&self, key: &str, value: Versioned, ttl: Duration) -> Result<bool, CacheError>;

    /// Forgets everything under the prefix.
    async fn clear(&self) -> Result<(), CacheError>;
}

/// The cache that the URL's scheme names. Redis is connected to when it is first asked.
pub fn connect(config: &CacheConfig) -> Result<Arc<dyn Cache>, ConfigError> {
    match config.url.expose_secret() {
        "memory:" => Ok(Arc::new(memory::Memory::new(config.max_bytes))),
        _ => Ok(Arc::new(redis::Redis::new(config)?)),
    }
}

//! Locks that are leased: in Redis, or in this process.
//!
//! For "one at a time is enough", such as filling a cache. **Never for correctness**: a holder that
//! sleeps past its lease still believes that it has the lock. Who writes under a lock puts the lease's
//! fence beside what it writes and refuses a lower one, or relies on the database's own locks.

mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret;

use crate::cache::CacheConfig;
use crate::config::ConfigError;

/// A lock that is held for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is locked.
    pub name: String,
    /// Greater than that of every lease of this name before.
    pub fence: i64,
}

/// The place of the locks did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the lock did not answer: {0}")]
pub struct LockError(String);

/// Locks by name.
#[async_trait]
pub trait Lock: Send + Sync {
    /// The lock, for `lease` at most; `None` when somebody has it. Does not wait.
    async fn acquire(&self, name: &str, lease: Duration) -> Result<Option<Lease>, LockError>;

    /// Gives it back; does nothing when the lease has run out, whoever has the lock now.
    async fn release(&self, lease: &Lease) -> Result<(), LockError>;
}

/// The locks that the URL's scheme names.
pub fn connect(config: &CacheConfig) -> Result<Arc<dyn Lock>, ConfigError> {
    match config.url.expose_secret() {
        "memory:" => Ok(Arc::new(memory::Memory::default())),
        _ => Ok(Arc::new(redis::Redis::new(config)?)),
    }
}

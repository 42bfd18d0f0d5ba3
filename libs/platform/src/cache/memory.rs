//! The cache of one process.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use moka::Expiry;
use moka::future::Cache as Moka;
use moka::ops::compute::{CompResult, Op};

use super::{Cache, CacheError, Versioned};

/// What an entry costs besides its value: its key, links and counters, roughly.
const ENTRY_BYTES: usize = 200;

pub(super) struct Memory(Moka<String, Held>);

#[derive(Clone)]
struct Held {
    value: Versioned,
    ttl: Duration,
}

/// Every entry lives as long as it was put for, from then on.
struct OwnTtl;

impl Expiry<String, Held> for OwnTtl {
    fn expire_after_create(&self, _: &String, held: &Held, _: Instant) -> Option<Duration> {
        Some(held.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        held: &Held,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(held.ttl)
    }
}

impl Memory {
    pub(super) fn new(max_bytes: u64) -> Self {
        let weigh = |key: &String, held: &Held| {
            u32::try_from(key.len() + held.value.bytes.len() + ENTRY_BYTES).unwrap_or(u32::MAX)
        };
        Self(Moka::builder().max_capacity(max_bytes).weigher(weigh).expire_after(OwnTtl).build())
    }
}

#[async_trait]
impl Cache for Memory {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, CacheError> {
        Ok(self.0.get(key).await.map(|held| held.value))
    }

    async fn put(&self, key: &str, value: Versioned, ttl: Duration) -> Result<bool, CacheError> {
        let result = self
            .0
            .entry_by_ref(key)
            .and_compute_with(async |held| match held {
                Some(held) if !value.replaces(&held.value().value) => Op::Nop,
                _ => Op::Put(Held { value, ttl }),
            })
            .await;
        Ok(matches!(result, CompResult::Inserted(_) | CompResult::ReplacedWith(_)))
    }

    async fn clear(&self) -> Result<(), CacheError> {
        self.0.invalidate_all();
        Ok(())
    }
}

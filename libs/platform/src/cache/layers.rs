//! Two layers: what this process holds itself, in front of what it shares with others.
//!
//! **Invariants.** Both are set only if newer, and what is known here counts there too: nothing is taken from the
//! shared layer, nor put into it, that is older than what this process has heard of. A value is kept only if it was
//! found in less than half the time for which this process keeps it, so that whatever was newer is still there to
//! refuse it. A tombstone lives longer than any value that it could have to keep out. The shared layer may be gone at
//! any time; then this process's own is the only one, and lives as long as that would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;

use super::{Cache, CacheConfig, CacheError, Versioned, memory, redis};
use crate::config::ConfigError;
use crate::measure::Lookups;

/// How much of its time a value lives at least; the rest is chance, so that values made together do not all have to be
/// made again at the same time.
const SURE_SHARE: f64 = 0.9;

/// How much longer than values tombstones live: what was being found out when one was put is kept, if at all, within
/// half of a value's time, and gone within all of it.
const TOMBSTONE_TIMES: u32 = 2;

/// Versioned values by key, in one layer or two.
pub struct Layers {
    own: Option<Arc<dyn Cache>>,
    shared: Option<Arc<dyn Cache>>,
    /// How long a value lives, and how long here when there is another layer.
    ttl: Duration,
    own_ttl: Duration,
    /// Raised when what this process holds is forgotten.
    forgotten: AtomicU64,
    own_lookups: Lookups,
    shared_lookups: Option<Lookups>,
}

/// What [`Layers::get`] found.
#[derive(Debug, Default)]
pub struct Held {
    /// The newest that is held, tombstones too.
    pub value: Option<Versioned>,
    /// Why the shared layer does not count in it, if it should.
    pub error: Option<CacheError>,
}

/// When finding out a value began.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    at: Instant,
    forgotten: u64,
}

impl Layers {
    /// Those of the configuration, whose values live for `ttl`: with `memory:` this process's own is the only one.
    pub fn connect(config: &CacheConfig, ttl: Duration) -> Result<Layers, ConfigError> {
        let own: Arc<dyn Cache> = Arc::new(memory::Memory::new(config.max_bytes));
        if config.url.expose_secret() == "memory:" {
            return Ok(Layers::new(Some(own), None, ttl, ttl));
        }
        let shared = redis::Redis::new(config)?;
        let own_ttl = Duration::from_millis(config.local_ttl_ms).min(ttl);
        let own = Some(own).filter(|_| !own_ttl.is_zero());
        Ok(Layers::new(own, Some(Arc::new(shared)), ttl, own_ttl))
    }

    /// These. Values live for `ttl`, and for `own_ttl` in this process's layer when there is another.
    pub fn new(
        own: Option<Arc<dyn Cache>>,
        shared: Option<Arc<dyn Cache>>,
        ttl: Duration,
        own_ttl: Duration,
    ) -> Layers {
        let own_ttl = if own.is_some() && shared.is_some() { own_ttl } else { ttl };
        let shared_lookups = shared.as_ref().map(|_| Lookups::of("shared"));
        let own_lookups = Lookups::of("process");
        Layers { own, shared, ttl, own_ttl, forgotten: AtomicU64::new(0), own_lookups, shared_lookups }
    }

    /// Whether there is a layer that other processes see too.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// The newest that is held, tombstones too.
    pub async fn get(&self, key: &str) -> Held {
        let known = self.get_own(key).await;
        count(&self.own_lookups, &known);
        match known {
            Ok(Some(value)) if !value.is_tombstone() => Held { value: Some(value), error: None },
            Ok(known) => self.get_shared(key, known).await,
            Err(error) => Held { value: None, error: Some(error) },
        }
    }

    /// The same past this process's own values: another process may have put a newer one.
    pub async fn get_beyond(&self, key: &str) -> Held {
        match self.get_own(key).await {
            Ok(known) => self.get_shared(key, known).await,
            Err(error) => Held { value: None, error: Some(error) },
        }
    }

    async fn get_own(&self, key: &str) -> Result<Option<Versioned>, CacheError> {
        match &self.own {
            Some(own) => own.get(key).await,
            None => Ok(None),
        }
    }

    /// What the shared layer holds, if it is as new as what is `known` here.
    async fn get_shared(&self, key: &str, known: Option<Versioned>) -> Held {
        let Some(shared) = &self.shared else { return Held { value: known, error: None } };
        let began = self.begin();
        let found = shared.get(key).await;
        if let Some(lookups) = &self.shared_lookups {
            count(lookups, &found);
        }
        match found {
            Ok(Some(found)) if known.as_ref().is_none_or(|known| found.replaces(known)) => {
                if !found.is_tombstone() {
                    let error = self.put_own(key, found.clone(), self.own_ttl, began).await.err();
                    return Held { value: Some(found), error };
                }
                Held { value: Some(found), error: None }
            }
            Ok(_) => Held { value: known, error: None },
            Err(error) => Held { value: known, error: Some(error) },
        }
    }

    /// To be taken before a value is asked for that is to be held.
    pub fn begin(&self) -> Began {
        Began { at: Instant::now(), forgotten: self.forgotten.load(Ordering::SeqCst) }
    }

    /// Holds a value that was asked for since `began`, unless something newer is held or it took too long.
    pub async fn put(&self, key: &str, value: Versioned, began: Began) -> Result<(), CacheError> {
        if began.at.elapsed() >= self.own_ttl / 2 {
            return Ok(());
        }
        let Some(shared) = &self.shared else { return self.put_own(key, value, self.ttl, began).await };
        // The shared one may have been emptied, and know less than this one.
        if self.get_own(key).await?.is_some_and(|held| !value.replaces(&held)) {
            return Ok(());
        }
        match shared.put(key, value.clone(), jittered(self.ttl)).await {
            Ok(true) => self.put_own(key, value, self.own_ttl, began).await,
            // Something newer is there.
            Ok(false) => Ok(()),
            // It may come back with something older, which must find this here.
            Err(error) => self.put_own(key, value, self.ttl, began).await.and(Err(error)),
        }
    }

    /// Buries what either layer holds from before `version`. An error: the shared one did not answer.
    pub async fn outdate(&self, key: &str, version: i64) -> Result<(), CacheError> {
        self.outdate_own(key, version).await?;
        match &self.shared {
            Some(shared) => bury(shared, key, version, self.ttl).await,
            None => Ok(()),
        }
    }

    /// Buries what this process itself holds from before `version`.
    pub async fn outdate_own(&self, key: &str, version: i64) -> Result<(), CacheError> {
        match &self.own {
            Some(own) => bury(own, key, version, self.ttl).await,
            None => Ok(()),
        }
    }

    /// Forgets all that this process itself holds, and what it is just finding out.
    pub async fn forget_own(&self) -> Result<(), CacheError> {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        match &self.own {
            Some(own) => own.clear().await,
            None => Ok(()),
        }
    }

    async fn put_own(
        &self,
        key: &str,
        value: Versioned,
        ttl: Duration,
        began: Began,
    ) -> Result<(), CacheError> {
        let Some(own) = &self.own else { return Ok(()) };
        own.put(key, value, jittered(ttl)).await?;
        // Put after all was forgotten, and from before: that too.
        if self.forgotten.load(Ordering::SeqCst) != began.forgotten {
            own.clear().await?;
        }
        Ok(())
    }
}

fn count(lookups: &Lookups, found: &Result<Option<Versioned>, CacheError>) {
    let value = |found: &Option<Versioned>| found.as_ref().is_some_and(|value| !value.is_tombstone());
    lookups.count(found.as_ref().map(value).map_err(|_| ()));
}

async fn bury(cache: &Arc<dyn Cache>, key: &str, version: i64, ttl: Duration) -> Result<(), CacheError> {
    cache.put(key, Versioned::tombstone(version), ttl * TOMBSTONE_TIMES).await.map(drop)
}

fn jittered(ttl: Duration) -> Duration {
    ttl.mul_f64(rand::random_range(SURE_SHARE..=1.0))
}

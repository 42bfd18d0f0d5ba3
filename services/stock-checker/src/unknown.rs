//! Names that stand for nothing: remembered for a moment, so that asking for them again and again costs nothing.
//!
//! **Invariant.** A new item is never hidden by one of them once this process has heard of it: any news of a new item
//! ends them all. Items are created rarely, and which of its names somebody asked for need not be found out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::sync::Cache;

/// How many are remembered. Whoever invents names must not fill the memory.
const REMEMBERED: u64 = 10_000;

/// Names that stand for nothing.
pub(crate) struct Unknown {
    /// By the name and for whom it stands for nothing; as of which creation.
    names: Cache<(Option<String>, String), u64>,
    /// Counts the creations that were heard of.
    created: AtomicU64,
}

impl Unknown {
    pub(crate) fn new(ttl: Duration) -> Unknown {
        let names = Cache::builder().max_capacity(REMEMBERED).time_to_live(ttl).build();
        Unknown { names, created: AtomicU64::new(0) }
    }

    /// To be taken before a name is looked for that may be remembered.
    pub(crate) fn begin(&self) -> u64 {
        self.created.load(Ordering::SeqCst)
    }

    /// Whether the name is remembered to stand for nothing.
    pub(crate) fn has(&self, name: &str, owner: Option<&str>) -> bool {
        self.names.get(&key(name, owner)).is_some_and(|as_of| as_of == self.begin())
    }

    /// The name was looked for since `began`, and nothing was found.
    pub(crate) fn remember(&self, name: &str, owner: Option<&str>, began: u64) {
        self.names.insert(key(name, owner), began);
    }

    /// There is a new item, or there may be.
    pub(crate) fn forget(&self) {
        self.created.fetch_add(1, Ordering::SeqCst);
    }
}

fn key(name: &str, owner: Option<&str>) -> (Option<String>, String) {
    (owner.map(str::to_owned), name.to_owned())
}

//! What a lane remembers of its items after it read or wrote them: enough to decide the next batch without reading.
//!
//! **Invariants.** It is never more than [`LASTS`] older than what was read, and never larger than [`MOST`]. It is
//! right as long as nobody else changes the items; what is decided from it is refused by the ledger's key if somebody
//! did. So only what writes a version of its item may rest on it: never a refusal, and never an answer that changes
//! nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::SubsecRound;
use domain::{Item, ItemId, Timestamp};

/// How long a lane believes what it read: whatever was changed beside the writer, by hand or by a rebuild, is read
/// again soon. A rebuild looks twice, further apart than this.
const LASTS: Duration = Duration::from_secs(5);
/// How long the database's clock is told by ours, which may run differently.
const CLOCK_LASTS: Duration = Duration::from_secs(1);
/// The most items: about 20 MB.
const MOST: usize = 20_000;

/// Digits of a second.
const MICROSECONDS: u16 = 6;

#[derive(Default)]
pub(super) struct Memory {
    items: HashMap<ItemId, Item>,
    /// When the first of them was read.
    since: Option<Instant>,
    /// What time it was by the database's clock, and when by ours.
    clock: Option<(Timestamp, Instant)>,
    /// The latest time that anything remembered was changed.
    latest: Timestamp,
}

impl Memory {
    /// Items as they are after a batch that was `read` when it was `now` by the database's clock.
    pub(super) fn learn(&mut self, items: HashMap<ItemId, Item>, now: Timestamp, read: Instant) {
        self.clock = Some((now, read));
        self.keep(items, now);
    }

    /// Items as they are after a batch that was decided from memory.
    pub(super) fn keep(&mut self, items: HashMap<ItemId, Item>, at: Timestamp) {
        if self.items.len() + items.len() > MOST {
            self.items.clear();
            self.since = None;
        }
        self.since.get_or_insert_with(Instant::now);
        self.latest = self.latest.max(at);
        self.items.extend(items.into_iter().take(MOST));
    }

    /// Takes an item out.
    pub(super) fn take(&mut self, item: ItemId) -> Option<Item> {
        self.items.remove(&item)
    }

    /// What time it is by the database's clock, if anything is remembered that may still be believed: not before
    /// anything remembered was changed.
    pub(super) fn now(&mut self) -> Option<Timestamp> {
        if self.since?.elapsed() > LASTS {
            self.forget();
        }
        let (at, read) = self.clock?;
        let passed = read.elapsed();
        // The database keeps microseconds: an answer must not know more than what is read later.
        let now = (at + chrono::Duration::from_std(passed).ok()?).trunc_subsecs(MICROSECONDS);
        (passed < CLOCK_LASTS).then(|| now.max(self.latest))
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        *self = Memory::default();
    }
}

/// Items that one lane changed and another remembers, for the other to forget. One list a lane.
#[derive(Clone)]
pub(super) struct Strays(Arc<[Mutex<Vec<ItemId>>]>);

impl Strays {
    pub(super) fn new(lanes: usize) -> Strays {
        Strays((0..lanes).map(|_| Mutex::default()).collect())
    }

    /// How many lanes there are.
    pub(super) fn lanes(&self) -> usize {
        self.0.len()
    }

    /// Tells the lane that remembers the item.
    pub(super) fn tell(&self, lane: usize, item: ItemId) {
        let mut list = self.0[lane].lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() <= MOST {
            list.push(item);
        }
    }

    /// Forgets what others changed.
    pub(super) fn forget(&self, lane: usize, memory: &mut Memory) {
        let mut list = self.0[lane].lock().unwrap_or_else(PoisonError::into_inner);
        // It may have become so long that no more was written down.
        if list.len() > MOST {
            memory.forget();
        }
        for item in list.drain(..) {
            memory.items.remove(&item);
        }
    }
}

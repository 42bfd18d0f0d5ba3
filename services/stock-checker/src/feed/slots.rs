//! How many listen, in all and of each caller.
//!
//! A listener whose socket takes nothing is not asked for more, so it would hold its place for ever: whoever has taken
//! nothing for a while, heartbeats included, loses it to the next that comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Settings;

/// Heartbeats that a listener may leave untaken.
const BEATS_MISSED: u32 = 3;

/// The places there are. Cheap to clone.
#[derive(Clone)]
pub(super) struct Slots {
    held: Arc<Mutex<Held>>,
    at_once: usize,
    per_caller: usize,
    patience: Duration,
}

#[derive(Default)]
struct Held {
    last: u64,
    listeners: HashMap<u64, Listener>,
}

struct Listener {
    caller: String,
    took: Instant,
}

/// A place, until it is dropped or lost.
pub(super) struct Slot {
    slots: Slots,
    id: u64,
}

/// Why there is no place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Full {
    #[error("you have {0} feeds, as many as a caller may have: end one first")]
    OfCaller(usize),
    #[error("there are {0} feeds, as many as this replica serves")]
    All(usize),
}

impl Slots {
    pub(super) fn new(settings: &Settings) -> Slots {
        Slots {
            held: Arc::default(),
            at_once: settings.at_once,
            per_caller: settings.per_caller,
            patience: settings.heartbeat() * BEATS_MISSED,
        }
    }

    /// A place for a caller.
    pub(super) fn take(&self, caller: String) -> Result<Slot, Full> {
        let now = Instant::now();
        let mut held = self.lock();
        let mine = |held: &Held| held.listeners.values().filter(|other| other.caller == caller).count();
        if held.listeners.len() >= self.at_once || mine(&held) >= self.per_caller {
            held.listeners.retain(|_, other| now - other.took <= self.patience);
        }
        if mine(&held) >= self.per_caller {
            return Err(Full::OfCaller(self.per_caller));
        }
        if held.listeners.len() >= self.at_once {
            return Err(Full::All(self.at_once));
        }
        held.last += 1;
        let id = held.last;
        held.listeners.insert(id, Listener { caller, took: now });
        held.told();
        Ok(Slot { slots: self.clone(), id })
    }

    pub(super) fn nobody(&self) -> bool {
        self.lock().listeners.is_empty()
    }

    /// Plain values are whole whatever panicked while they were locked.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn told(&self) {
        metrics::gauge!("stock_feeds_open").set(self.listeners.len() as f64);
    }
}

impl Slot {
    /// Says that the listener takes something. False: the place is lost.
    pub(super) fn takes(&self) -> bool {
        let mut held = self.slots.lock();
        match held.listeners.get_mut(&self.id) {
            Some(listener) => {
                listener.took = Instant::now();
                true
            }
            None => false,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.slots.lock();
        held.listeners.remove(&self.id);
        held.told();
    }
}

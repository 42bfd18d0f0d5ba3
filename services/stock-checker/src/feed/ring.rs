//! The latest changes, read once for all who listen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use events::StockUpdated;
use ledger::{Change, FeedPage, Position};

use super::Wanted;
use super::token::Codec;

/// What an entry costs besides its text, roughly: the change itself, and its links.
const ENTRY_BYTES: usize = 1_024;

/// Changes that a listener takes at a time.
const TAKEN_AT_ONCE: usize = 64;

/// A change, as all listeners are told it.
pub(crate) struct Entry {
    pub(super) position: Position,
    /// The position, for clients.
    pub(crate) token: String,
    pub(crate) update: StockUpdated,
    /// A Server-Sent Event.
    pub(crate) event: Bytes,
}

/// The ring, or none while nobody listens.
pub(super) struct Shared {
    ring: Mutex<Option<Ring>>,
    bytes: usize,
}

struct Ring {
    /// It has everything that comes after this.
    start: Position,
    /// And not after this.
    end: Position,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

/// What the ring has after a position.
pub(super) enum Recent {
    /// These, and then it goes on after the position.
    These(Vec<Arc<Entry>>, Position),
    /// The ring begins later.
    Past,
}

impl Entry {
    pub(super) fn new(change: Change, codec: &Codec) -> Result<Entry, serde_json::Error> {
        let Change { position, update } = change;
        let (token, json) = (codec.write(&position, update.timestamp), serde_json::to_string(&update)?);
        let event = Bytes::from(format!("id: {token}\nevent: stock_updated\ndata: {json}\n\n"));
        Ok(Entry { position, token, update, event })
    }

    fn bytes(&self) -> usize {
        self.event.len() * 2 + ENTRY_BYTES
    }
}

impl Shared {
    pub(super) fn new(bytes: usize) -> Shared {
        Shared { ring: Mutex::default(), bytes }
    }

    /// Where it ends; none when there is none.
    pub(super) fn end(&self) -> Option<Position> {
        self.lock().as_ref().map(|ring| ring.end)
    }

    /// Begins anew.
    pub(super) fn start(&self, at: Position) {
        *self.lock() = Some(Ring { start: at, end: at, entries: VecDeque::new(), bytes: 0 });
    }

    /// Forgets all.
    pub(super) fn stop(&self) {
        *self.lock() = None;
    }

    /// Appends what was read after its end; says whether there was anything. The oldest go when there is no room.
    pub(super) fn append(&self, page: FeedPage, codec: &Codec) -> Result<bool, serde_json::Error> {
        let entries: Vec<Entry> =
            page.changes.into_iter().map(|change| Entry::new(change, codec)).collect::<Result<_, _>>()?;
        let mut shared = self.lock();
        let Some(ring) = shared.as_mut() else { return Ok(false) };
        let anything = !entries.is_empty();
        ring.end = page.last;
        for entry in entries {
            ring.bytes += entry.bytes();
            ring.entries.push_back(Arc::new(entry));
        }
        while ring.bytes > self.bytes
            && let Some(oldest) = ring.entries.pop_front()
        {
            ring.bytes -= oldest.bytes();
            ring.start = oldest.position;
        }
        Ok(anything)
    }

    /// Some of what comes after a position.
    pub(super) fn after(&self, position: &Position, wanted: &Wanted) -> Recent {
        let shared = self.lock();
        let Some(ring) = shared.as_ref() else { return Recent::Past };
        if position.place() < ring.start.place() {
            return Recent::Past;
        }
        let from = ring.entries.partition_point(|entry| entry.position.place() <= position.place());
        let is_wanted = |entry: &&Arc<Entry>| {
            let subject = &entry.update.subject;
            wanted.is(subject.item_id, &subject.owner)
        };
        let taken: Vec<_> =
            ring.entries.range(from..).filter(is_wanted).take(TAKEN_AT_ONCE).cloned().collect();
        let up_to = match taken.last() {
            Some(last) if taken.len() == TAKEN_AT_ONCE => last.position,
            _ if ring.end.place() > position.place() => ring.end,
            _ => *position,
        };
        Recent::These(taken, up_to)
    }

    /// Plain values are whole whatever panicked while they were locked.
    fn lock(&self) -> MutexGuard<'_, Option<Ring>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! One listener: first what the ledger has after his position, then what happens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use ledger::Position;
use platform::hosting::Stopping;
use tokio::sync::watch;
use tokio::time::Instant;

use super::ring::{Entry, Recent};
use super::slots::Slot;
use super::token::Codec;
use super::{Feeds, Wanted};
use crate::error::Error;

/// How long one waits for the ring to begin before it looks into the ledger again.
const RING_BEGINS: Duration = Duration::from_millis(200);

/// A listener. Asked for the [next](Watching::next) thing to tell it, again and again.
pub(crate) struct Watching {
    feeds: Arc<Feeds>,
    codec: Codec,
    slot: Slot,
    wanted: Wanted,
    stopping: Stopping,
    news: watch::Receiver<()>,
    /// What was read and not yet told.
    queue: VecDeque<Arc<Entry>>,
    /// Up to where it was read.
    read: Position,
    /// Whether it has caught up with the ring: from then on it has to keep up.
    live: bool,
    beat_at: Instant,
    ends_at: Instant,
    ended: bool,
}

/// What a listener is told.
pub(crate) enum Told {
    /// A change.
    Change(Arc<Entry>),
    /// Nothing happened up to this position.
    Beat(String),
    /// That this is all.
    Ended(Ending),
}

/// Why a feed ends. Each can be resumed.
#[derive(Debug)]
pub(crate) enum Ending {
    /// It lasted as long as a feed may, so that who may no longer listen does not.
    Lasted,
    /// The process stops.
    Stopping,
    /// The listener does not keep up.
    TooSlow,
    /// The ledger could not be read.
    Failed(Error),
}

impl Ending {
    /// The word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Ending::Lasted => "lasted",
            Ending::Stopping => "stopping",
            Ending::TooSlow => "too-slow",
            Ending::Failed(_) => "unavailable",
        }
    }
}

impl Watching {
    pub(super) fn new(
        feeds: Arc<Feeds>,
        codec: Codec,
        slot: Slot,
        (wanted, after): (Wanted, Position),
        stopping: Stopping,
    ) -> Watching {
        let (now, news) = (Instant::now(), feeds.news.subscribe());
        let ends_at = now + feeds.settings.lifetime();
        Watching {
            feeds,
            codec,
            slot,
            wanted,
            stopping,
            news,
            queue: VecDeque::new(),
            read: after,
            live: false,
            // At once: whoever is cut off before the first change needs a position too.
            beat_at: now,
            ends_at,
            ended: false,
        }
    }

    /// What to tell next; none after the end.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        if self.ended {
            return None;
        }
        let told = self.find().await.unwrap_or_else(|ending| {
            metrics::counter!("stock_feed_ended_total", "reason" => ending.word()).increment(1);
            self.ended = true;
            Told::Ended(ending)
        });
        Some(told)
    }

    async fn find(&mut self) -> Result<Told, Ending> {
        loop {
            if self.stopping.0.is_cancelled() {
                return Err(Ending::Stopping);
            }
            if !self.slot.takes() {
                return Err(Ending::TooSlow);
            }
            if let Some(entry) = self.queue.pop_front() {
                self.beat_at = Instant::now() + self.feeds.settings.heartbeat();
                return Ok(Told::Change(entry));
            }
            if Instant::now() >= self.ends_at {
                return Err(Ending::Lasted);
            }
            // Before the ring is looked at: what comes in after that is news.
            self.news.mark_unchanged();
            let found = self.feeds.ring.after(&self.read, &self.wanted);
            if let Recent::These(entries, read) = found {
                (self.live, self.read) = (true, read);
                self.queue.extend(entries);
                if !self.queue.is_empty() {
                    continue;
                }
            } else if self.live {
                return Err(Ending::TooSlow);
            }
            if Instant::now() >= self.beat_at {
                self.beat_at = Instant::now() + self.feeds.settings.heartbeat();
                return Ok(Told::Beat(self.codec.write(&self.read, Utc::now())));
            }
            if self.live {
                self.wait(self.beat_at.min(self.ends_at)).await?;
            } else {
                self.catch_up().await?;
            }
        }
    }

    /// Reads on in the ledger.
    async fn catch_up(&mut self) -> Result<(), Ending> {
        let stopping = self.stopping.clone();
        let asked = self.feeds.past(self.read, self.wanted.clone());
        let page = match stopping.0.run_until_cancelled(asked).await.flatten() {
            Some(page) => page.map_err(Ending::Failed)?,
            None => return Err(Ending::Stopping),
        };
        let (idle, last) = (!page.more && page.changes.is_empty(), page.last);
        for change in page.changes {
            let entry = Entry::new(change, &self.codec).map_err(|error| Ending::Failed(error.into()))?;
            self.queue.push_back(Arc::new(entry));
        }
        self.read = last;
        if idle {
            self.wait(self.beat_at.min(Instant::now() + RING_BEGINS)).await?;
        }
        Ok(())
    }

    /// Waits for news, up to then.
    async fn wait(&mut self, until: Instant) -> Result<(), Ending> {
        tokio::select! {
            () = self.stopping.0.cancelled() => Err(Ending::Stopping),
            changed = self.news.changed() => changed.map_err(|_| Ending::Stopping),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }
}

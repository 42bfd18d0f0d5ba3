//! The live feed: every change of levels, to whoever listens, from any position on.
//!
//! Reading order: [`Feeds`] (what all listeners share) → `watching` (one listener) → `tail` (what reads the ledger) →
//! `ring` (the latest changes) → `slots` (how many listen) → `token` (positions as clients see them).
//!
//! **Invariants.** What is told is read from the ledger, in its one order: the bus only rings a bell, so a message that
//! is late, lost or told twice changes nothing. A listener pulls: nothing is kept for one, and one that cannot keep up
//! is sent away with its position, never waited for. No query runs in a client's connection.

mod ring;
mod settings;
mod slots;
mod tail;
mod token;
mod watching;

use std::sync::Arc;

use axum::http::StatusCode;
use ledger::Position;
use platform::hosting::Stopping;
use platform::problem::Problem;
use tokio::sync::{Notify, OnceCell, mpsc, watch};
use uuid::Uuid;

pub(crate) use settings::Settings;
pub(crate) use watching::{Ending, Told, Watching};

use crate::database::Database;
use crate::error::Error;
use ring::Shared;
use slots::{Full, Slots};
use tail::Ask;
use token::{Codec, Unusable};

pub(crate) use tail::tasks;

/// Questions about the past that wait for those before them; a listener that finds no room waits too.
const ASKS_WAITING: usize = 64;

/// What all listeners of this replica share.
pub(crate) struct Feeds {
    database: Database,
    settings: Settings,
    ring: Shared,
    slots: Slots,
    /// Rung when something may have changed.
    bell: Notify,
    /// Told when the ring has something new.
    news: watch::Sender<()>,
    asks: mpsc::Sender<Ask>,
    codec: OnceCell<Codec>,
}

/// What somebody wants to hear of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// This item's changes.
    pub(crate) item: Option<Uuid>,
    /// This owner's.
    pub(crate) owner: Option<String>,
}

/// Why there is no feed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error(transparent)]
    Position(#[from] Unusable),
    #[error(transparent)]
    Full(#[from] Full),
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Refused {
    /// Whether it is about a position that will never be of use again.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Refused::Position(Unusable::TooOld { .. } | Unusable::Unknown))
    }
}

impl Wanted {
    fn is(&self, item: Uuid, owner: &str) -> bool {
        self.item.is_none_or(|wanted| wanted == item)
            && self.owner.as_deref().is_none_or(|wanted| wanted == owner)
    }
}

impl Feeds {
    /// The feeds, and what is asked of those who read the ledger for them: see [`tasks`].
    pub(crate) fn new(database: Database, settings: Settings) -> (Arc<Feeds>, mpsc::Receiver<Ask>) {
        let (asks, asked) = mpsc::channel(ASKS_WAITING);
        let feeds = Feeds {
            database,
            ring: Shared::new(settings.buffer_bytes),
            slots: Slots::new(&settings),
            settings,
            bell: Notify::new(),
            news: watch::Sender::new(()),
            asks,
            codec: OnceCell::new(),
        };
        (Arc::new(feeds), asked)
    }

    /// Lets somebody listen, after the position that a client gave, or from now on.
    pub(crate) async fn open(
        self: &Arc<Self>,
        caller: String,
        wanted: Wanted,
        after: Option<&str>,
        stopping: Stopping,
    ) -> Result<Watching, Refused> {
        let codec = self.codec().await?;
        let reader = &self.database.reader;
        let after = match after {
            Some(token) => {
                let position = codec.read(token, self.settings.max_age())?;
                if !self.database.ask(reader.feed_knows(&position)).await? {
                    return Err(Unusable::Unknown.into());
                }
                position
            }
            None => self.database.ask(reader.feed_start()).await?,
        };
        let slot = self.slots.take(caller)?;
        self.bell.notify_one();
        Ok(Watching::new(Arc::clone(self), codec, slot, (wanted, after), stopping))
    }

    /// Writes and reads positions of this database.
    async fn codec(&self) -> Result<Codec, Error> {
        let ask = async {
            let identity = self.database.ask(self.database.reader.feed_identity()).await?;
            Ok(Codec::new(identity))
        };
        self.codec.get_or_try_init(|| ask).await.copied()
    }

    /// What comes after a position, from the ledger itself.
    async fn past(&self, after: Position, wanted: Wanted) -> Option<Result<ledger::FeedPage, Error>> {
        let (ask, answer) = Ask::new(after, wanted);
        self.asks.send(ask).await.ok()?;
        answer.await.ok()
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        match &refused {
            Refused::Position(Unusable::Invalid(_)) => {
                Problem::new(StatusCode::BAD_REQUEST, "position-invalid", "That is no position")
                    .detail(refused.to_string())
            }
            Refused::Position(Unusable::TooOld { .. }) => {
                Problem::new(StatusCode::GONE, "position-too-old", "The position is too old")
                    .detail(refused.to_string())
            }
            Refused::Position(Unusable::Unknown) => {
                Problem::new(StatusCode::GONE, "position-unknown", "The position is of another database")
                    .detail(refused.to_string())
            }
            Refused::Full(Full::OfCaller(_)) => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-feeds", "You have too many feeds")
                    .detail(refused.to_string())
                    .retry_after(RETRY_FEED_S)
            }
            Refused::Full(Full::All(_)) => Problem::unavailable(refused.to_string()),
            Refused::Failed(error) => Problem::from(error),
        }
    }
}

/// Feeds last: there is no use in asking for one more every second.
const RETRY_FEED_S: u32 = 10;

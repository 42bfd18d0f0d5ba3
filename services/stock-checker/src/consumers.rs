//! What keeps the cache fresh: every event about an item outdates what is cached of it, and shows in the projection.
//!
//! In any order and any number of times: only the highest version matters.

use std::sync::Arc;

use async_trait::async_trait;
use events::{Delivery, Envelope, Event, Handler, Subject, Verdict};
use platform::cache::CacheError;

use crate::levels::Levels;
use crate::projection::Projection;

/// The name of this service's queue.
pub(crate) const QUEUE: &str = "stock-checker";

/// What a replica's own queue is bound to: the same as [`QUEUE`].
pub(crate) const BINDINGS: [&str; 3] = ["stock_updated.#", "item_created.#", "item_updated.#"];

/// Consumes the service's queue, and keeps fresh what replicas share.
pub(crate) struct Consumer {
    pub(crate) levels: Arc<Levels>,
    pub(crate) projection: Option<Projection>,
}

/// Consumes a replica's own queue, and keeps fresh what only this replica has.
pub(crate) struct Replica {
    pub(crate) levels: Arc<Levels>,
}

#[async_trait]
impl Handler for Consumer {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        self.told(delivery).await
    }
}

#[async_trait]
impl Handler for Replica {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let news = match News::of(delivery) {
            Ok(news) => news,
            Err(reason) => return Verdict::Park(reason),
        };
        if news.is_new {
            self.levels.created();
        }
        verdict(self.levels.outdate_own(news.subject.item_id, news.subject.version).await)
    }

    async fn resumed(&self) {
        self.levels.forget_own().await;
    }
}

impl Consumer {
    async fn told(&self, delivery: &Delivery) -> Verdict {
        let News { subject, is_new } = match News::of(delivery) {
            Ok(news) => news,
            Err(reason) => return Verdict::Park(reason),
        };
        if is_new {
            self.levels.created();
        }
        match verdict(self.levels.outdate(subject.item_id, subject.version).await) {
            Verdict::Done => {}
            other => return other,
        }
        match &self.projection {
            Some(projection) => {
                projection.told(&subject).await.map_or_else(Verdict::Wait, |()| Verdict::Done)
            }
            None => Verdict::Done,
        }
    }
}

/// What an event says that concerns this service.
struct News {
    subject: Subject,
    /// Nobody knew of the item before.
    is_new: bool,
}

impl News {
    /// The error says why the event is none of ours.
    fn of(delivery: &Delivery) -> Result<News, String> {
        let envelope = Envelope::parse(&delivery.message.body).map_err(|error| error.to_string())?;
        let (subject, is_new) = match envelope.event {
            Event::StockUpdated(event) => (event.subject, false),
            Event::ItemCreated(event) => (event.subject, true),
            Event::ItemUpdated(event) => (event.subject, false),
            other => return Err(format!("{} does not belong into this queue", other.kind())),
        };
        if subject.version < 1 {
            return Err(format!("version {} is none: versions begin at 1", subject.version));
        }
        Ok(News { subject, is_new })
    }
}

/// An event is kept while the cache is away, which may come back with what it held before.
fn verdict(outdated: Result<(), CacheError>) -> Verdict {
    outdated.map_or_else(|error| Verdict::Wait(error.to_string()), |()| Verdict::Done)
}

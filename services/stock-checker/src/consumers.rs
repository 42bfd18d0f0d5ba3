//! What keeps the cache fresh: every event about an item outdates what is cached of it, and shows in the projection.

use std::sync::Arc;

use async_trait::async_trait;
use events::{Delivery, Envelope, Event, Handler, Subject, Verdict};
use platform::telemetry;
use tracing::Instrument;

use crate::levels::Levels;
use crate::projection::Projection;

/// The name of this service's queue.
pub(crate) const QUEUE: &str = "stock-checker";

/// What a replica's own queue is bound to: the same as [`QUEUE`].
pub(crate) const BINDINGS: [&str; 3] = ["stock_updated.#", "item_created.#", "item_updated.#"];

/// Consumes the service's queue. In any order and any number of times: only the highest version matters.
pub(crate) struct Consumer {
    pub(crate) levels: Arc<Levels>,
    pub(crate) projection: Option<Projection>,
}

/// Consumes a replica's own queue, whose cache nobody else refreshes.
pub(crate) struct Replica(pub(crate) Consumer);

#[async_trait]
impl Handler for Consumer {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let kind = delivery.message.kind();
        let span = tracing::info_span!("consume", event = kind, trace_id = tracing::field::Empty);
        telemetry::continue_from(&span, delivery.message.traceparent.as_deref());
        self.told(delivery).instrument(span).await
    }
}

#[async_trait]
impl Handler for Replica {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        self.0.handle(delivery).await
    }

    async fn resumed(&self) {
        self.0.levels.forget().await;
    }
}

impl Consumer {
    async fn told(&self, delivery: &Delivery) -> Verdict {
        let envelope = match Envelope::parse(&delivery.message.body) {
            Ok(envelope) => envelope,
            Err(error) => return Verdict::Park(error.to_string()),
        };
        let subject = match &envelope.event {
            Event::StockUpdated(event) => &event.subject,
            Event::ItemCreated(event) | Event::ItemUpdated(event) => &event.subject,
            other => return Verdict::Park(format!("{} does not belong into this queue", other.kind())),
        };
        self.outdate(subject).await
    }

    async fn outdate(&self, subject: &Subject) -> Verdict {
        if subject.version < 1 {
            return Verdict::Park(format!("version {} is none: versions begin at 1", subject.version));
        }
        // Kept until then: the cache may come back with what it held before.
        if let Err(error) = self.levels.outdate(subject.item_id, subject.version).await {
            return Verdict::Wait(error.to_string());
        }
        match &self.projection {
            Some(projection) => projection.told(subject).await.map_or_else(Verdict::Wait, |()| Verdict::Done),
            None => Verdict::Done,
        }
    }
}

//! The events of an inventory system, and how they travel.
//!
//! Usable by any Rust program that wants to hear or tell them. Reading order: [`Event`] is what can
//! be said, [`Envelope`] is how it looks on the wire, [`Topology`] is where it goes, [`Bus`] carries
//! it (RabbitMQ or in-process, see [`connect`]), [`outbox`] publishes what a transaction committed,
//! [`inbox`] keeps a redelivered message from having a second effect. [`legacy`] are the three bare
//! messages of older clients.
//!
//! **Invariants**
//! - No event without a commit, no commit without its events: rules publish through [`outbox::enqueue`]
//!   only, and a row leaves the outbox only after the bus has taken responsibility for it.
//! - Every message may arrive twice and in another order. An event carries its item's version and the
//!   levels that resulted, so applying only newer versions is right; other effects use [`inbox`].
//! - Nothing is dropped silently: what a consumer cannot process is parked with the reason.
//! - Absent: no ordering between messages, no automatic recovery by the AMQP client, no statics.

mod amqp;
mod backoff;
mod bus;
mod envelope;
mod event;
mod hands;
pub mod inbox;
pub mod legacy;
mod measure;
mod memory;
pub mod outbox;
mod relay;
pub mod tables;
mod topology;
mod trace;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use bus::{Bus, Delivery, Handler, Message, Parked, PublishError, Subscription, Verdict};
pub use envelope::{Envelope, Malformed};
pub use event::{
    CatalogProduct, CatalogUpdated, Event, Item, Levels, Reservation, Restock, StockLevel, StockUpdated,
    Subject, Transfer,
};
pub use topology::{Queue, Topology};

/// Why a bus could not be made. What is wrong with a broker shows in [`Bus::health`] instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The scheme picks the adapter, and there is none for this one.
    #[error("a bus URL starts with amqp://, amqps:// or memory:, not {0:?}")]
    Scheme(String),
    /// The URL of the broker does not parse.
    #[error("the bus URL is not valid: {0}")]
    Url(String),
}

/// Makes the bus that the URL names: `amqp://` or `amqps://` for RabbitMQ, `memory:` for in-process.
///
/// Returns at once, also when the broker is down: a supervisor connects, and connects again, until
/// `stop` fires. Needs a Tokio runtime.
pub fn connect(url: &str, topology: Topology, stop: CancellationToken) -> Result<Arc<dyn Bus>, ConnectError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("memory") => Ok(Arc::new(memory::MemoryBus::new(topology, stop))),
        Some("amqp" | "amqps") => Ok(Arc::new(amqp::AmqpBus::new(url, topology, stop)?)),
        scheme => Err(ConnectError::Scheme(scheme.unwrap_or_default().to_owned())),
    }
}

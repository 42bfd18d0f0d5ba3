//! The outbox: events are written down in the transaction that makes them true, and published afterwards.
//!
//! [`enqueue`] in the transaction, wake the [`Relay`] after the commit; the relay publishes what lies there and
//! deletes exactly what the bus took. Whatever dies in between, a committed event is published, perhaps twice, and
//! one that was rolled back never.
//!
//! All events of a transaction are **one row**, a [`Parcel`]: they are written together, published together, and
//! being much alike they shrink to a fraction together. A row an event would be most of what a sale writes.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{bus::Message, envelope::Envelope, event::Event};

pub use crate::relay::Relay;

/// The largest parcel that is unpacked, in bytes: 20,000 events of one atomic batch have about 20 MB. What claims
/// to be larger is damaged.
const UNPACKED_MAX_BYTES: usize = 256 * 1024 * 1024;

/// An event that is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The event's id, and the message's.
    pub id: Uuid,
    /// Where it goes.
    pub routing_key: String,
    /// Trace context of whoever caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What happened.
    pub body: Envelope,
}

impl Entry {
    /// Puts an event that happened at `at` into an envelope, ready to be enqueued.
    ///
    /// `source` is the service that says so. See [`Envelope::new`].
    pub fn new(source: &str, event: Event, at: DateTime<Utc>, traceparent: Option<String>) -> Self {
        let body = Envelope::new(source, event, at);
        Self { id: body.id, routing_key: body.event.routing_key(), traceparent, body }
    }
}

/// The events of one transaction, packed: a row of the table `outbox`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// How many there are.
    pub count: i64,
    /// A JSON array of them, compressed (LZ4 block with its size in front).
    pub packed: Vec<u8>,
}

/// An [`Entry`] as it is read: its body is passed on byte for byte.
#[derive(Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) id: Uuid,
    pub(crate) routing_key: String,
    #[serde(default)]
    pub(crate) traceparent: Option<String>,
    pub(crate) body: Box<RawValue>,
}

/// A parcel that does not unpack.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// Not what was packed.
    #[error("it does not decompress: {0}")]
    Compression(#[from] lz4_flex::block::DecompressError),
    /// Larger than any parcel is.
    #[error("it would have {0} bytes")]
    TooLarge(usize),
    /// No list of entries.
    #[error("it does not parse: {0}")]
    Json(#[from] serde_json::Error),
}

impl Parcel {
    /// Packs events.
    pub fn of(entries: &[Entry]) -> Self {
        Self::pack(entries)
    }

    pub(crate) fn pack<T: Serialize>(entries: &[T]) -> Self {
        // Plain data: there is nothing in it that JSON cannot say.
        let json =
            serde_json::to_vec(entries).unwrap_or_else(|error| unreachable!("an entry is JSON: {error}"));
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        Self { count, packed: lz4_flex::block::compress_prepend_size(&json) }
    }

    /// The messages in a row's `packed`, ready to be published.
    pub fn unpack(packed: &[u8]) -> Result<Vec<Message>, Damaged> {
        let (size, block) = lz4_flex::block::uncompressed_size(packed)?;
        if size > UNPACKED_MAX_BYTES {
            return Err(Damaged::TooLarge(size));
        }
        let json = lz4_flex::block::decompress(block, size)?;
        let entries: Vec<Packed> = serde_json::from_slice(&json)?;
        Ok(entries.into_iter().map(Message::from).collect())
    }
}

impl From<Packed> for Message {
    fn from(entry: Packed) -> Self {
        Self {
            id: entry.id.to_string(),
            routing_key: entry.routing_key,
            body: String::from(Box::<str>::from(entry.body)).into(),
            traceparent: entry.traceparent,
            message_type: None,
        }
    }
}

/// Writes events into the outbox, in the caller's transaction.
///
/// After its commit, wake the [`Relay`]; before, it would find nothing.
pub async fn enqueue<C: ConnectionTrait>(tx: &C, entries: Vec<Entry>) -> Result<(), DbErr> {
    if entries.is_empty() {
        return Ok(());
    }
    let parcel = Parcel::of(&entries);
    let row =
        table::ActiveModel { messages: Set(parcel.count), packed: Set(parcel.packed), ..Default::default() };
    table::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// The table `outbox`, without the column that only the database writes and reads.
pub(crate) mod table {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) seq: i64,
        pub(crate) messages: i64,
        pub(crate) packed: Vec<u8>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

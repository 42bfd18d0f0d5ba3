//! The outbox: events are written down in the transaction that makes them true, and published afterwards.
//!
//! [`enqueue`] in the transaction, wake the [`Relay`] after the commit; the relay publishes the rows and
//! deletes exactly those that the bus took. Whatever dies in between, a committed event is published,
//! perhaps twice, and one that was rolled back never.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};
use uuid::Uuid;

use crate::{bus::Message, envelope::Envelope, event::Event};

pub use crate::relay::Relay;

/// Rows an INSERT: four values each stay far below SQLite's 32,766 and PostgreSQL's 65,535 parameters.
const ROWS_PER_INSERT: usize = 1000;

/// An event that waits to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The event's id, and the message's.
    pub id: Uuid,
    /// Where it goes.
    pub routing_key: String,
    /// The envelope, as JSON.
    pub body: String,
    /// Trace context of whoever caused it.
    pub traceparent: Option<String>,
}

impl Row {
    /// Puts an event that happened at `at` into an envelope, ready to be enqueued.
    ///
    /// `source` is the service that says so. See [`Envelope::new`].
    pub fn new(source: &str, event: Event, at: DateTime<Utc>, traceparent: Option<String>) -> Self {
        let envelope = Envelope::new(source, event, at);
        Self {
            id: envelope.id,
            routing_key: envelope.event.routing_key(),
            body: envelope.to_json(),
            traceparent,
        }
    }
}

/// Writes rows into the outbox, in the caller's transaction.
///
/// After its commit, wake the [`Relay`]; before, it would find nothing.
pub async fn enqueue<C: ConnectionTrait>(tx: &C, rows: Vec<Row>) -> Result<(), DbErr> {
    let mut rows = rows.into_iter().map(table::ActiveModel::from).peekable();
    while rows.peek().is_some() {
        let some = rows.by_ref().take(ROWS_PER_INSERT);
        table::Entity::insert_many(some).exec_without_returning(tx).await?;
    }
    Ok(())
}

impl From<Row> for table::ActiveModel {
    fn from(row: Row) -> Self {
        Self {
            id: Set(row.id),
            routing_key: Set(row.routing_key),
            body: Set(row.body),
            traceparent: Set(row.traceparent),
            ..Default::default()
        }
    }
}

impl From<table::Model> for Message {
    fn from(row: table::Model) -> Self {
        Self {
            id: row.id.to_string(),
            routing_key: row.routing_key,
            body: row.body.into(),
            traceparent: row.traceparent,
        }
    }
}

/// The table `outbox`, without the columns that only the database writes and reads.
pub(crate) mod table {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "outbox")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub seq: i64,
        pub id: Uuid,
        pub routing_key: String,
        pub body: String,
        pub traceparent: Option<String>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

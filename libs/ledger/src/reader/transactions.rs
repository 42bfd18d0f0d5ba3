//! The ledger as it is read: rows that pass a filter, the newest first.

use std::collections::HashMap;

use domain::{ItemId, LocationId, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ReadError, Reader};
use crate::history::{COLUMNS, Row, moment};
use crate::tables::location;
use crate::{history, instant};

/// The words for what a row of the ledger may record.
pub const KINDS: [&str; 20] = history::KINDS;

/// How far back a question goes that names neither an item, nor what the rows are for, nor a time.
pub const LOOK_BACK: chrono::Duration = chrono::Duration::hours(24);

/// The first stretch of time that such a question reads on PostgreSQL, whose index by time is one of block ranges and
/// knows no order; then the stretch before it, so many times as long, until there are enough rows.
const FIRST_STRETCH: chrono::Duration = chrono::Duration::minutes(1);
const STRETCH_GROWS: i32 = 4;

/// Which rows to list. What is `None` or empty does not matter.
#[derive(Clone, Debug, Default)]
pub struct TransactionFilter {
    /// Only items of this owner.
    pub owner: Option<String>,
    /// Of this item.
    pub item: Option<ItemId>,
    /// Of one of these [`KINDS`].
    pub kinds: Vec<String>,
    /// From or to this location.
    pub location: Option<LocationId>,
    /// For this kind of thing.
    pub reference_type: Option<String>,
    /// For this one.
    pub reference_id: Option<String>,
    /// By this caller.
    pub actor: Option<String>,
    /// Recorded then or later. Without an item and a reference, [`LOOK_BACK`] before `until` unless given.
    pub from: Option<Timestamp>,
    /// Recorded before then.
    pub until: Option<Timestamp>,
    /// Of this version or later.
    pub version_from: Option<i64>,
    /// Of this version or earlier.
    pub version_to: Option<i64>,
    /// Only those that come after this one.
    pub after: Option<Cursor>,
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When its last row was recorded.
    pub recorded_at: Timestamp,
    /// That row's item.
    pub item: Uuid,
    /// That row's version.
    pub version: i64,
    /// How far back the list goes, so that the next page ends where this one would have.
    pub from: Option<Timestamp>,
}

/// A page of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionPage {
    /// The rows, the newest first.
    pub transactions: Vec<TransactionView>,
    /// Where it ended; none when there are no more.
    pub next: Option<Cursor>,
}

/// A row of the ledger: units that went from one place to another, or a change of attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    /// Of what.
    pub item_id: Uuid,
    /// Its SKU.
    pub sku: String,
    /// The item's version from then on.
    pub version: i64,
    /// What happened: one of [`KINDS`].
    pub kind: String,
    /// How many units; 0 when none moved.
    pub quantity: i64,
    /// Where they came from.
    pub from: Option<PlaceView>,
    /// Where they went.
    pub to: Option<PlaceView>,
    /// The reservation that it is about.
    pub reservation_id: Option<Uuid>,
    /// The transfer that it is about.
    pub transfer_id: Option<Uuid>,
    /// Why, for people.
    pub reason: Option<String>,
    /// What kind of thing it is for.
    pub reference_type: Option<String>,
    /// Which one.
    pub reference_id: Option<String>,
    /// Who did it.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// The command that it was part of.
    pub command_id: Uuid,
    /// What else changed: the item's attributes, or until when something is held.
    pub attributes: Option<serde_json::Value>,
    /// When.
    pub recorded_at: Timestamp,
}

/// Where units were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceView {
    /// A state of units at a location, or `supplier`, `customer`, `adjustment`.
    pub place: String,
    /// The location.
    pub location_id: Option<Uuid>,
    /// Its code.
    pub location: Option<String>,
}

#[derive(FromQueryResult)]
struct NamedRow {
    #[sea_orm(nested)]
    row: Row,
    sku: String,
}

impl Reader {
    /// The rows that pass `filter`, the newest first, at most `limit`. Rows that are written meanwhile do not shift
    /// what the following pages say.
    pub async fn transactions(
        &self,
        filter: &TransactionFilter,
        limit: u64,
    ) -> Result<TransactionPage, ReadError> {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        // One more than asked for tells whether there are more.
        let (mut rows, from) = match (filter.item, &filter.reference_id) {
            (None, None) => self.recent(filter, most + 1).await?,
            (Some(_), _) | (None, Some(_)) => (self.rows(filter, most + 1).await?, filter.from),
        };
        let more = rows.len() > most;
        rows.truncate(most);
        let end = |last: &NamedRow| Cursor {
            recorded_at: last.row.recorded_at,
            item: last.row.inventory_item_id,
            version: last.row.version,
            from,
        };
        let next = rows.last().filter(|_| more).map(end);
        let codes = codes(&self.db).await?;
        let named = rows.into_iter().map(|row| TransactionView::of(row.row, row.sku, &codes));
        let transactions = named.collect::<Result<_, _>>().map_err(ReadError::Row)?;
        Ok(TransactionPage { transactions, next })
    }

    /// What nothing but time bounds, and how far back it goes.
    async fn recent(
        &self,
        filter: &TransactionFilter,
        most: usize,
    ) -> Result<(Vec<NamedRow>, Option<Timestamp>), ReadError> {
        let now = instant::now(&self.db).await?;
        let until = filter.until.unwrap_or(now + FIRST_STRETCH);
        let carried = filter.after.and_then(|after| after.from);
        let from = filter.from.or(carried).unwrap_or(until.min(now) - LOOK_BACK);
        // What comes after the cursor was recorded then or before.
        let after = filter.after.map(|after| after.recorded_at + chrono::Duration::microseconds(1));
        let mut upper = after.map_or(until, |after| after.min(until));
        let mut stretch = match self.db.get_database_backend() {
            DbBackend::Postgres => FIRST_STRETCH,
            _ => upper - from,
        };
        let mut rows = Vec::new();
        while upper > from && rows.len() < most {
            let lower = from.max(upper - stretch);
            let part = TransactionFilter { from: Some(lower), until: Some(upper), ..filter.clone() };
            rows.extend(self.rows(&part, most - rows.len()).await?);
            upper = lower;
            stretch = stretch * STRETCH_GROWS;
        }
        Ok((rows, Some(from)))
    }

    async fn rows(&self, filter: &TransactionFilter, most: usize) -> Result<Vec<NamedRow>, DbErr> {
        let backend = self.db.get_database_backend();
        let mut values = Vec::new();
        let wanted = wanted(filter, backend, &mut values);
        values.push(i64::try_from(most).unwrap_or(i64::MAX).into());
        // The times of an item's rows never fall: its versions are the same order, and there is an index by them.
        let order = match filter.item {
            Some(_) => "t.version DESC",
            None => "t.recorded_at DESC, t.inventory_item_id DESC, t.version DESC",
        };
        let sql = format!(
            "SELECT {COLUMNS}, i.sku FROM inventory_transactions t
             JOIN inventory_items i ON i.id = t.inventory_item_id
             WHERE {wanted} ORDER BY {order} LIMIT ${}",
            values.len()
        );
        NamedRow::find_by_statement(Statement::from_sql_and_values(backend, sql, values)).all(&self.db).await
    }
}

/// The conditions of a filter.
fn wanted(filter: &TransactionFilter, backend: DbBackend, values: &mut Vec<Value>) -> String {
    let mut bind = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let mut wanted = vec!["TRUE".to_owned()];
    let texts = [
        ("i.owner", &filter.owner),
        ("t.reference_type", &filter.reference_type),
        ("t.reference_id", &filter.reference_id),
        ("t.created_by", &filter.actor),
    ];
    for (column, text) in texts {
        wanted.extend(text.as_ref().map(|text| format!("{column} = {}", bind(text.clone().into()))));
    }
    let versions = [(">=", filter.version_from), ("<=", filter.version_to)];
    for (compare, version) in versions {
        wanted.extend(version.map(|version| format!("t.version {compare} {}", bind(version.into()))));
    }
    if !filter.kinds.is_empty() {
        let kinds: Vec<String> = filter.kinds.iter().map(|kind| bind(kind.clone().into())).collect();
        wanted.push(format!("t.kind IN ({})", kinds.join(", ")));
    }
    if let Some(LocationId(id)) = filter.location {
        let id = bind(id.into());
        wanted.push(format!("(t.from_warehouse_id = {id} OR t.to_warehouse_id = {id})"));
    }
    let times = [filter.from, filter.until].map(|at| at.map(|at| bind(moment(backend, at))));
    let [from, until] = &times;
    wanted.extend(from.as_ref().map(|from| format!("t.recorded_at >= {from}")));
    wanted.extend(until.as_ref().map(|until| format!("t.recorded_at < {until}")));
    if let Some(ItemId(id)) = filter.item {
        let id = bind(id.into());
        wanted.push(format!("t.inventory_item_id = {id}"));
        // Snapshots say between which versions a time lies, so that a long history need not be walked through.
        wanted.extend(from.as_ref().map(|from| between(&id, "max", &format!("< {from}"), ">")));
        wanted.extend(until.as_ref().map(|until| between(&id, "min", &format!(">= {until}"), "<=")));
    }
    wanted.extend(filter.after.map(|after| match filter.item {
        Some(_) => format!("t.version < {}", bind(after.version.into())),
        None => format!(
            "(t.recorded_at, t.inventory_item_id, t.version) < ({}, {}, {})",
            bind(moment(backend, after.recorded_at)),
            bind(after.item.into()),
            bind(after.version.into())
        ),
    }));
    wanted.join(" AND ")
}

/// A bound of an item's versions by its snapshots before or after a time; none when there is no such snapshot.
fn between(item: &str, which: &str, recorded: &str, compare: &str) -> String {
    let none = if which == "max" { "0" } else { "9223372036854775807" };
    format!(
        "t.version {compare} coalesce((SELECT {which}(s.version) FROM inventory_snapshots s
         WHERE s.inventory_item_id = {item} AND s.recorded_at {recorded}), {none})"
    )
}

/// The codes of all locations.
pub(crate) async fn codes<C: ConnectionTrait>(db: &C) -> Result<HashMap<Uuid, String>, DbErr> {
    let locations = location::Entity::find().all(db).await?;
    Ok(locations.into_iter().map(|location| (location.id, location.code)).collect())
}

impl TransactionView {
    pub(super) fn of(
        row: Row,
        sku: String,
        codes: &HashMap<Uuid, String>,
    ) -> Result<TransactionView, String> {
        let place = |place: Option<String>, location: Option<Uuid>| {
            let code = location.and_then(|id| codes.get(&id).cloned());
            place.map(|place| PlaceView { place, location_id: location, location: code })
        };
        let attributes = row.attributes.as_deref().map(serde_json::from_str).transpose();
        let attributes =
            attributes.map_err(|error| format!("{sku}, version {}: attributes: {error}", row.version))?;
        Ok(TransactionView {
            item_id: row.inventory_item_id,
            sku,
            version: row.version,
            kind: row.kind,
            quantity: row.quantity,
            from: place(row.from_place, row.from_warehouse_id),
            to: place(row.to_place, row.to_warehouse_id),
            reservation_id: row.reservation_id,
            transfer_id: row.transfer_id,
            reason: row.reason,
            reference_type: row.reference_type,
            reference_id: row.reference_id,
            actor: row.created_by,
            role: row.role,
            command_id: row.command_id,
            attributes,
            recorded_at: row.recorded_at,
        })
    }
}

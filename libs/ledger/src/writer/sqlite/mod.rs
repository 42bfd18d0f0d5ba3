//! The same statements on SQLite: sets travel as JSON arrays, ids in them as hexadecimal text.

mod record;

use domain::Timestamp;
use serde_json::json;
use sqlx::{AssertSqlSafe, SqliteConnection};
use uuid::Uuid;

pub(super) use record::record;

use super::columns::{HOLD, ITEM, LEVELS, MOVED, TRANSFER};
use super::connection::{Span, StoreError};
use super::rows::{HoldRow, ItemRow, LocationRow, MovedRow, StoredKey, TransferRow};

pub(super) async fn run(sqlite: &mut SqliteConnection, statement: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(statement).execute(sqlite).await?;
    Ok(())
}

pub(super) async fn locations(sqlite: &mut SqliteConnection) -> Result<Vec<LocationRow>, StoreError> {
    let sql = "SELECT id, code, is_active FROM warehouses ORDER BY priority, code";
    Ok(sqlx::query_as(sql).fetch_all(sqlite).await?)
}

/// The items that holds and transfers are about.
pub(super) async fn items_of(
    sqlite: &mut SqliteConnection,
    holds: &[Uuid],
    transfers: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    let sql = "SELECT inventory_item_id FROM inventory_reservations
               WHERE id IN (SELECT unhex(value) FROM json_each(?1))
               UNION SELECT inventory_item_id FROM inventory_transfers
               WHERE id IN (SELECT unhex(value) FROM json_each(?2))";
    Ok(sqlx::query_scalar(sql).bind(hex(holds)).bind(hex(transfers)).fetch_all(sqlite).await?)
}

pub(super) async fn transfers(
    sqlite: &mut SqliteConnection,
    ids: &[Uuid],
) -> Result<Vec<TransferRow>, StoreError> {
    let sql = format!(
        "SELECT {TRANSFER} FROM inventory_transfers WHERE id IN (SELECT unhex(value) FROM json_each(?1))
         ORDER BY id, inventory_item_id"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(hex(ids)).fetch_all(sqlite).await?)
}

/// As on PostgreSQL.
pub(super) async fn moved(sqlite: &mut SqliteConnection, span: &Span) -> Result<Vec<MovedRow>, StoreError> {
    Ok(sqlx::query_as(MOVED)
        .bind(span.item)
        .bind(span.location)
        .bind(span.after)
        .bind(span.up_to)
        .fetch_all(sqlite)
        .await?)
}

pub(super) async fn items_named(
    sqlite: &mut SqliteConnection,
    names: &[String],
) -> Result<Vec<ItemRow>, StoreError> {
    let sql = format!(
        "SELECT {ITEM} FROM inventory_items i {LEVELS} WHERE i.sku IN (SELECT value FROM json_each(?1))
         OR i.product_id IN (SELECT value FROM json_each(?1))"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(json!(names).to_string()).fetch_all(sqlite).await?)
}

/// No row locks: the transaction holds the only write lock there is. The database's clock is this process's.
pub(super) async fn items(
    sqlite: &mut SqliteConnection,
    items: &[Uuid],
) -> Result<(Timestamp, Vec<ItemRow>), StoreError> {
    let sql = format!(
        "SELECT {ITEM} FROM inventory_items i {LEVELS} WHERE i.id IN (SELECT unhex(value) FROM json_each(?1))"
    );
    let items = sqlx::query_as(AssertSqlSafe(sql)).bind(hex(items)).fetch_all(sqlite).await?;
    Ok((crate::time::now(), items))
}

pub(super) async fn holds(sqlite: &mut SqliteConnection, holds: &[Uuid]) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!(
        "SELECT {HOLD} FROM inventory_reservations WHERE id IN (SELECT unhex(value) FROM json_each(?1))"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(hex(holds)).fetch_all(sqlite).await?)
}

pub(super) async fn overdue(
    sqlite: &mut SqliteConnection,
    items: &[Uuid],
    now: Timestamp,
) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!(
        "SELECT {HOLD} FROM inventory_reservations WHERE status = 'open' AND expires_at <= ?2
         AND inventory_item_id IN (SELECT unhex(value) FROM json_each(?1))"
    );
    let now = crate::time::text(now);
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(hex(items)).bind(now).fetch_all(sqlite).await?)
}

pub(super) async fn keys(
    sqlite: &mut SqliteConnection,
    scopes: &[String],
    keys: &[String],
) -> Result<Vec<StoredKey>, StoreError> {
    let pairs: Vec<(&String, &String)> = scopes.iter().zip(keys).collect();
    let sql = "SELECT k.scope, k.key, k.fingerprint, k.command_id, k.answer FROM json_each(?1) AS asked
               JOIN idempotency_keys k ON k.scope = asked.value ->> 0 AND k.key = asked.value ->> 1";
    Ok(sqlx::query_as(sql).bind(json!(pairs).to_string()).fetch_all(sqlite).await?)
}

fn hex(ids: &[Uuid]) -> String {
    json!(ids.iter().map(|id| id.simple().to_string()).collect::<Vec<_>>()).to_string()
}

//! The hot statements on PostgreSQL: arrays bound in binary, one statement a step.

mod rare;
mod record;

use domain::Timestamp;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Row};
use uuid::Uuid;

pub(super) use record::record;

use super::columns::{HOLD, ITEM, LEVELS, MOVED, TRANSFER};
use super::connection::{Span, StoreError};
use super::rows::{HoldRow, ItemRow, LocationRow, MovedRow, StoredKey, TransferRow};

/// A statement without parameters or rows, not prepared: one round trip.
pub(super) async fn run(pg: &mut PgConnection, statement: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(statement).execute(pg).await?;
    Ok(())
}

pub(super) async fn locations(pg: &mut PgConnection) -> Result<Vec<LocationRow>, StoreError> {
    let sql = "SELECT id, code, is_active FROM warehouses ORDER BY priority, code";
    Ok(sqlx::query_as(sql).fetch_all(pg).await?)
}

/// The items that holds and transfers are about.
pub(super) async fn items_of(
    pg: &mut PgConnection,
    holds: &[Uuid],
    transfers: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    let sql = "SELECT inventory_item_id FROM inventory_reservations WHERE id = ANY($1)
               UNION SELECT inventory_item_id FROM inventory_transfers WHERE id = ANY($2)";
    Ok(sqlx::query_scalar(sql).bind(holds).bind(transfers).fetch_all(pg).await?)
}

pub(super) async fn transfers(pg: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<TransferRow>, StoreError> {
    let sql = format!(
        "SELECT {TRANSFER} FROM inventory_transfers WHERE id = ANY($1) ORDER BY id, inventory_item_id"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(ids).fetch_all(pg).await?)
}

/// What came to each state of an item at a location in some versions, and left it. Not what counts found: a
/// difference that was found once is not found again.
pub(super) async fn moved(pg: &mut PgConnection, span: &Span) -> Result<Vec<MovedRow>, StoreError> {
    Ok(sqlx::query_as(MOVED)
        .bind(span.item)
        .bind(span.location)
        .bind(span.after)
        .bind(span.up_to)
        .fetch_all(pg)
        .await?)
}

/// `NO KEY`: rows that refer to an item may be written meanwhile, changes of the item may not.
pub(super) async fn lock(pg: &mut PgConnection, items: &[Uuid]) -> Result<(), StoreError> {
    let sql = "SELECT 1 FROM inventory_items WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
    sqlx::query(sql).bind(items).execute(pg).await?;
    Ok(())
}

/// Nobody else makes items until the transaction ends.
pub(super) async fn lock_names(pg: &mut PgConnection) -> Result<(), StoreError> {
    let locked = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(NAMES).execute(pg).await;
    // Many items take long, and it is worth another try: nobody keeps this lock but to write.
    let waited = |error: &sqlx::Error| {
        error.as_database_error().is_some_and(|error| error.code() == Some(LATE.into()))
    };
    match locked {
        Err(error) if waited(&error) => Err(StoreError::Names),
        other => Ok(other.map(drop)?),
    }
}

/// The lock was not to be had in time.
const LATE: &str = "55P03";

/// The advisory lock for the names of items: any number that nothing else in this database uses.
const NAMES: i64 = 0x6974_656d_6e61_6d65;

pub(super) async fn items_named(pg: &mut PgConnection, names: &[String]) -> Result<Vec<ItemRow>, StoreError> {
    let sql = format!(
        "SELECT {ITEM} FROM inventory_items i {LEVELS} WHERE i.sku = ANY($1) OR i.product_id = ANY($1)"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(names).fetch_all(pg).await?)
}

/// A row a level. The last row has no item: the clock is in the answer also when nothing else is.
pub(super) async fn items(
    pg: &mut PgConnection,
    items: &[Uuid],
) -> Result<(Timestamp, Vec<ItemRow>), StoreError> {
    let sql = format!(
        "SELECT clock_timestamp() AS now, {ITEM} FROM unnest($1::uuid[]) AS asked(id)
         JOIN inventory_items i ON i.id = asked.id {LEVELS}
         UNION ALL SELECT clock_timestamp(), {NOTHING}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(items).fetch_all(pg).await?;
    let Some((clock, rows)) = rows.split_last() else {
        return Err(StoreError::Row("the clock gave no time".to_owned()));
    };
    let items: Vec<ItemRow> = rows.iter().map(ItemRow::from_row).collect::<Result<_, _>>()?;
    Ok((clock.try_get("now")?, items))
}

/// As many columns as [`ITEM`] has.
const NOTHING: &str = "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
     NULL, NULL";

pub(super) async fn holds(pg: &mut PgConnection, holds: &[Uuid]) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!("SELECT {HOLD} FROM inventory_reservations WHERE id = ANY($1)");
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(holds).fetch_all(pg).await?)
}

pub(super) async fn overdue(
    pg: &mut PgConnection,
    items: &[Uuid],
    now: Timestamp,
) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!(
        "SELECT {HOLD} FROM inventory_reservations
         WHERE inventory_item_id = ANY($1) AND status = 'open' AND expires_at <= $2"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(items).bind(now).fetch_all(pg).await?)
}

pub(super) async fn keys(
    pg: &mut PgConnection,
    scopes: &[String],
    keys: &[String],
) -> Result<Vec<StoredKey>, StoreError> {
    let sql = "SELECT scope, key, fingerprint, command_id, answer
               FROM unnest($1::text[], $2::text[]) AS asked(scope, key) JOIN idempotency_keys USING (scope, key)";
    Ok(sqlx::query_as(sql).bind(scopes).bind(keys).fetch_all(pg).await?)
}

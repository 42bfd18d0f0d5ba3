//! The hot statements on PostgreSQL: arrays bound in binary, one statement a step.

mod record;

use domain::Timestamp;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Row};
use uuid::Uuid;

pub(super) use record::record;

use super::connection::StoreError;
use super::rows::{HoldRow, ItemRow, LevelRow, LocationRow, StoredKey};

const ITEM: &str = "id, product_id, variant_id, sku, name, owner, supplier_id, reorder_point, reorder_quantity, \
                    is_active, version";
const HOLD: &str = "id, inventory_item_id, warehouse_id, quantity, status, expires_at";

/// A statement without parameters or rows, not prepared: one round trip.
pub(super) async fn run(pg: &mut PgConnection, statement: &'static str) -> Result<(), StoreError> {
    sqlx::raw_sql(statement).execute(pg).await?;
    Ok(())
}

pub(super) async fn locations(pg: &mut PgConnection) -> Result<Vec<LocationRow>, StoreError> {
    let sql = "SELECT id, code, is_active FROM warehouses ORDER BY priority, code";
    Ok(sqlx::query_as(sql).fetch_all(pg).await?)
}

pub(super) async fn items_of(pg: &mut PgConnection, holds: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    let sql = "SELECT DISTINCT inventory_item_id FROM inventory_reservations WHERE id = ANY($1)";
    Ok(sqlx::query_scalar(sql).bind(holds).fetch_all(pg).await?)
}

/// `NO KEY`: rows that refer to an item may be written meanwhile, changes of the item may not.
pub(super) async fn lock(pg: &mut PgConnection, items: &[Uuid]) -> Result<Vec<ItemRow>, StoreError> {
    let sql = format!("SELECT {ITEM} FROM inventory_items WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE");
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(items).fetch_all(pg).await?)
}

pub(super) async fn items_named(pg: &mut PgConnection, names: &[String]) -> Result<Vec<ItemRow>, StoreError> {
    let sql = format!("SELECT {ITEM} FROM inventory_items WHERE sku = ANY($1) OR product_id = ANY($1)");
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(names).fetch_all(pg).await?)
}

/// One row at least for each id, so that the clock is always in the answer.
pub(super) async fn levels(
    pg: &mut PgConnection,
    items: &[Uuid],
) -> Result<(Timestamp, Vec<LevelRow>), StoreError> {
    let sql = "SELECT clock_timestamp() AS now, l.inventory_item_id, l.warehouse_id, l.available_quantity,
                      l.reserved_quantity, l.damaged_quantity, l.quality_control_quantity, l.incoming_quantity
               FROM unnest($1::uuid[]) AS asked(id)
               LEFT JOIN inventory_locations l ON l.inventory_item_id = asked.id
               UNION ALL SELECT clock_timestamp(), NULL, NULL, NULL, NULL, NULL, NULL, NULL";
    let rows = sqlx::query(sql).bind(items).fetch_all(pg).await?;
    let mut now = None;
    let mut levels = Vec::with_capacity(rows.len());
    for row in &rows {
        now = now.max(Some(row.try_get::<Timestamp, _>("now")?));
        if row.try_get::<Option<Uuid>, _>("warehouse_id")?.is_some() {
            levels.push(LevelRow::from_row(row)?);
        }
    }
    let now = now.ok_or_else(|| StoreError::Row("the clock gave no time".to_owned()))?;
    Ok((now, levels))
}

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

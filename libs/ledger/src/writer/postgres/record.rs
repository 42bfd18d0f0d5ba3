//! What a batch came to, written set by set.

use domain::{Item, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::writer::connection::StoreError;
use crate::writer::recording::{HoldRow, LedgerRow, LevelRow, Recording};

/// Writes all of it: what every batch has in one statement, what few have in one each.
pub(in crate::writer) async fn record(
    pg: &mut PgConnection,
    recording: &Recording,
) -> Result<(), StoreError> {
    if !recording.created.is_empty() {
        insert_items(pg, &recording.created, recording.at).await?;
    }
    if !recording.attributes.is_empty() {
        update_attributes(pg, &recording.attributes).await?;
    }
    if !recording.new_levels.is_empty() {
        insert_levels(pg, &recording.new_levels, recording.at).await?;
    }
    if !recording.holds.is_empty() {
        insert_holds(pg, &recording.holds, recording.at).await?;
    }
    if !recording.ended.is_empty() {
        end_holds(pg, recording).await?;
    }
    if recording.ledger.is_empty() && recording.keys.is_empty() {
        return Ok(());
    }
    write(pg, recording).await
}

/// Levels, versions, ledger, keys and outbox in a single round trip.
const WRITE: &str = "
WITH levels AS (
    UPDATE inventory_locations l SET available_quantity = n.available, reserved_quantity = n.reserved,
        damaged_quantity = n.damaged, quality_control_quantity = n.quality_control,
        incoming_quantity = n.incoming, updated_at = $1
    FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
        AS n(item, location, available, reserved, damaged, quality_control, incoming)
    WHERE l.inventory_item_id = n.item AND l.warehouse_id = n.location
), totals AS (
    UPDATE inventory_items i SET version = n.version, total_quantity = n.total, available_quantity = n.available,
        reserved_quantity = n.reserved, incoming_quantity = n.incoming, updated_at = $1
    FROM unnest($9::uuid[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
        AS n(item, version, total, available, reserved, incoming)
    WHERE i.id = n.item
), ledger AS (
    INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place, from_warehouse_id,
        to_place, to_warehouse_id, reservation_id, reason, reference_type, reference_id, created_by, role,
        command_id, attributes, recorded_at)
    SELECT *, $1 FROM unnest($15::uuid[], $16::bigint[], $17::text[], $18::bigint[], $19::text[], $20::uuid[],
        $21::text[], $22::uuid[], $23::uuid[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[],
        $29::uuid[], $30::text[])
), keys AS (
    INSERT INTO idempotency_keys (scope, key, fingerprint, command_id, answer, created_at)
    SELECT *, $1 FROM unnest($31::text[], $32::text[], $33::text[], $34::uuid[], $35::text[])
)
INSERT INTO outbox (id, routing_key, body, traceparent, created_at)
SELECT *, $1 FROM unnest($36::uuid[], $37::text[], $38::text[], $39::text[])";

/// One column of the rows, as an array to bind.
fn column<'a, R, T>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

async fn write(pg: &mut PgConnection, recording: &Recording) -> Result<(), StoreError> {
    let Recording { at, levels, totals, ledger, keys, outbox, .. } = recording;
    let query = sqlx::query(WRITE)
        .bind(at)
        .bind(column(levels, |row| row.item.0))
        .bind(column(levels, |row| row.location.0))
        .bind(column(levels, |row| row.level.available))
        .bind(column(levels, |row| row.level.reserved))
        .bind(column(levels, |row| row.level.damaged))
        .bind(column(levels, |row| row.level.quality_control))
        .bind(column(levels, |row| row.level.incoming))
        .bind(column(totals, |row| row.item.0))
        .bind(column(totals, |row| row.version))
        .bind(column(totals, |row| row.level.on_hand()))
        .bind(column(totals, |row| row.level.available))
        .bind(column(totals, |row| row.level.reserved))
        .bind(column(totals, |row| row.level.incoming));
    bind_ledger(query, ledger)
        .bind(column(keys, |row| row.scope.as_str()))
        .bind(column(keys, |row| row.key.as_str()))
        .bind(column(keys, |row| row.fingerprint.as_deref()))
        .bind(column(keys, |row| row.command_id))
        .bind(column(keys, |row| row.answer.as_str()))
        .bind(column(outbox, |row| row.id))
        .bind(column(outbox, |row| row.routing_key.as_str()))
        .bind(column(outbox, |row| row.body.as_str()))
        .bind(column(outbox, |row| row.traceparent.as_deref()))
        .execute(pg)
        .await?;
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bind_ledger<'q>(query: Query<'q>, ledger: &'q [LedgerRow]) -> Query<'q> {
    query
        .bind(column(ledger, |row| row.item.0))
        .bind(column(ledger, |row| row.version))
        .bind(column(ledger, |row| row.kind))
        .bind(column(ledger, |row| row.quantity))
        .bind(column(ledger, |row| row.from.map(|place| place.word())))
        .bind(column(ledger, |row| row.from.and_then(|place| place.location()).map(|id| id.0)))
        .bind(column(ledger, |row| row.to.map(|place| place.word())))
        .bind(column(ledger, |row| row.to.and_then(|place| place.location()).map(|id| id.0)))
        .bind(column(ledger, |row| row.hold.map(|id| id.0)))
        .bind(column(ledger, |row| row.cause.reason.as_deref()))
        .bind(column(ledger, |row| row.cause.reference_type.as_deref()))
        .bind(column(ledger, |row| row.cause.reference_id.as_deref()))
        .bind(column(ledger, |row| row.cause.actor.as_str()))
        .bind(column(ledger, |row| row.cause.role.as_str()))
        .bind(column(ledger, |row| row.cause.command_id))
        .bind(column(ledger, |row| row.attributes.as_deref()))
}

async fn insert_items(pg: &mut PgConnection, items: &[Item], at: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO inventory_items (id, product_id, variant_id, sku, name, owner, supplier_id, reorder_point,
                   reorder_quantity, is_active, version, total_quantity, available_quantity, reserved_quantity,
                   incoming_quantity, created_at, updated_at)
               SELECT *, $1, $1 FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                   $8::text[], $9::bigint[], $10::bigint[], $11::bool[], $12::bigint[], $13::bigint[],
                   $14::bigint[], $15::bigint[], $16::bigint[])";
    sqlx::query(sql)
        .bind(at)
        .bind(column(items, |item| item.identity.id.0))
        .bind(column(items, |item| item.identity.product_id.as_str()))
        .bind(column(items, |item| item.identity.variant_id.as_ref().map(|text| text.as_str())))
        .bind(column(items, |item| item.identity.sku.as_str()))
        .bind(column(items, |item| item.attributes.name.as_str()))
        .bind(column(items, |item| item.identity.owner.as_str()))
        .bind(column(items, |item| item.attributes.supplier.as_ref().map(|text| text.as_str())))
        .bind(column(items, |item| item.attributes.reorder_point))
        .bind(column(items, |item| item.attributes.reorder_quantity))
        .bind(column(items, |item| item.attributes.active))
        .bind(column(items, |item| item.version))
        .bind(column(items, |item| item.total().on_hand()))
        .bind(column(items, |item| item.total().available))
        .bind(column(items, |item| item.total().reserved))
        .bind(column(items, |item| item.total().incoming))
        .execute(pg)
        .await?;
    Ok(())
}

async fn update_attributes(pg: &mut PgConnection, items: &[Item]) -> Result<(), StoreError> {
    let sql = "UPDATE inventory_items i SET name = n.name, supplier_id = n.supplier, reorder_point = n.point,
                   reorder_quantity = n.quantity, is_active = n.active
               FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bool[])
                   AS n(item, name, supplier, point, quantity, active)
               WHERE i.id = n.item";
    sqlx::query(sql)
        .bind(column(items, |item| item.identity.id.0))
        .bind(column(items, |item| item.attributes.name.as_str()))
        .bind(column(items, |item| item.attributes.supplier.as_ref().map(|text| text.as_str())))
        .bind(column(items, |item| item.attributes.reorder_point))
        .bind(column(items, |item| item.attributes.reorder_quantity))
        .bind(column(items, |item| item.attributes.active))
        .execute(pg)
        .await?;
    Ok(())
}

async fn insert_levels(pg: &mut PgConnection, levels: &[LevelRow], at: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO inventory_locations (inventory_item_id, warehouse_id, available_quantity,
                   reserved_quantity, damaged_quantity, quality_control_quantity, incoming_quantity, created_at,
                   updated_at)
               SELECT *, $1, $1 FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[],
                   $7::bigint[], $8::bigint[])";
    sqlx::query(sql)
        .bind(at)
        .bind(column(levels, |row| row.item.0))
        .bind(column(levels, |row| row.location.0))
        .bind(column(levels, |row| row.level.available))
        .bind(column(levels, |row| row.level.reserved))
        .bind(column(levels, |row| row.level.damaged))
        .bind(column(levels, |row| row.level.quality_control))
        .bind(column(levels, |row| row.level.incoming))
        .execute(pg)
        .await?;
    Ok(())
}

async fn insert_holds(pg: &mut PgConnection, holds: &[HoldRow], at: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO inventory_reservations (id, inventory_item_id, warehouse_id, quantity, expires_at,
                   reference_type, reference_id, created_by, status, created_at, updated_at)
               SELECT *, 'open', $1, $1 FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[],
                   $6::timestamptz[], $7::text[], $8::text[], $9::text[])";
    sqlx::query(sql)
        .bind(at)
        .bind(column(holds, |row| row.hold.0))
        .bind(column(holds, |row| row.item.0))
        .bind(column(holds, |row| row.location.0))
        .bind(column(holds, |row| row.quantity))
        .bind(column(holds, |row| row.expires_at))
        .bind(column(holds, |row| row.cause.reference_type.as_deref()))
        .bind(column(holds, |row| row.cause.reference_id.as_deref()))
        .bind(column(holds, |row| row.cause.actor.as_str()))
        .execute(pg)
        .await?;
    Ok(())
}

async fn end_holds(pg: &mut PgConnection, recording: &Recording) -> Result<(), StoreError> {
    let sql = "UPDATE inventory_reservations r SET status = n.status, updated_at = $1
               FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) AS n(hold, item, location, status)
               WHERE r.id = n.hold AND r.inventory_item_id = n.item AND r.warehouse_id = n.location";
    let ended = &recording.ended;
    let ids: Vec<Uuid> = column(ended, |row| row.hold.0);
    sqlx::query(sql)
        .bind(recording.at)
        .bind(ids)
        .bind(column(ended, |row| row.item.0))
        .bind(column(ended, |row| row.location.0))
        .bind(column(ended, |row| row.status.as_str()))
        .execute(pg)
        .await?;
    Ok(())
}

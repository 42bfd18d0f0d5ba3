//! What a batch came to, written set by set.

use domain::{Item, Timestamp};
use events::outbox::Parcel;
use sqlx::PgConnection;

use super::run;
use crate::writer::connection::StoreError;
use crate::writer::recording::{LedgerRow, LevelRow, Recording};

/// Writes all of it: what most batches have in one statement, which then is the transaction; what few have in one
/// each, before it. `begun`: the transaction is open already.
pub(in crate::writer) async fn record(
    pg: &mut PgConnection,
    recording: &Recording,
    begun: bool,
) -> Result<(), StoreError> {
    let Recording { created, attributes, new_levels, ledger, keys, at, .. } = recording;
    let rare = !(created.is_empty() && attributes.is_empty() && new_levels.is_empty());
    if rare && !begun {
        run(pg, "BEGIN").await?;
    }
    if !created.is_empty() {
        insert_items(pg, created, *at).await?;
    }
    if !attributes.is_empty() {
        update_attributes(pg, attributes).await?;
    }
    if !new_levels.is_empty() {
        insert_levels(pg, new_levels, *at).await?;
    }
    if !(ledger.is_empty() && keys.is_empty()) {
        write(pg, recording).await?;
    }
    if rare || begun {
        run(pg, "COMMIT").await?;
    }
    Ok(())
}

/// Versions, levels, holds, ledger, keys and outbox in a single round trip. Arrays are unnested in the list of columns,
/// all of a set to the same length: as tables they would be stored once more each, for twice the time.
///
/// Items come first, in the order of their ids, also where the database could choose: everything else waits for
/// `first`. So of two batches that meet at an item one waits there, holding nothing that the other needs.
const WRITE: &str = "
WITH items AS (
    UPDATE inventory_items i SET version = n.version, total_quantity = n.total, available_quantity = n.available,
        reserved_quantity = n.reserved, incoming_quantity = n.incoming, updated_at = $1
    FROM (SELECT unnest($2::uuid[]) AS item, unnest($3::bigint[]) AS version, unnest($4::bigint[]) AS total,
        unnest($5::bigint[]) AS available, unnest($6::bigint[]) AS reserved, unnest($7::bigint[]) AS incoming) AS n
    WHERE i.id = n.item RETURNING 1
), first AS (
    SELECT count(*) FROM items
), levels AS (
    UPDATE inventory_locations l SET available_quantity = n.available, reserved_quantity = n.reserved,
        damaged_quantity = n.damaged, quality_control_quantity = n.quality_control,
        incoming_quantity = n.incoming, updated_at = $1
    FROM first, (SELECT unnest($8::uuid[]) AS item, unnest($9::uuid[]) AS location, unnest($10::bigint[]) AS
        available, unnest($11::bigint[]) AS reserved, unnest($12::bigint[]) AS damaged, unnest($13::bigint[]) AS
        quality_control, unnest($14::bigint[]) AS incoming) AS n
    WHERE l.inventory_item_id = n.item AND l.warehouse_id = n.location
), held AS (
    INSERT INTO inventory_reservations (id, inventory_item_id, warehouse_id, quantity, expires_at, reference_type,
        reference_id, created_by, status, created_at, updated_at)
    SELECT unnest($15::uuid[]), unnest($16::uuid[]), unnest($17::uuid[]), unnest($18::bigint[]),
        unnest($19::timestamptz[]), unnest($20::text[]), unnest($21::text[]), unnest($22::text[]), 'open', $1, $1
        FROM first
), ended AS (
    UPDATE inventory_reservations r SET status = n.status, updated_at = $1
    FROM first, (SELECT unnest($23::uuid[]) AS hold, unnest($24::uuid[]) AS item, unnest($25::uuid[]) AS location,
        unnest($26::text[]) AS status) AS n
    WHERE r.id = n.hold AND r.inventory_item_id = n.item AND r.warehouse_id = n.location
), ledger AS (
    INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place, from_warehouse_id,
        to_place, to_warehouse_id, reservation_id, reason, reference_type, reference_id, created_by, role,
        command_id, attributes, recorded_at)
    SELECT unnest($27::uuid[]), unnest($28::bigint[]), unnest($29::text[]), unnest($30::bigint[]),
        unnest($31::text[]), unnest($32::uuid[]), unnest($33::text[]), unnest($34::uuid[]), unnest($35::uuid[]),
        unnest($36::text[]), unnest($37::text[]), unnest($38::text[]), unnest($39::text[]), unnest($40::text[]),
        unnest($41::uuid[]), unnest($42::text[]), $1 FROM first
), keys AS (
    INSERT INTO idempotency_keys (scope, key, fingerprint, command_id, answer, created_at)
    SELECT unnest($43::text[]), unnest($44::text[]), unnest($45::text[]), unnest($46::uuid[]), unnest($47::text[]),
        $1 FROM first
)
INSERT INTO outbox (messages, packed, created_at) SELECT $48::bigint, $49::bytea, $1 FROM first WHERE $48::bigint >
    0";

/// One column of the rows, as an array to bind.
fn column<'a, R, T>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

async fn write(pg: &mut PgConnection, recording: &Recording) -> Result<(), StoreError> {
    let Recording { at, levels, totals, keys, news, .. } = recording;
    let parcel = Parcel::of(news);
    let query = sqlx::query(WRITE)
        .bind(at)
        .bind(column(totals, |row| row.item.0))
        .bind(column(totals, |row| row.version))
        .bind(column(totals, |row| row.level.on_hand()))
        .bind(column(totals, |row| row.level.available))
        .bind(column(totals, |row| row.level.reserved))
        .bind(column(totals, |row| row.level.incoming))
        .bind(column(levels, |row| row.item.0))
        .bind(column(levels, |row| row.location.0))
        .bind(column(levels, |row| row.level.available))
        .bind(column(levels, |row| row.level.reserved))
        .bind(column(levels, |row| row.level.damaged))
        .bind(column(levels, |row| row.level.quality_control))
        .bind(column(levels, |row| row.level.incoming));
    bind_ledger(bind_holds(query, recording), &recording.ledger)
        .bind(column(keys, |row| row.scope.as_str()))
        .bind(column(keys, |row| row.key.as_str()))
        .bind(column(keys, |row| row.fingerprint.as_deref()))
        .bind(column(keys, |row| row.command_id))
        .bind(column(keys, |row| row.answer.as_str()))
        .bind(parcel.count)
        .bind(parcel.packed)
        .execute(pg)
        .await?;
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bind_holds<'q>(query: Query<'q>, recording: &'q Recording) -> Query<'q> {
    let Recording { holds, ended, .. } = recording;
    query
        .bind(column(holds, |row| row.hold.0))
        .bind(column(holds, |row| row.item.0))
        .bind(column(holds, |row| row.location.0))
        .bind(column(holds, |row| row.quantity))
        .bind(column(holds, |row| row.expires_at))
        .bind(column(holds, |row| row.cause.reference_type.as_deref()))
        .bind(column(holds, |row| row.cause.reference_id.as_deref()))
        .bind(column(holds, |row| row.cause.actor.as_str()))
        .bind(column(ended, |row| row.hold.0))
        .bind(column(ended, |row| row.item.0))
        .bind(column(ended, |row| row.location.0))
        .bind(column(ended, |row| row.status.as_str()))
}

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

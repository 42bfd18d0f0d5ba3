//! What a batch came to, written set by set.

use domain::{Item, Place};
use events::outbox::Parcel;
use serde_json::{Value, json};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::writer::connection::StoreError;
use crate::writer::recording::{
    HoldRow, KeyRow, LedgerRow, LevelRow, Recording, SnapshotRow, TotalRow, TransferRow,
};

/// Writes all of it, one statement a table.
pub(in crate::writer) async fn record(
    sqlite: &mut SqliteConnection,
    recording: &Recording,
) -> Result<(), StoreError> {
    let at = crate::time::text(recording.at);
    let steps = [
        (INSERT_ITEMS, recording.created.iter().map(item).collect()),
        (UPDATE_ATTRIBUTES, recording.attributes.iter().map(item).collect()),
        (INSERT_LEVELS, recording.new_levels.iter().map(level).collect()),
        (UPDATE_LEVELS, recording.levels.iter().map(level).collect()),
        (UPDATE_TOTALS, recording.totals.iter().map(total).collect()),
        (INSERT_HOLDS, recording.new_holds.iter().map(hold).collect()),
        (UPDATE_HOLDS, recording.holds.iter().map(hold).collect()),
        (INSERT_TRANSFERS, recording.new_transfers.iter().map(transfer).collect()),
        (UPDATE_TRANSFERS, recording.transfers.iter().map(transfer).collect()),
        (INSERT_SNAPSHOTS, recording.snapshots.iter().map(snapshot).collect()),
        (INSERT_LEDGER, recording.ledger.iter().map(movement).collect()),
        (INSERT_KEYS, recording.keys.iter().map(key).collect()),
    ];
    for (statement, rows) in steps {
        let rows: Vec<Value> = rows;
        if !rows.is_empty() {
            sqlx::query(statement)
                .bind(&at)
                .bind(Value::from(rows).to_string())
                .execute(&mut *sqlite)
                .await?;
        }
    }
    if !recording.news.is_empty() {
        let Parcel { count, packed } = Parcel::of(&recording.news);
        sqlx::query(INSERT_OUTBOX).bind(count).bind(packed).bind(&at).execute(sqlite).await?;
    }
    Ok(())
}

const INSERT_ITEMS: &str = "
INSERT INTO inventory_items (id, product_id, variant_id, sku, name, owner, supplier_id, reorder_point,
    reorder_quantity, is_active, version, total_quantity, available_quantity, reserved_quantity, incoming_quantity,
    in_transit_quantity, created_at, updated_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
    value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
    value ->> 15, ?1, ?1
FROM json_each(?2)";

const UPDATE_ATTRIBUTES: &str = "
UPDATE inventory_items SET name = value ->> 4, supplier_id = value ->> 6, reorder_point = value ->> 7,
    reorder_quantity = value ->> 8, is_active = value ->> 9, updated_at = ?1
FROM json_each(?2) WHERE inventory_items.id = unhex(value ->> 0)";

const UPDATE_TOTALS: &str = "
UPDATE inventory_items SET version = value ->> 1, total_quantity = value ->> 2, available_quantity = value ->> 3,
    reserved_quantity = value ->> 4, incoming_quantity = value ->> 5, in_transit_quantity = value ->> 6,
    updated_at = ?1
FROM json_each(?2) WHERE inventory_items.id = unhex(value ->> 0)";

const INSERT_LEVELS: &str = "
INSERT INTO inventory_locations (inventory_item_id, warehouse_id, available_quantity, reserved_quantity,
    damaged_quantity, quality_control_quantity, incoming_quantity, in_transit_quantity, created_at, updated_at)
SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
    value ->> 7, ?1, ?1
FROM json_each(?2)";

const UPDATE_LEVELS: &str = "
UPDATE inventory_locations SET available_quantity = value ->> 2, reserved_quantity = value ->> 3,
    damaged_quantity = value ->> 4, quality_control_quantity = value ->> 5, incoming_quantity = value ->> 6,
    in_transit_quantity = value ->> 7, updated_at = ?1
FROM json_each(?2) WHERE inventory_item_id = unhex(value ->> 0) AND warehouse_id = unhex(value ->> 1)";

const INSERT_HOLDS: &str = "
INSERT INTO inventory_reservations (id, inventory_item_id, warehouse_id, quantity, confirmed_quantity, status,
    expires_at, reference_type, reference_id, created_by, created_at, updated_at)
SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
    value ->> 7, value ->> 8, value ->> 9, ?1, ?1
FROM json_each(?2)";

const UPDATE_HOLDS: &str = "
UPDATE inventory_reservations SET confirmed_quantity = value ->> 4, status = value ->> 5, expires_at = value ->> 6,
    updated_at = ?1
FROM json_each(?2) WHERE inventory_reservations.id = unhex(value ->> 0)
    AND inventory_item_id = unhex(value ->> 1) AND warehouse_id = unhex(value ->> 2)";

const INSERT_TRANSFERS: &str = "
INSERT INTO inventory_transfers (id, inventory_item_id, from_warehouse_id, to_warehouse_id, shipped_quantity,
    received_quantity, lost_quantity, reference_type, reference_id, created_by, created_at, updated_at)
SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), unhex(value ->> 3), value ->> 4, value ->> 5,
    value ->> 6, value ->> 7, value ->> 8, value ->> 9, ?1, ?1
FROM json_each(?2)";

const UPDATE_TRANSFERS: &str = "
UPDATE inventory_transfers SET received_quantity = value ->> 5, lost_quantity = value ->> 6, updated_at = ?1
FROM json_each(?2) WHERE inventory_transfers.id = unhex(value ->> 0) AND inventory_item_id = unhex(value ->> 1)";

const INSERT_SNAPSHOTS: &str = "
INSERT INTO inventory_snapshots (inventory_item_id, version, recorded_at, body)
SELECT unhex(value ->> 0), value ->> 1, ?1, value ->> 2 FROM json_each(?2)";

const INSERT_LEDGER: &str = "
INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place, from_warehouse_id,
    to_place, to_warehouse_id, reservation_id, transfer_id, reason, reference_type, reference_id, created_by, role,
    command_id, attributes, recorded_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5), value ->> 6,
    unhex(value ->> 7), unhex(value ->> 8), unhex(value ->> 9), value ->> 10, value ->> 11, value ->> 12, value ->> 13,
    value ->> 14, unhex(value ->> 15), value ->> 16, ?1
FROM json_each(?2)";

const INSERT_KEYS: &str = "
INSERT INTO idempotency_keys (scope, key, fingerprint, command_id, answer, created_at)
SELECT value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, ?1 FROM json_each(?2)";

const INSERT_OUTBOX: &str = "INSERT INTO outbox (messages, packed, created_at) VALUES (?1, ?2, ?3)";

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

fn item(item: &Item) -> Value {
    let (identity, attributes, total) = (&item.identity, &item.attributes, item.total());
    json!([
        hex(identity.id.0),
        identity.product_id,
        identity.variant_id,
        identity.sku,
        attributes.name,
        identity.owner,
        attributes.supplier,
        attributes.reorder_point,
        attributes.reorder_quantity,
        attributes.active,
        item.version,
        total.on_hand(),
        total.available,
        total.reserved,
        total.incoming,
        total.in_transit,
    ])
}

fn total(row: &TotalRow) -> Value {
    let level = row.level;
    json!([
        hex(row.item.0),
        row.version,
        level.on_hand(),
        level.available,
        level.reserved,
        level.incoming,
        level.in_transit,
    ])
}

fn level(row: &LevelRow) -> Value {
    let level = row.level;
    json!([
        hex(row.item.0),
        hex(row.location.0),
        level.available,
        level.reserved,
        level.damaged,
        level.quality_control,
        level.incoming,
        level.in_transit,
    ])
}

fn hold(row: &HoldRow) -> Value {
    let (line, cause) = (&row.line, row.cause.as_deref());
    json!([
        hex(row.hold.0),
        hex(line.item.0),
        hex(line.location.0),
        line.quantity,
        line.confirmed,
        line.status.as_str(),
        crate::time::text(line.expires_at),
        cause.and_then(|cause| cause.reference_type.as_deref()),
        cause.and_then(|cause| cause.reference_id.as_deref()),
        cause.map(|cause| cause.actor.as_str()),
    ])
}

fn transfer(row: &TransferRow) -> Value {
    let (line, cause) = (&row.line, row.cause.as_deref());
    json!([
        hex(row.transfer.0),
        hex(line.item.0),
        hex(row.from.0),
        hex(row.to.0),
        line.shipped,
        line.received,
        line.lost,
        cause.and_then(|cause| cause.reference_type.as_deref()),
        cause.and_then(|cause| cause.reference_id.as_deref()),
        cause.map(|cause| cause.actor.as_str()),
    ])
}

fn snapshot(row: &SnapshotRow) -> Value {
    json!([hex(row.item.0), row.version, row.body])
}

fn movement(row: &LedgerRow) -> Value {
    let word = |place: Option<Place>| place.map(|place| place.word());
    let location = |place: Option<Place>| place.and_then(|place| place.location()).map(|id| hex(id.0));
    json!([
        hex(row.item.0),
        row.version,
        row.kind,
        row.quantity,
        word(row.from),
        location(row.from),
        word(row.to),
        location(row.to),
        row.hold.map(|id| hex(id.0)),
        row.transfer.map(|id| hex(id.0)),
        row.cause.reason,
        row.cause.reference_type,
        row.cause.reference_id,
        row.cause.actor,
        row.cause.role,
        hex(row.cause.command_id),
        row.attributes,
    ])
}

fn key(row: &KeyRow) -> Value {
    json!([row.scope, row.key, row.fingerprint, hex(row.command_id), row.answer])
}

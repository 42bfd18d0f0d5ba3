//! What few batches write, a statement each: new items, attributes, new levels, transfers and snapshots.

use domain::{Item, Timestamp};
use sqlx::PgConnection;

use super::record::column;
use crate::writer::connection::StoreError;
use crate::writer::recording::{LevelRow, Recording, SnapshotRow, TransferRow};

/// Whether a batch has any of it.
pub(super) fn any(recording: &Recording) -> bool {
    let Recording { created, attributes, new_levels, new_transfers, transfers, snapshots, .. } = recording;
    let none = created.is_empty()
        && attributes.is_empty()
        && new_levels.is_empty()
        && new_transfers.is_empty()
        && transfers.is_empty()
        && snapshots.is_empty();
    !none
}

pub(super) async fn write(pg: &mut PgConnection, recording: &Recording) -> Result<(), StoreError> {
    let Recording { created, attributes, new_levels, new_transfers, transfers, snapshots, at, .. } =
        recording;
    if !created.is_empty() {
        insert_items(pg, created, *at).await?;
    }
    if !attributes.is_empty() {
        update_attributes(pg, attributes).await?;
    }
    if !new_levels.is_empty() {
        insert_levels(pg, new_levels, *at).await?;
    }
    if !new_transfers.is_empty() {
        insert_transfers(pg, new_transfers, *at).await?;
    }
    if !transfers.is_empty() {
        update_transfers(pg, transfers, *at).await?;
    }
    if !snapshots.is_empty() {
        insert_snapshots(pg, snapshots, *at).await?;
    }
    Ok(())
}

async fn insert_items(pg: &mut PgConnection, items: &[Item], at: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO inventory_items (id, product_id, variant_id, sku, name, owner, supplier_id, reorder_point,
                   reorder_quantity, is_active, version, total_quantity, available_quantity, reserved_quantity,
                   incoming_quantity, in_transit_quantity, created_at, updated_at)
               SELECT *, $1, $1 FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                   $8::text[], $9::bigint[], $10::bigint[], $11::bool[], $12::bigint[], $13::bigint[],
                   $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[])";
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
        .bind(column(items, |item| item.total().in_transit))
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
                   reserved_quantity, damaged_quantity, quality_control_quantity, incoming_quantity,
                   in_transit_quantity, created_at, updated_at)
               SELECT *, $1, $1 FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[],
                   $7::bigint[], $8::bigint[], $9::bigint[])";
    sqlx::query(sql)
        .bind(at)
        .bind(column(levels, |row| row.item.0))
        .bind(column(levels, |row| row.location.0))
        .bind(column(levels, |row| row.level.available))
        .bind(column(levels, |row| row.level.reserved))
        .bind(column(levels, |row| row.level.damaged))
        .bind(column(levels, |row| row.level.quality_control))
        .bind(column(levels, |row| row.level.incoming))
        .bind(column(levels, |row| row.level.in_transit))
        .execute(pg)
        .await?;
    Ok(())
}

async fn insert_transfers(
    pg: &mut PgConnection,
    rows: &[TransferRow],
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO inventory_transfers (id, inventory_item_id, from_warehouse_id, to_warehouse_id,
                   shipped_quantity, received_quantity, lost_quantity, reference_type, reference_id, created_by,
                   created_at, updated_at)
               SELECT *, $1, $1 FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[],
                   $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[])";
    sqlx::query(sql)
        .bind(at)
        .bind(column(rows, |row| row.transfer.0))
        .bind(column(rows, |row| row.line.item.0))
        .bind(column(rows, |row| row.from.0))
        .bind(column(rows, |row| row.to.0))
        .bind(column(rows, |row| row.line.shipped))
        .bind(column(rows, |row| row.line.received))
        .bind(column(rows, |row| row.line.lost))
        .bind(column(rows, |row| row.cause.as_ref()?.reference_type.as_deref()))
        .bind(column(rows, |row| row.cause.as_ref()?.reference_id.as_deref()))
        .bind(column(rows, |row| Some(row.cause.as_ref()?.actor.as_str())))
        .execute(pg)
        .await?;
    Ok(())
}

async fn update_transfers(
    pg: &mut PgConnection,
    rows: &[TransferRow],
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE inventory_transfers t SET received_quantity = n.received, lost_quantity = n.lost,
                   updated_at = $1
               FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[]) AS n(transfer, item, received, lost)
               WHERE t.id = n.transfer AND t.inventory_item_id = n.item";
    sqlx::query(sql)
        .bind(at)
        .bind(column(rows, |row| row.transfer.0))
        .bind(column(rows, |row| row.line.item.0))
        .bind(column(rows, |row| row.line.received))
        .bind(column(rows, |row| row.line.lost))
        .execute(pg)
        .await?;
    Ok(())
}

async fn insert_snapshots(
    pg: &mut PgConnection,
    rows: &[SnapshotRow],
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO inventory_snapshots (recorded_at, inventory_item_id, version, body)
               SELECT $1, * FROM unnest($2::uuid[], $3::bigint[], $4::text[])";
    sqlx::query(sql)
        .bind(at)
        .bind(column(rows, |row| row.item.0))
        .bind(column(rows, |row| row.version))
        .bind(column(rows, |row| row.body.as_str()))
        .execute(pg)
        .await?;
    Ok(())
}

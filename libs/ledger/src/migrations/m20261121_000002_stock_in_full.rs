//! What the whole set of commands needs: goods in transit, parts of holds, transfers and snapshots; the outbox in
//! parcels.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for statement in COLUMNS {
            connection.execute_unprepared(statement).await?;
        }
        let mut transfer = Table::alter();
        transfer.table("inventory_transactions").add_column(ColumnDef::new("transfer_id").uuid());
        manager.alter_table(transfer).await?;
        manager.create_table(transfers()).await?;
        manager.create_table(snapshots()).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            connection.execute_unprepared(SETTINGS).await?;
        }
        events::tables::outbox_in_parcels(manager).await
    }
}

/// Units in transit lie at the location that they go to. The index finds ledger rows by what they were for; most rows
/// are for nothing in particular, and cost it nothing.
///
/// Of holds that were confirmed before, all of it was. Holds that expired late are looked for by those who ask about
/// the past.
const COLUMNS: [&str; 6] = [
    "ALTER TABLE inventory_locations ADD COLUMN in_transit_quantity bigint NOT NULL DEFAULT 0
         CHECK (in_transit_quantity >= 0)",
    "ALTER TABLE inventory_items ADD COLUMN in_transit_quantity bigint NOT NULL DEFAULT 0",
    "ALTER TABLE inventory_reservations ADD COLUMN confirmed_quantity bigint NOT NULL DEFAULT 0",
    "UPDATE inventory_reservations SET confirmed_quantity = quantity WHERE status = 'confirmed'",
    "CREATE INDEX inventory_reservations_expired ON inventory_reservations (inventory_item_id, updated_at)
         WHERE status = 'expired'",
    "CREATE INDEX inventory_transactions_reference ON inventory_transactions (reference_id)
         WHERE reference_id IS NOT NULL",
];

/// A snapshot is read by itself: not packed away into another table.
///
/// While the outbox is made anew, nobody adds to the old one.
const SETTINGS: &str = "ALTER TABLE inventory_snapshots ALTER body SET STORAGE MAIN;
     LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE";

fn id(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.uuid().not_null();
    column
}

fn units(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null().default(0);
    column
}

fn time(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.timestamp_with_time_zone().not_null();
    column
}

/// A line a row: one item that went from one location to another.
fn transfers() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("inventory_transfers")
        .col(id("id"))
        .col(id("inventory_item_id"))
        .col(id("from_warehouse_id"))
        .col(id("to_warehouse_id"))
        .col(units("shipped_quantity"))
        .col(units("received_quantity"))
        .col(units("lost_quantity"))
        .col(ColumnDef::new("reference_type").text())
        .col(ColumnDef::new("reference_id").text())
        .col(ColumnDef::new("created_by").text().not_null())
        .col(time("created_at"))
        .col(time("updated_at"))
        .primary_key(Index::create().col("id").col("inventory_item_id"));
    table
}

/// An item as it was at a version: what its ledger up to there comes to.
fn snapshots() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("inventory_snapshots")
        .col(id("inventory_item_id"))
        .col(ColumnDef::new("version").big_integer().not_null())
        .col(time("recorded_at"))
        .col(ColumnDef::new("body").text().not_null())
        .primary_key(Index::create().col("inventory_item_id").col("version"));
    table
}

//! What was sold, by item, location and day, with how far each item's ledger is summed; and how long restock orders
//! took.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(days()).await?;
        manager.create_table(progress()).await?;
        manager.create_table(lead_times()).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(BY_SUPPLIER).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            for statement in POSTGRES {
                connection.execute_unprepared(statement).await?;
            }
        }
        Ok(())
    }
}

fn id(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.uuid().not_null();
    column
}

fn units(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null();
    column
}

fn time(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.timestamp_with_time_zone();
    column
}

/// Days on which nothing moved have no row: they follow from the row before.
fn days() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("demand_days")
        .col(id("inventory_item_id"))
        .col(id("warehouse_id"))
        .col(ColumnDef::new("day").date().not_null())
        .col(units("sold"))
        .col(units("returned"))
        .col(units("peak_available"))
        .col(units("available"))
        .col(units("on_hand"))
        .primary_key(Index::create().col("inventory_item_id").col("warehouse_id").col("day"));
    table
}

/// Up to which version each item's ledger is summed.
fn progress() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("demand_progress")
        .col(id("inventory_item_id").primary_key())
        .col(ColumnDef::new("version").big_integer().not_null());
    table
}

/// What was heard of each order: either time may come first.
fn lead_times() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("lead_times")
        .col(id("order_id"))
        .col(id("inventory_item_id"))
        .col(ColumnDef::new("supplier_id").string_len(100).not_null())
        .col(time("ordered_at"))
        .col(time("received_at"))
        .primary_key(Index::create().col("order_id").col("inventory_item_id"));
    table
}

const BY_SUPPLIER: &str = "CREATE INDEX lead_times_supplier ON lead_times (supplier_id, received_at)";

/// Today's rows are written again and again; none of what changes in them is in an index. Who asks for the last weeks
/// of all items finds them by block ranges.
const POSTGRES: [&str; 3] = [
    "ALTER TABLE demand_days SET (fillfactor = 70)",
    "ALTER TABLE demand_progress SET (fillfactor = 70)",
    "CREATE INDEX demand_days_day ON demand_days USING brin (day) WITH (autosummarize = on)",
];

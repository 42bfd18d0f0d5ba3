//! What a run needs to be run once and to be held back: its tick, its worker, its brake.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// The unique one is a rule: a tick of a supplier's schedule has one run. The others find the last success, and what is
/// old enough to go.
const INDEXES: [&str; 3] = [
    "CREATE UNIQUE INDEX sync_runs_one_per_tick ON sync_runs (supplier_id, due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX sync_runs_succeeded ON sync_runs (supplier_id, ended_at) WHERE state = 'succeeded'",
    "CREATE INDEX sync_runs_ended ON sync_runs (ended_at) WHERE ended_at IS NOT NULL",
];

/// All that this and the next migrations of one start change, in the order in which consumers take it: one that runs
/// meanwhile waits, and does not wait for what waits for it.
const LOCKS: &str = "LOCK TABLE stock_seen, restock_receipts, restock_orders, catalog, suppliers, sync_runs
    IN ACCESS EXCLUSIVE MODE";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared(LOCKS).await?;
        }
        let time = |name: &'static str| ColumnDef::new(name).timestamp_with_time_zone().to_owned();
        let text = |name: &'static str| ColumnDef::new(name).text().to_owned();
        let of_runs = [
            time("due_at"),
            text("worker"),
            text("refusals"),
            text("held_digest"),
            text("approved_digest"),
            time("approved_at"),
        ];
        // A statement a column: SQLite adds no more at once.
        for column in of_runs {
            manager.alter_table(Table::alter().table("sync_runs").add_column(column).to_owned()).await?;
        }
        let waiting = Table::alter().table("suppliers").add_column(time("waiting_tick")).to_owned();
        manager.alter_table(waiting).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}

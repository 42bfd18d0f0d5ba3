//! What is on its way between locations, and the outbox in parcels: a row a transaction.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// Of the items that are short only.
const STATEMENTS: [&str; 3] = [
    "ALTER TABLE stock_seen ADD COLUMN in_transit bigint NOT NULL DEFAULT 0",
    "DROP INDEX stock_seen_low",
    "CREATE INDEX stock_seen_low ON stock_seen (item_id)
         WHERE active AND reorder_quantity > 0 AND available + incoming + in_transit <= reorder_point",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in STATEMENTS {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            // While the outbox is made anew, nobody adds to the old one.
            let lock = "LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE";
            manager.get_connection().execute_unprepared(lock).await?;
        }
        events::tables::outbox_in_parcels(manager).await
    }
}

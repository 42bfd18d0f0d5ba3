//! The trace of whatever an order was planned for: it is sent by another task, of another replica maybe.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = "ALTER TABLE restock_orders ADD COLUMN traceparent text";
        manager.get_connection().execute_unprepared(column).await?;
        Ok(())
    }
}

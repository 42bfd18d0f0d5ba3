//! The tables of [`outbox`](crate::outbox) and [`inbox`](crate::inbox), for a service's own migrations.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

/// Creates the table `outbox`. `created_at` is filled by the database.
pub async fn create_outbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table("outbox")
        .col(ColumnDef::new("seq").big_integer().not_null().auto_increment().primary_key())
        .col(ColumnDef::new("id").uuid().not_null())
        .col(ColumnDef::new("routing_key").text().not_null())
        .col(ColumnDef::new("body").text().not_null())
        .col(ColumnDef::new("traceparent").text())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null()
                .default(Expr::current_timestamp()),
        );
    manager.create_table(table).await?;
    if manager.get_database_backend() == DbBackend::Postgres {
        // Rows come and go by the thousand while few are there: vacuum by how many went, not by the
        // share, or the relay wades through dead rows at the head of the table.
        let vacuum =
            "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)";
        manager.get_connection().execute_unprepared(vacuum).await?;
    }
    Ok(())
}

/// Creates the table `inbox`. `seen_at` is filled by the database.
pub async fn create_inbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table("inbox")
        .col(ColumnDef::new("consumer").text().not_null())
        .col(ColumnDef::new("event_id").text().not_null())
        .col(
            ColumnDef::new("seen_at")
                .timestamp_with_time_zone()
                .not_null()
                .default(Expr::current_timestamp()),
        )
        .primary_key(Index::create().col("consumer").col("event_id"));
    manager.create_table(table).await?;
    let mut index = Index::create();
    index.name("inbox_seen_at").table("inbox").col("seen_at");
    manager.create_index(index).await
}

//! The tables of [`outbox`](crate::outbox) and [`inbox`](crate::inbox), for a service's own migrations.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use serde_json::value::RawValue;

use crate::outbox::{Packed, Parcel};

/// Creates the table `outbox` as it was at first; [`outbox_in_parcels`] comes after it. `created_at` is filled by the
/// database.
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

/// Makes the table `outbox` one of parcels: a row a transaction instead of a row an event. What waits in it goes on
/// waiting.
pub async fn outbox_in_parcels(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let backend = manager.get_database_backend();
    let waiting = "SELECT id, routing_key, body, traceparent FROM outbox ORDER BY seq";
    let waiting = connection.query_all_raw(Statement::from_string(backend, waiting)).await?;
    let packed: Vec<Packed> = waiting.iter().map(packed).collect::<Result<_, _>>()?;
    manager.drop_table(Table::drop().table("outbox").to_owned()).await?;
    let mut table = Table::create();
    table
        .table("outbox")
        .col(ColumnDef::new("seq").big_integer().not_null().auto_increment().primary_key())
        .col(ColumnDef::new("messages").big_integer().not_null())
        .col(ColumnDef::new("packed").blob().not_null())
        .col(
            ColumnDef::new("created_at")
                .timestamp_with_time_zone()
                .not_null()
                .default(Expr::current_timestamp()),
        );
    manager.create_table(table).await?;
    if backend == DbBackend::Postgres {
        // Rows come and go by the thousand while few are there: vacuum by how many went, not by the share, or the
        // relay wades through dead rows at the head of the table. What is packed already is not packed again.
        let settings =
            "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000),
                            ALTER packed SET STORAGE EXTERNAL";
        connection.execute_unprepared(settings).await?;
    }
    for some in packed.chunks(PARCEL_MOST) {
        let Parcel { count, packed } = Parcel::pack(some);
        let mut insert = Query::insert();
        insert
            .into_table("outbox")
            .columns(["messages", "packed"])
            .values_panic([count.into(), packed.into()]);
        manager.execute(insert).await?;
    }
    Ok(())
}

/// How many events of the old table make a parcel.
const PARCEL_MOST: usize = 500;

fn packed(row: &QueryResult) -> Result<Packed, DbErr> {
    let body =
        RawValue::from_string(row.try_get("", "body")?).map_err(|error| DbErr::Custom(error.to_string()))?;
    let (id, routing_key) = (row.try_get("", "id")?, row.try_get("", "routing_key")?);
    Ok(Packed { id, routing_key, traceparent: row.try_get("", "traceparent")?, body })
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

//! How items are restocked (policies, price breaks), and orders that remember more: when they were asked for, what was
//! promised of them, and that more may arrive than was ordered.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// The orders are copied into a new table: SQLite cannot take back that no more is received than was ordered. Orders
/// from before were asked for when they were made, and those that are open are asked about again. A request that was under way
/// when its process died had not been counted, and may have gone out until its lease ended.
///
/// Senders of the version before go on until they are replaced: what they do not know of has defaults, and
/// [`order::Model`](crate::store::entities::order::Model) does not rely on it.
const STATEMENTS: [&str; 16] = [
    "INSERT INTO restock_orders_new (id, item_id, sku, supplier_id, supplier_sku, state, quantity, accepted, rejected,
         attempts, asks, refusals, in_doubt, taken, replaced, next_attempt_at, fence, last_error, ordered_at,
         requested_at, received_at, cancel_requested_at, created_at, updated_at)
     SELECT id, item_id, sku, supplier_id, supplier_sku, state, quantity, accepted, rejected,
         CASE WHEN in_doubt AND attempts = 0 THEN 1 ELSE attempts END, 0, 0, in_doubt, state IN ('sent', 'confirmed', 'partly_received', 'received'), false,
         CASE WHEN state IN ('planned', 'sent', 'confirmed', 'partly_received')
             THEN coalesce(next_attempt_at, updated_at) END,
         fence, last_error,
         CASE WHEN attempts > 0 OR in_doubt OR state NOT IN ('planned', 'cancelled') THEN created_at END,
         CASE WHEN in_doubt THEN coalesce(next_attempt_at, updated_at) WHEN attempts > 0 THEN updated_at END,
         CASE WHEN state = 'received' THEN updated_at END,
         CASE WHEN state = 'cancelled' THEN updated_at END,
         created_at, updated_at
     FROM restock_orders",
    "DROP TABLE restock_orders",
    "ALTER TABLE restock_orders_new RENAME TO restock_orders",
    "CREATE UNIQUE INDEX restock_orders_one_open ON restock_orders (item_id)
         WHERE state IN ('planned', 'sent', 'confirmed', 'partly_received')",
    "CREATE INDEX restock_orders_due ON restock_orders (next_attempt_at) WHERE next_attempt_at IS NOT NULL",
    "CREATE INDEX restock_orders_of_item ON restock_orders (item_id, id)",
    "CREATE INDEX restock_orders_of_supplier ON restock_orders (supplier_id, id)",
    "ALTER TABLE restock_receipts ADD COLUMN awaited bigint NOT NULL DEFAULT 0",
    "UPDATE restock_receipts SET awaited = accepted",
    "ALTER TABLE stock_seen ADD COLUMN product_id text NOT NULL DEFAULT ''",
    "CREATE INDEX stock_seen_by_sku ON stock_seen (sku)",
    "CREATE INDEX stock_seen_by_product ON stock_seen (product_id)",
    "CREATE INDEX catalog_by_our_sku ON catalog (sku)",
    "CREATE TABLE price_breaks (supplier_id text NOT NULL, product_id text NOT NULL, quantity bigint NOT NULL,
         unit_cost text NOT NULL, PRIMARY KEY (supplier_id, product_id, quantity))",
    "CREATE INDEX restock_orders_open ON restock_orders (state)
         WHERE state IN ('planned', 'sent', 'confirmed', 'partly_received')",
    "CREATE INDEX restock_receipts_by_reference ON restock_receipts (order_id, reference)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            // While the orders are copied, nobody changes the old ones.
            connection.execute_unprepared("LOCK TABLE restock_orders IN ACCESS EXCLUSIVE MODE").await?;
        }
        manager.create_table(restock_orders()).await?;
        manager.create_table(restock_policies()).await?;
        for statement in STATEMENTS {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}

fn column(name: &'static str) -> ColumnDef {
    ColumnDef::new(name)
}

fn restock_orders() -> TableCreateStatement {
    Table::create()
        .table("restock_orders_new")
        .col(column("id").uuid().not_null().primary_key())
        .col(column("item_id").uuid().not_null())
        .col(column("sku").text().not_null())
        .col(column("supplier_id").text().not_null())
        .col(column("supplier_sku").text().not_null())
        .col(column("state").text().not_null())
        .col(column("quantity").big_integer().not_null().check(Expr::col("quantity").gt(0)))
        .col(column("confirmed_quantity").big_integer())
        .col(column("unit_cost").text())
        .col(column("accepted").big_integer().not_null().check(Expr::col("accepted").gte(0)))
        .col(column("rejected").big_integer().not_null().check(Expr::col("rejected").gte(0)))
        .col(column("attempts").integer().not_null())
        .col(column("asks").integer().not_null().default(0))
        .col(column("refusals").integer().not_null().default(0))
        .col(column("in_doubt").boolean().not_null())
        .col(column("taken").boolean().not_null().default(false))
        .col(column("replaced").boolean().not_null().default(false))
        .col(column("next_attempt_at").timestamp_with_time_zone())
        .col(column("fence").integer().not_null())
        .col(column("last_error").text())
        .col(column("ordered_at").timestamp_with_time_zone())
        .col(column("requested_at").timestamp_with_time_zone())
        .col(column("promised_at").timestamp_with_time_zone())
        .col(column("expected_at").timestamp_with_time_zone())
        .col(column("received_at").timestamp_with_time_zone())
        .col(column("cancel_requested_at").timestamp_with_time_zone())
        .col(column("created_at").timestamp_with_time_zone().not_null())
        .col(column("updated_at").timestamp_with_time_zone().not_null())
        .to_owned()
}

fn restock_policies() -> TableCreateStatement {
    Table::create()
        .table("restock_policies")
        .col(column("item_id").uuid().not_null().primary_key())
        .col(column("reorder_point").big_integer())
        .col(column("reorder_quantity").big_integer())
        .col(column("order_up_to").big_integer())
        .col(column("maximum_order").big_integer())
        .col(column("snoozed_until").timestamp_with_time_zone())
        .col(column("preferred_supplier_id").text())
        .col(column("lead_time_days").integer())
        .col(column("version").big_integer().not_null())
        .col(column("updated_at").timestamp_with_time_zone().not_null())
        .to_owned()
}

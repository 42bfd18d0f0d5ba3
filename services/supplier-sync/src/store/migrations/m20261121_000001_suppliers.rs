//! Suppliers, catalogs, sync runs, restock orders and their receipts, and stock as events told it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// Indexes with a condition, the same text on both engines. The two unique ones are rules, not help: one open run
/// per supplier, one open order per item.
const INDEXES: [&str; 9] = [
    "CREATE UNIQUE INDEX sync_runs_one_open ON sync_runs (supplier_id) WHERE state IN ('queued', 'running')",
    "CREATE INDEX sync_runs_of_supplier ON sync_runs (supplier_id, id)",
    "CREATE UNIQUE INDEX restock_orders_one_open ON restock_orders (item_id) \
     WHERE state IN ('planned', 'sent', 'confirmed', 'partly_received')",
    "CREATE INDEX restock_orders_due ON restock_orders (next_attempt_at) WHERE next_attempt_at IS NOT NULL",
    "CREATE INDEX restock_orders_of_item ON restock_orders (item_id, id)",
    "CREATE INDEX restock_receipts_unsettled ON restock_receipts (item_id) WHERE NOT settled",
    "CREATE INDEX restock_receipts_of_order ON restock_receipts (order_id)",
    "CREATE INDEX catalog_by_sku ON catalog (supplier_id, sku)",
    "CREATE INDEX stock_seen_low ON stock_seen (item_id) \
     WHERE active AND reorder_quantity > 0 AND available + incoming <= reorder_point",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [suppliers(), catalog(), sync_runs(), restock_orders(), restock_receipts(), stock_seen()]
        {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        platform::idempotency::create_table(manager).await?;
        events::tables::create_outbox(manager).await?;
        events::tables::create_inbox(manager).await
    }
}

fn column(name: &'static str) -> ColumnDef {
    ColumnDef::new(name)
}

fn suppliers() -> TableCreateStatement {
    Table::create()
        .table("suppliers")
        .col(column("id").text().not_null().primary_key())
        .col(column("name").text().not_null())
        .col(column("contact_email").text())
        .col(column("adapter").text())
        .col(column("base_url").text())
        .col(column("options").text())
        .col(column("credential").text())
        .col(column("lead_time_days").integer().not_null())
        .col(column("sku_prefix").text().not_null())
        .col(column("cron").text())
        .col(column("zone").text())
        .col(column("missed").text())
        .col(column("scheduled_from").timestamp_with_time_zone())
        .col(column("active").boolean().not_null())
        .col(column("version").big_integer().not_null())
        .col(column("created_at").timestamp_with_time_zone().not_null())
        .col(column("updated_at").timestamp_with_time_zone().not_null())
        .to_owned()
}

fn catalog() -> TableCreateStatement {
    Table::create()
        .table("catalog")
        .col(column("supplier_id").text().not_null())
        .col(column("product_id").text().not_null())
        .col(column("supplier_sku").text().not_null())
        .col(column("sku").text().not_null())
        .col(column("name").text().not_null())
        .col(column("cost").text())
        .col(column("pack_size").big_integer().not_null())
        .col(column("minimum_order").big_integer().not_null())
        .col(column("supplier_stock").big_integer())
        .col(column("stamp").timestamp_with_time_zone())
        .col(column("active").boolean().not_null())
        .col(column("updated_at").timestamp_with_time_zone().not_null())
        .primary_key(Index::create().col("supplier_id").col("product_id"))
        .to_owned()
}

fn sync_runs() -> TableCreateStatement {
    Table::create()
        .table("sync_runs")
        .col(column("id").uuid().not_null().primary_key())
        .col(column("supplier_id").text().not_null())
        .col(column("state").text().not_null())
        .col(column("cause").text().not_null())
        .col(column("override_brake").boolean().not_null())
        .col(column("queued_at").timestamp_with_time_zone().not_null())
        .col(column("started_at").timestamp_with_time_zone())
        .col(column("ended_at").timestamp_with_time_zone())
        .col(column("leased_until").timestamp_with_time_zone())
        .col(column("fence").integer().not_null())
        .col(column("added").big_integer().not_null())
        .col(column("updated").big_integer().not_null())
        .col(column("deactivated").big_integer().not_null())
        .col(column("unchanged").big_integer().not_null())
        .col(column("refused").big_integer().not_null())
        .col(column("error").text())
        .to_owned()
}

fn restock_orders() -> TableCreateStatement {
    Table::create()
        .table("restock_orders")
        .col(column("id").uuid().not_null().primary_key())
        .col(column("item_id").uuid().not_null())
        .col(column("sku").text().not_null())
        .col(column("supplier_id").text().not_null())
        .col(column("supplier_sku").text().not_null())
        .col(column("state").text().not_null())
        .col(column("quantity").big_integer().not_null().check(Expr::col("quantity").gt(0)))
        .col(column("accepted").big_integer().not_null().check(Expr::col("accepted").gte(0)))
        .col(column("rejected").big_integer().not_null().check(Expr::col("rejected").gte(0)))
        .col(column("attempts").integer().not_null())
        .col(column("in_doubt").boolean().not_null())
        .col(column("next_attempt_at").timestamp_with_time_zone())
        .col(column("fence").integer().not_null())
        .col(column("last_error").text())
        .col(column("created_at").timestamp_with_time_zone().not_null())
        .col(column("updated_at").timestamp_with_time_zone().not_null())
        .check(Expr::cust("accepted + rejected <= quantity"))
        .to_owned()
}

fn restock_receipts() -> TableCreateStatement {
    Table::create()
        .table("restock_receipts")
        .col(column("id").uuid().not_null().primary_key())
        .col(column("order_id").uuid().not_null())
        .col(column("item_id").uuid().not_null())
        .col(column("accepted").big_integer().not_null())
        .col(column("rejected").big_integer().not_null())
        .col(column("reference").text())
        .col(column("received_at").timestamp_with_time_zone().not_null())
        .col(column("settled").boolean().not_null())
        .to_owned()
}

fn stock_seen() -> TableCreateStatement {
    Table::create()
        .table("stock_seen")
        .col(column("item_id").uuid().not_null().primary_key())
        .col(column("sku").text().not_null())
        .col(column("owner").text().not_null())
        .col(column("supplier_id").text())
        .col(column("version").big_integer().not_null())
        .col(column("available").big_integer().not_null())
        .col(column("incoming").big_integer().not_null())
        .col(column("reorder_point").big_integer().not_null())
        .col(column("reorder_quantity").big_integer().not_null())
        .col(column("active").boolean().not_null())
        .col(column("updated_at").timestamp_with_time_zone().not_null())
        .to_owned()
}

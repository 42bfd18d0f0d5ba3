//! Items, locations, levels, the append-only ledger, holds, suppliers' names, idempotency keys and the outbox.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(warehouses()).await?;
        manager.create_table(items()).await?;
        manager.create_table(levels()).await?;
        manager.create_table(ledger()).await?;
        manager.create_table(holds()).await?;
        manager.create_table(supplier_names()).await?;
        platform::idempotency::create_table(manager).await?;
        events::tables::create_outbox(manager).await?;
        let connection = manager.get_connection();
        let own = match manager.get_database_backend() {
            DbBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        for statement in INDEXES.iter().chain(own) {
            connection.execute_unprepared(statement).await?;
        }
        manager.execute(first_warehouse()).await
    }
}

fn text(name: &'static str, longest: u32) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.string_len(longest).not_null();
    column
}

fn optional(name: &'static str, longest: u32) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.string_len(longest);
    column
}

fn units(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null().default(0);
    column
}

fn id(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.uuid().not_null();
    column
}

fn flag(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.boolean().not_null().default(true);
    column
}

fn time(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.timestamp_with_time_zone().not_null();
    column
}

fn warehouses() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("warehouses")
        .col(id("id").primary_key())
        .col(text("code", 50).unique_key())
        .col(text("name", 200))
        .col(text("address", 200).default(""))
        .col(text("city", 100).default(""))
        .col(text("state", 100).default(""))
        .col(text("country", 100).default(""))
        .col(text("postal_code", 20).default(""))
        .col(ColumnDef::new("priority").integer().not_null().default(100))
        .col(flag("is_active"))
        .col(time("created_at"))
        .col(time("updated_at"));
    table
}

fn items() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("inventory_items")
        .col(id("id").primary_key())
        .col(text("product_id", 100))
        .col(optional("variant_id", 100))
        .col(text("sku", 100).unique_key())
        .col(text("name", 200))
        .col(text("owner", 200))
        .col(optional("supplier_id", 100))
        .col(units("reorder_point"))
        .col(units("reorder_quantity"))
        .col(flag("is_active"))
        .col(units("version"))
        .col(units("total_quantity"))
        .col(units("available_quantity"))
        .col(units("reserved_quantity"))
        .col(units("incoming_quantity"))
        .col(time("created_at"))
        .col(time("updated_at"));
    table
}

fn levels() -> TableCreateStatement {
    let mut item = ForeignKey::create();
    item.from("inventory_locations", "inventory_item_id").to("inventory_items", "id");
    let mut warehouse = ForeignKey::create();
    warehouse.from("inventory_locations", "warehouse_id").to("warehouses", "id");
    let mut table = Table::create();
    table
        .table("inventory_locations")
        .col(id("inventory_item_id"))
        .col(id("warehouse_id"))
        .col(units("available_quantity").check(Expr::cust("available_quantity >= 0")))
        .col(units("reserved_quantity").check(Expr::cust("reserved_quantity >= 0")))
        .col(units("damaged_quantity").check(Expr::cust("damaged_quantity >= 0")))
        .col(units("quality_control_quantity").check(Expr::cust("quality_control_quantity >= 0")))
        .col(units("incoming_quantity").check(Expr::cust("incoming_quantity >= 0")))
        .col(time("created_at"))
        .col(time("updated_at"))
        .primary_key(Index::create().col("inventory_item_id").col("warehouse_id"))
        .foreign_key(&mut item)
        .foreign_key(&mut warehouse);
    table
}

/// Who and what for is other systems' text: of any length, for one that does not fit would stop its whole batch.
///
/// No foreign key: the ledger is written a thousand rows a second, items are never deleted, and the audit
/// names a row without an item.
fn ledger() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("inventory_transactions")
        .col(id("inventory_item_id"))
        .col(ColumnDef::new("version").big_integer().not_null())
        .col(text("kind", 20))
        .col(units("quantity"))
        .col(optional("from_place", 20))
        .col(ColumnDef::new("from_warehouse_id").uuid())
        .col(optional("to_place", 20))
        .col(ColumnDef::new("to_warehouse_id").uuid())
        .col(ColumnDef::new("reservation_id").uuid())
        .col(optional("reason", 500))
        .col(ColumnDef::new("reference_type").text())
        .col(ColumnDef::new("reference_id").text())
        .col(ColumnDef::new("created_by").text().not_null())
        .col(text("role", 20))
        .col(id("command_id"))
        .col(ColumnDef::new("attributes").text())
        .col(time("recorded_at"))
        .primary_key(Index::create().col("inventory_item_id").col("version"));
    table
}

fn holds() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("inventory_reservations")
        .col(id("id"))
        .col(id("inventory_item_id"))
        .col(id("warehouse_id"))
        .col(units("quantity"))
        .col(text("status", 20))
        .col(time("expires_at"))
        .col(ColumnDef::new("reference_type").text())
        .col(ColumnDef::new("reference_id").text())
        .col(ColumnDef::new("created_by").text().not_null())
        .col(time("created_at"))
        .col(time("updated_at"))
        .primary_key(Index::create().col("id").col("inventory_item_id").col("warehouse_id"));
    table
}

/// As supplier-sync tells them. An item may have a supplier that has no name here.
fn supplier_names() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("supplier_names")
        .col(text("supplier_id", 100).primary_key())
        .col(text("name", 200))
        .col(time("updated_at"));
    table
}

/// So that goods have somewhere to go on the first day. Its id is fixed: migrations of replicas agree on it.
fn first_warehouse() -> InsertStatement {
    let mut insert = Query::insert();
    insert.into_table("warehouses").columns(["id", "code", "name", "created_at", "updated_at"]).values_panic(
        [
            Expr::value(uuid::uuid!("01930000-0000-7000-8000-000000000001")),
            Expr::value("main"),
            Expr::value("Main warehouse"),
            Expr::current_timestamp(),
            Expr::current_timestamp(),
        ],
    );
    insert
}

/// A product without variants is one item; `NULL` would let it be many. Open holds are few among all that ever
/// were: both ways of looking for them see only those.
const INDEXES: [&str; 3] = [
    "CREATE UNIQUE INDEX inventory_items_product_variant ON inventory_items (product_id, coalesce(variant_id, ''))",
    "CREATE INDEX inventory_reservations_open ON inventory_reservations (inventory_item_id) WHERE status = 'open'",
    "CREATE INDEX inventory_reservations_due ON inventory_reservations (expires_at) WHERE status = 'open'",
];

/// Rows that change on every command leave room on their page for the next version (HOT updates). Indexes by time
/// are block ranges, which cost a command nothing. Keys and SKUs compare by bytes: a locale's order costs ten times
/// as much and is nobody's wish. The ledger refuses what would rewrite it.
const POSTGRES: &[&str] = &[
    "ALTER TABLE idempotency_keys ALTER scope TYPE varchar COLLATE \"C\", ALTER key TYPE varchar COLLATE \"C\"",
    "ALTER TABLE inventory_items ALTER sku TYPE varchar(100) COLLATE \"C\",
         ALTER product_id TYPE varchar(100) COLLATE \"C\"",
    "ALTER TABLE inventory_items SET (fillfactor = 70)",
    "ALTER TABLE inventory_locations SET (fillfactor = 70)",
    "CREATE INDEX inventory_transactions_recorded ON inventory_transactions USING brin (recorded_at)",
    "DROP INDEX idempotency_keys_created_at",
    "CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at)",
    "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN RAISE EXCEPTION 'inventory_transactions is append-only'; END $$",
    "CREATE TRIGGER inventory_transactions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
     ON inventory_transactions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
];

const SQLITE: &[&str] = &[
    "CREATE TRIGGER inventory_transactions_no_update BEFORE UPDATE ON inventory_transactions
     BEGIN SELECT RAISE(ABORT, 'inventory_transactions is append-only'); END",
    "CREATE TRIGGER inventory_transactions_no_delete BEFORE DELETE ON inventory_transactions
     BEGIN SELECT RAISE(ABORT, 'inventory_transactions is append-only'); END",
];

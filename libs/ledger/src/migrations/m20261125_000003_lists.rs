//! What makes lists quick: indexes on what sales do not change, how each item stands in a table of its own, and the
//! search for a part of a text.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(standings()).await?;
        let own = match manager.get_database_backend() {
            DbBackend::Postgres => postgres(),
            _ => sqlite(),
        };
        let connection = manager.get_connection();
        let fill = format!("{KEEP} SELECT i.id, i.sku, {} FROM inventory_items i", standing("i"));
        // Filled before it is indexed: that takes half as long. Triggers come before either, so that nothing is missed.
        for statement in own.iter().chain([&fill]).map(String::as_str).chain(INDEXES) {
            connection.execute_unprepared(statement).await?;
        }
        let some = Query::select().expr(Expr::val(1)).from("inventory_items").limit(1).take();
        if connection.query_one(&some).await?.is_some() {
            connection.execute_unprepared(ANALYZE).await?;
        }
        Ok(())
    }
}

/// How each item stands by what is written down, without holds that are over and not recorded so. The SKU is here
/// once more, so that those that stand alike are found in its order.
fn standings() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("inventory_standings")
        .col(ColumnDef::new("inventory_item_id").uuid().not_null().primary_key())
        .col(ColumnDef::new("sku").string_len(100).not_null())
        .col(ColumnDef::new("standing").string_len(20).not_null());
    table
}

/// How a row of items stands, in the words of `Standing`.
fn standing(row: &str) -> String {
    format!(
        "CASE WHEN NOT {row}.is_active THEN 'inactive' WHEN {row}.available_quantity <= 0 THEN 'out_of_stock'
             WHEN {row}.available_quantity <= {row}.reorder_point THEN 'low_stock' ELSE 'in_stock' END"
    )
}

const KEEP: &str = "INSERT INTO inventory_standings (inventory_item_id, sku, standing)";

/// None is on what a sale changes: the writer's updates stay on their page (HOT). Those that are short are few.
const INDEXES: [&str; 5] = [
    "CREATE INDEX inventory_standings_standing ON inventory_standings (standing, sku)",
    "CREATE INDEX inventory_standings_short ON inventory_standings (sku)
         WHERE standing IN ('low_stock', 'out_of_stock')",
    "CREATE INDEX inventory_items_owner ON inventory_items (owner, sku)",
    "CREATE INDEX inventory_items_supplier ON inventory_items (supplier_id, sku)",
    "CREATE INDEX inventory_locations_warehouse ON inventory_locations (warehouse_id, inventory_item_id)",
];

/// Without it the first questions would be planned for an empty table. An empty table is not analysed: the writer's
/// statements would be planned for one that stays so.
const ANALYZE: &str = "ANALYZE";

/// Sales fire the trigger only where one crosses a line. Meanwhile the item is locked, so nobody else is at its row.
fn postgres() -> Vec<String> {
    vec![
        "ALTER TABLE inventory_standings ALTER sku TYPE varchar(100) COLLATE \"C\"".to_owned(),
        format!(
            "CREATE FUNCTION keep_standing() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 {KEEP} VALUES (new.id, new.sku, {})
                     ON CONFLICT (inventory_item_id) DO UPDATE SET standing = excluded.standing;
                 RETURN NULL;
             END $$",
            standing("new")
        ),
        "CREATE TRIGGER inventory_items_created AFTER INSERT ON inventory_items
             FOR EACH ROW EXECUTE FUNCTION keep_standing()"
            .to_owned(),
        format!(
            "CREATE TRIGGER inventory_items_crossed AFTER UPDATE ON inventory_items FOR EACH ROW
             WHEN (({}) <> ({})) EXECUTE FUNCTION keep_standing()",
            standing("old"),
            standing("new")
        ),
        "CREATE INDEX inventory_items_name ON inventory_items ((lower(name) COLLATE \"C\"), sku)".to_owned(),
        // Who follows the ledger asks for its last rows, which the index knew only after the next vacuum.
        "ALTER INDEX inventory_transactions_recorded SET (autosummarize = on)".to_owned(),
        TRIGRAMS.to_owned(),
    ]
}

/// The extension is trusted since PostgreSQL 13: whoever may create tables in the database may create it. Where it is
/// not installed or not allowed, searching goes without the index and reads every item; OPERATIONS says how to add
/// it later. It may live in another schema.
const TRIGRAMS: &str = r#"
DO $$
DECLARE home text;
BEGIN
    BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
    EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN
        RAISE WARNING 'no extension pg_trgm (%): searching for text will read every item', SQLERRM;
    END;
    SELECT n.nspname INTO home FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname = 'pg_trgm';
    IF home IS NOT NULL THEN
        EXECUTE format('CREATE INDEX inventory_items_text ON inventory_items USING gin
            ((lower((chr(10) || sku || chr(10) || product_id || chr(10) || name) COLLATE "default")) %I.gin_trgm_ops)',
            home);
    END IF;
END $$"#;

fn sqlite() -> Vec<String> {
    let keep = format!(
        "BEGIN DELETE FROM inventory_standings WHERE inventory_item_id = new.id;
             {KEEP} VALUES (new.id, new.sku, {}); END",
        standing("new")
    );
    vec![
        format!("CREATE TRIGGER inventory_items_created AFTER INSERT ON inventory_items {keep}"),
        format!(
            "CREATE TRIGGER inventory_items_crossed AFTER UPDATE ON inventory_items WHEN ({}) <> ({}) {keep}",
            standing("old"),
            standing("new"),
        ),
        "CREATE INDEX inventory_items_name ON inventory_items (lower(name), sku)".to_owned(),
    ]
}

//! A shop of any size, written straight into the tables as if commands had been, so that the audit is clean.
//!
//! The first item was made by the writer: what it left is copied for the others, each with its own name, owner,
//! supplier and units. Of fifty one is inactive, of two hundred one has nothing, of sixty one has little.

use sqlx::{AssertSqlSafe, PgPool};

/// The nth item: `id`, `sku`, `name`, `owner`, `supplier`, `units`, `age`. Spread so that what is alike does not lie
/// together, but for SKUs.
const GOODS: &str = "
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id, 'SKU-' || lpad(n::text, 7, '0') AS sku,
    'product-' || n AS product, c.colours[1 + h % 8] || ' ' || c.things[1 + h / 8 % 10] || ' no. ' || to_hex(h) AS name,
    CASE WHEN h % 2 = 0 THEN 'large' ELSE 'brand-' || h / 2 % 500 END AS owner, 'supplier-' || h % 50 AS supplier,
    CASE WHEN h % 200 = 0 THEN 0 WHEN h % 60 = 1 THEN 1 + h % 9 ELSE (10 + exp(h % 1009 / 144.0))::bigint END AS units,
    h % 50 <> 7 AS active, h % 100000 * interval '1 second' AS age
FROM generate_series(1, $1) AS n
CROSS JOIN LATERAL (SELECT n::bigint * 2654435761 % 4294967291 AS h) AS hashed
CROSS JOIN (SELECT ARRAY['Green', 'Black', 'White', 'Red', 'Blue', 'Wild', 'Plain', 'Fine'] AS colours,
    ARRAY['tea', 'coffee', 'mug', 'kettle', 'spoon', 'tin', 'box', 'filter', 'strainer', 'jug'] AS things) AS c";

/// What has nothing was created and no more.
const STATEMENTS: [&str; 3] = [
    "INSERT INTO inventory_items (id, product_id, sku, name, owner, supplier_id, reorder_point, reorder_quantity,
         is_active, version, total_quantity, available_quantity, created_at, updated_at)
     SELECT id, product, sku, name, owner, supplier, 10, 100, active, CASE WHEN units > 0 THEN 2 ELSE 1 END, units, units,
         now() - interval '2 days', now() - age FROM goods",
    "INSERT INTO inventory_locations (inventory_item_id, warehouse_id, available_quantity, created_at, updated_at)
     SELECT goods.id, w.id, units, now(), now() FROM goods CROSS JOIN warehouses w WHERE units > 0",
    "INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place, from_warehouse_id,
         to_place, to_warehouse_id, reason, created_by, role, command_id, attributes, recorded_at)
     SELECT goods.id, t.version, t.kind, CASE WHEN t.version = 1 THEN t.quantity ELSE units END, t.from_place,
         t.from_warehouse_id, t.to_place, t.to_warehouse_id, t.reason, t.created_by, t.role, t.command_id, t.attributes,
         now() - age FROM goods CROSS JOIN inventory_transactions t
     WHERE t.inventory_item_id = '$FIRST' AND (t.version = 1 OR units > 0)",
];

/// Fills a database that has one item.
pub(crate) async fn seed(pool: &PgPool, items: usize) {
    let first: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM inventory_items").fetch_one(pool).await.unwrap();
    for statement in STATEMENTS {
        let sql = format!("WITH goods AS ({GOODS}) {}", statement.replace("$FIRST", &first.to_string()));
        sqlx::query(AssertSqlSafe(sql)).bind(i32::try_from(items).unwrap()).execute(pool).await.unwrap();
    }
    // What a server does by itself in the hours that books take to grow.
    for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        sqlx::raw_sql(statement).execute(pool).await.unwrap();
    }
}

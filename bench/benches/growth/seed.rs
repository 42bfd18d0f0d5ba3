//! Books of any size, written straight into the tables as if commands had been, so that the audit is clean.
//!
//! The first item was made by the writer: what it left in each table is copied for the others, and then history is
//! added: a sale, its return, a sale, its return.

use std::sync::Arc;

use domain::ItemId;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::books::Size;

/// Items made by one statement.
const ITEMS_AT_ONCE: usize = 100_000;
/// Ledger rows written by one statement, or a little more.
const ROWS_AT_ONCE: usize = 500_000;
/// How many versions the first item has: it was created, and goods came.
const BEGUN_WITH: usize = 2;
/// As the writer takes them.
const SNAPSHOT_EVERY: i64 = 1_000;

/// The ids of all items, numbered from 1: those of the nth is made of n, so that SQL can make it too.
const ITEM: &str = "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";

/// Fills a database that has one item, and returns all of them.
pub(crate) async fn seed(pg: &mut PgConnection, size: Size) -> Arc<[ItemId]> {
    let first: Uuid = sqlx::query_scalar("SELECT id FROM inventory_items").fetch_one(&mut *pg).await.unwrap();
    let mut made = 1;
    while made < size.items {
        let upto = size.items.min(made + ITEMS_AT_ONCE);
        items(pg, first, made, upto - 1).await;
        made = upto;
        eprintln!("{}: {made} of {} items", size.name, size.items);
    }
    history(pg, size).await;
    // What a server does by itself in the hours that books take to grow.
    for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        sqlx::raw_sql(statement).execute(&mut *pg).await.unwrap();
    }
    let numbered = (1..size.items).map(|n| Uuid::from_u128(FIRST + n as u128));
    std::iter::once(first).chain(numbered).map(ItemId).collect()
}

/// What [`ITEM`] makes of nothing.
const FIRST: u128 = 0x0000_0000_0000_7000_8000_0000_0000_0000;

/// Copies the first item, its level and its ledger rows for each number.
async fn items(pg: &mut PgConnection, first: Uuid, from: usize, to: usize) {
    let columns = [
        ("inventory_items", vec![("id", ITEM), ("sku", "'SKU-' || n"), ("product_id", "'product-' || n")]),
        ("inventory_locations", vec![("inventory_item_id", ITEM)]),
        (
            "inventory_transactions",
            vec![
                ("inventory_item_id", ITEM),
                (
                    "attributes",
                    "replace(replace(t.attributes, '\"SKU-0\"', '\"SKU-' || n || '\"'),
                         '\"product-0\"', '\"product-' || n || '\"')",
                ),
            ],
        ),
    ];
    for (table, changed) in columns {
        let named: Vec<String> = sqlx::query_scalar(
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position",
        )
        .bind(table)
        .fetch_all(&mut *pg)
        .await
        .unwrap();
        let value = |name: &String| {
            let own = changed.iter().find(|(column, _)| column == name);
            own.map_or_else(|| format!("t.{name}"), |(_, value)| (*value).to_owned())
        };
        let values: Vec<String> = named.iter().map(value).collect();
        let id = changed[0].0;
        let sql = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM generate_series({from}, {to}) AS n
             CROSS JOIN {table} t WHERE t.{id} = $1",
            named.join(", "),
            values.join(", "),
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(first).execute(&mut *pg).await.unwrap();
    }
}

/// Sells and takes back one unit of every item, over and over: the level stays, the ledger grows.
async fn history(pg: &mut PgConnection, size: Size) {
    let each = size.ledger_rows / size.items / 2 * 2;
    if each == 0 {
        return;
    }
    let some = (ROWS_AT_ONCE / each).max(1);
    let rows = sqlx::query("SELECT id FROM inventory_items ORDER BY id").fetch_all(&mut *pg).await.unwrap();
    let items: Vec<Uuid> = rows.iter().map(|row| row.get("id")).collect();
    let (first, last) = ((BEGUN_WITH + 1) as i64, (BEGUN_WITH + each) as i64);
    for (number, some) in items.chunks(some).enumerate() {
        for statement in [LEDGER, SNAPSHOTS] {
            let query = sqlx::query(statement).bind(some).bind(first).bind(last).bind(SNAPSHOT_EVERY);
            query.execute(&mut *pg).await.unwrap();
        }
        let done = (number * ROWS_AT_ONCE).min(size.ledger_rows);
        eprintln!("{}: {done} of {} ledger rows", size.name, size.ledger_rows);
    }
    let sql = "UPDATE inventory_items SET version = $1, updated_at = now()";
    sqlx::query(sql).bind(last).execute(&mut *pg).await.unwrap();
}

/// Odd versions sell, even ones take back. They lie between the item's last change and now.
const LEDGER: &str = "
INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place, from_warehouse_id, to_place,
    to_warehouse_id, reason, created_by, role, command_id, recorded_at)
SELECT i.id, v, CASE WHEN sold THEN 'decreased' ELSE 'returned' END, 1,
    CASE WHEN sold THEN 'available' ELSE 'customer' END, CASE WHEN sold THEN l.warehouse_id END,
    CASE WHEN sold THEN 'customer' ELSE 'available' END, CASE WHEN NOT sold THEN l.warehouse_id END,
    'sale', 'bench', 'service', gen_random_uuid(),
    i.updated_at + (now() - i.updated_at) * ((v - $2)::float8 / ($3 - $2 + $4))
FROM inventory_items i JOIN inventory_locations l ON l.inventory_item_id = i.id
CROSS JOIN generate_series($2, $3) AS v CROSS JOIN LATERAL (SELECT v % 2 = 1 AS sold) AS s
WHERE i.id = ANY($1) ORDER BY i.id, v";

/// At each multiple the last sale has been taken back.
const SNAPSHOTS: &str = "
INSERT INTO inventory_snapshots (inventory_item_id, version, recorded_at, body)
SELECT t.inventory_item_id, t.version, t.recorded_at, jsonb_build_object(
    'attributes', jsonb_build_object('name', i.name, 'supplier', i.supplier_id, 'reorder_point', i.reorder_point,
        'reorder_quantity', i.reorder_quantity, 'active', i.is_active),
    'levels', jsonb_build_object(l.warehouse_id::text, jsonb_build_object('available', l.available_quantity,
        'reserved', 0, 'damaged', 0, 'quality_control', 0, 'incoming', 0, 'in_transit', 0)))::text
FROM inventory_transactions t JOIN inventory_items i ON i.id = t.inventory_item_id
JOIN inventory_locations l ON l.inventory_item_id = i.id
WHERE t.inventory_item_id = ANY($1) AND t.version BETWEEN $2 AND $3 AND t.version % $4 = 0";

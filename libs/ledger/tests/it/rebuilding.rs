//! What follows from the ledger, taken away or changed by hand and made again.

use std::time::Duration;

use ledger::rebuild::{How, Rebuilt, rebuild};
use rstest::rstest;
use sea_orm::{ConnectionTrait, Statement};
use testkit::Backend;

use crate::books::{Books, open, sell};
use crate::past::random_history;

const TABLES: [(&str, &str); 5] = [
    ("inventory_items", "id"),
    ("inventory_locations", "inventory_item_id, warehouse_id"),
    ("inventory_reservations", "id, inventory_item_id, warehouse_id"),
    ("inventory_transfers", "id, inventory_item_id"),
    ("inventory_snapshots", "inventory_item_id, version"),
];

/// Every row of every table that is rebuilt, as the database writes it.
async fn dump(books: &Books) -> Vec<String> {
    let backend = books.db.get_database_backend();
    let mut rows = vec![];
    for (table, key) in TABLES {
        let sql = match books.stage.backend {
            Backend::Real => format!("SELECT row_to_json(t)::text AS row FROM {table} t ORDER BY {key}"),
            Backend::Embedded => {
                let columns = format!(
                    "SELECT group_concat('quote(' || name || ')', ' || '','' || ') AS row
                    FROM pragma_table_info('{table}')"
                );
                let columns = books.db.query_one_raw(Statement::from_string(backend, columns)).await.unwrap();
                let columns: String = columns.unwrap().try_get("", "row").unwrap();
                format!("SELECT {columns} AS row FROM {table} ORDER BY {key}")
            }
        };
        for row in books.db.query_all_raw(Statement::from_string(backend, sql)).await.unwrap() {
            rows.push(format!("{table}: {}", row.try_get::<String>("", "row").unwrap()));
        }
    }
    rows
}

async fn made_again(books: &Books, dry_run: bool) -> Rebuilt {
    let how = How { dry_run, settled: Duration::from_millis(1) };
    let rebuilt = rebuild(&books.db, how, |_| ()).await.unwrap();
    assert_eq!(rebuilt.broken, []);
    rebuilt
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_or_changed_is_made_again_byte_by_byte(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let items = random_history(&books, 12_000).await;
    let before = dump(&books).await;
    for (table, _) in TABLES {
        assert!(before.iter().any(|row| row.starts_with(table)), "{table}: the history was too short");
    }
    let sound = made_again(&books, false).await;
    assert!(sound.is_clean(), "{:#?}", sound.changed);
    assert_eq!(dump(&books).await, before);
    let garble = [
        "DELETE FROM inventory_reservations WHERE status <> 'open'",
        "UPDATE inventory_reservations SET quantity = 1000, confirmed_quantity = 999, created_by = 'nobody'",
        "DELETE FROM inventory_transfers WHERE lost_quantity > 0",
        "UPDATE inventory_transfers SET received_quantity = 0, reference_type = 'x', updated_at = created_at",
        "UPDATE inventory_snapshots SET body = 'nonsense'",
        "DELETE FROM inventory_locations WHERE available_quantity > 10",
        "UPDATE inventory_locations SET available_quantity = 10, reserved_quantity = 4, updated_at = created_at",
        "UPDATE inventory_items SET name = 'X', version = 1, total_quantity = 5, is_active = FALSE, reorder_point = 0",
        // A row that the ledger does not know.
        "INSERT INTO inventory_snapshots SELECT inventory_item_id, version + 1000000, recorded_at, body FROM inventory_snapshots",
    ];
    for statement in garble {
        books.db.execute_unprepared(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let garbled = dump(&books).await;
    let dry = made_again(&books, true).await;
    assert_eq!(dump(&books).await, garbled, "a dry run changes nothing");
    let rebuilt = made_again(&books, false).await;
    assert_eq!(
        (&rebuilt.tables, rebuilt.items),
        (&dry.tables, items.len() as u64),
        "and says what would be changed"
    );
    assert_eq!(dump(&books).await, before);
    assert_eq!(rebuilt.tables.len(), 5);
    assert!(made_again(&books, false).await.is_clean());
    books.is_clean().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn everything_that_follows_from_the_ledger_can_be_dropped(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let items = random_history(&books, 6_000).await;
    let before = dump(&books).await;
    for (table, _) in TABLES.iter().rev() {
        books.db.execute_unprepared(&format!("DELETE FROM {table}")).await.unwrap();
    }
    made_again(&books, false).await;
    assert_eq!(dump(&books).await, before);
    books.is_clean().await;
    books.does(crate::books::receive(items[0], 5)).await;
    books.is_clean().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn it_may_run_while_stock_changes(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let books = open(backend).await;
    let item = books.item("HOT", 100_000).await;
    let sell = async {
        for _ in 0..20 {
            let sales = (0..50).map(|_| books.submit(sell(item, 1)));
            for answer in futures::future::join_all(sales).await {
                answer.unwrap().outcome.unwrap();
            }
        }
    };
    let again = async {
        for _ in 0..20 {
            let rebuilt = made_again(&books, false).await;
            assert!(rebuilt.is_clean(), "nothing was wrong: {:#?}", rebuilt.changed);
        }
    };
    tokio::join!(sell, again);
    assert_eq!(books.view(item).await.available, 99_000);
    books.is_clean().await;
}

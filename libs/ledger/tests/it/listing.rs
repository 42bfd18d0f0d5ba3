//! Lists: what is found along an order is what is gathered, and sales pay for neither.

use std::time::Duration;

use domain::{Command, ItemPatch};
use ledger::rebuild::{How, rebuild};
use ledger::{ItemFilter, ItemQuery, Listing, Order, Range, SortKey, Standing};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbBackend};
use testkit::{Backend, eventually};

use crate::books::{Books, new_item, open, receive, reserve, sell};

/// More than are looked at along an order.
const MANY: usize = 6_000;

/// So many items of `much`, `BULK-000001` and so on, written straight into the table: the last in the order alone is a
/// `Needle`, of 3 units; the others have 50.
async fn bulk(books: &Books) {
    let (id, digits, now) = match books.db.get_database_backend() {
        DbBackend::Postgres => ("gen_random_uuid()", "lpad(n::text, 6, '0')", "now()"),
        _ => ("randomblob(16)", "printf('%06d', n)", "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')"),
    };
    let needle = |then: &str, other: &str| format!("CASE WHEN n = {MANY} THEN {then} ELSE {other} END");
    let (name, units) = (needle("'Needle'", "'Hay ' || n"), needle("3", "50"));
    let sql = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
         INSERT INTO inventory_items (id, product_id, sku, name, owner, reorder_point, total_quantity,
             available_quantity, created_at, updated_at)
         SELECT {id}, 'p' || n, 'BULK-' || {digits}, {name}, 'much', 5, {units}, {units}, {now}, {now} FROM numbers"
    );
    books.db.execute_unprepared(&sql).await.unwrap();
}

fn of(filter: ItemFilter, limit: u64) -> ItemQuery {
    ItemQuery { filter, limit, ..ItemQuery::default() }
}

fn skus(listing: &Listing) -> Vec<&str> {
    listing.items.iter().map(|item| item.sku.as_str()).collect()
}

#[rstest]
#[tokio::test]
async fn what_is_frequent_is_found_along_the_order_and_what_is_rare_is_gathered(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    bulk(&books).await;
    let text = |text: &str| ItemFilter { text: Some(text.to_owned()), ..ItemFilter::default() };
    let frequent = of(text("hay"), 10);
    let (found, gathered) =
        (books.reader.look(&frequent).await.unwrap().unwrap(), books.reader.gather(&frequent).await.unwrap());
    assert_eq!((skus(&found), &found.next), (skus(&gathered), &gathered.next));
    for rare in [text("needle"), ItemFilter { available: Range { min: None, max: Some(3) }, ..text("bulk") }]
    {
        let rare = of(rare, 10);
        assert!(books.reader.look(&rare).await.unwrap().is_none(), "there may be more further along");
        let gathered = books.reader.gather(&rare).await.unwrap();
        assert_eq!((skus(&gathered), &gathered.next), (vec!["BULK-006000"], &None));
    }
    // What an index decides is found along it, however rare.
    let low = of(ItemFilter { standings: vec![Standing::LowStock], ..ItemFilter::default() }, 10);
    assert_eq!(skus(&books.reader.look(&low).await.unwrap().unwrap()), ["BULK-006000"]);
    let order = Order { by: SortKey::Updated, descending: true };
    assert!(
        books.reader.look(&ItemQuery { order, ..low }).await.unwrap().is_none(),
        "there is no such index"
    );
}

#[rstest]
#[tokio::test]
async fn an_item_stands_as_it_is_sold_received_and_changed(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let tea = books.item("TEA", 0).await;
    let stands = async |standing: Standing| {
        let query = of(ItemFilter { standings: vec![standing], ..ItemFilter::default() }, 10);
        let found = books.reader.look(&query).await.unwrap().unwrap();
        assert_eq!(skus(&found), skus(&books.reader.gather(&query).await.unwrap()));
        assert_eq!(skus(&found), ["TEA"], "{standing:?}");
        assert_eq!(found.items[0].standing(), standing);
        assert_eq!(books.count("inventory_standings").await, 1);
    };
    stands(Standing::OutOfStock).await;
    books.does(receive(tea, 6)).await;
    stands(Standing::InStock).await;
    books.does(sell(tea, 1)).await;
    stands(Standing::LowStock).await;
    let patch = |patch| Command::UpdateItem { item: tea, patch };
    books.does(patch(ItemPatch { reorder_point: Some(4), ..ItemPatch::default() })).await;
    stands(Standing::InStock).await;
    books.does(patch(ItemPatch { active: Some(false), ..ItemPatch::default() })).await;
    stands(Standing::Discontinued).await;
    books.does(patch(ItemPatch { active: Some(true), ..ItemPatch::default() })).await;
    books.does(sell(tea, 5)).await;
    stands(Standing::OutOfStock).await;
}

/// Nobody sweeps here, so what is over stays in the books.
#[rstest]
#[tokio::test]
async fn a_hold_that_is_over_counts_in_no_list(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let books = open(backend).await;
    books.item("A", 8).await;
    let held = books.item("B", 9).await;
    books.item("C", 10).await;
    books.does(reserve(&[held], 9, 1).1).await;
    let in_stock = of(ItemFilter { standings: vec![Standing::InStock], ..ItemFilter::default() }, 10);
    eventually("the hold is over", Duration::from_secs(15), async || {
        (skus(&books.reader.look(&in_stock).await.unwrap().unwrap()) == ["A", "B", "C"]).then_some(())
    })
    .await;
    let short = vec![Standing::LowStock, Standing::OutOfStock];
    let short = of(ItemFilter { standings: short, ..ItemFilter::default() }, 10);
    assert_eq!(skus(&books.reader.look(&short).await.unwrap().unwrap()), [""; 0]);
    let order = Order { by: SortKey::Available, descending: true };
    let mut by_units = ItemQuery { order, limit: 1, ..ItemQuery::default() };
    for expected in [("C", 10, 0), ("B", 9, 0), ("A", 8, 0)] {
        let page = books.reader.gather(&by_units).await.unwrap();
        let item = &page.items[0];
        assert_eq!((item.sku.as_str(), item.available, item.reserved), expected);
        by_units.after = page.next;
    }
    assert!(by_units.after.is_none());
    let overview = books.reader.overview(Some("acme")).await.unwrap();
    assert_eq!((overview.total.available, overview.total.reserved, overview.total.in_stock()), (27, 0, 3));
    assert_eq!((overview.by_location[0].available, overview.by_location[0].reserved), (27, 0));
    let promisable = books.reader.promisable(&[held]).await.unwrap();
    assert_eq!(promisable[&held].total(), 9);
}

#[rstest]
#[tokio::test]
async fn no_index_is_on_what_a_sale_changes(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let books = open(backend).await;
    let sql = match books.db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT indexdef AS sql FROM pg_indexes WHERE tablename IN ('inventory_items', 'inventory_locations')"
        }
        _ => {
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
             AND tbl_name IN ('inventory_items', 'inventory_locations')"
        }
    };
    let statement = sea_orm::Statement::from_string(books.db.get_database_backend(), sql);
    let rows = books.db.query_all_raw(statement).await.unwrap();
    let indexes: Vec<String> = rows.iter().map(|row| row.try_get("", "sql").unwrap()).collect();
    assert!(indexes.len() >= 5, "{indexes:#?}");
    for index in indexes {
        for changed in ["_quantity", "version", "updated_at"] {
            assert!(!index.contains(changed), "{index}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn an_item_that_is_made_again_stands_as_it_was_made(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let mut new = new_item("TEA");
    new.attributes.reorder_point = 1;
    let id = new.identity.id;
    books.does(Command::CreateItem(new)).await;
    books.does(receive(id, 1)).await;
    books.db.execute_unprepared("UPDATE inventory_items SET available_quantity = 70").await.unwrap();
    let in_stock = of(ItemFilter { standings: vec![Standing::InStock], ..ItemFilter::default() }, 10);
    assert_eq!(skus(&books.reader.look(&in_stock).await.unwrap().unwrap()), ["TEA"]);
    let how = How { dry_run: false, settled: Duration::from_millis(1) };
    rebuild(&books.db, how, |_| ()).await.unwrap();
    assert_eq!(skus(&books.reader.look(&in_stock).await.unwrap().unwrap()), [""; 0]);
    let low = of(ItemFilter { standings: vec![Standing::LowStock], ..ItemFilter::default() }, 10);
    assert_eq!(skus(&books.reader.look(&low).await.unwrap().unwrap()), ["TEA"]);
}

/// Analysed while it is empty, a table is one of no rows to whoever plans for it: the writer's statements would read all
/// of it for each row that they change, until it is analysed again.
#[tokio::test]
async fn an_empty_table_is_not_analysed() {
    let books = open(Backend::Real).await;
    let sql = "SELECT reltuples::float8 AS rows FROM pg_class WHERE relname = 'inventory_items'";
    let statement = sea_orm::Statement::from_string(DbBackend::Postgres, sql);
    let row = books.db.query_one_raw(statement).await.unwrap().unwrap();
    // As PostgreSQL says that it does not know.
    assert_eq!(row.try_get::<f64>("", "rows").unwrap(), -1.0);
}

//! Demand by day against the ledger that it is summed up from.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Duration, NaiveDate, Utc};
use domain::{Command, ItemId, Outside, Shelf};
use ledger::demand::Sums;
use ledger::demand::lead_times::{self, Observed, Ordered};
use ledger::rebuild::{How, rebuild};
use ledger::{Demand, DemandDay};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, FromQueryResult, Statement, Value};
use testkit::{Backend, eventually};
use uuid::Uuid;

use crate::books::{Books, open, quantity, receive, reserve, sell};
use crate::past::random_history;

/// A row of a history that is written down by hand: how many days ago, what, how many, from where, to where.
type Told = (i64, &'static str, i64, Option<&'static str>, Option<&'static str>);

const RECEIVED: (&str, Option<&str>, Option<&str>) = ("received", Some("supplier"), Some("available"));
const SOLD: (&str, Option<&str>, Option<&str>) = ("decreased", Some("available"), Some("customer"));
const RETURNED: (&str, Option<&str>, Option<&str>) = ("returned", Some("customer"), Some("available"));

fn told(
    ago: i64,
    (kind, from, to): (&'static str, Option<&'static str>, Option<&'static str>),
    units: i64,
) -> Told {
    (ago, kind, units, from, to)
}

#[derive(Debug, FromQueryResult, PartialEq, Eq)]
struct Summed {
    item: Uuid,
    warehouse: Uuid,
    day: NaiveDate,
    sold: i64,
    returned: i64,
}

async fn ask<T: FromQueryResult>(db: &DatabaseConnection, sql: &str) -> Vec<T> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    T::find_by_statement(statement).all(db).await.unwrap()
}

/// What the ledger says was sold, by SQL that knows nothing of the code.
async fn by_the_ledger(books: &Books) -> Vec<Summed> {
    let day = match books.stage.backend {
        Backend::Real => "(recorded_at AT TIME ZONE 'UTC')::date",
        Backend::Embedded => "date(recorded_at)",
    };
    let sum =
        |place: &str| format!("CAST(sum(CASE WHEN {place} = 'customer' THEN quantity ELSE 0 END) AS bigint)");
    let sql = format!(
        "SELECT inventory_item_id AS item, coalesce(from_warehouse_id, to_warehouse_id) AS warehouse, {day} AS day,
             {} AS sold, {} AS returned FROM inventory_transactions
         WHERE to_place = 'customer' OR from_place = 'customer' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        sum("to_place"),
        sum("from_place")
    );
    ask(&books.db, &sql).await
}

/// What is summed up.
async fn by_the_sums(books: &Books) -> Vec<Summed> {
    let sql =
        "SELECT inventory_item_id AS item, warehouse_id AS warehouse, day, sold, returned FROM demand_days
               WHERE sold > 0 OR returned > 0 ORDER BY 1, 2, 3";
    ask(&books.db, sql).await
}

async fn dump(books: &Books) -> Vec<String> {
    #[derive(FromQueryResult)]
    struct Line {
        line: String,
    }
    let sql = match books.stage.backend {
        Backend::Real => "SELECT row_to_json(d)::text AS line FROM demand_days d ORDER BY 1",
        Backend::Embedded => {
            "SELECT hex(inventory_item_id) || hex(warehouse_id) || quote(day) || ' ' || sold || ' ' || returned || ' '
                 || peak_available || ' ' || available || ' ' || on_hand AS line FROM demand_days ORDER BY 1"
        }
    };
    ask::<Line>(&books.db, sql).await.into_iter().map(|line| line.line).collect()
}

/// Writes an item's ledger down as if it had been recorded then, and makes the item of it.
async fn history(books: &Books, sku: &str, rows: &[Told]) -> ItemId {
    let id = Uuid::now_v7();
    let created = serde_json::json!({
        "product_id": sku, "variant_id": null, "sku": sku, "owner": "acme", "name": sku, "supplier": "sup-1",
        "reorder_point": 5, "reorder_quantity": 20, "active": true,
    });
    let first = rows.first().map_or(0, |row| row.0);
    write(&books.db, id, 1, &(first, "created", 0, None, None), Some(created.to_string())).await;
    for (at, row) in rows.iter().enumerate() {
        write(&books.db, id, i64::try_from(at).unwrap() + 2, row, None).await;
    }
    made(books).await;
    ItemId(id)
}

async fn made(books: &Books) {
    let how = How { dry_run: false, settled: std::time::Duration::ZERO };
    assert_eq!(rebuild(&books.db, how, |_| ()).await.unwrap().broken, []);
}

async fn write<C: ConnectionTrait>(db: &C, item: Uuid, version: i64, row: &Told, attributes: Option<String>) {
    let (ago, kind, units, from, to) = *row;
    let at = (Utc::now() - Duration::days(ago)).date_naive().and_hms_opt(0, 0, 1).unwrap().and_utc();
    let main = uuid::uuid!("01930000-0000-7000-8000-000000000001");
    let place = |word: Option<&str>| {
        word.filter(|word| !["supplier", "customer", "adjustment"].contains(word)).map(|_| main)
    };
    let at: Value = match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => at.into(),
        _ => at.to_rfc3339_opts(chrono::SecondsFormat::Micros, false).into(),
    };
    let sql = "INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place,
                   from_warehouse_id, to_place, to_warehouse_id, created_by, role, command_id, attributes, recorded_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'anna', 'admin', $9, $10, $11)";
    let values = [
        item.into(),
        version.into(),
        kind.into(),
        units.into(),
        from.into(),
        place(from).into(),
        to.into(),
        place(to).into(),
        Uuid::now_v7().into(),
        attributes.into(),
        at,
    ];
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await.unwrap();
}

/// A transaction on PostgreSQL that may stay open however slow the machine is.
async fn patient(books: &Books) -> DatabaseTransaction {
    let open = platform::db::begin(&books.db).await.unwrap();
    open.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await.unwrap();
    open
}

async fn demand(books: &Books, item: ItemId, days: u32) -> Demand {
    let mut demands = books.reader.demand(&[item], None, days).await.unwrap();
    demands.items.remove(&item).unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_sums_are_the_ledgers_however_many_sum_while_others_sell(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let selling = async {
        let items = random_history(&books, 3_000).await;
        // Some of everything that goes to customers and comes back.
        for item in items {
            books.does(receive(item, 50)).await;
            books.does(sell(item, 3)).await;
            let (hold, held) = reserve(&[item], 4, 600);
            books.does(held).await;
            books.does(Command::Confirm { hold, lines: None }).await;
            let back = quantity(2);
            books.does(Command::Return { item, location: None, quantity: back, into: Shelf::Damaged }).await;
        }
    };
    let summing = async {
        let mut sums = [Sums::new(books.db.clone()), Sums::new(books.db.clone())];
        for _ in 0..20 {
            let [one, other] = &mut sums;
            let (one, other) = tokio::join!(one.round(), other.round());
            one.unwrap();
            other.unwrap();
        }
    };
    tokio::join!(selling, summing);
    Sums::new(books.db.clone()).catch_up().await.unwrap();
    let summed = by_the_sums(&books).await;
    assert_eq!(summed, by_the_ledger(&books).await);
    assert!(summed.iter().any(|day| day.sold > 0 && day.returned > 0), "{summed:?}");
    // And what the last days end with is what there is.
    #[derive(Debug, FromQueryResult)]
    struct Level {
        available: i64,
        on_hand: i64,
    }
    let sql = "SELECT l.available_quantity - d.available AS available, l.available_quantity + l.reserved_quantity
                   + l.damaged_quantity + l.quality_control_quantity - d.on_hand AS on_hand
               FROM demand_days d JOIN inventory_locations l ON l.inventory_item_id = d.inventory_item_id
                   AND l.warehouse_id = d.warehouse_id
               WHERE d.day = (SELECT max(e.day) FROM demand_days e WHERE e.inventory_item_id = d.inventory_item_id
                   AND e.warehouse_id = d.warehouse_id)";
    let levels: Vec<Level> = ask(&books.db, sql).await;
    assert!(levels.len() >= 4, "{levels:?}");
    assert!(levels.iter().all(|level| (level.available, level.on_hand) == (0, 0)), "{levels:?}");
}

/// On SQLite nothing commits late: one writes at a time.
#[tokio::test(flavor = "multi_thread")]
async fn what_commits_late_is_not_passed_over() {
    let books = open(Backend::Real).await;
    let (late, prompt) = (books.item("LATE", 10).await, books.item("PROMPT", 10).await);
    let mut sums = Sums::new(books.db.clone());
    sums.catch_up().await.unwrap();
    // It was recorded an hour ago, and its transaction has not ended.
    let open = patient(&books).await;
    let sale = (0, SOLD.0, 4, SOLD.1, SOLD.2);
    write(&open, late.0, 3, &sale, None).await;
    let sql = "UPDATE inventory_items SET version = 3 WHERE id = $1";
    let statement = Statement::from_sql_and_values(open.get_database_backend(), sql, [late.0.into()]);
    open.execute_raw(statement).await.unwrap();
    books.does(sell(prompt, 1)).await;
    sums.catch_up().await.unwrap();
    let sold =
        |days: &[Summed]| -> Vec<(Uuid, i64)> { days.iter().map(|day| (day.item, day.sold)).collect() };
    assert_eq!(sold(&by_the_sums(&books).await), [(prompt.0, 1)]);
    open.commit().await.unwrap();
    sums.catch_up().await.unwrap();
    assert_eq!(sold(&by_the_sums(&books).await), [(late.0, 4), (prompt.0, 1)]);
}

/// On SQLite nobody sums while another writes.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_summed_meanwhile_stays_as_they_left_it() {
    let books = open(Backend::Real).await;
    let item = books.item("TEA", 10).await;
    Sums::new(books.db.clone()).catch_up().await.unwrap();
    books.does(sell(item, 3)).await;
    let other = patient(&books).await;
    other.execute_unprepared("SELECT version FROM demand_progress FOR UPDATE").await.unwrap();
    // It has read the sale, and waits for the other to be done; on a slow machine for longer than it may, and again.
    let mut sums = Sums::new(books.db.clone());
    let done = AtomicBool::new(false);
    let overtaken = async {
        while !done.load(Ordering::SeqCst) {
            _ = sums.round().await;
        }
    };
    let overtaking = async {
        let waits = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually("a step that waits", std::time::Duration::from_secs(120), async || {
            let waits = Statement::from_string(books.db.get_database_backend(), waits);
            books.db.query_one_raw(waits).await.unwrap()
        })
        .await;
        other.execute_unprepared("UPDATE demand_progress SET version = version + 1").await.unwrap();
        other.execute_unprepared("UPDATE demand_days SET sold = 77").await.unwrap();
        other.commit().await.unwrap();
        done.store(true, Ordering::SeqCst);
    };
    tokio::join!(overtaken, overtaking);
    Sums::new(books.db.clone()).catch_up().await.unwrap();
    let summed = by_the_sums(&books).await;
    assert_eq!(summed.iter().map(|day| (day.item, day.sold)).collect::<Vec<_>>(), [(item.0, 77)]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_or_changed_of_it_is_summed_again_byte_by_byte(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    random_history(&books, 640).await;
    history(&books, "OLD", &[told(9, RECEIVED, 9), told(7, SOLD, 2), told(3, SOLD, 3), told(1, RETURNED, 1)])
        .await;
    Sums::new(books.db.clone()).catch_up().await.unwrap();
    let before = dump(&books).await;
    assert!(before.len() > 6, "{before:?}");
    let how = |dry_run| How { dry_run, settled: std::time::Duration::from_millis(1) };
    let again = async |dry_run| rebuild(&books.db, how(dry_run), |_| ()).await.unwrap();
    assert!(again(false).await.is_clean());
    for garble in [
        "UPDATE demand_days SET sold = sold + 1 WHERE available > 0",
        "UPDATE demand_days SET peak_available = 0, on_hand = 7",
        "DELETE FROM demand_days WHERE sold > 0",
        "DELETE FROM demand_days",
        "DELETE FROM demand_progress",
        "UPDATE demand_progress SET version = version + 5",
    ] {
        books.db.execute_unprepared(garble).await.unwrap();
        let garbled = dump(&books).await;
        again(true).await;
        assert_eq!(dump(&books).await, garbled, "a dry run changes nothing");
        again(false).await;
        assert_eq!(dump(&books).await, before, "{garble}");
        assert!(again(false).await.is_clean(), "{garble}");
    }
    // All of it can be thrown away without a rebuild, too.
    books.db.execute_unprepared("DELETE FROM demand_days").await.unwrap();
    books.db.execute_unprepared("DELETE FROM demand_progress").await.unwrap();
    Sums::new(books.db.clone()).catch_up().await.unwrap();
    assert_eq!(dump(&books).await, before);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn days_are_told_with_what_was_sold_returned_and_could_not_be_had(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let rows = [
        told(9, RECEIVED, 10),
        told(8, SOLD, 4),
        told(7, SOLD, 6),
        // Sold out; on the fourth day ago some came and were gone the same day.
        told(4, RECEIVED, 5),
        told(4, SOLD, 5),
        told(2, RETURNED, 3),
    ];
    let item = history(&books, "TEA", &rows).await;
    Sums::new(books.db.clone()).catch_up().await.unwrap();
    let Demand { first_day, days, last_sold, version } = demand(&books, item, 100).await;
    let today = Utc::now().date_naive();
    assert_eq!((first_day, days.len(), version), (today - Duration::days(9), 9, 7));
    assert_eq!(last_sold, Some(today - Duration::days(4)));
    let day = |sold, returned, on_hand, sold_out| DemandDay { sold, returned, on_hand, sold_out };
    let expected = [
        day(0, 0, 10, false),
        day(4, 0, 6, false),
        day(6, 0, 0, false),
        day(0, 0, 0, true),
        day(0, 0, 0, true),
        day(5, 0, 0, false),
        day(0, 0, 0, true),
        day(0, 3, 3, false),
        day(0, 0, 3, false),
    ];
    assert_eq!(days, expected);
    // A shorter look begins with what there was before it.
    let late = demand(&books, item, 3).await;
    assert_eq!((late.first_day, late.days.as_slice()), (today - Duration::days(3), &expected[6..]));
    let elsewhere = domain::LocationId(Uuid::now_v7());
    assert!(books.reader.demand(&[item], Some(elsewhere), 100).await.unwrap().items.is_empty());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_item_whose_ledger_makes_no_sense_keeps_no_other_waiting(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let (bad, good) = (books.item("BAD", 10).await, books.item("GOOD", 10).await);
    // A version is missing.
    write(&books.db, bad.0, 4, &(0, SOLD.0, 1, SOLD.1, SOLD.2), None).await;
    books.db.execute_unprepared("UPDATE inventory_items SET version = 4 WHERE sku = 'BAD'").await.unwrap();
    let command = Command::Adjust {
        item: good,
        location: None,
        delta: domain::Delta::try_from(-2).unwrap(),
        against: Outside::Customer,
        shelf: Shelf::Available,
    };
    books.does(command).await;
    Sums::new(books.db.clone()).catch_up().await.unwrap();
    let summed = by_the_sums(&books).await;
    assert_eq!(summed.iter().map(|day| (day.item, day.sold)).collect::<Vec<_>>(), [(good.0, 2)]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_lead_time_is_told_by_the_earliest_of_each_however_they_come(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let day = |days: i64| start + Duration::days(days);
    let item = Uuid::now_v7();
    let order = |order: u128, supplier| Ordered { order: Uuid::from_u128(order), item, supplier };
    for _ in 0..2 {
        // The receipt first; a second part of it comes later, and is heard of before.
        lead_times::received(&books.db, order(1, "slow"), day(20)).await.unwrap();
        lead_times::received(&books.db, order(1, "slow"), day(10)).await.unwrap();
        lead_times::ordered(&books.db, order(1, "slow"), day(0)).await.unwrap();
        lead_times::ordered(&books.db, order(2, "slow"), day(1)).await.unwrap();
        lead_times::received(&books.db, order(2, "slow"), day(15)).await.unwrap();
        lead_times::ordered(&books.db, order(3, "silent"), day(2)).await.unwrap();
    }
    let observed = books.reader.lead_times(&["slow", "silent", "unknown"]).await.unwrap();
    let slow = Observed { orders: 2, mean_days: 12.0, sd_days: 8.0_f64.sqrt() };
    assert_eq!(observed, BTreeMap::from([("slow".to_owned(), slow)]));
}

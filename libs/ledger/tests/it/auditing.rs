use domain::{Command, HoldId, ItemId, Line, LocationId, Shelf, TransferId, TransferLine};
use ledger::audit::{Report, Rounds, audit};
use ledger::locations::{self, LocationPatch};
use ledger::{Request, Writer};
use rstest::rstest;
use sea_orm::ConnectionTrait;
use testkit::Backend;
use uuid::Uuid;

use crate::books::{Books, admin, open, quantity, receive, reserve, sell};

/// `TEA` with units in every state, a hold and a transfer, and a snapshot; and `CUP`, with which nothing is wrong.
async fn books(backend: Backend) -> Books {
    let books = open(backend).await;
    let item = books.item("TEA", 5_000).await;
    books.item("CUP", 7).await;
    let from = LocationId(locations::find(&books.db, "main").await.unwrap().unwrap().id);
    let to = LocationId(Uuid::now_v7());
    locations::create(&books.db, to, "east", LocationPatch::default(), chrono::Utc::now()).await.unwrap();
    books.writer.locations_changed();
    sales(&books.writer, item, 1_200).await;
    books.does(reserve(&[item], 2, 600).1).await;
    let lines = vec![TransferLine { item, quantity: quantity(10) }];
    let transfer = TransferId(Uuid::now_v7());
    books.does(Command::Ship { transfer, from, to, lines }).await;
    let lines = Some(vec![TransferLine { item, quantity: quantity(4) }]);
    books.does(Command::ReceiveTransfer { transfer, lines, into: Shelf::Damaged }).await;
    books
}

/// So many versions more.
pub(crate) async fn sales(writer: &Writer, item: ItemId, number: usize) {
    for chunk in (0..number).collect::<Vec<_>>().chunks(300) {
        let sales = chunk.iter().map(|_| writer.submit(Request::new(sell(item, 1), admin())));
        for answer in futures::future::join_all(sales).await {
            answer.unwrap().outcome.unwrap();
        }
    }
}

fn tamperings() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "UPDATE inventory_locations SET available_quantity = available_quantity + 1 WHERE @",
            "available units",
        ),
        // With its total, so that nothing but the ledger knows better.
        (
            "UPDATE inventory_locations SET damaged_quantity = damaged_quantity + 1 WHERE @;
             UPDATE inventory_items SET total_quantity = total_quantity + 2 WHERE sku = 'TEA'",
            "damaged units",
        ),
        (
            "UPDATE inventory_locations SET in_transit_quantity = in_transit_quantity + 1 WHERE @",
            "in transit",
        ),
        ("UPDATE inventory_items SET version = version + 1 WHERE sku = 'TEA'", "versions of an item"),
        ("UPDATE inventory_items SET total_quantity = 0 WHERE sku = 'TEA'", "total_quantity"),
        ("UPDATE inventory_items SET in_transit_quantity = 0 WHERE sku = 'TEA'", "in_transit_quantity"),
        ("UPDATE inventory_reservations SET quantity = 1", "open holds"),
        ("UPDATE inventory_reservations SET confirmed_quantity = 1", "open holds"),
        ("UPDATE inventory_reservations SET status = 'confirmed'", "open holds"),
        ("DELETE FROM inventory_reservations", "open holds"),
        ("UPDATE inventory_transfers SET received_quantity = received_quantity + 1", "open transfers"),
        ("UPDATE inventory_transfers SET lost_quantity = 20", "a transfer conserves"),
        ("DELETE FROM inventory_transfers", "open transfers"),
        (
            "UPDATE inventory_snapshots SET body = replace(body, '\"available\":', '\"available\":1')",
            "available units",
        ),
        ("UPDATE inventory_snapshots SET body = 'nonsense'", "a snapshot"),
    ]
}

fn named<'a>(report: &'a Report, rule: &str) -> Option<&'a str> {
    let broken = report.differences.iter().find(|difference| difference.rule.contains(rule));
    broken.and_then(|difference| difference.sku.as_deref())
}

async fn tamper(books: &Books, statement: &str) {
    let of_tea = "inventory_item_id = (SELECT id FROM inventory_items WHERE sku = 'TEA')";
    books.db.execute_unprepared(&statement.replace('@', of_tea)).await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_row_changed_by_hand_is_named_by_the_whole_audit_and_by_the_next_round(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = books(backend).await;
    books.is_clean().await;
    let mut rounds = Rounds::new(books.db.clone());
    let clean = rounds.round().await.unwrap();
    assert!(clean.clean && clean.items == 2, "{clean:#?}");
    let tables = ["inventory_locations", "inventory_items", "inventory_reservations", "inventory_transfers"];
    let tables = [&tables[..], &["inventory_snapshots"]].concat();
    for table in &tables {
        tamper(&books, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    for (tampering, rule) in tamperings() {
        tamper(&books, tampering).await;
        let whole = audit(&books.db).await.unwrap();
        let round = rounds.round().await.unwrap();
        let of_snapshot = tampering.contains("inventory_snapshots");
        // The whole audit compares a snapshot itself; a round sees that the sums from it on are not the levels.
        let by_whole = if of_snapshot { "a snapshot is what the ledger comes to" } else { rule };
        assert_eq!(named(&whole, by_whole), Some("TEA"), "{tampering}: {whole:#?}");
        assert_eq!(named(&round, rule), Some("TEA"), "{tampering}: {round:#?}");
        for report in [whole, round] {
            let others =
                report.differences.iter().filter(|difference| difference.sku.as_deref() != Some("TEA"));
            assert_eq!(others.count(), 0, "{tampering}: nothing is wrong with CUP");
        }
        restore(&books, &tables).await;
        let healed = rounds.round().await.unwrap();
        assert!(healed.clean, "{tampering}: {healed:#?}");
    }
    books.is_clean().await;
}

/// Puts every table back as it was kept.
async fn restore(books: &Books, tables: &[&str]) {
    for table in
        ["inventory_locations", "inventory_reservations", "inventory_transfers", "inventory_snapshots"]
    {
        tamper(books, &format!("DELETE FROM {table}")).await;
        tamper(books, &format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
    }
    assert_eq!(tables[1], "inventory_items");
    for column in ["version", "total_quantity", "in_transit_quantity"] {
        let kept = format!("SELECT k.{column} FROM kept_inventory_items k WHERE k.id = inventory_items.id");
        tamper(books, &format!("UPDATE inventory_items SET {column} = ({kept})")).await;
    }
}

#[rstest]
#[tokio::test]
async fn a_ledger_row_that_went_past_the_writer_is_named(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    books.item("TEA", 5).await;
    let mut rounds = Rounds::new(books.db.clone());
    assert!(rounds.round().await.unwrap().clean);
    let row = "INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, to_place,
            to_warehouse_id, created_by, role, command_id, recorded_at)
        SELECT inventory_item_id, 4, kind, quantity, to_place, to_warehouse_id, created_by, role, command_id,
            recorded_at FROM inventory_transactions WHERE version = 2";
    books.db.execute_unprepared(row).await.unwrap();
    for report in [rounds.round().await.unwrap(), audit(&books.db).await.unwrap()] {
        assert_eq!(named(&report, "versions of an item"), Some("TEA"), "{report:#?}");
        assert_eq!(named(&report, "available units"), Some("TEA"));
        let broken =
            report.differences.iter().find(|difference| difference.rule.contains("available")).unwrap();
        assert_eq!(
            (broken.expected, broken.actual, broken.location.as_deref()),
            (Some(10), Some(5), Some("main"))
        );
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_round_reads_an_item_from_its_latest_snapshot_on(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("HOT", 10_000).await;
    sales(&books.writer, item, 2_500).await;
    let mut rounds = Rounds::new(books.db.clone());
    let report = rounds.round().await.unwrap();
    assert!(report.clean, "{report:#?}");
    let rows = report.transactions;
    assert!(rows < 1_500, "it read {rows} of 2,502 rows");
    assert_eq!(audit(&books.db).await.unwrap().transactions, 2_502);
}

#[rstest]
#[tokio::test]
async fn a_hold_of_several_lines_in_every_stage_is_sound(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let (tea, cup) = (books.item("TEA", 10).await, books.item("CUP", 10).await);
    let hold = HoldId(Uuid::now_v7());
    let line = |item| Line { item, location: None, quantity: quantity(4) };
    books.does(Command::Reserve { hold, lines: vec![line(tea), line(cup)], seconds: 60 }).await;
    let part = Some(vec![domain::PartLine { item: tea, quantity: quantity(1) }]);
    for command in [
        Command::Confirm { hold, lines: part },
        Command::Extend { hold, seconds: 600 },
        Command::Cancel { hold },
        receive(tea, 1),
    ] {
        books.does(command).await;
        books.is_clean().await;
    }
}

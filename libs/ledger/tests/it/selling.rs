use std::collections::HashSet;

use domain::{Command, Refusal};
use futures::future::join_all;
use ledger::Request;
use rstest::rstest;
use testkit::Backend;
use tokio_util::sync::CancellationToken;

use crate::books::{self, admin, brand, new_item, open, receive, reserve, sell};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_buyers_of_a_hundred_units_get_exactly_a_hundred(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("HOT", 100).await;
    let stop = CancellationToken::new();
    // A second replica sells the same units.
    let other = books::writer(&books.stage.stock_url, &stop);
    let buyers = (0..500).map(|n| {
        let writer = if n % 2 == 0 { &books.writer } else { &other };
        writer.submit(Request::new(reserve(&[item], 1, 60).1, admin()))
    });
    let answers = join_all(buyers).await;
    let sold = answers.iter().filter(|answer| answer.as_ref().unwrap().outcome.is_ok()).count();
    assert_eq!(sold, 100);
    let view = books.view(item).await;
    assert_eq!((view.available, view.reserved, view.on_hand), (0, 100, 100));
    books.is_clean().await;
    stop.cancel();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn orders_over_the_same_items_in_opposite_order_do_not_lock_each_other_out(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let (tea, cup) = (books.item("TEA", 1000).await, books.item("CUP", 1000).await);
    let stop = CancellationToken::new();
    let other = books::writer(&books.stage.stock_url, &stop);
    let orders = (0..200).map(|n| {
        let (items, writer) = if n % 2 == 0 { ([tea, cup], &books.writer) } else { ([cup, tea], &other) };
        writer.submit(Request::new(reserve(&items, 1, 60).1, admin()))
    });
    for answer in join_all(orders).await {
        answer.unwrap().outcome.unwrap();
    }
    assert_eq!(books.view(tea).await.reserved, 200);
    assert_eq!(books.view(cup).await.reserved, 200);
    books.is_clean().await;
    stop.cancel();
}

#[rstest]
#[tokio::test]
async fn a_hold_is_confirmed_once_and_leaves_the_shelf(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 5).await;
    let (hold, command) = reserve(&[item], 3, 60);
    books.does(command).await;
    let first = books.does(Command::Confirm { hold, lines: None }).await;
    let second = books.does(Command::Confirm { hold, lines: None }).await;
    assert_eq!(first.items, second.items);
    assert_eq!((first.items[0].on_hand, first.items[0].reserved), (2, 0));
    assert_eq!(books.refuses(Command::Cancel { hold }).await, Refusal::HoldConfirmed { hold });
    books.is_clean().await;
}

#[rstest]
#[tokio::test]
async fn an_expired_hold_blocks_no_sale_although_nobody_sweeps(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 5).await;
    let (hold, command) = reserve(&[item], 5, 1);
    books.does(command).await;
    let view = testkit::eventually("the hold is over", std::time::Duration::from_secs(5), async || {
        let view = books.view(item).await;
        (view.reserved == 0).then_some(view)
    });
    assert_eq!(view.await.available, 5);
    assert_eq!(books.refuses(Command::Confirm { hold, lines: None }).await, Refusal::HoldExpired { hold });
    let done = books.does(sell(item, 5)).await;
    assert_eq!((done.items[0].available, done.items[0].reserved), (0, 0));
    books.is_clean().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_sku_is_created_once_by_all_who_try(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let books = open(backend).await;
    let stop = CancellationToken::new();
    let other = books::writer(&books.stage.stock_url, &stop);
    let all = (0..20).map(|n| {
        let writer = if n % 2 == 0 { &books.writer } else { &other };
        writer.submit(Request::new(Command::CreateItem(new_item("NEW")), admin()))
    });
    let answers = join_all(all).await;
    let created = answers.iter().filter(|answer| answer.as_ref().unwrap().outcome.is_ok()).count();
    assert_eq!(created, 1);
    assert_eq!(books.count("inventory_items").await, 1);
    books.is_clean().await;
    stop.cancel();
}

#[rstest]
#[tokio::test]
async fn another_owners_items_and_holds_do_not_exist(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 5).await;
    let (hold, command) = reserve(&[item], 1, 60);
    books.does(command).await;
    let stranger = || brand("other");
    for (command, refusal) in [
        (receive(item, 1), Refusal::ItemUnknown),
        (sell(item, 1), Refusal::ItemUnknown),
        (reserve(&[item], 1, 60).1, Refusal::ItemUnknown),
        (Command::Confirm { hold, lines: None }, Refusal::HoldUnknown { hold }),
        (Command::Cancel { hold }, Refusal::HoldUnknown { hold }),
        (Command::CreateItem(new_item("MINE")), Refusal::ItemUnknown),
    ] {
        let answer = books.writer.submit(Request::new(command, stranger())).await.unwrap();
        assert_eq!(answer.outcome, Err(refusal));
    }
    assert!(
        books.writer.submit(Request::new(receive(item, 1), brand("acme"))).await.unwrap().outcome.is_ok()
    );
    assert!(books.reader.resolve("TEA", Some("other")).await.unwrap().is_none());
    assert!(books.reader.hold(hold, Some("other")).await.unwrap().is_none());
    assert!(books.reader.hold(hold, Some("acme")).await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn each_accepted_command_leaves_its_row_its_key_and_its_event_and_a_refused_one_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 50).await;
    let tables = ["inventory_transactions", "idempotency_keys", "outbox"];
    let counts = async || {
        let mut counts = vec![];
        for table in tables {
            counts.push(books.count(table).await);
        }
        counts
    };
    let before = counts().await;
    books.does(sell(item, 1)).await;
    let after = counts().await;
    assert_eq!(after, before.iter().map(|n| n + 1).collect::<Vec<_>>());
    books.refuses(sell(item, 1000)).await;
    assert_eq!(counts().await, after);
}

#[rstest]
#[tokio::test]
async fn an_items_events_carry_its_versions_without_a_gap(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    use sea_orm::ConnectionTrait;
    let books = open(backend).await;
    let item = books.item("TEA", 50).await;
    join_all((0..30).map(|_| books.does(sell(item, 1)))).await;
    let sql = "SELECT packed FROM outbox ORDER BY seq";
    let statement = sea_orm::Statement::from_string(books.db.get_database_backend(), sql);
    let rows = books.db.query_all_raw(statement).await.unwrap();
    let parcels = rows.iter().map(|row| row.try_get::<Vec<u8>>("", "packed").unwrap());
    let mut versions = HashSet::new();
    for message in parcels.flat_map(|packed| events::outbox::Parcel::unpack(&packed).unwrap()) {
        let envelope = events::Envelope::parse(&message.body).unwrap();
        if let events::Event::StockUpdated(stock) = envelope.event {
            assert_eq!(stock.new_stock - stock.previous_stock, stock.change_amount);
            versions.insert(stock.subject.version);
        }
    }
    assert_eq!(versions, (2..=32).collect::<HashSet<i64>>());
}

//! Two writers on one database, as two replicas of the service have them.

use domain::{Command, LocationId, Refusal, Shelf};
use ledger::Request;
use ledger::locations::{self, LocationPatch};
use rstest::rstest;
use testkit::Backend;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::books::{self, admin, new_item, open, quantity, receive, sell};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_from_before_another_writers_change(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 10).await;
    let stop = CancellationToken::new();
    let other = books::writer(&books.stage.stock_url, &stop);
    let elsewhere = async |command| {
        other.submit(Request::new(command, admin())).await.unwrap().outcome.unwrap();
    };
    // Each round the one has just seen the item, and the other changes it.
    for _ in 0..3 {
        books.does(sell(item, 1)).await;
        elsewhere(sell(item, 9)).await;
        let refused = books.refuses(sell(item, 1)).await;
        assert!(matches!(refused, Refusal::NotEnough { .. }), "{refused}");
        elsewhere(receive(item, 1)).await;
        let sold = books.does(sell(item, 1)).await;
        assert_eq!(sold.items[0].available, 0);
        elsewhere(receive(item, 5)).await;
        assert_eq!(books.does(receive(item, 5)).await.items[0].available, 10);
    }
    books.is_clean().await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_new_items_that_want_one_name_one_is_made() {
    let books = open(Backend::Real).await;
    let stop = CancellationToken::new();
    let other = books::writer(&books.stage.stock_url, &stop);
    for round in 0..20 {
        // The SKU of each is the product of the other: no key of a table is in the way.
        let names = [format!("A-{round}"), format!("B-{round}")];
        let [one, two] = [(&names[0], &names[1]), (&names[1], &names[0])].map(|(sku, product)| {
            let mut new = new_item(sku);
            new.identity.product_id = product.clone().try_into().unwrap();
            Request::new(Command::CreateItem(new), admin())
        });
        let (one, two) = tokio::join!(books.writer.submit(one), other.submit(two));
        let made = [one, two].into_iter().filter(|answer| answer.as_ref().unwrap().outcome.is_ok());
        assert_eq!(made.count(), 1, "round {round}");
    }
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_that_was_opened_elsewhere_is_known_at_once() {
    let books = open(Backend::Real).await;
    let item = books.item("TEA", 1).await;
    for round in 0..5 {
        // Now the writer knows the locations, and is not told of the next one.
        books.does(sell(item, 1)).await;
        books.does(receive(item, 1)).await;
        let (id, code) = (LocationId(Uuid::now_v7()), format!("annexe-{round}"));
        locations::create(&books.db, id, &code, LocationPatch::default(), chrono::Utc::now()).await.unwrap();
        let (location, into) = (Some(id), Shelf::Available);
        books.does(Command::Receive { item, location, quantity: quantity(1), expected: false, into }).await;
    }
    books.is_clean().await;
}

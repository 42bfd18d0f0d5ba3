use domain::{Command, Refusal};
use futures::future::join_all;
use ledger::{Request, Unanswered};
use rstest::rstest;
use testkit::Backend;

use crate::books::{admin, brand, open, receive, reserve, sell};

#[rstest]
#[tokio::test]
async fn a_request_given_again_is_answered_again_and_not_done_again(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 0).await;
    let request = || Request::new(receive(item, 5), admin()).with_key("k1");
    let first = books.writer.submit(request()).await.unwrap();
    let second = books.writer.submit(request()).await.unwrap();
    assert!(!first.replayed && second.replayed);
    let text = |answer: &ledger::Answer| serde_json::to_string(&answer.outcome).unwrap();
    assert_eq!(text(&first), text(&second));
    assert_eq!(books.view(item).await.available, 5);
}

#[rstest]
#[tokio::test]
async fn a_refusal_is_the_answer_that_is_kept(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let books = open(backend).await;
    let item = books.item("TEA", 1).await;
    let request = || Request::new(sell(item, 5), admin()).with_key("k1");
    let first = books.writer.submit(request()).await.unwrap();
    books.does(receive(item, 10)).await;
    let second = books.writer.submit(request()).await.unwrap();
    assert_eq!(first.outcome, second.outcome);
    assert!(matches!(second.outcome, Err(Refusal::NotEnough { .. })));
}

#[rstest]
#[tokio::test]
async fn a_reservation_given_again_is_the_same_reservation(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 5).await;
    let request = || Request::new(reserve(&[item], 2, 60).1, admin()).with_key("k1");
    let first = books.writer.submit(request()).await.unwrap().outcome.unwrap();
    let second = books.writer.submit(request()).await.unwrap().outcome.unwrap();
    assert_eq!(first.reservation, second.reservation);
    assert_eq!(books.view(item).await.reserved, 2);
}

#[rstest]
#[tokio::test]
async fn a_key_is_good_for_one_request_of_one_caller(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 0).await;
    let with = |units, by| Request::new(receive(item, units), by).with_key("k1");
    books.writer.submit(with(5, admin())).await.unwrap().outcome.unwrap();
    assert_eq!(books.writer.submit(with(6, admin())).await, Err(Unanswered::KeyReused));
    let other = books.writer.submit(with(6, brand("acme"))).await.unwrap();
    assert!(!other.replayed && other.outcome.is_ok());
    assert_eq!(books.view(item).await.available, 11);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_used_by_many_at_once_is_done_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 0).await;
    let same = (0..50).map(|_| books.writer.submit(Request::new(receive(item, 5), admin()).with_key("k1")));
    for answer in join_all(same).await {
        answer.unwrap().outcome.unwrap();
    }
    assert_eq!(books.view(item).await.available, 5);
    books.is_clean().await;
}

#[rstest]
#[tokio::test]
async fn a_change_against_a_stale_version_is_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 1).await;
    let at = |version| Request { if_match: Some(version), ..Request::new(receive(item, 1), admin()) };
    let stale = books.writer.submit(at(1)).await.unwrap();
    assert_eq!(stale.outcome, Err(Refusal::VersionStale { expected: 1, actual: 2 }));
    assert!(books.writer.submit(at(2)).await.unwrap().outcome.is_ok());
    assert!(matches!(
        books.refuses(Command::Confirm { hold: domain::HoldId(uuid::Uuid::nil()), lines: None }).await,
        Refusal::HoldUnknown { .. }
    ));
}

#[rstest]
#[tokio::test]
async fn an_event_that_comes_again_is_done_also_when_nothing_is_left_for_it(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 1).await;
    let event =
        || Request::new(sell(item, 1), ledger::By::job("product-sold")).with_key("order 1, product 1");
    let first = books.writer.submit(event()).await.unwrap();
    let second = books.writer.submit(event()).await.unwrap();
    assert_eq!((second.outcome.unwrap(), second.replayed), (first.outcome.unwrap(), true));
    assert_eq!(books.view(item).await.available, 0);
}

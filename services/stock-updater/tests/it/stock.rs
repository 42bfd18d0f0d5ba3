use ::events::Event;
use rstest::rstest;
use serde_json::json;
use testkit::Backend;

use crate::shop::open;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_given_again_is_answered_byte_for_byte_and_done_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 0).await;
    let receive = |key: &'static str, units: i64| {
        shop.post_keyed(key, "/v1/items/TEA/receipts", json!({"quantity": units}))
    };
    let (first, second) = (receive("k", 5).await, receive("k", 5).await);
    assert_eq!((first.status.as_u16(), first.text), (second.status.as_u16(), second.text));
    assert!(first.headers.get("idempotent-replayed").is_none());
    assert_eq!(second.headers["idempotent-replayed"], "true");
    receive("k", 6).await.is_problem(422, "idempotency-key-reused");
    assert_eq!(shop.available("TEA").await, 5);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_given_again_is_the_same_refusal(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 3).await;
    let take = || shop.post_keyed("k", "/v1/items/TEA/adjustments", json!({"delta": -4, "reason": "lost"}));
    let first = take().await;
    shop.post("/v1/items/TEA/receipts", json!({"quantity": 9})).await.is(201);
    let second = take().await;
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    let problem = second.is_problem(409, "not-enough");
    assert_eq!((&problem["requested"], &problem["available"]), (&json!(4), &json!(3)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_told_with_what_it_left_and_the_lines_it_crossed(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 8).await;
    shop.post("/v1/items/TEA/adjustments", json!({"delta": -3, "reason": "sold"})).await.is(201);
    let told = shop
        .hears("the sale", |event| match event {
            Event::StockUpdated(stock) if stock.change_amount == -3 => Some(stock.clone()),
            _ => None,
        })
        .await;
    assert_eq!((told.previous_stock, told.new_stock, told.reason.as_str()), (8, 5, "sold"));
    assert_eq!((told.subject.version, told.subject.levels.len(), told.subject.on_hand), (3, 1, 5));
    shop.hears("stock_low", |event| matches!(event, Event::StockLow(_)).then_some(())).await;
    shop.post("/v1/items/TEA/adjustments", json!({"delta": -5, "reason": "sold"})).await.is(201);
    shop.hears("stock_depleted", |event| matches!(event, Event::StockDepleted(_)).then_some(())).await;
    shop.post("/v1/items/TEA/receipts", json!({"quantity": 50})).await.is(201);
    shop.hears("stock_replenished", |event| matches!(event, Event::StockReplenished(_)).then_some(())).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_clean_and_says_what_it_looked_at(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 8).await;
    let report = shop.get("/v1/audit").await.is(200);
    assert_eq!(
        (&report["clean"], &report["items"], &report["transactions"]),
        (&json!(true), &json!(1), &json!(2))
    );
}

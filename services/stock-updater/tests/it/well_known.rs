//! Bugs that other systems of this kind have had.

use ::events::Event;
use futures::future::join_all;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

use crate::shop::open;

/// medusa#16569: what was checked without a lock was no longer so when it was written.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_requests_at_once_no_more_succeed_than_there_are_units(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.post("/v1/locations", json!({"code": "back", "priority": 900})).await.is(201);
    let line = json!([{"item": "TEA", "quantity": 3}]);
    let taking = [
        ("/v1/items/TEA/adjustments", json!({"delta": -3, "reason": "x"})),
        ("/v1/reservations", json!({"lines": line})),
        ("/v1/transfers", json!({"from": "main", "to": "back", "lines": line})),
        (
            "/v1/items/TEA/moves",
            json!({"location": "main", "from": "available", "to": "damaged", "quantity": 3}),
        ),
        ("/v1/batch", json!([{"command": "adjust", "item": "TEA", "delta": -3, "reason": "x"}])),
        ("/api/v1/inventories", json!({"SKU": "TEA", "deltaQuantity": -3})),
    ];
    shop.item("TEA", 5).await;
    for (path, body) in &taking {
        shop.post("/v1/items/TEA/stocktakes", json!({"location": "main", "counted": 5})).await;
        let answers = join_all((0..8).map(|_| shop.post(path, body.clone()))).await;
        let done = |answer: &crate::shop::Answer| {
            answer.status.is_success() && answer.json()["refused"].as_i64().is_none_or(|refused| refused == 0)
        };
        assert_eq!(answers.iter().filter(|answer| done(answer)).count(), 1, "{path}");
        assert_eq!(shop.available("TEA").await, 2, "{path}");
        let back = json!({"delta": 3, "reason": "back"});
        shop.post("/v1/items/TEA/adjustments", back).await.is(201);
        if *path == "/v1/reservations" {
            let held = answers.iter().find(|answer| done(answer)).unwrap().json();
            let hold = held["reservation"]["reservation_id"].as_str().unwrap().to_owned();
            let confirm = shop.request(Method::POST, &format!("/v1/reservations/{hold}/confirm"));
            shop.send(confirm).await.is(200);
        }
    }
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

/// medusa#16502: an item in two lines of one request passed the check line by line.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_item_in_two_lines_is_added_up_before_it_is_checked(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    shop.post("/v1/locations", json!({"code": "back", "priority": 900})).await.is(201);
    // By its SKU and by its product, which is the same item.
    let twice = json!([{"item": "TEA", "quantity": 3}, {"item": "p-TEA", "quantity": 3}]);
    shop.post("/v1/reservations", json!({"lines": twice})).await.is_problem(409, "not-enough");
    let ship = json!({"from": "main", "to": "back", "lines": twice});
    shop.post("/v1/transfers", ship).await.is_problem(409, "not-enough");
    let take = |item: &str| json!({"command": "adjust", "item": item, "delta": -3, "reason": "x"});
    let commands = json!([take("TEA"), take("p-TEA")]);
    shop.post("/v1/batch?atomic=true", commands).await.is_problem(409, "not-enough");
    assert_eq!(shop.available("TEA").await, 5);
}

/// saleor#19449: some ways to change stock told nobody.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_change_what_is_available_is_told(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.post("/v1/locations", json!({"code": "back", "priority": 900})).await.is(201);
    shop.item("TEA", 100).await;
    let line = |quantity: i64| json!([{"item": "TEA", "quantity": quantity}]);
    let held = shop.post("/v1/reservations", json!({"lines": line(20)})).await.is(201);
    let hold = held["reservation"]["reservation_id"].as_str().unwrap().to_owned();
    let ship = json!({"from": "main", "to": "back", "lines": line(9)});
    let shipped = shop.post("/v1/transfers", ship).await.is(201);
    let transfer = shipped["transfer"]["transfer_id"].as_str().unwrap().to_owned();
    let moved = json!({"location": "main", "from": "available", "to": "damaged", "quantity": 6});
    let batched = json!([{"command": "adjust", "item": "TEA", "delta": -8, "reason": "x"}]);
    let changes: Vec<(String, Value)> = vec![
        ("/v1/items/TEA/receipts".to_owned(), json!({"quantity": 2})),
        ("/v1/items/TEA/returns".to_owned(), json!({"quantity": 3})),
        ("/v1/items/TEA/adjustments".to_owned(), json!({"delta": -5, "reason": "x"})),
        ("/v1/items/TEA/moves".to_owned(), moved),
        (format!("/v1/transfers/{transfer}/receive"), json!({"lines": line(7)})),
        ("/v1/batch".to_owned(), batched),
        ("/v1/batch?atomic=true".to_owned(), json!([{"command": "receive", "item": "TEA", "quantity": 10}])),
        ("/api/v1/inventories".to_owned(), json!({"SKU": "TEA", "deltaQuantity": -11})),
        ("/stock/update/p-TEA".to_owned(), json!({"quantity": 12})),
        (format!("/v1/reservations/{hold}/cancel"), json!({})),
    ];
    for (path, body) in &changes {
        let answer = shop.post(path, body.clone()).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
    }
    let available = shop.available("TEA").await;
    let counted = json!({"location": "back", "counted": 20});
    shop.post("/v1/items/TEA/stocktakes", counted).await.is(201);
    assert_eq!(shop.available("TEA").await, available + 13);
    for change in [100, -20, -9, 2, 3, -5, -6, 7, -8, 10, -11, 12, 20, 13] {
        let told = |event: &Event| match event {
            Event::StockUpdated(stock) if stock.change_amount == change => Some(()),
            _ => None,
        };
        shop.hears(&format!("a change by {change}"), told).await;
    }
}

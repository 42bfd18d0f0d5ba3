//! What sellers say of their products, over the bus.

use ::events::{Event, Message};
use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

use crate::shop::{LIMIT, Shop, open};

fn message(kind: &str, id: &str, body: &Value) -> Message {
    Message {
        id: id.to_owned(),
        routing_key: "product".to_owned(),
        body: body.to_string().into(),
        traceparent: None,
        message_type: Some(kind.to_owned()),
    }
}

async fn tell(shop: &Shop, kind: &str, id: &str, body: Value) {
    shop.publish_message(message(kind, id, &body)).await;
}

/// A sale of one: told after something about the product, it is done after it.
async fn sell_one(shop: &Shop, product: &str, order: &str) {
    let sold = json!({"product_id": product, "quantity": 1, "order_id": order, "timestamp": 1_700_000_000});
    shop.publish("product-sold", "", sold.to_string()).await;
}

async fn item(shop: &Shop, sku: &str) -> Value {
    shop.patch(&format!("/v1/items/{sku}"), json!({})).await.is(200)["items"][0].clone()
}

async fn audit_is_clean(shop: &Shop) {
    let audit = shop.get("/v1/audit").await.is(200);
    assert_eq!(audit["clean"], true, "{audit}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_are_created_once_with_their_quantity(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let body = json!({"id": "mug", "quantity": 10, "name": " A\u{7}mug ", "price": 7});
    join_all((0..5).map(|_| tell(&shop, "Create", "", body.clone()))).await;
    shop.reaches("mug", 10).await;
    sell_one(&shop, "mug", "o-1").await;
    tell(&shop, "Create", "", body).await;
    sell_one(&shop, "mug", "o-2").await;
    shop.reaches("mug", 8).await;
    let name = shop.hears("the new item", |event| match event {
        Event::ItemCreated(item) => Some(item.name.clone()),
        _ => None,
    });
    assert_eq!(name.await, "A mug");
    let audit = shop.get("/v1/audit").await.is(200);
    assert_eq!((&audit["clean"], &audit["items"]), (&json!(true), &json!(1)), "{audit}");
    assert!(shop.parked(0).await.is_empty());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_that_exist_are_created_by_taking_their_figure_over(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    shop.patch("/v1/items/TEA", json!({"active": false})).await.is(200);
    tell(&shop, "Create", "m-1", json!({"id": "p-TEA", "quantity": 4})).await;
    shop.reaches("TEA", 4).await;
    shop.post("/v1/reservations", json!({"lines": [{"item": "TEA", "quantity": 1}]})).await.is(201);
    audit_is_clean(&shop).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_get_the_figure_that_an_update_says_and_holds_stay(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    shop.post("/v1/reservations", json!({"lines": [{"item": "TEA", "quantity": 3}]})).await.is(201);
    for (id, quantity) in [("m-1", 20), ("m-2", 0), ("m-3", 5)] {
        tell(&shop, "Update", id, json!({"id": "p-TEA", "quantity": quantity, "name": "Green tea"})).await;
        shop.reaches("TEA", quantity).await;
        let item = item(&shop, "TEA").await;
        assert_eq!((&item["reserved"], &item["on_hand"]), (&json!(3), &json!(quantity + 3)), "{item}");
    }
    shop.hears("the new name", |event| match event {
        Event::ItemUpdated(item) if item.name == "Green tea" => Some(()),
        _ => None,
    })
    .await;
    audit_is_clean(&shop).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_are_not_changed_by_what_comes_again(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let older = json!({"id": "mug", "quantity": 5, "name": "Old"});
    tell(&shop, "Update", "m-1", older.clone()).await;
    tell(&shop, "Update", "m-2", json!({"id": "mug", "quantity": 8})).await;
    tell(&shop, "Update", "m-1", older.clone()).await;
    sell_one(&shop, "mug", "o-1").await;
    shop.reaches("mug", 7).await;
    // One that changed nothing is known as well.
    tell(&shop, "Update", "m-3", json!({"id": "mug", "quantity": 7})).await;
    sell_one(&shop, "mug", "o-2").await;
    tell(&shop, "Update", "m-3", json!({"id": "mug", "quantity": 7})).await;
    sell_one(&shop, "mug", "o-3").await;
    shop.reaches("mug", 5).await;
    // Without a message id it is known by what it says.
    for order in ["o-4", "o-5"] {
        tell(&shop, "Update", "", json!({"id": "mug", "quantity": 30, "timestamp": 1_700_000_000})).await;
        sell_one(&shop, "mug", order).await;
    }
    shop.reaches("mug", 28).await;
    tell(&shop, "Update", "", json!({"id": "mug", "quantity": 30, "timestamp": 1_700_000_001})).await;
    shop.reaches("mug", 30).await;
    assert!(shop.parked(0).await.is_empty());
    audit_is_clean(&shop).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_are_changed_in_the_order_that_is_told(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    tell(&shop, "Create", "m-0", json!({"id": "mug", "quantity": 0})).await;
    shop.reaches("mug", 0).await;
    let told =
        (1..=40).map(|n| message("Update", &format!("m-{n}"), &json!({"id": "mug", "quantity": n * 10})));
    let taken = shop.bus.publish(told.collect()).await;
    assert!(taken.iter().all(Result::is_ok), "{taken:?}");
    sell_one(&shop, "mug", "o-1").await;
    shop.reaches("mug", 399).await;
    audit_is_clean(&shop).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_get_their_figure_while_they_sell(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    const SALES: i64 = 60;
    let shop = open(backend).await;
    shop.item("TEA", 500).await;
    let selling = join_all((0..SALES).map(async |_| {
        let sale = json!({"delta": -1, "reason": "sold"});
        shop.post("/v1/items/TEA/adjustments", sale).await.is(201);
    }));
    tokio::join!(selling, tell(&shop, "Update", "m-1", json!({"id": "p-TEA", "quantity": 10_000})));
    // A sale came before it, and is made up for, or after it, and is not: none is half of either.
    let left = testkit::eventually("the figure", LIMIT, async || {
        Some(shop.available("TEA").await).filter(|available| *available > 500)
    })
    .await;
    assert!((10_000 - SALES..=10_000).contains(&left), "{left}");
    assert!(shop.parked(0).await.is_empty());
    audit_is_clean(&shop).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_that_are_deleted_are_no_longer_promised_and_stay_in_the_books(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    // Of one that nobody knows there is nothing to delete.
    tell(&shop, "Delete", "m-0", json!({"id": "nothing"})).await;
    let by_key = Message {
        routing_key: "product.p-TEA".to_owned(),
        ..message("Delete", "m-1", &json!({"id": "p-TEA"}))
    };
    shop.publish_message(by_key).await;
    let hold = json!({"lines": [{"item": "TEA", "quantity": 1}]});
    testkit::eventually("it is not promised any more", LIMIT, async || {
        let answer = shop.post("/v1/reservations", hold.clone()).await;
        (answer.status == 409).then(|| answer.is_problem(409, "item-inactive"))
    })
    .await;
    assert!(item(&shop, "TEA").await["on_hand"].as_i64().is_some_and(|left| left > 0));
    // An update of its figure does not bring it back; to create it again does.
    tell(&shop, "Update", "m-2", json!({"id": "p-TEA", "quantity": 50})).await;
    shop.reaches("TEA", 50).await;
    shop.post("/v1/reservations", hold.clone()).await.is_problem(409, "item-inactive");
    tell(&shop, "Create", "m-3", json!({"id": "p-TEA", "quantity": 6})).await;
    shop.reaches("TEA", 6).await;
    shop.post("/v1/reservations", hold).await.is(201);
    assert!(shop.parked(0).await.is_empty());
    audit_is_clean(&shop).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_of_which_nonsense_is_said_are_parked_with_the_reason(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let said = [
        ("Create", json!({"id": "mug", "quantity": -1})),
        ("Update", json!({"id": "mug"})),
        ("Update", json!({"id": "mug", "quantity": 1_000_000_000_001_i64})),
        ("Update", json!({"id": "mug", "quantity": 1.5})),
        ("update", json!({"id": "mug", "quantity": 1})),
        ("Update", json!({"id": "m".repeat(200), "quantity": 1})),
        ("Update", json!({"id": "mug", "quantity": 3})),
        ("Update", json!({"id": "mug", "quantity": 4})),
    ];
    for (kind, body) in said {
        // All by one message id, which only the last but one gets to use.
        tell(&shop, kind, "m-1", body).await;
    }
    let reasons = shop.parked(7).await.join("\n");
    for reason in [
        "quantity is an integer from 0 to 1000000000000, not -1",
        "not absent",
        "not 1000000000001",
        "not 1.5",
        "MessageType is Create, Update or Delete, not update",
        "id: ",
        "another event had this identity",
    ] {
        assert!(reasons.contains(reason), "{reason:?} is not among {reasons}");
    }
    shop.reaches("mug", 3).await;
    assert_eq!(shop.get("/v1/audit").await.is(200)["items"], 1);
}

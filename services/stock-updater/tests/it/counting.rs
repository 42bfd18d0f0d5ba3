use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

use crate::shop::{Shop, open};

async fn count(shop: &Shop, body: Value) -> crate::shop::Answer {
    shop.post("/v1/items/TEA/stocktakes", body).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sold_since_a_count_stays_sold(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    shop.post("/v1/items/TEA/adjustments", json!({"delta": -3, "reason": "sold"})).await.is(201);
    // Two lay there more than the ten that the books had said when the counter looked at them.
    let counted = json!({"location": "main", "counted": 12, "version": 2, "reason": "shelf 4"});
    let done = count(&shop, counted.clone()).await.is(201);
    assert_eq!((&done["difference"], &done["items"][0]["available"]), (&json!(2), &json!(9)));
    let again = count(&shop, counted).await.is(201);
    assert_eq!((&again["difference"], &again["items"][0]["version"]), (&json!(0), &json!(4)));
    let now = count(&shop, json!({"location": "main", "counted": 5})).await.is(201);
    assert_eq!((&now["difference"], &now["items"][0]["available"]), (&json!(-4), &json!(5)));
    for (body, status, code) in [
        (json!({"location": "main", "counted": 5, "version": 99}), 409, "version-unknown"),
        (json!({"location": "main", "counted": 5, "version": 0}), 409, "version-unknown"),
        (json!({"location": "main", "counted": -1}), 422, "count-out-of-range"),
        (json!({"location": "main", "counted": 1_000_000_000_001i64}), 422, "count-out-of-range"),
        (json!({"location": "nowhere", "counted": 5}), 404, "location-unknown"),
    ] {
        count(&shop, body).await.is_problem(status, code);
    }
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

/// erpnext#49382: a count was blocked by open holds.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_open_hold_does_not_stand_in_the_way_of_a_count(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    let held =
        shop.post("/v1/reservations", json!({"lines": [{"item": "TEA", "quantity": 7}]})).await.is(201);
    let hold = held["reservation"]["reservation_id"].as_str().unwrap();
    let done = count(&shop, json!({"location": "main", "counted": 8})).await.is(201);
    let item = &done["items"][0];
    assert_eq!(
        (&done["difference"], &item["available"], &item["reserved"]),
        (&json!(-2), &json!(1), &json!(7))
    );
    let problem = count(&shop, json!({"location": "main", "counted": 6})).await.is_problem(409, "count-held");
    assert_eq!((&problem["missing"], &problem["reserved"]), (&json!(2), &json!(7)));
    let confirm = shop.request(Method::POST, &format!("/v1/reservations/{hold}/confirm"));
    assert_eq!(shop.send(confirm).await.is(200)["items"][0]["on_hand"], 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn units_are_sorted_by_what_they_are_good_for(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    let ask = async |what: &str, body: Value| {
        let done = shop.post(&format!("/v1/items/TEA/{what}"), body).await.is(201);
        let item = &done["items"][0];
        (item["available"].as_i64().unwrap(), item["on_hand"].as_i64().unwrap())
    };
    assert_eq!(ask("receipts", json!({"quantity": 2, "into": "quality_control"})).await, (10, 12));
    assert_eq!(ask("returns", json!({"quantity": 1, "into": "damaged", "reason": "torn"})).await, (10, 13));
    assert_eq!(ask("returns", json!({"quantity": 1})).await, (11, 14));
    let inspected = json!({"location": "main", "from": "quality_control", "to": "available", "quantity": 2});
    assert_eq!(ask("moves", inspected.clone()).await, (13, 14));
    shop.post("/v1/items/TEA/moves", inspected).await.is_problem(409, "not-enough");
    let nowhere = json!({"location": "main", "from": "damaged", "to": "damaged", "quantity": 1});
    shop.post("/v1/items/TEA/moves", nowhere).await.is_problem(422, "move-to-itself");
    assert_eq!(
        ask("adjustments", json!({"delta": -1, "state": "damaged", "reason": "binned"})).await,
        (13, 13)
    );
    let found = json!({"location": "main", "state": "damaged", "counted": 4});
    assert_eq!(ask("stocktakes", found).await, (13, 17));
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_units_against_a_stale_version_is_refused_and_one_given_again_is_the_same(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    let changes = [
        ("receipts", json!({"quantity": 1})),
        ("returns", json!({"quantity": 1, "into": "damaged"})),
        ("adjustments", json!({"delta": 1, "state": "damaged", "reason": "x"})),
        ("moves", json!({"location": "main", "from": "damaged", "to": "available", "quantity": 1})),
        ("stocktakes", json!({"location": "main", "counted": 10, "version": 2})),
    ];
    for (what, body) in &changes {
        let path = format!("/v1/items/TEA/{what}");
        let stale = shop.request(Method::POST, &path).header("If-Match", "\"1\"").json(body);
        shop.send(stale).await.is_problem(412, "version-stale");
        let (first, second) = (
            shop.post_keyed(what, &path, body.clone()).await,
            shop.post_keyed(what, &path, body.clone()).await,
        );
        assert_eq!((first.status.as_u16(), &first.text), (201, &second.text));
        assert_eq!(second.headers["idempotent-replayed"], "true");
        assert_eq!(first.headers["etag"], second.headers["etag"]);
    }
}

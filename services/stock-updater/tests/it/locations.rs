use rstest::rstest;
use serde_json::json;
use testkit::Backend;

use crate::shop::open;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn stock_is_put_into_and_taken_from_locations_by_priority(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 3).await;
    let made =
        shop.post("/v1/locations", json!({"code": "front", "name": "Front", "priority": 1})).await.is(201);
    assert_eq!((&made["code"], &made["active"]), (&json!("front"), &json!(true)));
    shop.post("/v1/items/TEA/receipts", json!({"quantity": 4})).await.is(201);
    let all = json!({"lines": [{"item": "TEA", "quantity": 6}]});
    let held = shop.post("/v1/reservations", all).await.is(201);
    let lines: Vec<_> =
        held["reservation"]["lines"].as_array().unwrap().iter().map(|line| &line["quantity"]).collect();
    assert_eq!(lines, [&json!(4), &json!(2)]);
    let listed = shop.get("/v1/locations").await.is(200);
    assert_eq!(
        (&listed["locations"][0]["code"], &listed["locations"][1]["code"]),
        (&json!("front"), &json!("main"))
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_location_takes_nothing_in(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = open(backend).await;
    shop.item("TEA", 3).await;
    shop.patch("/v1/locations/main", json!({"active": false})).await.is(200);
    let body = json!({"quantity": 4, "location": "main"});
    shop.post("/v1/items/TEA/receipts", body).await.is_problem(409, "location-inactive");
    shop.post("/v1/items/TEA/receipts", json!({"quantity": 4})).await.is_problem(409, "no-location");
    assert_eq!(shop.get("/v1/locations/main").await.is(200)["active"], false);
    shop.get("/v1/locations/nowhere").await.is_problem(404, "location-unknown");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_location_is_opened_once_per_key_and_code(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let first = shop.post_keyed("k", "/v1/locations", json!({"code": "front"})).await;
    let second = shop.post_keyed("k", "/v1/locations", json!({"code": "front"})).await;
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    assert_eq!(second.headers["idempotent-replayed"], "true");
    shop.post("/v1/locations", json!({"code": "front"})).await.is_problem(409, "location-code-taken");
    let main = shop.get("/v1/locations/main").await.is(200)["id"].clone();
    shop.post("/v1/locations", json!({"code": main})).await.is_problem(422, "location-invalid");
    shop.post_keyed("k", "/v1/locations", json!({"code": "back"}))
        .await
        .is_problem(422, "idempotency-key-reused");
}

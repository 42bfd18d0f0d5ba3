use ::events::Event;
use futures::future::join_all;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Backend, eventually};

use crate::shop::{LIMIT, open, open_with};

fn one(sku: &str, quantity: i64) -> Value {
    json!({"lines": [{"item": sku, "quantity": quantity}], "reference": {"type": "order", "id": "1"}})
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_buyers_of_a_hundred_units_a_hundred_succeed(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("HOT", 100).await;
    let answers = join_all((0..500).map(|_| shop.post("/v1/reservations", one("HOT", 1)))).await;
    let sold = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((sold, refused), (100, 400));
    let report = shop.get("/v1/audit").await.is(200);
    assert_eq!(report["clean"], true, "{report}");
    assert_eq!(shop.available("HOT").await, 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_confirmed_once_and_then_over(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let made = shop.post("/v1/reservations", one("TEA", 3)).await.is(201);
    let id = made["reservation"]["reservation_id"].as_str().unwrap();
    let path = |what: &str| format!("/v1/reservations/{id}/{what}");
    let confirm = || shop.send(shop.request(Method::POST, &path("confirm")));
    let first = confirm().await.is(200);
    assert_eq!((&first["items"][0]["on_hand"], &first["items"][0]["reserved"]), (&json!(2), &json!(0)));
    assert_eq!(confirm().await.is(200)["items"], first["items"]);
    shop.send(shop.request(Method::POST, &path("cancel"))).await.is_problem(409, "reservation-confirmed");
    let read = shop.get(&format!("/v1/reservations/{id}")).await.is(200);
    assert_eq!((&read["status"], &read["reference_id"]), (&json!("confirmed"), &json!("1")));
    shop.hears("reservation_confirmed", |event| {
        matches!(event, Event::ReservationConfirmed(_)).then_some(())
    })
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_reservation_gives_back_what_it_held(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let made = shop.post("/v1/reservations", one("TEA", 3)).await.is(201);
    let id = made["reservation"]["reservation_id"].as_str().unwrap();
    shop.send(shop.request(Method::POST, &format!("/v1/reservations/{id}/cancel"))).await.is(200);
    assert_eq!(shop.available("TEA").await, 5);
    let confirm = shop.request(Method::POST, &format!("/v1/reservations/{id}/confirm"));
    shop.send(confirm).await.is_problem(409, "reservation-cancelled");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_reservation_is_swept_and_told(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let body = json!({"lines": [{"item": "TEA", "quantity": 5}], "ttl_seconds": 1});
    let made = shop.post("/v1/reservations", body).await.is(201);
    let id = made["reservation"]["reservation_id"].as_str().unwrap().to_owned();
    shop.hears("reservation_expired", |event| matches!(event, Event::ReservationExpired(_)).then_some(()))
        .await;
    assert_eq!(shop.get(&format!("/v1/reservations/{id}")).await.is(200)["status"], "expired");
    assert_eq!(shop.available("TEA").await, 5);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_reservation_blocks_no_sale_with_the_sweeper_off(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open_with(backend, |config| config.set("stock_updater.sweeper", false)).await;
    shop.item("TEA", 5).await;
    let body = json!({"lines": [{"item": "TEA", "quantity": 5}], "ttl_seconds": 1});
    let made = shop.post("/v1/reservations", body).await.is(201);
    let id = made["reservation"]["reservation_id"].as_str().unwrap().to_owned();
    eventually("its time is up", LIMIT, async || {
        let read = shop.get(&format!("/v1/reservations/{id}")).await.is(200);
        (read["status"] == "expired").then_some(())
    })
    .await;
    shop.post("/v1/reservations", one("TEA", 5)).await.is(201);
    let confirm = shop.request(Method::POST, &format!("/v1/reservations/{id}/confirm"));
    shop.send(confirm).await.is_problem(409, "reservation-expired");
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_lines_are_held_together_or_not_at_all(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    shop.item("CUP", 1).await;
    let lines =
        |cups: i64| json!({"lines": [{"item": "TEA", "quantity": 2}, {"item": "p-CUP", "quantity": cups}]});
    let problem = shop.post("/v1/reservations", lines(2)).await.is_problem(409, "not-enough");
    assert_eq!(problem["sku"], "CUP");
    assert_eq!(shop.available("TEA").await, 5);
    shop.post("/v1/reservations", lines(1)).await.is(201);
    let twice = json!({"lines": [{"item": "TEA", "quantity": 2}, {"item": "TEA", "quantity": 2}]});
    shop.post("/v1/reservations", twice).await.is_problem(409, "not-enough");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_reservation_is_handed_over_and_the_rest_stays_held(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    shop.item("CUP", 5).await;
    let lines = json!({"lines": [{"item": "TEA", "quantity": 4}, {"item": "CUP", "quantity": 1}]});
    let made = shop.post("/v1/reservations", lines).await.is(201);
    let id = made["reservation"]["reservation_id"].as_str().unwrap();
    let confirm = format!("/v1/reservations/{id}/confirm");
    let part = |item: &str, quantity: i64| json!({"lines": [{"item": item, "quantity": quantity}]});
    let first = shop.post_keyed("k", &confirm, part("TEA", 3)).await;
    assert_eq!(first.text, shop.post_keyed("k", &confirm, part("TEA", 3)).await.text);
    let first = first.is(200);
    let tea = first["items"].as_array().unwrap().iter().find(|item| item["sku"] == "TEA").unwrap();
    assert_eq!((&tea["on_hand"], &tea["reserved"]), (&json!(2), &json!(1)));
    let problem = shop.post(&confirm, part("TEA", 2)).await.is_problem(409, "part-too-large");
    assert_eq!((&problem["requested"], &problem["held"]), (&json!(2), &json!(1)));
    shop.item("POT", 1).await;
    shop.post(&confirm, part("POT", 1)).await.is_problem(404, "reservation-line-unknown");
    shop.post(&confirm, json!({"lines": []})).await.is_problem(422, "no-lines");
    let read = shop.get(&format!("/v1/reservations/{id}")).await.is(200);
    let tea = read["skus"].as_array().unwrap().iter().position(|sku| sku == "TEA").unwrap();
    assert_eq!((&read["status"], &read["lines"][tea]["confirmed"]), (&json!("open"), &json!(3)));
    shop.send(shop.request(Method::POST, &format!("/v1/reservations/{id}/cancel"))).await.is(200);
    assert_eq!((shop.available("TEA").await, shop.available("CUP").await), (2, 5));
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_made_to_last_longer_and_never_shorter(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let made = shop.post("/v1/reservations", one("TEA", 3)).await.is(201);
    let id = made["reservation"]["reservation_id"].as_str().unwrap();
    let extend = async |seconds: i64| {
        shop.post(&format!("/v1/reservations/{id}/extend"), json!({"ttl_seconds": seconds})).await
    };
    let longer = extend(86_400).await.is(200)["reservation"]["expires_at"].clone();
    assert!(longer.as_str() > made["reservation"]["expires_at"].as_str(), "{longer}");
    assert_eq!(extend(60).await.is(200)["reservation"]["expires_at"], longer);
    for seconds in [0, -1, 315_360_000] {
        extend(seconds).await.is_problem(422, "duration-out-of-range");
    }
    shop.send(shop.request(Method::POST, &format!("/v1/reservations/{id}/cancel"))).await.is(200);
    extend(86_400).await.is_problem(409, "reservation-cancelled");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_version_is_not_that_of_several_items(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    for sku in ["TEA", "CUP"] {
        shop.item(sku, 5).await;
    }
    let reserve = |lines: Value| {
        let request = shop.request(Method::POST, "/v1/reservations").header("If-Match", "\"2\"");
        shop.send(request.json(&json!({ "lines": lines })))
    };
    let [tea, cup] = ["TEA", "CUP"].map(|sku| json!({"item": sku, "quantity": 1}));
    reserve(json!([tea, cup])).await.is_problem(400, "if-match-invalid");
    assert_eq!((shop.available("TEA").await, shop.available("CUP").await), (5, 5));
    reserve(json!([tea])).await.is(201);
    reserve(json!([tea])).await.is_problem(412, "version-stale");
}

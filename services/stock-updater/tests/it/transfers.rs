use ::events::Event;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

use crate::shop::{Shop, open};

async fn shipped(shop: &Shop) -> String {
    shop.post("/v1/locations", json!({"code": "shop", "priority": 900})).await.is(201);
    shop.item("TEA", 10).await;
    shop.item("CUP", 4).await;
    let body = json!({"from": "main", "to": "shop", "reference": {"type": "van", "id": "7"},
        "lines": [{"item": "TEA", "quantity": 4}, {"item": "p-CUP", "quantity": 2}, {"item": "TEA", "quantity": 2}]});
    let made = shop.post("/v1/transfers", body).await.is(201);
    let lines = made["transfer"]["lines"].as_array().unwrap();
    assert_eq!(
        (lines[0]["shipped"].as_i64(), lines[0]["outstanding"].as_i64()),
        (Some(6), Some(6)),
        "{made:#}"
    );
    made["transfer"]["transfer_id"].as_str().unwrap().to_owned()
}

fn item<'a>(change: &'a Value, sku: &str) -> &'a Value {
    change["items"].as_array().unwrap().iter().find(|item| item["sku"] == sku).unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn goods_in_transit_are_counted_once_and_arrive_in_parts(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let id = shipped(&shop).await;
    let path = |what: &str| format!("/v1/transfers/{id}/{what}");
    let now = shop.patch("/v1/items/TEA", json!({})).await.is(200);
    let tea = item(&now, "TEA");
    assert_eq!((&tea["on_hand"], &tea["available"], &tea["in_transit"]), (&json!(4), &json!(4), &json!(6)));
    let part = json!({"lines": [{"item": "TEA", "quantity": 1}], "into": "damaged", "reason": "crushed"});
    let part = shop.post(&path("receive"), part).await.is(200);
    let tea = item(&part, "TEA");
    assert_eq!((&tea["on_hand"], &tea["available"], &tea["in_transit"]), (&json!(5), &json!(4), &json!(5)));
    let lost = shop.post(&path("losses"), json!({"lines": [{"item": "TEA", "quantity": 2}]})).await.is(200);
    assert_eq!(item(&lost, "TEA")["in_transit"], 3);
    let over = json!({"lines": [{"item": "TEA", "quantity": 4}]});
    let problem = shop.post(&path("receive"), over.clone()).await.is_problem(409, "transfer-exceeded");
    assert_eq!((&problem["requested"], &problem["outstanding"]), (&json!(4), &json!(3)));
    shop.post(&path("losses"), over).await.is_problem(409, "transfer-exceeded");
    shop.item("POT", 1).await;
    let other = json!({"lines": [{"item": "POT", "quantity": 1}]});
    shop.post(&path("receive"), other).await.is_problem(404, "transfer-line-unknown");
    // Without a body: all that is outstanding. Again: nothing is.
    let all = shop.send(shop.request(Method::POST, &path("receive"))).await.is(200);
    let outstanding = |change: &Value| -> i64 {
        let lines = change["transfer"]["lines"].as_array().unwrap();
        lines.iter().map(|line| line["outstanding"].as_i64().unwrap()).sum()
    };
    assert_eq!((outstanding(&all), item(&all, "TEA")["available"].as_i64()), (0, Some(7)));
    let again = shop.send(shop.request(Method::POST, &path("receive"))).await.is(200);
    assert_eq!(again["items"], all["items"]);
    shop.send(shop.request(Method::POST, &path("losses"))).await.is(200);
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
    shop.hears("transfer_shipped", |event| matches!(event, Event::TransferShipped(_)).then_some(())).await;
    shop.hears("transfer_received", |event| matches!(event, Event::TransferReceived(_)).then_some(())).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_ships_every_line_or_none(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = open(backend).await;
    shipped(&shop).await;
    let ship = |lines: Value| json!({"from": "main", "to": "shop", "lines": lines});
    let short = ship(json!([{"item": "CUP", "quantity": 1}, {"item": "TEA", "quantity": 5}]));
    let problem = shop.post("/v1/transfers", short).await.is_problem(409, "not-enough");
    assert_eq!((&problem["sku"], &problem["available"]), (&json!("TEA"), &json!(4)));
    let twice = ship(json!([{"item": "TEA", "quantity": 3}, {"item": "TEA", "quantity": 3}]));
    shop.post("/v1/transfers", twice).await.is_problem(409, "not-enough");
    let one = json!([{"item": "TEA", "quantity": 1}]);
    let nowhere = json!({"from": "main", "to": "main", "lines": one});
    shop.post("/v1/transfers", nowhere).await.is_problem(422, "transfer-to-itself");
    shop.patch("/v1/locations/shop", json!({"active": false})).await.is(200);
    shop.post("/v1/transfers", ship(one.clone())).await.is_problem(409, "location-inactive");
    let back = json!({"from": "shop", "to": "main", "lines": one});
    shop.post("/v1/transfers", back).await.is_problem(409, "not-enough");
    assert_eq!((shop.available("TEA").await, shop.available("CUP").await), (4, 2));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_given_again_is_answered_byte_for_byte(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let id = shipped(&shop).await;
    let ship = json!({"from": "main", "to": "shop", "lines": [{"item": "TEA", "quantity": 1}]});
    for (key, path, body) in [
        ("a", "/v1/transfers".to_owned(), ship),
        ("b", format!("/v1/transfers/{id}/receive"), json!({"lines": [{"item": "TEA", "quantity": 1}]})),
        ("c", format!("/v1/transfers/{id}/losses"), json!({"lines": [{"item": "TEA", "quantity": 1}]})),
        ("d", format!("/v1/transfers/{id}/losses"), json!({"lines": [{"item": "TEA", "quantity": 99}]})),
    ] {
        let first = shop.post_keyed(key, &path, body.clone()).await;
        let second = shop.post_keyed(key, &path, body).await;
        assert_eq!((first.status, &first.text), (second.status, &second.text));
        shop.post_keyed(
            key,
            &path,
            json!({"lines": [{"item": "TEA", "quantity": 2}], "from": "main", "to": "shop"}),
        )
        .await;
    }
    assert_eq!(shop.available("TEA").await, 4, "one left, one came");
}

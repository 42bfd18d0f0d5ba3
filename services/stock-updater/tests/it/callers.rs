use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

use crate::shop::{Shop, open_with};

/// What stands before the 32 bytes of an Ed25519 private key in PKCS #8.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

fn key() -> EncodingKey {
    EncodingKey::from_ed_der(&[&ED25519_PKCS8[..], &[7; 32]].concat())
}

pub(crate) fn token(role: &str, owner: Option<&str>) -> String {
    let exp = jsonwebtoken::get_current_timestamp() + 600;
    let sub = format!("{role}-{}", owner.unwrap_or("x"));
    let claims = json!({"sub": sub, "role": role, "owner": owner, "iss": "https://id.test", "aud": "onhand", "exp": exp});
    let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::EdDSA) };
    encode(&header, &claims, &key()).unwrap()
}

/// The issuer's key set, served as issuers do.
#[expect(clippy::disallowed_methods, reason = "a test hosts the issuer itself")]
async fn issuer() -> String {
    let mut jwk = Jwk::from_encoding_key(&key(), Algorithm::EdDSA).unwrap();
    jwk.common.key_id = Some("k".to_owned());
    let set = serde_json::to_value(JwkSet { keys: vec![jwk] }).unwrap();
    let app = axum::Router::new().route("/jwks", axum::routing::get(async move || axum::Json(set)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

pub(crate) async fn guarded(backend: Backend) -> Shop {
    let jwks = issuer().await;
    let mut shop = open_with(backend, |config| {
        config
            .set("auth.mode", "jwt")
            .set("auth.issuer", "https://id.test")
            .set("auth.algorithms", "EdDSA")
            .set("auth.jwks_url", jwks)
    })
    .await;
    shop.token = Some(token("admin", None));
    shop.item("TEA", 5).await;
    let body = json!({"sku": "MINE", "name": "Mine", "owner": "acme"});
    shop.post("/v1/items", body).await.is(201);
    shop.post("/v1/items/MINE/receipts", json!({"quantity": 5})).await.is(201);
    shop
}

fn requests(Known { hold, transfer }: &Known) -> Vec<(&'static str, String, Value)> {
    let post = |path: String, body: Value| ("POST", path, body);
    let moved = json!({"location": "main", "from": "available", "to": "damaged", "quantity": 1});
    let lines = json!([{"item": "TEA", "quantity": 1}]);
    vec![
        ("PATCH", "/v1/items/TEA".to_owned(), json!({"reorder_point": 1})),
        post("/v1/items/TEA/receipts".to_owned(), json!({"quantity": 1})),
        post("/v1/items/TEA/adjustments".to_owned(), json!({"delta": -1, "reason": "x"})),
        post("/v1/reservations".to_owned(), json!({"lines": [{"item": "TEA", "quantity": 1}]})),
        post("/v1/items/TEA/returns".to_owned(), json!({"quantity": 1})),
        post("/v1/items/TEA/moves".to_owned(), moved),
        post("/v1/items/TEA/stocktakes".to_owned(), json!({"location": "main", "counted": 1})),
        post("/v1/transfers".to_owned(), json!({"from": "main", "to": "back", "lines": lines})),
        post(format!("/v1/transfers/{transfer}/receive"), json!({})),
        post(format!("/v1/transfers/{transfer}/losses"), json!({})),
        post(format!("/v1/reservations/{hold}/extend"), json!({"ttl_seconds": 86_400})),
        post(format!("/v1/reservations/{hold}/confirm"), json!({})),
        post(format!("/v1/reservations/{hold}/confirm"), json!({"lines": lines})),
        post(format!("/v1/reservations/{hold}/cancel"), json!({})),
        ("GET", format!("/v1/reservations/{hold}"), Value::Null),
        post("/stock/update/p-TEA".to_owned(), json!({"quantity": 1})),
        post("/api/v1/inventories".to_owned(), json!({"SKU": "TEA", "deltaQuantity": -1})),
        ("GET", "/api/v1/inventories/TEA".to_owned(), Value::Null),
    ]
}

/// What belongs to somebody else.
struct Known {
    hold: String,
    transfer: String,
}

/// Somebody else's hold and transfer, each on one unit of TEA.
async fn known(shop: &Shop) -> Known {
    let lines = json!([{"item": "TEA", "quantity": 1}]);
    let held = shop.post("/v1/reservations", json!({"lines": lines})).await.is(201);
    shop.post("/v1/locations", json!({"code": "back", "priority": 900})).await.is(201);
    let ship = json!({"from": "main", "to": "back", "lines": lines});
    let shipped = shop.post("/v1/transfers", ship).await.is(201);
    Known {
        hold: held["reservation"]["reservation_id"].as_str().unwrap().to_owned(),
        transfer: shipped["transfer"]["transfer_id"].as_str().unwrap().to_owned(),
    }
}

async fn ask(shop: &Shop, (method, path, body): &(&'static str, String, Value)) -> crate::shop::Answer {
    let request = shop.request(method.parse().unwrap(), path);
    shop.send(if body.is_null() { request } else { request.json(body) }).await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn another_brands_items_and_reservations_do_not_exist_on_any_route(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let mut shop = guarded(backend).await;
    let known = known(&shop).await;
    shop.token = Some(token("brand", Some("acme")));
    for request in requests(&known) {
        let answer = ask(&shop, &request).await;
        assert_eq!(answer.status, 404, "{request:?}: {answer:?}");
    }
    let theirs = json!({"sku": "NEW", "name": "New", "owner": "shop"});
    shop.post("/v1/items", theirs).await.is_problem(403, "forbidden");
    let mine = shop.post("/v1/items/MINE/receipts", json!({"quantity": 1})).await.is(201);
    assert_eq!(mine["items"][0]["available"], 6);
    shop.post("/v1/items", json!({"sku": "NEW", "name": "New"})).await.is(201);
    shop.get("/v1/audit").await.is_problem(403, "forbidden");
    shop.post("/v1/locations", json!({"code": "x"})).await.is_problem(403, "forbidden");
    // An operator's role does not make an owner's caller an operator.
    shop.token = Some(token("service", Some("acme")));
    shop.get("/v1/audit").await.is_problem(403, "forbidden");
    shop.post("/v1/locations", json!({"code": "x"})).await.is_problem(403, "forbidden");
    shop.patch("/v1/locations/main", json!({"active": false})).await.is_problem(403, "forbidden");
    shop.token = Some(token("admin", None));
    assert_eq!(shop.available("TEA").await, 3, "nothing was changed");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn another_brands_items_do_not_exist_in_a_batch_or_a_file(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let mut shop = guarded(backend).await;
    let Known { hold, transfer } = known(&shop).await;
    shop.token = Some(token("brand", Some("acme")));
    let lines = json!([{"item": "MINE", "quantity": 1}, {"item": "TEA", "quantity": 1}]);
    let commands = json!([
        {"command": "receive", "item": "MINE", "quantity": 1},
        {"command": "receive", "item": "TEA", "quantity": 1},
        {"command": "stocktake", "item": "p-TEA", "location": "main", "counted": 0},
        {"command": "update_item", "item": "TEA", "active": false},
        {"command": "ship", "from": "main", "to": "back", "lines": lines},
        {"command": "reserve", "lines": lines},
        {"command": "confirm", "reservation_id": hold},
        {"command": "cancel", "reservation_id": hold},
        {"command": "extend", "reservation_id": hold, "ttl_seconds": 9999},
        {"command": "receive_transfer", "transfer_id": transfer},
        {"command": "lose_transfer", "transfer_id": transfer},
        {"command": "create_item", "sku": "X", "name": "X", "owner": "shop"},
    ]);
    let done = shop.post("/v1/batch", commands.clone()).await.is(200);
    let statuses: Vec<i64> =
        done["results"].as_array().unwrap().iter().map(|result| result["status"].as_i64().unwrap()).collect();
    assert_eq!(statuses, [201, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 403], "{done:#}");
    shop.post("/v1/batch?atomic=true", commands).await.is_problem(404, "item-unknown");
    let file = async |path: &str, body: &str| {
        let request = shop.request(reqwest::Method::POST, path).header("content-type", "text/csv");
        shop.send(request.body(body.to_owned())).await.is(200)
    };
    let items = file("/v1/imports/items", "sku,name,owner\nTEA,Stolen,\nMINE,Ours,\nY,Y,shop\n").await;
    assert_eq!((&items["accepted"], &items["refused"][0]["line"]), (&json!(1), &json!(2)), "{items}");
    assert_eq!(items["refused"][0]["problem"]["type"], "urn:onhand:problem:sku-taken");
    assert_eq!(items["refused"][1]["problem"]["status"], 403);
    let levels = file("/v1/imports/levels", "sku,location,on_hand\nTEA,main,0\nMINE,main,6\n").await;
    assert_eq!((&levels["unchanged"], &levels["refused"][0]["problem"]["status"]), (&json!(1), &json!(404)));
    for what in ["items", "levels"] {
        let sent = shop.get(&format!("/v1/exports/{what}")).await;
        assert!(sent.text.contains("\nMINE,") && !sent.text.contains("TEA"), "{}", sent.text);
    }
    for role in ["viewer", "customer"] {
        shop.token = Some(token(role, None));
        shop.post("/v1/batch", json!([{}])).await.is_problem(403, "forbidden");
        for what in ["items", "levels"] {
            let request = shop.request(reqwest::Method::POST, &format!("/v1/imports/{what}"));
            shop.send(request.header("content-type", "text/csv").body("x"))
                .await
                .is_problem(403, "forbidden");
            let status = shop.get(&format!("/v1/exports/{what}")).await.status;
            assert_eq!(status, if role == "viewer" { 200 } else { 403 });
        }
    }
    shop.token = Some(token("admin", None));
    assert_eq!((shop.available("TEA").await, shop.available("MINE").await), (3, 6));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn viewers_and_customers_change_nothing_and_strangers_see_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let mut shop = guarded(backend).await;
    let known = known(&shop).await;
    for role in ["viewer", "customer"] {
        shop.token = Some(token(role, None));
        for request in requests(&known).into_iter().filter(|(method, ..)| *method != "GET") {
            let answer = ask(&shop, &request).await;
            assert_eq!(answer.status, 403, "{role}, {request:?}: {answer:?}");
        }
    }
    shop.token = None;
    for request in requests(&known) {
        assert_eq!(ask(&shop, &request).await.status, 401, "{request:?}");
    }
    shop.get("/health").await.is(200);
}

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

fn token(role: &str, owner: Option<&str>) -> String {
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

async fn guarded(backend: Backend) -> Shop {
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

fn requests(hold: &str) -> Vec<(&'static str, String, Value)> {
    let post = |path: String, body: Value| ("POST", path, body);
    vec![
        ("PATCH", "/v1/items/TEA".to_owned(), json!({"reorder_point": 1})),
        post("/v1/items/TEA/receipts".to_owned(), json!({"quantity": 1})),
        post("/v1/items/TEA/adjustments".to_owned(), json!({"delta": -1, "reason": "x"})),
        post("/v1/reservations".to_owned(), json!({"lines": [{"item": "TEA", "quantity": 1}]})),
        post(format!("/v1/reservations/{hold}/confirm"), json!({})),
        post(format!("/v1/reservations/{hold}/cancel"), json!({})),
        ("GET", format!("/v1/reservations/{hold}"), Value::Null),
        post("/stock/update/p-TEA".to_owned(), json!({"quantity": 1})),
    ]
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
    let held =
        shop.post("/v1/reservations", json!({"lines": [{"item": "TEA", "quantity": 1}]})).await.is(201);
    let hold = held["reservation"]["reservation_id"].as_str().unwrap().to_owned();
    shop.token = Some(token("brand", Some("acme")));
    for request in requests(&hold) {
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
    assert_eq!(shop.available("TEA").await, 4, "nothing was changed");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn viewers_and_customers_change_nothing_and_strangers_see_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let mut shop = guarded(backend).await;
    let held =
        shop.post("/v1/reservations", json!({"lines": [{"item": "TEA", "quantity": 1}]})).await.is(201);
    let hold = held["reservation"]["reservation_id"].as_str().unwrap().to_owned();
    for role in ["viewer", "customer"] {
        shop.token = Some(token(role, None));
        for request in requests(&hold).into_iter().filter(|(method, ..)| *method != "GET") {
            let answer = ask(&shop, &request).await;
            assert_eq!(answer.status, 403, "{role}, {request:?}: {answer:?}");
        }
    }
    shop.token = None;
    for request in requests(&hold) {
        assert_eq!(ask(&shop, &request).await.status, 401, "{request:?}");
    }
    shop.get("/health").await.is(200);
}

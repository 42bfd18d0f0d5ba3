//! Who sees what: nobody without a token, customers nothing, a brand its own.

use std::path::Path;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Backend, eventually};

use crate::stand::{Answer, LIMIT, Stand, open_with};

/// What stands before the 32 bytes of an Ed25519 private key in PKCS #8.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Base64 of what stands before a public one.
const ED25519_SPKI: &str = "MCowBQYDK2VwAyEA";

const ROUTES: [&str; 8] = [
    "/v1/items/TEA",
    "/v1/items/TEA/levels",
    "/v1/items/TEA/transactions",
    "/v1/items/TEA/explain",
    "/v1/items",
    "/v1/low-stock?threshold=100",
    "/v1/overview",
    "/v1/transactions",
];

const OLD_ROUTES: [&str; 3] = ["/stock/product/p-TEA", "/stock/low?threshold=100", "/stock/status"];

fn key() -> EncodingKey {
    EncodingKey::from_ed_der(&[&ED25519_PKCS8[..], &[7; 32]].concat())
}

fn write_public_key(file: &Path) {
    let jwk = Jwk::from_encoding_key(&key(), Algorithm::EdDSA).unwrap();
    let x = serde_json::to_value(jwk).unwrap()["x"].as_str().unwrap().replace('-', "+").replace('_', "/");
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{ED25519_SPKI}{x}=\n-----END PUBLIC KEY-----\n");
    std::fs::write(file, pem).unwrap();
}

pub(crate) fn token(role: &str, owner: Option<&str>) -> String {
    let exp = jsonwebtoken::get_current_timestamp() + 600;
    let claims = json!({"sub": "ann", "role": role, "owner": owner, "iss": "https://id.test", "aud": "onhand", "exp": exp});
    encode(&Header::new(Algorithm::EdDSA), &claims, &key()).unwrap()
}

/// A stand that asks for tokens, with `TEA` of acme's in stock.
pub(crate) async fn guarded(backend: Backend) -> Stand {
    guarded_with(backend, &[]).await
}

/// The same with settings of the test's own.
pub(crate) async fn guarded_with(backend: Backend, settings: &[(&str, &str)]) -> Stand {
    let file = std::env::temp_dir().join(format!("onhand-key-{}.pem", uuid::Uuid::new_v4()));
    write_public_key(&file);
    let auth = [
        ("auth.mode", "jwt"),
        ("auth.issuer", "https://id.test"),
        ("auth.algorithms", "EdDSA"),
        ("auth.key_file", file.to_str().unwrap()),
    ];
    let stand = open_with(backend, &[&auth[..], settings].concat()).await;
    stand.item("TEA", 7).await;
    eventually("it is up", LIMIT, async || (stand.get("/ready").await.status() == 200).then_some(())).await;
    std::fs::remove_file(file).unwrap();
    stand
}

pub(crate) async fn ask(stand: &Stand, path: &str, role: &str, owner: Option<&str>) -> Answer {
    Answer::of(stand.request(path).bearer_auth(token(role, owner)).send().await.unwrap()).await
}

#[rstest]
#[tokio::test]
async fn nobody_looks_without_a_token_and_no_customer_with_one(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = guarded(backend).await;
    for path in ROUTES.iter().chain(&OLD_ROUTES) {
        assert_eq!(stand.ask(path).await.status, 401, "{path}");
        for role in ["admin", "service", "viewer"] {
            assert_eq!(ask(&stand, path, role, None).await.status, 200, "{role} {path}");
        }
        assert_eq!(ask(&stand, path, "brand", Some("acme")).await.status, 200, "{path}");
        let bad = format!("{path}{}nonsense=%00", if path.contains('?') { "&" } else { "?" });
        assert_eq!(ask(&stand, &bad, "customer", None).await.status, 403, "before anything is read: {path}");
    }
    for path in ROUTES {
        assert_eq!(ask(&stand, path, "customer", None).await.problem(), (403, "forbidden"), "{path}");
    }
    for path in OLD_ROUTES {
        let refused = ask(&stand, path, "customer", None).await;
        assert_eq!((refused.status, refused.body.as_object().unwrap().len()), (403, 1), "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn a_brand_sees_nothing_of_anothers(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = guarded(backend).await;
    // Cached, and known by name, from somebody who may.
    for path in ROUTES {
        ask(&stand, path, "admin", None).await;
    }
    for owner in [Some("bolt"), Some("ACME"), Some("acme2")] {
        for role in ["brand", "viewer"] {
            let see = async |path: &str| ask(&stand, path, role, owner).await;
            for path in &ROUTES[..4] {
                assert_eq!(see(path).await.problem(), (404, "item-unknown"));
            }
            for list in [
                "/v1/items",
                "/v1/items?owner=acme",
                "/v1/items?search=tea",
                "/v1/items?supplier=sup-1&location=main&status=in_stock",
                "/v1/items?sort=available&available_min=1",
                "/v1/items?sort=updated&order=desc&owner=acme",
                "/v1/low-stock?threshold=100&owner=acme",
                "/v1/low-stock?threshold=100&supplier=sup-1",
            ] {
                assert_eq!(see(list).await.body, json!({"items": [], "next_cursor": null}), "{list}");
            }
            let overview = see("/v1/overview").await.body;
            assert_eq!((&overview["items"], &overview["by_owner"]), (&json!(0), &json!([])));
            assert_eq!(overview["by_location"], json!([]));
            assert_eq!(see("/stock/product/p-TEA").await.body, json!({"detail": "Product not found"}));
            assert_eq!(see("/stock/low?threshold=100").await.body, json!([]));
            assert_eq!(see("/stock/status").await.body, json!([]));
        }
    }
    let own = async |path: &str| -> Value { ask(&stand, path, "brand", Some("acme")).await.body };
    assert_eq!(own("/v1/items/TEA").await["available"], 7);
    assert_eq!(own("/v1/items?owner=acme").await["items"][0]["sku"], "TEA");
    assert_eq!(own("/v1/overview").await["items"], 1);
    assert_eq!(own("/stock/low").await[0]["id"], "p-TEA");
}

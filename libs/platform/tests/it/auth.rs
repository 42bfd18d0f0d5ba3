//! Tokens: everything that is not exactly right is a 401; and an issuer is not bothered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use platform::auth::{Caller, Role, Verifier};
use platform::problem::Problem;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Running, defaults, problem, service};

/// What stands before the 32 bytes of an Ed25519 private key in PKCS #8.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Base64 of what stands before a public one.
const ED25519_SPKI: &str = "MCowBQYDK2VwAyEA";

fn key(seed: u8) -> EncodingKey {
    EncodingKey::from_ed_der(&[&ED25519_PKCS8[..], &[seed; 32]].concat())
}

fn jwk(seed: u8, kid: &str) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(&key(seed), Algorithm::EdDSA).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    jwk
}

pub(crate) fn public_pem(seed: u8) -> String {
    let x = serde_json::to_value(jwk(seed, "")).unwrap()["x"].as_str().unwrap().to_owned();
    let x = x.replace('-', "+").replace('_', "/");
    format!("-----BEGIN PUBLIC KEY-----\n{ED25519_SPKI}{x}=\n-----END PUBLIC KEY-----\n")
}

pub(crate) fn claims() -> Value {
    let exp = jsonwebtoken::get_current_timestamp() + 600;
    json!({"sub": "ann", "role": "brand", "owner": "acme", "iss": "https://id.test", "aud": "onhand", "exp": exp})
}

pub(crate) fn token(seed: u8, kid: &str, claims: &Value) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
    encode(&header, claims, &key(seed)).unwrap()
}

fn sent(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
}

async fn verify(verifier: &Verifier, token: &str) -> Result<Caller, Problem> {
    verifier.authenticate(&sent(token), Instant::now()).await
}

pub(crate) fn config() -> platform::config::Config {
    defaults()
        .set("auth.mode", "jwt")
        .set("auth.issuer", "https://id.test")
        .set("auth.algorithms", "EdDSA")
        .set("auth.leeway_s", 0)
}

/// A verifier with a key file of seed 1.
fn verifier() -> Verifier {
    let file = std::env::temp_dir().join(format!("onhand-key-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, public_pem(1)).unwrap();
    let config = config().set("auth.key_file", file.to_str().unwrap());
    let verifier = Verifier::new(&config.section("auth").unwrap()).unwrap();
    std::fs::remove_file(file).unwrap();
    verifier
}

#[tokio::test]
async fn a_good_token_tells_who_is_asking() {
    let caller = verify(&verifier(), &token(1, "k", &claims())).await.unwrap();
    assert_eq!(caller, Caller { actor: "ann".into(), role: Role::Brand, owner: Some("acme".into()) });
    assert_eq!(caller.owner_scope(), Some("acme"));
    assert!(caller.must_be(&[Role::Admin, Role::Brand]).is_ok());
    assert_eq!(caller.must_be(&[Role::Admin]).unwrap_err().status(), StatusCode::FORBIDDEN);
}

#[rstest]
#[case::issuer("iss", json!("https://evil.test"))]
#[case::no_issuer("iss", Value::Null)]
#[case::audience("aud", json!("other"))]
#[case::no_audience("aud", Value::Null)]
#[case::expired("exp", json!(1_600_000_000))]
#[case::no_expiry("exp", Value::Null)]
#[case::expiry_as_text("exp", json!("99999999999"))]
#[case::not_yet("nbf", json!(99_999_999_999_u64))]
#[case::nobody("sub", json!(" "))]
#[case::no_subject("sub", Value::Null)]
#[case::no_role("role", Value::Null)]
#[case::unknown_role("role", json!("root"))]
#[case::brand_of_nobody("owner", Value::Null)]
#[case::brand_of_nothing("owner", json!(""))]
#[tokio::test]
async fn a_token_with_a_wrong_claim_is_refused(#[case] claim: &str, #[case] value: Value) {
    let mut claims = claims();
    claims[claim] = value;
    if claims[claim].is_null() {
        claims.as_object_mut().unwrap().remove(claim);
    }
    let refusal = verify(&verifier(), &token(1, "k", &claims)).await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED, "{claim}");
}

#[tokio::test]
async fn a_token_that_is_not_signed_with_our_key_and_algorithm_is_refused() {
    let good = token(1, "k", &claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (_, payload) = signed.split_once('.').unwrap();
    // {"alg":"none","typ":"JWT"}
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.");
    // The classic: the public key, taken for a shared secret.
    let secret = EncodingKey::from_secret(public_pem(1).as_bytes());
    let confused = encode(&Header::new(Algorithm::HS256), &claims(), &secret).unwrap();
    let foreign = token(2, "k", &claims());
    let altered =
        format!("{signed}.{}{}", if signature.starts_with('A') { "B" } else { "A" }, &signature[1..]);
    let unsigned = format!("{signed}.");
    for wrong in [&none, &confused, &foreign, &altered, &unsigned, "", "x.y.z", &"a".repeat(10_000)] {
        let refusal = verify(&verifier(), wrong).await.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED, "{wrong}");
    }
}

#[tokio::test]
async fn a_route_is_closed_without_a_token_and_open_with_one() {
    let whoami = async |caller: Caller| caller.actor;
    let file = std::env::temp_dir().join(format!("onhand-key-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, public_pem(1)).unwrap();
    let config = config().set("auth.key_file", file.to_str().unwrap());
    let running = Running::start(config, service(Router::new().route("/whoami", get(whoami)))).await;
    let refused = running.get("/whoami").await;
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    assert_eq!(problem(refused).await.1, "unauthenticated");
    let forged =
        running.client.get(format!("{}/whoami", running.url)).bearer_auth("x.y.z").send().await.unwrap();
    assert_eq!(forged.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    assert_eq!(running.get("/anything").await.status(), 401, "nobody learns what there is");
    for open in ["/health", "/ready", "/metrics", "/openapi.json", "/docs/"] {
        assert_eq!(running.get(open).await.status(), 200, "{open}");
    }
    let known = running.client.get(format!("{}/whoami", running.url)).bearer_auth(token(1, "k", &claims()));
    assert_eq!(known.send().await.unwrap().text().await.unwrap(), "ann");
    std::fs::remove_file(file).unwrap();
}

/// An issuer with one key, "a", of seed 1, that counts how often it is asked.
async fn issuer() -> (Running, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let mut encryption = serde_json::to_value(jwk(3, "enc")).unwrap();
    encryption["use"] = json!("enc");
    let mut set = serde_json::to_value(JwkSet { keys: vec![jwk(1, "a")] }).unwrap();
    set["keys"].as_array_mut().unwrap().push(encryption);
    let keys = async move || {
        counter.fetch_add(1, Ordering::SeqCst);
        axum::Json(set.clone())
    };
    (Running::start(defaults(), service(Router::new().route("/jwks", get(keys)))).await, asked)
}

fn by_jwks(issuer: &Running) -> Verifier {
    let config = config().set("auth.jwks_url", format!("{}/jwks", issuer.url));
    Verifier::new(&config.section("auth").unwrap()).unwrap()
}

#[tokio::test]
async fn an_issuer_is_asked_once_however_many_come_at_once() {
    let (issuer, asked) = issuer().await;
    let verifier = by_jwks(&issuer);
    let good = token(1, "a", &claims());
    let all = futures::future::join_all((0..50).map(|_| verify(&verifier, &good))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let for_encryption = token(3, "enc", &claims());
    assert!(verify(&verifier, &for_encryption).await.is_err(), "a key is for what it says it is for");
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_and_not_before_ten_seconds() {
    let (issuer, asked) = issuer().await;
    let verifier = by_jwks(&issuer);
    let (good, unknown) = (sent(&token(1, "a", &claims())), sent(&token(2, "b", &claims())));
    let start = Instant::now();
    assert!(verifier.authenticate(&good, start).await.is_ok());
    for (second, expected) in [(0, 1), (9, 1), (11, 2), (22, 2), (33, 2)] {
        let refusal = verifier.authenticate(&unknown, start + Duration::from_secs(second)).await.unwrap_err();
        assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(asked.load(Ordering::SeqCst), expected, "after {second} s");
    }
    assert!(verifier.authenticate(&good, start + Duration::from_secs(40)).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 2, "known keys need no asking");
}

#[tokio::test]
async fn keys_that_are_too_old_are_not_used() {
    let (issuer, asked) = issuer().await;
    let verifier = by_jwks(&issuer);
    let good = sent(&token(1, "a", &claims()));
    let start = Instant::now();
    assert!(verifier.authenticate(&good, start).await.is_ok());
    assert!(verifier.authenticate(&good, start + Duration::from_secs(901)).await.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    issuer.stopped().await.unwrap();
    let refusal = verifier.authenticate(&good, start + Duration::from_secs(1802)).await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::SERVICE_UNAVAILABLE, "out of reach is not the caller's fault");
}

#[rstest]
#[case("auth.issuer", &[("auth.issuer", ""), ("auth.jwks_url", "http://127.0.0.1:1")])]
#[case("auth.key_file", &[])]
#[case("auth.key_file", &[("auth.key_file", "/nowhere.pem")])]
#[case("auth.key_file", &[("auth.key_file", "/nowhere.pem"), ("auth.jwks_url", "http://127.0.0.1:1")])]
#[case("auth.jwks_url", &[("auth.jwks_url", "nonsense")])]
#[case("auth.algorithms", &[("auth.jwks_url", "http://127.0.0.1:1"), ("auth.algorithms", "HS256")])]
#[case("auth.algorithms", &[("auth.jwks_url", "http://127.0.0.1:1"), ("auth.algorithms", "XX1")])]
#[case("auth.algorithms", &[("auth.jwks_url", "http://127.0.0.1:1"), ("auth.algorithms", "")])]
#[case("auth.algorithms", &[("auth.key_file", "/nowhere.pem"), ("auth.algorithms", "RS256,ES256")])]
fn a_configuration_that_will_not_do_names_its_key(#[case] key: &str, #[case] settings: &[(&str, &str)]) {
    let config = settings.iter().fold(config(), |config, (key, value)| config.set(key, *value));
    let Err(error) = Verifier::new(&config.section("auth").unwrap()) else { panic!("{settings:?}") };
    assert!(error.to_string().starts_with(&format!("configuration key `{key}`")), "{error}");
}

#[rstest]
#[case::plain(&[("host", "127.0.0.1:8080")], true)]
#[case::by_name(&[("host", "LOCALHOST:8080")], true)]
#[case::version_six(&[("host", "[::1]:8080")], true)]
#[case::from_its_own_pages(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")], true)]
#[case::nothing_said(&[], true)]
#[case::from_another_site(&[("host", "127.0.0.1:8080"), ("origin", "https://evil.test")], false)]
#[case::from_nowhere(&[("host", "127.0.0.1:8080"), ("origin", "null")], false)]
#[case::rebound_name(&[("host", "evil.test:8080")], false)]
#[case::a_name_that_only_begins_so(&[("host", "localhost.evil.test")], false)]
#[case::an_address_in_a_name(&[("origin", "http://127.0.0.1.evil.test")], false)]
#[tokio::test]
async fn without_authentication_only_this_machine_s_own_names_are_answered(
    #[case] sent: &[(&'static str, &str)],
    #[case] answered: bool,
) {
    let verifier = Verifier::new(&defaults().section("auth").unwrap()).unwrap();
    let headers =
        sent.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
    let outcome = verifier.authenticate(&headers.collect(), Instant::now()).await;
    assert_eq!(
        outcome.map(|caller| caller.role).map_err(|problem| problem.status()),
        match answered {
            true => Ok(Role::Admin),
            false => Err(StatusCode::FORBIDDEN),
        }
    );
}

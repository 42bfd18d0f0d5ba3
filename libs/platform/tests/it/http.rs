//! Extractors: what is not exactly right is refused, with what is wrong.

use axum::Router;
use axum::routing::{get, post};
use platform::http::{ETag, IdempotencyKey, IfMatch, Json, Path, Query};
use rstest::rstest;
use serde::{Deserialize, Serialize};

use crate::{Running, defaults, problem, service};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    name: String,
    #[serde(default)]
    count: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u16>,
}

async fn running() -> Running {
    let app = Router::new()
        .route("/body", post(async |Json(body): Json<Body>| (ETag(12), Json(body))))
        .route("/things/{id}", get(async |Path(id): Path<uuid::Uuid>| id.to_string()))
        .route("/names/{name}", get(async |Path(name): Path<String>| name))
        .route("/page", get(async |Query(page): Query<Page>| format!("{:?}", page.limit)))
        .route("/key", get(async |IdempotencyKey(key): IdempotencyKey| format!("{key:?}")))
        .route("/match", get(async |IfMatch(version): IfMatch| format!("{version:?}")));
    Running::start(defaults().set("http.body_limit_bytes", 1024), service(app)).await
}

#[rstest]
#[case::unknown_field(r#"{"name":"a","nmae":"b"}"#, "nmae")]
#[case::duplicate_field(r#"{"name":"a","name":"b"}"#, "duplicate field")]
#[case::missing_field("{}", "missing field")]
#[case::trailing_garbage(r#"{"name":"a"} x"#, "trailing")]
#[case::second_value(r#"{"name":"a"}{"name":"a"}"#, "trailing")]
#[case::byte_order_mark("\u{feff}{\"name\":\"a\"}", "line 1 column 1")]
#[case::truncated(r#"{"name":"a""#, "EOF")]
#[case::empty("", "EOF")]
#[case::depth(&format!("{{\"name\":{}", "[".repeat(500)), "line 1")]
#[case::text_for_a_number(r#"{"name":"a","count":"5"}"#, "count: invalid type: string")]
#[case::fraction(r#"{"name":"a","count":1.5}"#, "floating point")]
#[case::exponent(r#"{"name":"a","count":1e3}"#, "floating point")]
#[case::too_large(r#"{"name":"a","count":9223372036854775808}"#, "invalid value")]
#[case::lone_surrogate(r#"{"name":"\ud800"}"#, "line 1")]
#[case::nul(r#"{"name":"a\u0000"}"#, "NUL")]
#[tokio::test]
async fn a_malformed_body_is_refused_with_what_is_wrong(#[case] body: &str, #[case] why: &str) {
    let running = running().await;
    let request = running.post("/body").header("content-type", "application/json").body(body.to_owned());
    let (status, code, detail) = problem(request.send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (400, "malformed-body"));
    assert!(detail.contains(why), "{detail}");
}

#[tokio::test]
async fn a_good_body_is_taken_and_an_escaped_backslash_is_no_nul() {
    let running = running().await;
    let request = running
        .post("/body")
        .header("content-type", "application/json; charset=UTF-8")
        .body(r#"{"name":"a\\u0000"}"#);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["etag"], "\"12\"");
    assert_eq!(response.json::<Body>().await.unwrap().name, r"a\u0000");
}

#[rstest]
#[case(Some("text/plain"), None)]
#[case(None, None)]
#[case(Some("application/x-www-form-urlencoded"), None)]
#[case(Some("application/json; charset=latin1"), None)]
#[case(Some("application/json"), Some("gzip"))]
#[tokio::test]
async fn a_body_that_is_not_plain_json_is_refused(
    #[case] media: Option<&str>,
    #[case] encoding: Option<&str>,
) {
    let running = running().await;
    let mut request = running.post("/body").body(r#"{"name":"a"}"#);
    for (name, value) in [("content-type", media), ("content-encoding", encoding)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let (status, code, _) = problem(request.send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (415, "unsupported-media-type"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let running = running().await;
    let request = running.post("/body").header("content-type", "application/json").body(" ".repeat(1025));
    let (status, code, _) = problem(request.send().await.unwrap()).await;
    assert_eq!((status, code.as_str()), (413, "body-too-large"));
}

#[rstest]
#[case("/things/5", "malformed-path")]
#[case("/names/a%00", "malformed-path")]
#[case("/names/%ff", "malformed-path")]
#[case("/page?limit=many", "malformed-query")]
#[case("/page?limt=5", "malformed-query")]
#[case("/page?limit=1&limit=2", "malformed-query")]
#[case("/page?limit=%00", "malformed-query")]
#[tokio::test]
async fn a_malformed_path_or_query_is_refused(#[case] path: &str, #[case] expected: &str) {
    let (status, code, _) = problem(running().await.get(path).await).await;
    assert_eq!((status, code.as_str()), (400, expected));
}

#[rstest]
#[case("idempotency-key", "/key", &["a-1"], Some("Some(\"a-1\")"))]
#[case("idempotency-key", "/key", &[], Some("None"))]
#[case("idempotency-key", "/key", &[""], None)]
#[case("idempotency-key", "/key", &["with space"], None)]
#[case("idempotency-key", "/key", &["naïve"], None)]
#[case("idempotency-key", "/key", &["a", "b"], None)]
#[case("if-match", "/match", &["\"12\""], Some("Some(12)"))]
#[case("if-match", "/match", &[], Some("None"))]
#[case("if-match", "/match", &["12"], None)]
#[case("if-match", "/match", &["W/\"12\""], None)]
#[case("if-match", "/match", &["\"+12\""], None)]
#[case("if-match", "/match", &["\"\""], None)]
#[case("if-match", "/match", &["\"99999999999999999999\""], None)]
#[tokio::test]
async fn a_header_is_read_exactly(
    #[case] name: &str,
    #[case] path: &str,
    #[case] values: &[&str],
    #[case] expected: Option<&str>,
) {
    let running = running().await;
    let request = running.client.get(format!("{}{path}", running.url));
    let request = values.iter().fold(request, |request, value| request.header(name, *value));
    let response = request.send().await.unwrap();
    match expected {
        Some(expected) => assert_eq!(response.text().await.unwrap(), expected),
        None => assert_eq!(problem(response).await.1, format!("{name}-invalid")),
    }
}

#[tokio::test]
async fn an_idempotency_key_has_255_characters_at_most() {
    let running = running().await;
    for (length, status) in [(255, 200), (256, 400)] {
        let request =
            running.client.get(format!("{}/key", running.url)).header("idempotency-key", "k".repeat(length));
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

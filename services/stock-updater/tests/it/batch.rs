use futures::future::join_all;
use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::shop::{Answer, Shop, open};

const LINES: &str = "application/x-ndjson";

fn receive(item: &str, quantity: i64) -> Value {
    json!({"command": "receive", "item": item, "quantity": quantity})
}

fn adjust(item: &str, delta: i64) -> Value {
    json!({"command": "adjust", "item": item, "delta": delta, "reason": "x"})
}

/// Sends commands as JSON lines, with a key if there is one.
async fn lines(shop: &Shop, path: &str, key: Option<&str>, commands: &[Value]) -> Answer {
    let body: Vec<String> = commands.iter().map(Value::to_string).collect();
    let request = shop.request(Method::POST, path).header("content-type", LINES);
    let request = key.map_or(request.try_clone().unwrap(), |key| request.header("Idempotency-Key", key));
    shop.send(request.body(body.join("\n"))).await
}

/// Begins a request and goes away in the middle of it.
async fn breaks_off(shop: &Shop, begun: &str) {
    let url = shop.request(Method::GET, "/").build().unwrap().url().clone();
    let mut stream = TcpStream::connect(url.socket_addrs(|| None).unwrap()[0]).await.unwrap();
    stream.write_all(begun.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
}

fn statuses(results: &Value) -> Vec<i64> {
    results["results"].as_array().unwrap().iter().map(|result| result["status"].as_i64().unwrap()).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_done_on_its_own_and_answered_as_its_route_would(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let commands = json!([
        receive("TEA", 2),
        adjust("TEA", -8),
        {"command": "receive", "item": "TEA", "quantity": 0},
        receive("NOPE", 1),
        {"command": "dance"},
        {"command": "update_item", "item": "p-TEA", "reorder_point": 9},
        {"command": "receive", "item": "TEA", "quantity": 1, "if_match": 1},
        "text",
        adjust("TEA", -7),
    ]);
    let done = shop.post("/v1/batch", commands).await.is(200);
    assert_eq!(statuses(&done), [201, 409, 400, 404, 400, 200, 412, 400, 201], "{done:#}");
    assert_eq!((&done["accepted"], &done["refused"]), (&json!(3), &json!(6)));
    let results = done["results"].as_array().unwrap();
    assert_eq!(results[0]["done"]["items"][0]["available"], 7);
    assert_eq!(results[1]["problem"]["type"], "urn:onhand:problem:not-enough");
    assert_eq!(results[8]["line"], 9);
    for (at, word) in [(2, "at least 1"), (4, "there is no command \"dance\""), (7, "an object")] {
        let detail = results[at]["problem"]["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{detail}");
    }
    assert_eq!(shop.available("TEA").await, 0);
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn lines_that_touch_the_same_thing_are_done_in_their_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let skus: Vec<String> = (0..12).map(|n| format!("S-{n}")).collect();
    join_all(skus.iter().map(|sku| shop.item(sku, 1))).await;
    let mut commands = Vec::new();
    for round in 0..30 {
        for (at, sku) in skus.iter().enumerate() {
            // Over two items, so in one lane and on an item of the other: there is one unit of each, or none.
            let other = &skus[(at + 1 + round % 5) % skus.len()];
            commands.push(json!({"command": "ship", "from": "main", "to": "back",
                "lines": [{"item": sku, "quantity": 1}, {"item": other, "quantity": 1}]}));
            commands.push(receive(sku, 1));
            commands.push(receive(other, 1));
        }
    }
    shop.post("/v1/locations", json!({"code": "back"})).await.is(201);
    // Else what is in transit could arrive at the first location.
    shop.patch("/v1/locations/back", json!({"priority": 900})).await.is(200);
    let done = shop.post("/v1/batch", json!({"commands": commands})).await.is(200);
    assert_eq!(done["refused"], 0, "{:#}", done["results"]);
    for sku in &skus {
        assert_eq!(shop.available(sku).await, 1);
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_line_creates_or_frees_is_there_for_the_lines_after_it(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    shop.item("CUP", 5).await;
    let both = json!({"lines": [{"item": "CUP", "quantity": 5}, {"item": "TEA", "quantity": 5}]});
    let held = shop.post("/v1/reservations", both).await.is(201);
    let hold = held["reservation"]["reservation_id"].clone();
    let commands = [
        adjust("TEA", -1),
        json!({"command": "cancel", "reservation_id": hold}),
        adjust("TEA", -5),
        receive("NEW", 1),
        json!({"command": "create_item", "sku": "NEW", "product_id": "p-NEW", "name": "New"}),
        receive("NEW", 3),
        adjust("p-NEW", -2),
        json!({"command": "create_item", "sku": "TEA", "name": "Again"}),
        json!({"command": "create_item", "sku": "OTHER", "product_id": "p-TEA", "name": "Taken"}),
        receive("OTHER", 1),
    ];
    let done = lines(&shop, "/v1/batch", Some("k"), &commands).await.is(200);
    assert_eq!(statuses(&done), [409, 200, 201, 404, 201, 201, 201, 409, 409, 404], "{done:#}");
    assert_eq!(shop.available("NEW").await, 1);
    let again = lines(&shop, "/v1/batch", Some("k"), &commands[4..]).await;
    again.is_problem(422, "idempotency-key-reused");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_batch_is_done_whole_or_not_at_all(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let new = json!({"command": "create_item", "sku": "NEW", "name": "New"});
    let good = [new.clone(), receive("NEW", 2), adjust("NEW", -2), receive("TEA", 1)];
    let bad = |last: Value| json!({"atomic": true, "commands": [new, receive("TEA", 1), last]});
    for (last, status, code) in [
        (adjust("TEA", -7), 409, "not-enough"),
        (receive("NOPE", 1), 404, "item-unknown"),
        (json!({"command": "receive", "item": "TEA"}), 400, "malformed-body"),
        (json!({"command": "receive", "item": "TEA", "quantity": 1, "if_match": 2}), 412, "version-stale"),
    ] {
        let problem = shop.post("/v1/batch", bad(last)).await.is_problem(status, code);
        assert_eq!(problem["line"], 3, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("line 3"), "{problem}");
    }
    assert_eq!(shop.available("TEA").await, 5);
    shop.patch("/v1/items/NEW", json!({})).await.is_problem(404, "item-unknown");
    let first = lines(&shop, "/v1/batch?atomic=true", Some("k"), &good).await;
    let second = lines(&shop, "/v1/batch?atomic=true", Some("k"), &good).await;
    assert_eq!(first.text, second.text);
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(statuses(&first.is(200)), [201, 201, 201, 201]);
    assert_eq!(shop.available("TEA").await, 6);
    let other = lines(&shop, "/v1/batch?atomic=true", Some("k"), &good[1..]).await;
    other.is_problem(422, "idempotency-key-reused");
    lines(&shop, "/v1/batch", Some("k"), &good).await.is_problem(422, "idempotency-key-reused");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_given_again_is_answered_byte_for_byte_and_another_one_is_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let key = "k".repeat(255);
    let commands = [receive("TEA", 1), adjust("TEA", -9), receive("NOPE", 1), receive("TEA", 2)];
    let (first, at_once) = tokio::join!(
        lines(&shop, "/v1/batch", Some(&key), &commands),
        lines(&shop, "/v1/batch", Some(&key), &commands),
    );
    assert_eq!(first.text, at_once.text, "also when it is given twice at once");
    let again = lines(&shop, "/v1/batch", Some(&key), &commands).await;
    assert_eq!(first.text, again.text);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(shop.available("TEA").await, 8);
    // Its first line is the same, or one that is never decided: it is another batch all the same.
    for other in [vec![receive("TEA", 1)], vec![json!({}), receive("TEA", 3)]] {
        let answer = lines(&shop, "/v1/batch", Some(&key), &other).await;
        answer.is_problem(422, "idempotency-key-reused");
    }
    assert_eq!(shop.available("TEA").await, 8);
    let single = shop.post_keyed(&key, "/v1/items/TEA/receipts", json!({"quantity": 1})).await;
    single.is_problem(422, "idempotency-key-reused");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn json_lines_are_answered_with_json_lines(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 0).await;
    let body = format!("{}\r\n\r\n{{\"command\": \n{}", receive("TEA", 1), receive("TEA", 2));
    let request = shop.request(Method::POST, "/v1/batch").header("content-type", LINES);
    let answer = shop.send(request.header("accept", LINES).body(body)).await;
    assert_eq!(answer.headers["content-type"], LINES);
    let results: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = |result: &Value| (result["line"].as_i64(), result["status"].as_i64());
    let told: Vec<_> = results.iter().map(said).collect();
    // Line 2 is blank, and nothing.
    assert_eq!(told, [(Some(1), Some(201)), (Some(3), Some(400)), (Some(4), Some(201)), (None, None)]);
    assert_eq!(results[3], json!({"accepted": 2, "refused": 1}));
    assert_eq!(shop.available("TEA").await, 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_lines_are_a_batch_and_one_more_or_none_is_not(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let skus: Vec<String> = (0..5).map(|n| format!("S-{n}")).collect();
    join_all(skus.iter().map(|sku| shop.item(sku, 0))).await;
    let mut commands: Vec<Value> = (0..10_000).map(|n| receive(&format!("S-{}", n % 5), 1)).collect();
    let done = lines(&shop, "/v1/batch", Some("k"), &commands).await.is(200);
    assert_eq!(done["accepted"], 10_000);
    commands.push(receive("S-0", 1));
    lines(&shop, "/v1/batch", None, &commands).await.is_problem(422, "too-many-lines");
    lines(&shop, "/v1/batch", None, &[]).await.is_problem(422, "no-lines");
    shop.post("/v1/batch", json!([])).await.is_problem(422, "no-lines");
    assert_eq!(shop.available("S-0").await, 2_000);
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
    let whole: Vec<Value> = (0..10_000).map(|n| adjust(&format!("S-{}", n % 5), -1)).collect();
    let done = lines(&shop, "/v1/batch?atomic=true", None, &whole).await.is(200);
    assert_eq!(done["accepted"], 10_000);
    assert_eq!(shop.available("S-4").await, 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_batch_that_was_refused_is_refused_again_under_its_key(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let new = json!({"command": "create_item", "sku": "NEW", "name": "New"});
    let bad = [new, receive("NEW", 2), adjust("NEW", -3)];
    let first = lines(&shop, "/v1/batch?atomic=true", Some("k"), &bad).await;
    let second = lines(&shop, "/v1/batch?atomic=true", Some("k"), &bad).await;
    first.is_problem(409, "not-enough");
    assert_eq!(first.text, second.text);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_none_changes_nothing(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let one = receive("TEA", 1);
    for body in [
        json!({}),
        json!(null),
        json!({"commands": one}),
        json!({"commands": [one], "atomic": "yes"}),
        json!({"commands": [one], "dry_run": true}),
    ] {
        let answer = shop.post("/v1/batch", body.clone()).await;
        answer.is_problem(400, "malformed-body");
    }
    shop.post("/v1/batch?atomic=true", json!({"atomic": false, "commands": [one]}))
        .await
        .is_problem(400, "malformed-body");
    shop.post("/v1/batch?atomic=maybe", json!([one])).await.is_problem(400, "malformed-query");
    shop.post("/v1/batch?colour=red", json!([one])).await.is_problem(400, "malformed-query");
    let with = |name: &str, value: &str| shop.request(Method::POST, "/v1/batch").header(name, value);
    shop.send(with("if-match", "\"2\"").json(&json!([one]))).await.is_problem(400, "malformed-body");
    for media_type in ["text/plain", "text/csv", "application/x-ndjson; charset=latin-1"] {
        let request = with("content-type", media_type).body(one.to_string());
        shop.send(request).await.is_problem(415, "unsupported-media-type");
    }
    let large = with("content-type", LINES).body(format!("{one}\n{}", " ".repeat(8 * 1024 * 1024)));
    shop.send(large).await.is_problem(413, "body-too-large");
    let broken_off = format!(
        "POST /v1/batch HTTP/1.1\r\nhost: localhost\r\ncontent-type: {LINES}\r\ncontent-length: 10000\r\n\r\n{one}\n"
    );
    breaks_off(&shop, &broken_off).await;
    assert_eq!(shop.available("TEA").await, 5);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_line_takes_what_its_route_takes_and_nothing_else(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let deep = format!("{{\"command\":\"receive\",\"item\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let bad = [
        r#"{"command":"receive","item":"TEA","quantity":1,"colour":"red"}"#,
        r#"{"command":"receive","item":"TEA","quantity":1,"quantity":2}"#,
        r#"{"command":"receive","command":"receive","item":"TEA","quantity":1}"#,
        r#"{"command":"receive","item":"TEA","item":"TEA","quantity":1}"#,
        r#"{"command":"receive","quantity":1}"#,
        r#"{"item":"TEA","quantity":1}"#,
        r#"{"command":"receive","item":"TEA","quantity":1} {}"#,
        r#"{"command":"receive","item":"TEA","quantity":1.5}"#,
        r#"{"command":"receive","item":"TEA","quantity":"5"}"#,
        r#"{"command":"receive","item":"TEA\u0000","quantity":1}"#,
        r#"{"command":"receive","item":"TEA","quantity":1,"reservation_id":"00000000-0000-0000-0000-000000000000"}"#,
        r#"{"command":"cancel","reservation_id":"00000000-0000-0000-0000-000000000000","lines":[]}"#,
        r#"{"command":"confirm","reservation_id":"x"}"#,
        r#"{"command":"create_item","item":"TEA","sku":"X","name":"x"}"#,
        r#"{"command":"receive","item":"TEA","quantity":1,"if_match":"2"}"#,
        "\u{feff}{\"command\":\"receive\",\"item\":\"TEA\",\"quantity\":1}",
        deep.as_str(),
    ];
    let request = shop.request(Method::POST, "/v1/batch").header("content-type", LINES);
    let mut body = bad.join("\n").into_bytes();
    body.extend_from_slice(b"\n{\"command\":\"receive\",\"item\":\"\xff\",\"quantity\":1}");
    let done = shop.send(request.body(body)).await.is(200);
    assert_eq!(statuses(&done), vec![400; bad.len() + 1], "{done:#}");
    for result in done["results"].as_array().unwrap() {
        assert!(result["problem"]["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{result}");
    }
    assert_eq!(shop.available("TEA").await, 5);
}

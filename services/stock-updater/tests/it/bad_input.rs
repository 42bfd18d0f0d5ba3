use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

use crate::shop::{Shop, open};

/// Sends a body as it is and wants a 4xx that is a problem and says what is wrong.
async fn refused(shop: &Shop, method: &Method, path: &str, body: &str) {
    let request = shop.request(method.clone(), path).header("content-type", "application/json");
    let answer = shop.send(request.body(body.to_owned())).await;
    let shown: String = body.chars().take(120).collect();
    assert!(answer.status.is_client_error(), "{method} {path} {shown}: {answer:?}");
    let problem = answer.json();
    assert!(
        problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:onhand:problem:")),
        "{problem}"
    );
    assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{problem}");
}

/// What no route takes, whatever it is about.
fn garbage() -> Vec<String> {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let texts = [
        "",
        " ",
        "null",
        "[]",
        "\"text\"",
        "1",
        "{",
        "{\"a\":1}",
        "{} {}",
        "\u{feff}{}",
        "{\"quantity\":1}x",
    ];
    texts.iter().map(|text| (*text).to_owned()).chain([deep]).collect()
}

/// What no quantity is.
const NUMBERS: [&str; 10] = [
    "0",
    "1000000000001",
    "9223372036854775807",
    "9007199254740993",
    "1.5",
    "1e3",
    "\"5\"",
    "null",
    "true",
    "-0.0",
];

fn numbers(field: &str) -> Vec<String> {
    NUMBERS.iter().map(|number| format!("{{\"{field}\": {number}, \"reason\": \"x\"}}")).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_a_problem_on_every_route_and_changes_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    shop.item("OTHER", 5).await;
    let hold =
        shop.post("/v1/reservations", json!({"lines": [{"item": "TEA", "quantity": 1}]})).await.is(201);
    let hold = hold["reservation"]["reservation_id"].as_str().unwrap().to_owned();
    shop.post("/v1/locations", json!({"code": "back", "priority": 900})).await.is(201);
    let ship = json!({"from": "main", "to": "back", "lines": [{"item": "TEA", "quantity": 1}]});
    let sent = shop.post("/v1/transfers", ship).await.is(201);
    let sent = sent["transfer"]["transfer_id"].as_str().unwrap();
    let [arrive, lose] = ["receive", "losses"].map(|what| format!("/v1/transfers/{sent}/{what}"));
    let [confirm, extend] = ["confirm", "extend"].map(|what| format!("/v1/reservations/{hold}/{what}"));
    let all = async || {
        let held = shop.get(&format!("/v1/reservations/{hold}")).await.is(200);
        let locations = shop.get("/v1/locations").await.is(200);
        let item = shop.patch("/v1/items/TEA", json!({})).await.is(200)["items"].clone();
        json!([shop.get("/v1/audit").await.is(200), locations, held, item])
    };
    let before = all().await;
    let routes = [
        (Method::POST, "/v1/items", new_items()),
        (Method::PATCH, "/v1/items/TEA", patches()),
        (Method::POST, "/v1/items/TEA/receipts", receipts()),
        (Method::POST, "/v1/items/TEA/returns", receipts()),
        (Method::POST, "/v1/items/TEA/adjustments", adjustments()),
        (Method::POST, "/v1/items/TEA/moves", moves()),
        (Method::POST, "/v1/items/TEA/stocktakes", stocktakes()),
        (Method::POST, "/v1/transfers", transfers()),
        (Method::POST, &arrive, parts()),
        (Method::POST, &lose, parts()),
        (Method::POST, "/v1/reservations", reservations()),
        (Method::POST, &confirm, parts()),
        (Method::POST, &extend, numbers("ttl_seconds")),
        (Method::POST, "/api/v1/inventories", deltas()),
        (Method::POST, "/v1/locations", locations()),
        (Method::PATCH, "/v1/locations/main", locations()),
    ];
    for (method, path, bodies) in &routes {
        // Without a body, or with one that says nothing, these take all there is.
        let optional = [&arrive, &lose, &confirm].iter().any(|optional| optional == path);
        let nothing = |body: &&String| optional && ["", "null"].contains(&body.as_str());
        for body in garbage().iter().chain(bodies).filter(|body| !nothing(body)) {
            refused(&shop, method, path, body).await;
        }
        let plain = shop.request(method.clone(), path).header("content-type", "text/plain").body("{}");
        assert_eq!(shop.send(plain).await.status, 415, "{path}");
        let zipped = shop.request(method.clone(), path).header("content-encoding", "gzip").json(&json!({}));
        assert_eq!(shop.send(zipped).await.status, 415, "{path}");
        let large = format!("{{\"sku\": \"{}\"}}", "x".repeat(2_000_000));
        let large = shop.request(method.clone(), path).header("content-type", "application/json").body(large);
        assert_eq!(shop.send(large).await.status, 413, "{path}");
    }
    for (of, what) in [
        ("reservations", "confirm"),
        ("reservations", "cancel"),
        ("reservations", "extend"),
        ("transfers", "receive"),
        ("transfers", "losses"),
    ] {
        for id in ["x", "00000000-0000-0000-0000-000000000000", "%00"] {
            let path = format!("/v1/{of}/{id}/{what}");
            let body = json!({"ttl_seconds": 60});
            let request = shop.request(Method::POST, &path);
            let answer = shop.send(if what == "extend" { request.json(&body) } else { request }).await;
            assert!(answer.status.is_client_error(), "{path}: {answer:?}");
        }
    }
    assert_eq!(all().await, before, "something was changed");
}

fn new_items() -> Vec<String> {
    let long = "x".repeat(10_240);
    let skus = ["", " ", "a b", "a\tb", "ä", "аbc", "x ", &long];
    let mut bodies: Vec<String> =
        skus.iter().map(|sku| json!({"sku": sku, "name": "x"}).to_string()).collect();
    bodies.extend([
        json!({"sku": "X"}).to_string(),
        json!({"sku": "X", "name": ""}).to_string(),
        json!({"sku": "X", "name": " x"}).to_string(),
        json!({"sku": "X", "name": "x", "reorder_point": -1}).to_string(),
        json!({"sku": "X", "name": "x", "reorder_quantity": 1_000_000_000_001i64}).to_string(),
        json!({"sku": "X", "name": "x", "colour": "red"}).to_string(),
        "{\"sku\": \"X\", \"sku\": \"Y\", \"name\": \"x\"}".to_owned(),
        "{\"sku\": \"X\\u0000\", \"name\": \"x\"}".to_owned(),
        "{\"sku\": \"X\", \"name\": \"\\ud800\"}".to_owned(),
    ]);
    bodies
}

fn patches() -> Vec<String> {
    [
        json!({"reorder_point": -1}),
        json!({"reorder_point": 1.5}),
        json!({"name": ""}),
        json!({"active": "yes"}),
        json!({"sku": "OTHER"}),
        json!({"version": 7}),
    ]
    .iter()
    .map(Value::to_string)
    .collect()
}

fn receipts() -> Vec<String> {
    let mut bodies = numbers("quantity");
    bodies.extend([
        json!({"quantity": -1}).to_string(),
        json!({"quantity": 1, "location": "nowhere"}).to_string(),
        json!({"quantity": 1, "location": ""}).to_string(),
        json!({"quantity": 1, "reason": "x".repeat(501)}).to_string(),
        json!({"quantity": 1, "reference": {"type": "order"}}).to_string(),
        json!({"quantity": 1, "reference": {"type": "", "id": "1"}}).to_string(),
    ]);
    bodies
}

fn adjustments() -> Vec<String> {
    let mut bodies = numbers("delta");
    bodies.extend([
        json!({"delta": -1}).to_string(),
        json!({"delta": -1, "reason": "x", "state": "reserved"}).to_string(),
        json!({"delta": -1, "reason": "x", "state": "damaged"}).to_string(),
        json!({"delta": -1_000_000_000_001i64, "reason": "x"}).to_string(),
    ]);
    bodies
}

fn moves() -> Vec<String> {
    let body = |from: &str, to: &str, quantity: &str| {
        format!(
            "{{\"location\": \"main\", \"from\": \"{from}\", \"to\": \"{to}\", \"quantity\": {quantity}}}"
        )
    };
    let mut bodies: Vec<String> = NUMBERS.iter().map(|number| body("available", "damaged", number)).collect();
    bodies.extend([
        body("available", "available", "1"),
        body("available", "reserved", "1"),
        body("in_transit", "available", "1"),
        body("damaged", "available", "1"),
        json!({"from": "available", "to": "damaged", "quantity": 1}).to_string(),
        json!({"location": "nowhere", "from": "available", "to": "damaged", "quantity": 1}).to_string(),
    ]);
    bodies
}

fn stocktakes() -> Vec<String> {
    let body = |counted: &str| format!("{{\"location\": \"main\", \"counted\": {counted}}}");
    // That nothing lies there can be counted.
    let bad = NUMBERS.iter().filter(|number| **number != "0");
    let mut bodies: Vec<String> = bad.map(|number| body(number)).collect();
    bodies.extend([
        body("-1"),
        json!({"counted": 1}).to_string(),
        json!({"location": "nowhere", "counted": 1}).to_string(),
        json!({"location": "main", "counted": 1, "version": 99}).to_string(),
        json!({"location": "main", "counted": 1, "version": 0}).to_string(),
        json!({"location": "main", "counted": 1, "version": "2"}).to_string(),
        json!({"location": "main", "counted": 1, "state": "incoming"}).to_string(),
    ]);
    bodies
}

fn transfers() -> Vec<String> {
    let line = json!({"item": "TEA", "quantity": 1});
    let body = |from: &str, to: &str, lines: Value| json!({"from": from, "to": to, "lines": lines});
    [
        body("main", "main", json!([line])),
        body("nowhere", "back", json!([line])),
        body("main", "nowhere", json!([line])),
        body("main", "", json!([line])),
        body("main", "back", json!([])),
        body("main", "back", json!(vec![line.clone(); 501])),
        body("main", "back", json!(vec![line.clone(); 10_001])),
        body("main", "back", json!([{"item": "NOPE", "quantity": 1}])),
        body("main", "back", json!([{"item": "TEA", "quantity": 0}])),
        body("main", "back", json!([{"item": "TEA", "quantity": 1.5}])),
        body("main", "back", json!([{"item": "TEA", "quantity": 2}, {"item": "TEA", "quantity": 2}])),
        json!({"from": "main", "lines": [line]}),
        json!({"from": "main", "to": "back", "lines": [line], "transfer_id": "x"}),
    ]
    .iter()
    .map(Value::to_string)
    .collect()
}

/// Parts of a hold, or of a transfer, on one unit.
fn parts() -> Vec<String> {
    let line = |item: &str, quantity: i64| json!({"item": item, "quantity": quantity});
    [
        json!({"lines": []}),
        json!({"lines": null, "all": true}),
        json!({"lines": [line("TEA", 2)]}),
        json!({"lines": [line("TEA", 1), line("TEA", 1)]}),
        json!({"lines": [line("TEA", 0)]}),
        json!({"lines": [line("NOPE", 1)]}),
        json!({"lines": [line("OTHER", 1)]}),
        json!({"lines": vec![line("TEA", 1); 501]}),
        json!({"lines": [{"item": "TEA"}]}),
        json!({"lines": [{"item": "TEA", "quantity": 1, "location": "main"}]}),
    ]
    .iter()
    .map(Value::to_string)
    .collect()
}

fn deltas() -> Vec<String> {
    let mut bodies: Vec<String> =
        NUMBERS.iter().map(|number| format!("{{\"SKU\": \"TEA\", \"deltaQuantity\": {number}}}")).collect();
    bodies.extend([
        json!({"SKU": "", "deltaQuantity": 1}).to_string(),
        json!({"SKU": "a b", "deltaQuantity": 1}).to_string(),
        json!({"SKU": "TEA", "sku": "TEA", "deltaQuantity": 1}).to_string(),
        json!({"SKU": "TEA", "deltaQuantity": 1, "change": 1}).to_string(),
        json!({"SKU": "TEA", "deltaQuantity": -99}).to_string(),
        json!({"SKU": "NOPE", "deltaQuantity": -1}).to_string(),
        json!({"SKU": "TEA"}).to_string(),
    ]);
    bodies
}

fn reservations() -> Vec<String> {
    let line = json!({"item": "TEA", "quantity": 1});
    [
        json!({"lines": []}),
        json!({"lines": vec![line.clone(); 501]}),
        json!({"lines": vec![line.clone(); 10_001]}),
        json!({"lines": [line.clone()], "ttl_seconds": 0}),
        json!({"lines": [line.clone()], "ttl_seconds": -1}),
        json!({"lines": [line.clone()], "ttl_seconds": 315_360_000}),
        json!({"lines": [{"item": "TEA", "quantity": 0}]}),
        json!({"lines": [{"item": "NOPE", "quantity": 1}]}),
        json!({"lines": [{"item": "", "quantity": 1}]}),
        json!({"lines": [{"item": "TEA", "quantity": 6}]}),
        json!({"lines": [line], "expires_at": "0000-01-01T00:00:00Z"}),
    ]
    .iter()
    .map(Value::to_string)
    .collect()
}

fn locations() -> Vec<String> {
    [
        json!({"code": ""}),
        json!({"code": "x".repeat(51)}),
        json!({"code": "a b"}),
        json!({"code": "main"}),
        json!({"code": "new", "priority": 1.5}),
        json!({"code": "new", "priority": 3_000_000_000i64}),
        json!({"code": "new", "postal_code": "x".repeat(21)}),
        json!({"code": "new", "city": "a\u{7}"}),
    ]
    .iter()
    .map(Value::to_string)
    .collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn bad_names_and_headers_are_problems_too(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let receipt = json!({"quantity": 1});
    for path in ["/v1/items/%00/receipts", "/v1/items/%ff/receipts", "/v1/items/NOPE/receipts"] {
        let answer = shop.post(path, receipt.clone()).await;
        assert!(answer.status.is_client_error(), "{path}: {answer:?}");
    }
    let long = format!("/v1/items/{}/receipts", "x".repeat(10_240));
    shop.post(&long, receipt.clone()).await.is_problem(404, "item-unknown");
    for id in ["1", "not-a-uuid", "%00"] {
        let answer = shop.get(&format!("/v1/reservations/{id}")).await;
        answer.is_problem(400, "malformed-path");
    }
    let nobody = "/v1/reservations/00000000-0000-0000-0000-000000000000";
    shop.get(nobody).await.is_problem(404, "reservation-unknown");
    for (name, value) in [
        ("Idempotency-Key", String::new()),
        ("Idempotency-Key", "x".repeat(1024)),
        ("Idempotency-Key", "a b".to_owned()),
        ("If-Match", "2".to_owned()),
        ("If-Match", "\"two\"".to_owned()),
        ("If-Match", "*".to_owned()),
    ] {
        let request = shop.request(Method::POST, "/v1/items/TEA/receipts").header(name, value.clone());
        let answer = shop.send(request.json(&receipt)).await;
        assert_eq!(answer.status, 400, "{name}: {value}: {answer:?}");
    }
    shop.send(shop.request(Method::DELETE, "/v1/items/TEA")).await.is_problem(405, "method-not-allowed");
    shop.get("/v1/nothing").await.is_problem(404, "no-such-route");
    assert_eq!(shop.available("TEA").await, 5);
}

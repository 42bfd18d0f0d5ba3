//! One item: by its names, cached, and never older than asked for.

use std::time::Duration;

use domain::Sku;
use reqwest::header;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Backend, eventually};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::stand::{new_item, open, open_with, silent};

#[rstest]
#[tokio::test]
async fn an_item_is_found_by_id_product_and_sku(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let item = stand.item("TEA/1", 9).await;
    stand.reserve(item, 2, 600).await;
    let version = stand.sell(item, 3).await;
    for name in [item.to_string().as_str(), "p-TEA%2F1", "TEA%2F1"] {
        let answer = stand.ask(&format!("/v1/items/{name}?min_version={version}")).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"), "{answer:?}");
        assert_eq!(answer.etag, format!("\"{version}\""));
        let body = &answer.body;
        assert_eq!(body["id"], json!(item));
        assert_eq!((&body["sku"], &body["product_id"]), (&json!("TEA/1"), &json!("p-TEA/1")));
        assert_eq!((&body["owner"], &body["supplier_id"]), (&json!("acme"), &json!("sup-1")));
        assert_eq!([&body["on_hand"], &body["available"], &body["reserved"]], [6, 4, 2]);
        let level = &body["levels"][0];
        assert_eq!((&level["location"], &level["available"]), (&json!("main"), &json!(4)));
        assert!(body["next_expiry"].is_string());
    }
}

#[rstest]
#[tokio::test]
async fn an_items_levels_are_answered_alone(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = open(backend).await;
    let item = stand.item("TEA", 9).await;
    let version = stand.sell(item, 1).await;
    let answer = stand.ask(&format!("/v1/items/TEA/levels?min_version={version}")).await;
    assert_eq!(answer.etag, format!("\"{version}\""));
    let mut body = answer.body;
    let levels = body["levels"].take();
    assert_eq!(
        body,
        json!({"id": item, "sku": "TEA", "version": version, "on_hand": 8, "available": 8, "reserved": 0,
            "incoming": 0, "in_transit": 0, "levels": null})
    );
    assert_eq!((&levels[0]["on_hand"], levels.as_array().unwrap().len()), (&json!(8), 1));
    let whole = stand.cached("/v1/items/TEA").await;
    assert_eq!(whole.body["levels"], levels, "it is the same entry of the cache");
    assert_eq!(stand.ask("/v1/items/TEA/levels").await.source, "cache");
}

#[rstest]
#[tokio::test]
async fn what_is_not_there_is_unknown_and_what_is_several_is_ambiguous(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    for variant in ["s", "l"] {
        let mut new = new_item(&format!("TEA-{variant}"));
        let text = |text: &str| Sku::try_from(text.to_owned()).unwrap();
        new.identity.product_id = text("tea");
        new.identity.variant_id = Some(text(variant));
        stand.item_like(new, 1).await;
    }
    for path in ["", "/levels"] {
        let unknown = stand.ask(&format!("/v1/items/{}{path}", Uuid::nil())).await;
        assert_eq!(unknown.problem(), (404, "item-unknown"));
        assert_eq!(stand.ask(&format!("/v1/items/tea{path}")).await.problem(), (409, "item-ambiguous"));
        assert_eq!(stand.ask(&format!("/v1/items/TEA-l{path}")).await.status, 200);
    }
}

#[rstest]
#[tokio::test]
async fn a_read_is_never_older_than_its_min_version(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    // No event ever arrives, so that the cache stays behind.
    let stand = silent(backend, &[]).await;
    let item = stand.item("TEA", 100).await;
    let before = stand.cached("/v1/items/TEA").await.version();
    for sold in 1..=5 {
        let version = stand.sell(item, 1).await;
        assert_eq!(stand.ask("/v1/items/TEA").await.version(), before + sold - 1, "nobody told the cache");
        let answer = stand.ask(&format!("/v1/items/TEA?min_version={version}")).await;
        assert_eq!((answer.version(), answer.available()), (version, 100 - sold), "{answer:?}");
        assert_eq!(stand.ask("/v1/items/TEA").await.version(), version, "what was read is cached");
    }
}

#[rstest]
#[tokio::test]
async fn a_version_that_is_not_there_yet_is_waited_for_a_while(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open_with(backend, &[("stock_checker.version_wait_ms", "300")]).await;
    let item = stand.item("TEA", 100).await;
    let next = stand.sell(item, 1).await + 1;
    let path = format!("/v1/items/TEA?min_version={next}");
    let behind = stand.ask(&path).await;
    assert_eq!(behind.problem(), (503, "version-not-there"));
    assert_eq!((&behind.body["version"], &behind.body["min_version"]), (&json!(next - 1), &json!(next)));
    assert!(behind.retry_after.is_some());
    let unknown = stand.ask("/v1/items/COFFEE?min_version=1").await;
    assert_eq!(unknown.problem(), (404, "item-unknown"));

    let patient = open_with(backend, &[("stock_checker.version_wait_ms", "10000")]).await;
    let item = patient.item("TEA", 100).await;
    let next = patient.sell(item, 1).await + 1;
    let path = format!("/v1/items/TEA?min_version={next}");
    let (answer, sold) = tokio::join!(patient.ask(&path), patient.sell(item, 1));
    assert_eq!((answer.version(), sold), (next, next));
}

#[rstest]
#[tokio::test]
async fn a_hold_that_ended_by_itself_is_available_again_although_cached(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    // Nobody records the end, and no event arrives.
    let stand = silent(backend, &[]).await;
    let item = stand.item("TEA", 10).await;
    stand.reserve(item, 4, 1).await;
    assert_eq!(stand.ask("/v1/items/TEA").await.available(), 6);
    let (version, available) = eventually("the hold ends", Duration::from_secs(5), async || {
        let answer = stand.ask("/v1/items/TEA").await;
        (answer.available() != 6).then(|| (answer.version(), answer.available()))
    })
    .await;
    assert_eq!((version, available), (3, 10), "without a new version");
    assert_eq!(stand.cached("/v1/items/TEA").await.available(), 10);
}

#[rstest]
#[tokio::test]
async fn of_many_who_ask_for_what_is_not_cached_few_reach_the_database(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    stand.item("TEA", 10).await;
    let asked = |metrics: String| -> f64 {
        let of_database = r#"stock_reads_total{source="database"}"#;
        metrics.lines().find_map(|line| line.strip_prefix(of_database)?.trim().parse().ok()).unwrap_or(0.0)
    };
    let metrics = async || stand.get("/metrics").await.text().await.unwrap();
    let before = asked(metrics().await);
    let mut answers: JoinSet<_> = (0..100).map(|_| stand.request("/v1/items/TEA").send()).collect();
    while let Some(answer) = answers.join_next().await {
        assert_eq!(answer.unwrap().unwrap().status(), 200);
    }
    let questions = asked(metrics().await) - before;
    assert!((1.0..50.0).contains(&questions), "{questions} questions for 100 answers");
}

#[rstest]
#[tokio::test]
async fn every_route_is_described(#[values(Backend::Embedded)] backend: Backend) {
    let stand = open(backend).await;
    let api = stand.json("/openapi.json").await;
    let routes = [
        "/v1/items",
        "/v1/items/{item}",
        "/v1/items/{item}/levels",
        "/v1/items/{item}/transactions",
        "/v1/items/{item}/explain",
        "/v1/transactions",
        "/v1/transfers/{transfer}",
        "/v1/low-stock",
        "/v1/overview",
        "/stock/product/{product_id}",
        "/stock/low",
        "/stock/status",
    ];
    for route in routes {
        assert!(api["paths"][route]["get"]["responses"]["200"].is_object(), "{route}");
    }
    let parameters: Vec<&Value> = api["paths"]["/v1/items/{item}"]["get"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| &parameter["in"])
        .collect();
    assert_eq!(parameters, ["path", "query", "query", "query", "header", "header"]);
    let ready = stand.json("/ready").await;
    assert_eq!(ready["checks"], json!({"stock-checker/database": "ok"}), "the bus is no condition");
    assert_eq!(stand.get("/health").await.headers()[header::CONTENT_TYPE], "application/json");
}

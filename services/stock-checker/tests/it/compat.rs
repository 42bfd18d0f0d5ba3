//! The wire of older clients, to the letter.

use domain::{Command, ItemPatch};
use rstest::rstest;
use serde_json::json;
use testkit::Backend;

use crate::stand::{Stand, new_item, open};

/// `LOW` with 9 units, `OK` with 10 and no supplier, and the inactive `GONE` with 1.
async fn stock(backend: Backend) -> Stand {
    let stand = open(backend).await;
    let mut ok = new_item("OK");
    ok.attributes.supplier = None;
    stand.item_like(ok, 10).await;
    let gone = stand.item("GONE", 1).await;
    let patch = ItemPatch { active: Some(false), ..ItemPatch::default() };
    stand.does(Command::UpdateItem { item: gone, patch }).await;
    let low = stand.item("LOW", 12).await;
    stand.reserve(low, 3, 600).await;
    stand
}

#[rstest]
#[tokio::test]
async fn a_product_is_an_item_with_what_is_available_of_it(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = stock(backend).await;
    let low = json!({"id": "p-LOW", "name": "A thing", "stock": 9, "supplier_id": "sup-1", "supplier_name": "sup-1"});
    assert_eq!(stand.json("/stock/product/p-LOW").await, low);
    assert_eq!(stand.json("/stock/product/p-LOW?verbose=1").await, low);
    let ok =
        json!({"id": "p-OK", "name": "A thing", "stock": 10, "supplier_id": null, "supplier_name": null});
    assert_eq!(stand.json("/stock/product/p-OK").await, ok);
    for unknown in ["p-NONE", &"x".repeat(10_000)] {
        let answer = stand.ask(&format!("/stock/product/{unknown}")).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (404, "application/json"));
        assert_eq!(answer.body, json!({"detail": "Product not found"}));
    }
}

#[rstest]
#[tokio::test]
async fn a_supplier_is_called_by_its_name_once_that_is_known(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = stock(backend).await;
    let (supplier, name) = ("sup-1".to_owned().try_into().unwrap(), "Leafy".to_owned().try_into().unwrap());
    ledger::suppliers::remember(&stand.db, &supplier, &name, chrono::Utc::now()).await.unwrap();
    assert_eq!(stand.json("/stock/product/p-LOW").await["supplier_name"], "Leafy");
    assert_eq!(stand.json("/stock/product/p-OK").await["supplier_name"], json!(null));
    for list in ["low?threshold=11", "status"] {
        let answer = stand.json(&format!("/stock/{list}")).await;
        assert_eq!(answer[0]["supplier_name"], "Leafy", "{list}");
        assert_eq!(answer[1]["supplier_name"], json!(null), "{list}");
    }
}

#[rstest]
#[tokio::test]
async fn little_stock_is_less_than_the_threshold_of_what_is_active(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = stock(backend).await;
    let low = json!({"id": "p-LOW", "name": "A thing", "stock": 9, "supplier_id": "sup-1", "supplier_name": "sup-1"});
    let ok =
        json!({"id": "p-OK", "name": "A thing", "stock": 10, "supplier_id": null, "supplier_name": null});
    for (query, expected) in [
        ("", json!([low])),
        ("?threshold=10", json!([low])),
        ("?threshold=9&page=3", json!([])),
        ("?threshold=11", json!([low, ok])),
        ("?threshold=-5", json!([])),
    ] {
        assert_eq!(stand.json(&format!("/stock/low{query}")).await, expected, "{query}");
    }
}

#[rstest]
#[tokio::test]
async fn a_status_is_a_word_for_how_much_there_is(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = stock(backend).await;
    let low =
        json!({"id": "p-LOW", "name": "A thing", "stock": 9, "status": "LOW", "supplier_name": "sup-1"});
    let ok = json!({"id": "p-OK", "name": "A thing", "stock": 10, "status": "OK", "supplier_name": null});
    let gone =
        json!({"id": "p-GONE", "name": "A thing", "stock": 1, "status": "LOW", "supplier_name": "sup-1"});
    for (query, expected) in [
        ("", json!([low, ok])),
        ("?active_only=true", json!([low, ok])),
        ("?active_only=True&x=y", json!([low, ok])),
        ("?active_only=false", json!([gone, low, ok])),
    ] {
        assert_eq!(stand.json(&format!("/stock/status{query}")).await, expected, "{query}");
    }
}

#[rstest]
#[tokio::test]
async fn an_error_is_a_detail(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = stock(backend).await;
    for path in [
        "/stock/low?threshold=some",
        "/stock/low?threshold=1.5",
        "/stock/low?threshold=",
        "/stock/low?threshold=9223372036854775808",
        "/stock/status?active_only=perhaps",
        "/stock/product/a%00b",
        "/stock/product/%ED%A0%80",
        "/stock/low?threshold=1%00",
    ] {
        let answer = stand.ask(path).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (400, "application/json"), "{path}");
        let body = answer.body.as_object().unwrap();
        assert!(body.len() == 1 && !body["detail"].as_str().unwrap().is_empty(), "{path}: {body:?}");
    }
}

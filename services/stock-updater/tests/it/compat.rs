use rstest::rstest;
use serde_json::json;
use testkit::Backend;

use crate::shop::open;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_updates_stock_in_its_own_words(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let body = json!({"sku": "TEA", "product_id": "17", "name": "Tea", "supplier_id": "leafy"});
    shop.post("/v1/items", body).await.is(201);
    let up = shop.post("/stock/update/17", json!({"quantity": 10, "reason": "delivery"})).await.is(200);
    assert_eq!(up, json!({"id": "17", "name": "Tea", "stock": 10, "supplier_id": "leafy", "active": true}));
    let down = shop.post("/stock/update/17", json!({"quantity": -4})).await.is(200);
    assert_eq!(down["stock"], 6);
    let refused = shop.post("/stock/update/17", json!({"quantity": -7})).await.is(400);
    assert_eq!(
        refused,
        json!({"detail": "Cannot reduce stock below zero. Current stock: 6, Requested reduction: 7"})
    );
    let unknown = shop.post("/stock/update/99", json!({"quantity": 1})).await.is(404);
    assert_eq!(unknown, json!({"detail": "Product not found"}));
    let health = shop.get("/health").await.is(200);
    assert_eq!(health, json!({"status": "ok"}));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_of_an_older_client_is_told_in_its_own_shape(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    for body in [
        json!({"quantity": 0}),
        json!({"quantity": 1.5}),
        json!({"quantity": "5"}),
        json!({"quantity": 1_000_000_000_001i64}),
        json!({"quantity": i64::MIN}),
        json!({}),
        json!([]),
        json!({"quantity": 1, "reason": "x".repeat(501)}),
    ] {
        let answer = shop.post("/stock/update/p-TEA", body.clone()).await;
        assert!(answer.status.is_client_error(), "{body}: {answer:?}");
        let answer = answer.json();
        assert!(answer["detail"].is_string() && answer.as_object().unwrap().len() == 1, "{body}: {answer}");
    }
    assert_eq!(shop.available("TEA").await, 5);
}

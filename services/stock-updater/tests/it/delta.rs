use futures::future::join_all;
use rstest::rstest;
use serde_json::json;
use testkit::Backend;

use crate::shop::open;

const PATH: &str = "/api/v1/inventories";

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_sends_deltas_in_either_spelling(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let sku = "ab_20x20_white";
    let made = shop.post(PATH, json!({"SKU": sku, "deltaQuantity": 5})).await.is(200);
    assert_eq!(made, json!({"SKU": sku, "quantity": 5}));
    let less = shop.post(PATH, json!({"sku": sku, "change": -2})).await.is(200);
    assert_eq!(less, json!({"SKU": sku, "quantity": 3}));
    assert_eq!(shop.get(&format!("{PATH}/{sku}")).await.is(200), json!({"SKU": sku, "quantity": 3}));
    shop.post(PATH, json!({"SKU": sku, "deltaQuantity": -4})).await.is_problem(409, "not-enough");
    shop.post(PATH, json!({"SKU": "unknown", "deltaQuantity": -1})).await.is_problem(404, "item-unknown");
    shop.get(&format!("{PATH}/unknown")).await.is_problem(404, "item-unknown");
    assert_eq!(shop.available(sku).await, 3);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_sku_is_created_once_however_many_deltas_come_at_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let answers = join_all((0..20).map(|_| shop.post(PATH, json!({"SKU": "NEW", "deltaQuantity": 1})))).await;
    for answer in answers {
        answer.is(200);
    }
    assert_eq!(shop.available("NEW").await, 20);
    let again = || shop.post_keyed("k", PATH, json!({"SKU": "KEYED", "deltaQuantity": 2}));
    let (first, second) = (again().await, again().await);
    assert_eq!(first.text, second.text);
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(shop.available("KEYED").await, 2);
}

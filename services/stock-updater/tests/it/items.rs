use ::events::Event;
use rstest::rstest;
use serde_json::json;
use testkit::Backend;

use crate::shop::open;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_created_once_and_told(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = open(backend).await;
    let body =
        json!({"sku": "TEA", "name": "Tea", "owner": "acme", "reorder_point": 3, "reorder_quantity": 9});
    let created = shop.post("/v1/items", body.clone()).await;
    assert_eq!(created.headers["etag"], "\"1\"");
    let created = created.is(201);
    assert_eq!(created["items"][0]["version"], 1);
    assert_eq!(created["items"][0]["product_id"], "TEA");
    shop.post("/v1/items", body).await.is_problem(409, "sku-taken");
    let told = shop
        .hears("item_created", |event| match event {
            Event::ItemCreated(item) => Some(item.clone()),
            _ => None,
        })
        .await;
    assert_eq!((told.subject.sku.as_str(), told.subject.owner.as_str()), ("TEA", "acme"));
    assert_eq!((told.subject.reorder_point, told.subject.reorder_quantity, told.subject.version), (3, 9, 1));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_it_names(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = open(backend).await;
    shop.item("TEA", 0).await;
    shop.patch("/v1/items/p-TEA", json!({"supplier_id": "leafy", "active": false})).await.is(200);
    let told = shop
        .hears("item_updated", |event| match event {
            Event::ItemUpdated(item) => Some(item.subject.clone()),
            _ => None,
        })
        .await;
    assert_eq!((told.supplier_id.as_deref(), told.active, told.reorder_point), (Some("leafy"), false, 5));
    let same = shop.patch("/v1/items/TEA", json!({"active": false})).await.is(200);
    assert_eq!(same["items"][0]["version"], 2, "what was so already is no change");
    let cleared = shop.patch("/v1/items/TEA", json!({"supplier_id": null})).await.is(200);
    assert_eq!(cleared["items"][0]["version"], 3);
    shop.patch("/v1/items/NOPE", json!({})).await.is_problem(404, "item-unknown");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_against_a_stale_version_is_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let patch = |version: &str| {
        let request =
            shop.request(reqwest::Method::PATCH, "/v1/items/TEA").header("If-Match", version.to_owned());
        shop.send(request.json(&json!({"reorder_point": 7})))
    };
    let problem = patch("\"1\"").await.is_problem(412, "version-stale");
    assert_eq!((&problem["expected"], &problem["actual"]), (&json!(1), &json!(2)));
    patch("\"2\"").await.is(200);
}

//! The routes of older clients, to the letter.

use crate::world::{World, products, simulator};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[rstest]
#[tokio::test]
async fn suppliers_and_their_syncs_look_as_they_always_did(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(2));
    world.supplier("1", "abc", &supplier, json!({ "contact_email": "a@acme.example" })).await;
    world.supplier("2", "xyz", &supplier, json!({ "active": false })).await;
    let one = json!({ "id": "1", "name": "1", "contact_email": "a@acme.example", "api_url": supplier.url(),
        "api_type": "abc", "active": true });
    for path in ["/suppliers", "/suppliers/", "/suppliers/?active_only=True"] {
        assert_eq!(world.get(path).await, (200, json!([one])), "{path}");
    }
    let (_, all) = world.get("/suppliers/?active_only=false").await;
    assert_eq!(all.as_array().unwrap().len(), 2);

    let (status, started) = world.post_empty("/suppliers/1/sync").await;
    assert_eq!(
        (status, keys(&started), &started["status"]),
        (202, vec!["message", "status", "task_id"], &json!("started"))
    );
    world.ended("1", &started["task_id"]).await;
    for path in ["/suppliers/1", "/suppliers/1/"] {
        let (_, detail) = world.get(path).await;
        let expected =
            ["active", "api_type", "api_url", "contact_email", "id", "last_sync", "name", "products_count"];
        assert_eq!((keys(&detail), &detail["products_count"]), (expected.to_vec(), &json!(2)));
        assert!(detail["last_sync"].is_string());
    }
    let (status, logs) = world.get("/suppliers/1/sync-logs?limit=10&offset=0").await;
    let expected = [
        "end_time",
        "error_message",
        "id",
        "products_added",
        "products_deactivated",
        "products_updated",
        "start_time",
        "status",
        "supplier_id",
    ];
    assert_eq!((status, keys(&logs[0]), &logs[0]["products_added"]), (200, expected.to_vec(), &json!(2)));
    assert_eq!(world.get("/suppliers/1/sync-logs?offset=1").await, (200, json!([])));

    let (status, started) = world.post_empty("/suppliers/sync/all").await;
    assert_eq!((status, keys(&started)), (202, vec!["message", "status", "task_id"]));
}

#[rstest]
#[tokio::test]
async fn errors_are_details(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    world.supplier("2", "xyz", &supplier, json!({ "active": false })).await;
    let missing = (404, json!({ "detail": "Supplier not found" }));
    assert_eq!(world.get("/suppliers/9").await, missing);
    assert_eq!(world.get("/suppliers/9/sync-logs").await, missing);
    assert_eq!(world.post_empty("/suppliers/9/sync").await, missing);
    assert_eq!(
        world.post_empty("/suppliers/2/sync/").await,
        (400, json!({ "detail": "Supplier is not active" }))
    );
    for path in [
        "/suppliers/?active_only=maybe",
        "/suppliers/2/sync-logs?limit=0",
        "/suppliers/2/sync-logs?offset=-1",
    ] {
        let (status, error) = world.get(path).await;
        assert_eq!((status, keys(&error)), (400, vec!["detail"]), "{path}");
    }
}

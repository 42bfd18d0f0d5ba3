//! Bad input: a 4xx that says what is wrong, and nothing changed.

use crate::world::{World, item, products, simulator, updated};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

#[rstest]
#[tokio::test]
async fn a_supplier_that_cannot_be_is_refused(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let world = World::new(backend).await;
    let good = json!({ "id": "acme", "name": "Acme", "adapter": "abc", "base_url": "https://acme.example" });
    for (field, value) in [
        ("id", json!("")),
        ("id", json!("a/b")),
        ("id", json!("a".repeat(101))),
        ("name", json!("")),
        ("name", json!(" padded ")),
        ("name", json!("tab\there")),
        ("contact_email", json!("nobody")),
        ("base_url", json!("ftp://acme.example")),
        ("base_url", json!("https://user:pass@acme.example")),
        ("base_url", json!("not a url")),
        ("options", json!({ "path": "/x" })),
        ("credential", json!("")),
        ("credential", json!("line\nbreak")),
        ("lead_time_days", json!(-1)),
        ("sku_prefix", json!("with blank")),
        ("schedule", json!({ "cron": "61 * * * *" })),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let (status, problem) = world.post("/v1/suppliers", body).await;
        assert_eq!(status, 422, "{field} {value}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(field), "{field} {value}: {problem}");
    }
    for (field, value) in [("adapter", json!("soap")), ("surprise", json!(1)), ("active", json!("yes"))] {
        let mut body = good.clone();
        body[field] = value;
        assert_eq!(world.post("/v1/suppliers", body).await.0, 400, "{field}");
    }
    assert_eq!(world.get("/v1/suppliers").await.1["suppliers"], json!([]));
    assert_eq!(world.post("/v1/suppliers", good.clone()).await.0, 201);
    let (status, problem) = world.post("/v1/suppliers", good).await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:onhand:problem:supplier-exists")));
}

#[rstest]
#[tokio::test]
async fn a_change_over_a_stale_version_is_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    let patch = |version: &str| {
        let request = world.request("PATCH", "/v1/suppliers/acme").header("If-Match", version);
        request.json(&json!({ "name": "New" }))
    };
    let changed = patch("\"1\"").send().await.unwrap();
    assert_eq!((changed.status().as_u16(), changed.headers()["etag"].to_str().unwrap()), (200, "\"2\""));
    let (status, problem) = world.send(patch("\"1\"")).await;
    assert_eq!((status, &problem["version"]), (412, &json!(2)));
}

#[rstest]
#[tokio::test]
async fn what_is_not_there_or_not_right_is_refused_on_every_route(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(1));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    let all = async || {
        let mut all = vec![];
        for path in ["suppliers", "suppliers/acme/catalog", "suppliers/acme/sync-runs", "restock-orders"] {
            all.push(world.get(&format!("/v1/{path}")).await.1);
        }
        all
    };
    let before = all().await;
    let id = "00000000-0000-7000-8000-000000000000";
    for path in
        ["suppliers/no", "suppliers/no/catalog", "suppliers/no/sync-runs", &format!("restock-orders/{id}")]
    {
        assert_eq!(world.get(&format!("/v1/{path}")).await.0, 404, "{path}");
    }
    for path in [
        "suppliers?limit=0",
        "suppliers?limit=501",
        "suppliers?cursor=zz",
        "suppliers?unknown=1",
        "suppliers/acme/catalog?cursor=00",
        "suppliers/acme/sync-runs?limit=x",
        "restock-orders?state=lost",
        "restock-orders?cursor=",
        "restock-orders/not-an-id",
    ] {
        assert_eq!(world.get(&format!("/v1/{path}")).await.0, 400, "{path}");
    }
    for (path, body, status) in [
        ("suppliers/no", json!({}), 404),
        ("suppliers/acme", json!({ "surprise": 1 }), 400),
        ("suppliers/acme/catalog/none", json!({ "pack_size": 2 }), 404),
        ("suppliers/acme/catalog/p1", json!({ "pack_size": 0 }), 422),
        ("suppliers/acme/catalog/p1", json!({ "minimum_order": 1.5 }), 400),
    ] {
        assert_eq!(world.patch(&format!("/v1/{path}"), body).await.0, status, "{path}");
    }
    assert_eq!(world.post_empty("/v1/suppliers/no/sync").await.0, 404);
    assert_eq!(world.post_empty("/v1/suppliers/acme/sync?override_brake=2").await.0, 400);
    assert_eq!(world.post_empty(&format!("/v1/restock-orders/{id}/cancel")).await.0, 404);
    let key = world.request("POST", "/v1/suppliers/acme/sync").header("Idempotency-Key", "");
    assert_eq!(world.send(key).await.0, 400);
    assert_eq!(all().await, before, "something was changed");
}

#[rstest]
#[tokio::test]
async fn a_receipt_that_cannot_be_is_refused(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.publish(updated(item("S1", "acme", 1, 0))).await;
    let order = world.orders("S1", 1).await.remove(0);
    let path = format!("/v1/restock-orders/{}/receipts", order["id"].as_str().unwrap());
    let cases: [(Value, u16); 10] = [
        (json!({ "accepted": 0 }), 422),
        (json!({ "accepted": -1 }), 422),
        (json!({ "accepted": 5, "rejected": -5 }), 422),
        (json!({ "accepted": i64::MAX, "rejected": i64::MAX }), 422),
        (json!({ "accepted": 1_000_000_000_001_i64 }), 422),
        (json!({ "accepted": 1.5 }), 400),
        (json!({ "accepted": "5" }), 400),
        (json!({ "rejected": 5 }), 400),
        (json!({ "accepted": 5, "surprise": 1 }), 400),
        (json!({ "accepted": 5, "reference": "" }), 422),
    ];
    for (body, expected) in cases {
        let (status, problem) = world.post(&path, body.clone()).await;
        assert_eq!(status, expected, "{body}: {problem}");
    }
    let (_, order) = world.get(path.trim_end_matches("/receipts")).await;
    assert_eq!((&order["accepted"], &order["receipts"]), (&json!(0), &json!([])));
}

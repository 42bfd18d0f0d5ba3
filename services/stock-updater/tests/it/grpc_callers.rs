use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;
use tonic::Code;

use crate::callers::{guarded, token};
use crate::grpc_client::{Client, MAIN};
use crate::shop::Shop;

/// What calls are about: an item, and a reservation on it.
struct Theirs {
    item: String,
    hold: String,
}

async fn theirs(shop: &Shop) -> Theirs {
    let body = json!({"lines": [{"item": "TEA", "quantity": 1}]});
    let held = shop.post("/v1/reservations", body).await.is(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Theirs { item: text(&held["items"][0]["item_id"]), hold: text(&held["reservation"]["reservation_id"]) }
}

fn changes(Theirs { item, hold }: &Theirs) -> Vec<(&'static str, Value)> {
    let moved = json!({"inventory_item_id": item, "warehouse_id": MAIN, "quantity": 1});
    vec![
        ("UpdateInventoryItem", json!({"id": item, "reorder_point": 1})),
        ("AddInventoryToLocation", moved.clone()),
        ("RemoveInventoryFromLocation", moved),
        ("ReserveInventory", json!({"items": [{"inventory_item_id": item, "quantity": 1}]})),
        ("ConfirmReservation", json!({"reservation_id": hold})),
        ("CancelReservation", json!({"reservation_id": hold})),
    ]
}

fn looks(Theirs { item, .. }: &Theirs) -> Vec<(&'static str, Value)> {
    let names = [json!({"id": item}), json!({"sku": "TEA"}), json!({"product_id": "p-TEA"})];
    names.map(|name| ("GetInventoryItem", name)).to_vec()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn another_brands_items_and_reservations_do_not_exist_for_any_call(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = guarded(backend).await;
    let theirs = theirs(&shop).await;
    let mut client = Client::of(&shop).await;
    for role in ["brand", "service"] {
        client.token = Some(token(role, Some("acme")));
        for (method, body) in changes(&theirs).into_iter().chain(looks(&theirs)) {
            assert_eq!(
                client.refused(method, body.clone()).await.0,
                Code::NotFound,
                "{role}: {method} {body}"
            );
        }
        let listed = client.asks("ListInventoryItems", json!({})).await;
        assert_eq!((&listed["total"], &listed["inventory_items"][0]["sku"]), (&json!(1), &json!("MINE")));
        let there = client.asks("GetInventoryByLocation", json!({"warehouse_id": MAIN})).await;
        assert_eq!(there["total"], 1);
        let check = json!({"items": [{"sku": "TEA", "quantity": 1}, {"sku": "MINE", "quantity": 1}]});
        let checked = client.asks("CheckInventoryAvailability", check).await;
        assert_eq!(checked["items"][0]["status"], "NOT_FOUND");
        assert_eq!(checked["items"][1]["is_available"], true);
        let lines =
            json!({"items": [{"sku": "TEA", "quantity_delta": 1}, {"sku": "MINE", "quantity_delta": 1}]});
        let bulk = client.asks("BulkUpdateInventory", lines).await;
        assert_eq!(
            (&bulk["results"][0]["success"], &bulk["results"][1]["success"]),
            (&json!(false), &json!(true))
        );
        // What all owners share is not theirs to change, whatever the role.
        let refused = client.refused("CreateWarehouse", json!({"code": "x"})).await;
        assert_eq!(refused, (Code::PermissionDenied, "forbidden".to_owned()));
        let closed = json!({"id": MAIN, "is_active": false});
        assert_eq!(client.refused("UpdateWarehouse", closed).await.0, Code::PermissionDenied);
        assert_eq!(client.asks("ListWarehouses", json!({})).await["total"], 1);
    }
    // What they create is theirs, and their SKU may not be another's.
    let taken = client.refused("CreateInventoryItem", json!({"product_id": "x", "sku": "TEA"})).await;
    assert_eq!(taken.0, Code::AlreadyExists);
    client
        .asks("CreateInventoryItem", json!({"product_id": "x", "sku": "OURS", "initial_quantity": 2}))
        .await;
    client.token = Some(token("brand", Some("bolt")));
    assert_eq!(client.refused("GetInventoryItem", json!({"sku": "OURS"})).await.0, Code::NotFound);
    client.token = Some(token("admin", None));
    assert_eq!(client.units(&theirs.item).await, [5, 4, 1], "nothing was changed");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_may_call_is_who_may_over_http(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = guarded(backend).await;
    let theirs = theirs(&shop).await;
    let mut client = Client::of(&shop).await;
    let mut changes = changes(&theirs);
    changes.push(("CreateInventoryItem", json!({"product_id": "x", "sku": "X"})));
    changes.push(("BulkUpdateInventory", json!({"items": [{"sku": "TEA", "quantity_delta": 1}]})));
    changes.push(("CreateWarehouse", json!({"code": "x"})));
    changes.push(("UpdateWarehouse", json!({"id": MAIN, "priority": 1})));
    let mut looks = looks(&theirs);
    looks.push(("ListInventoryItems", json!({})));
    looks.push(("GetInventoryByLocation", json!({"warehouse_id": MAIN})));
    looks.push(("CheckInventoryAvailability", json!({"items": [{"sku": "TEA", "quantity": 1}]})));
    looks.push(("GetWarehouse", json!({"code": "main"})));
    looks.push(("ListWarehouses", json!({})));
    for (role, looks_too) in [("viewer", true), ("customer", false)] {
        client.token = Some(token(role, None));
        for (method, body) in &changes {
            assert_eq!(
                client.refused(method, body.clone()).await.0,
                Code::PermissionDenied,
                "{role}: {method}"
            );
        }
        for (method, body) in &looks {
            let may = client.call(method, body.clone(), &[]).await.map_err(|status| status.code());
            assert_eq!(may.is_ok(), looks_too, "{role}: {method} {may:?}");
        }
    }
    for stranger in [None, Some("x.y.z".to_owned())] {
        client.token = stranger;
        for (method, body) in changes.iter().chain(&looks) {
            assert_eq!(client.refused(method, body.clone()).await.0, Code::Unauthenticated, "{method}");
        }
    }
    client.token = Some(token("admin", None));
    assert_eq!(client.units(&theirs.item).await, [5, 4, 1], "nothing was changed");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_caller_is_another_key(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = guarded(backend).await;
    let mut client = Client::of(&shop).await;
    for (role, sku) in [("admin", "A"), ("service", "B")] {
        client.token = Some(token(role, None));
        let body = json!({"product_id": sku, "sku": sku, "initial_quantity": 1});
        let made = client.call("CreateInventoryItem", body, &[("idempotency-key", "k")]).await.unwrap();
        assert!(made.metadata.get("idempotent-replayed").is_none(), "{role}");
    }
}

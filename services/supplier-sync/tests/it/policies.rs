//! How items are restocked.

use crate::world::{LIMIT, World, item, products, simulator, updated};
use chrono::{TimeDelta, Utc};
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::Simulator;
use testkit::{Backend, eventually};

/// Item S1, which `acme` lists, with 100 available: above its reorder point of 10.
async fn stocked(backend: Backend) -> (World, Simulator) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(2));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    world.publish(updated(item("S1", "acme", 1, 100))).await;
    eventually("the item to be known", LIMIT, async || {
        (world.get("/v1/restock-policies/S1").await.0 == 200).then_some(())
    })
    .await;
    (world, supplier)
}

async fn set(world: &World, policy: Value) -> Value {
    let (status, answer) = world.put("/v1/restock-policies/S1", policy).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[rstest]
#[tokio::test]
async fn a_policy_overrules_what_the_item_says_until_it_is_taken_away(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = stocked(backend).await;
    let (_, own) = world.get("/v1/restock-policies/S1").await;
    assert_eq!((&own["reorder_point"], &own["reorder_quantity"]), (&json!(10), &json!(50)));
    let policy = set(&world, json!({ "reorder_quantity": 70, "maximum_order": 60 })).await;
    assert_eq!((&policy["reorder_point"], &policy["reorder_quantity"]), (&json!(10), &json!(70)));
    world.publish(updated(item("S1", "acme", 2, 10))).await;
    assert_eq!(world.orders("S1", 1).await[0]["quantity"], 60, "the most");
    let (status, gone) = world.send(world.request("DELETE", "/v1/restock-policies/S1")).await;
    assert_eq!((status, &gone["reorder_quantity"], &gone["maximum_order"]), (200, &json!(50), &json!(null)));
}

#[rstest]
#[tokio::test]
async fn an_item_that_is_short_by_a_new_policy_is_ordered_at_once_up_to_its_level(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = stocked(backend).await;
    world.patch("/v1/suppliers/acme/catalog/p1", json!({ "pack_size": 12, "minimum_order": 30 })).await;
    set(&world, json!({ "reorder_point": 100, "order_up_to": 150, "lead_time_days": 3 })).await;
    let order = world.orders("S1", 1).await.remove(0);
    assert_eq!((&order["quantity"], &order["unit_cost"]), (&json!(60), &json!("9.5")), "50 in packs of 12");
    let days = |field: &str| order[field].as_str().unwrap().parse::<chrono::DateTime<Utc>>().unwrap();
    assert_eq!(days("expected_at") - days("created_at"), TimeDelta::days(3));
}

#[rstest]
#[tokio::test]
async fn a_snoozed_item_is_ordered_when_it_wakes(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = stocked(backend).await;
    let later = Utc::now() + TimeDelta::days(1);
    set(&world, json!({ "snoozed_until": later })).await;
    world.publish(updated(item("S1", "acme", 2, 0))).await;
    world.publish(updated(item("S2", "acme", 1, 0))).await;
    world.orders("S2", 1).await;
    world.orders("S1", 0).await;
    // The sweep finds it, for no event tells of waking.
    set(&world, json!({ "snoozed_until": Utc::now() + TimeDelta::milliseconds(300) })).await;
    world.orders("S1", 1).await;
}

#[rstest]
#[tokio::test]
async fn the_sweep_finds_what_is_short_by_its_policy_alone(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = stocked(backend).await;
    world.patch("/v1/suppliers/acme", json!({ "active": false })).await;
    set(&world, json!({ "reorder_point": 200 })).await;
    world.orders("S1", 0).await;
    world.patch("/v1/suppliers/acme", json!({ "active": true })).await;
    world.orders("S1", 1).await;
}

#[rstest]
#[tokio::test]
async fn the_preferred_supplier_is_asked_and_another_one_while_it_cannot_be(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = stocked(backend).await;
    world.supplier("best", "abc", &supplier, json!({})).await;
    world.sync("best").await;
    set(&world, json!({ "preferred_supplier_id": "best" })).await;
    world.publish(updated(item("S1", "acme", 2, 0))).await;
    assert_eq!(world.orders("S1", 1).await[0]["supplier_id"], "best");
    world.patch("/v1/suppliers/acme", json!({ "active": false })).await;
    world.publish(updated(item("S2", "acme", 1, 0))).await;
    assert_eq!(world.orders("S2", 1).await[0]["supplier_id"], "best", "it lists it too");
}

#[rstest]
#[tokio::test]
async fn an_order_is_raised_to_a_price_break_that_saves_money(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = stocked(backend).await;
    let path = "/v1/suppliers/acme/catalog/p1/price-breaks";
    let breaks = json!({ "price_breaks": [
        { "quantity": 500, "unit_cost": "0.01" }, { "quantity": 60, "unit_cost": "7.5" }] });
    let (status, answer) = world.put(path, breaks).await;
    assert_eq!((status, &answer["price_breaks"][0]["quantity"]), (200, &json!(60)), "{answer}");
    assert_eq!(world.get(path).await.1, answer);
    world.publish(updated(item("S1", "acme", 2, 0))).await;
    let order = world.orders("S1", 1).await.remove(0);
    assert_eq!(
        (&order["quantity"], &order["unit_cost"]),
        (&json!(60), &json!("7.5")),
        "50 at 9.50 cost more"
    );
    world.order_in(&order["id"], "confirmed").await;
    assert_eq!(supplier.orders()[0].quantity, 60);
}

#[rstest]
#[tokio::test]
async fn price_breaks_that_two_set_at_once_are_those_of_one(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = stocked(backend).await;
    let path = "/v1/suppliers/acme/catalog/p1/price-breaks";
    let breaks = |quantities: [i64; 2], cost: &str| {
        let steps = quantities.map(|quantity| json!({ "quantity": quantity, "unit_cost": cost }));
        json!({ "price_breaks": steps })
    };
    let (ours, theirs) = (breaks([10, 20], "9"), breaks([20, 30], "8"));
    for _ in 0..20 {
        let (one, other) = tokio::join!(world.put(path, ours.clone()), world.put(path, theirs.clone()));
        assert_eq!((one.0, other.0), (200, 200), "{} {}", one.1, other.1);
        let (_, set) = world.get(path).await;
        assert!(set == ours || set == theirs, "{set}");
    }
}

#[rstest]
#[tokio::test]
async fn a_policy_or_price_that_cannot_be_is_refused_and_changes_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = stocked(backend).await;
    for (field, value) in [
        ("reorder_point", json!(-1)),
        ("reorder_quantity", json!(1_000_000_000_001_i64)),
        ("order_up_to", json!(10)),
        ("order_up_to", json!(0)),
        ("maximum_order", json!(0)),
        ("lead_time_days", json!(-1)),
        ("preferred_supplier_id", json!("nobody")),
    ] {
        let (status, problem) = world.put("/v1/restock-policies/S1", json!({ field: value })).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{value}: {problem}");
    }
    let both = json!({ "order_up_to": 90, "reorder_quantity": 5 });
    assert_eq!(world.put("/v1/restock-policies/S1", both).await.0, 422);
    for odd in [json!({ "surprise": 1 }), json!({ "reorder_point": 1.5 }), json!({ "snoozed_until": "soon" })]
    {
        assert_eq!(world.put("/v1/restock-policies/S1", odd.clone()).await.0, 400, "{odd}");
    }
    let (_, policy) = world.get("/v1/restock-policies/S1").await;
    assert_eq!(policy["version"], 0);
    let (status, problem) = world.put("/v1/restock-policies/none", json!({})).await;
    assert_eq!((status, &problem["type"]), (404, &json!("urn:onhand:problem:item-unknown")));
    let path = "/v1/suppliers/acme/catalog/p1/price-breaks";
    let step = |quantity: i64, cost: &str| json!({ "quantity": quantity, "unit_cost": cost });
    for odd in [
        json!([step(1, "1")]),
        json!([step(5, "0")]),
        json!([step(5, "-1")]),
        json!([step(5, "1e3")]),
        json!([step(5, "0.0000001")]),
        json!([step(5, "1"), step(5, "2")]),
        json!((2..30).map(|n| step(n, "1")).collect::<Vec<_>>()),
    ] {
        let (status, problem) = world.put(path, json!({ "price_breaks": odd.clone() })).await;
        assert_eq!(status, 422, "{odd}: {problem}");
    }
    assert_eq!(world.get(path).await.1, json!({ "price_breaks": [] }));
    let unknown = world.get("/v1/suppliers/acme/catalog/none/price-breaks").await;
    assert_eq!((unknown.0, &unknown.1["type"]), (404, &json!("urn:onhand:problem:product-unknown")));
}

#[rstest]
#[tokio::test]
async fn a_policy_set_over_a_stale_version_is_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = stocked(backend).await;
    let put = |version: &str| {
        let request = world.request("PUT", "/v1/restock-policies/S1").header("If-Match", version);
        world.send(request.json(&json!({ "reorder_point": 5 })))
    };
    assert_eq!(put("\"0\"").await.0, 200);
    let (status, problem) = put("\"0\"").await;
    assert_eq!((status, &problem["version"]), (412, &json!(1)));
    assert_eq!(put("\"1\"").await.1["version"], 2);
    // Taken away and set again is not what was read either.
    world.send(world.request("DELETE", "/v1/restock-policies/S1")).await;
    assert_eq!(put("\"2\"").await.0, 412);
}

#[rstest]
#[tokio::test]
async fn an_item_is_named_by_its_id_its_sku_or_its_product(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = stocked(backend).await;
    let mut one = item("V1", "acme", 1, 100);
    one.product_id = "shirt".to_owned();
    let mut two = item("V2", "acme", 1, 100);
    two.product_id = "shirt".to_owned();
    let id = one.item_id;
    world.publish(updated(one)).await;
    let named = async |name: &str| world.get(&format!("/v1/restock-policies/{name}")).await;
    eventually("the product", LIMIT, async || (named("shirt").await.0 == 200).then_some(())).await;
    assert_eq!(named(&id.to_string()).await.1["sku"], "V1");
    world.publish(updated(two)).await;
    let problem = eventually("both variants", LIMIT, async || {
        let (status, problem) = named("shirt").await;
        (status == 409).then_some(problem)
    })
    .await;
    assert_eq!(problem["type"], "urn:onhand:problem:item-ambiguous");
    let (status, _) = named(&format!("x{}", "y".repeat(300))).await;
    assert_eq!(status, 404);
}

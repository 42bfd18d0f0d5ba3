//! From a level to an order.

use crate::world::{LIMIT, World, item, products, simulator, updated};
use chrono::Utc;
use events::{Event, Item};
use rstest::rstest;
use serde_json::json;
use supplier_sync::simulator::Simulator;
use testkit::{Backend, eventually};

async fn supplied(backend: Backend) -> (World, Simulator) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(2));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    (world, supplier)
}

/// Waits until everything that was published before has been consumed: an order for another item shows it.
async fn settled(world: &World, marker: &str) {
    world.publish(updated(item(marker, "acme", 1, 0))).await;
    world.orders(marker, 1).await;
}

#[rstest]
#[tokio::test]
async fn crossing_the_reorder_point_places_one_order_at_the_supplier(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = supplied(backend).await;
    world.patch("/v1/suppliers/acme/catalog/p1", json!({ "pack_size": 12 })).await;
    world.publish(updated(item("S1", "acme", 1, 10))).await;

    let order = &world.orders("S1", 1).await[0];
    let order = world.order_in(&order["id"], "confirmed").await;

    assert_eq!((&order["quantity"], &order["supplier_sku"]), (&json!(60), &json!("S1")), "whole packs");
    let placed = supplier.orders();
    assert_eq!((placed.len(), placed[0].quantity, placed[0].placed), (1, 60, 1));
    assert_eq!(placed[0].reference.to_string(), order["id"].as_str().unwrap());
    let told =
        eventually("the order's event", LIMIT, async || world.heard_of_orders().into_iter().next()).await;
    assert_eq!((told.0, told.1.quantity, told.1.outstanding), ("restock_ordered", 60, 60));
    let (_, metrics) = world.send(world.request("GET", "/metrics")).await;
    for metric in
        ["restock_orders_total{state=\"planned\"}", "supplier_sync_runs_total", "restock_reaction_seconds"]
    {
        assert!(metrics.as_str().unwrap().contains(metric), "{metric}");
    }
}

#[rstest]
#[tokio::test]
async fn duplicates_and_bursts_of_events_make_one_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = supplied(backend).await;
    let burst = (0..10).map(|n| world.publish(updated(item("S1", "acme", n + 1, 9 - n))));
    let twice = updated(item("S1", "acme", 20, 0));
    futures::future::join_all(burst).await;
    futures::future::join_all([world.publish(twice.clone()), world.publish(twice)]).await;
    settled(&world, "S2").await;
    let order = &world.orders("S1", 1).await[0];
    world.order_in(&order["id"], "confirmed").await;
    assert_eq!(supplier.orders().iter().filter(|order| order.sku == "S1").count(), 1);
}

#[rstest]
#[tokio::test]
async fn enough_on_the_way_a_stale_event_or_an_item_nobody_restocks_orders_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = supplied(backend).await;
    let mut incoming = item("incoming", "acme", 1, 2);
    incoming.incoming = 50;
    world.publish(updated(incoming)).await;
    world.publish(updated(item("stale", "acme", 5, 100))).await;
    world.publish(updated(item("stale", "acme", 4, 0))).await;
    let mut manual = item("manual", "acme", 1, 0);
    manual.reorder_quantity = 0;
    world.publish(updated(manual)).await;
    let mut inactive = item("inactive", "acme", 1, 0);
    inactive.active = false;
    world.publish(updated(inactive)).await;
    let mut unsupplied = item("unsupplied", "acme", 1, 0);
    unsupplied.supplier_id = None;
    world.publish(updated(unsupplied)).await;
    world.publish(updated(item("stranger", "nobody", 1, 0))).await;
    settled(&world, "S2").await;
    let (_, page) = world.get("/v1/restock-orders").await;
    assert_eq!(page["restock_orders"].as_array().unwrap().len(), 1, "{page}");
}

#[rstest]
#[tokio::test]
async fn a_new_or_changed_item_that_is_short_is_ordered(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, _supplier) = supplied(backend).await;
    let told = |subject| Item { subject, name: "Thing".to_owned(), timestamp: Utc::now() };
    world.publish(Event::ItemCreated(told(item("S1", "acme", 1, 0)))).await;
    world.publish(Event::ItemUpdated(told(item("S2", "acme", 2, 0)))).await;
    world.orders("S1", 1).await;
    world.orders("S2", 1).await;
}

#[rstest]
#[tokio::test]
async fn the_sweep_orders_what_was_short_before_its_supplier_could_deliver(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({ "active": false })).await;
    world.publish(updated(item("S1", "acme", 1, 0))).await;
    world.patch("/v1/suppliers/acme", json!({ "active": true })).await;
    world.orders("S1", 1).await;
}

#[rstest]
#[tokio::test]
async fn garbage_on_the_queue_stops_nobody(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, _supplier) = supplied(backend).await;
    for (key, body) in [
        ("stock_updated.S1", "not json"),
        ("stock_updated.S1", r#"{"specversion":"2.0"}"#),
        ("item_created", r#"{"specversion":"1.0","type":"no_such_thing","data":{}}"#),
        ("product-received", r#"{"product_id":1,"quantity":-1,"supplier_id":"x","timestamp":0}"#),
    ] {
        world.publish_raw("", key, body.to_owned()).await;
    }
    settled(&world, "S2").await;
}

#[rstest]
#[tokio::test]
async fn a_delivery_of_an_unknown_supplier_records_it_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let world = World::new(backend).await;
    let received = |id, n| {
        let body = json!({ "product_id": 7, "quantity": n, "supplier_id": id, "timestamp": 1_700_000_000 });
        world.publish_raw("", "product-received", body.to_string())
    };
    let together = [received("new/one", 1), received("new/one", 2), received("new/one", 3)];
    futures::future::join_all(together).await;
    let supplier = eventually("the supplier", LIMIT, async || {
        let (status, supplier) = world.get("/v1/suppliers/new%2Fone").await;
        (status == 200).then_some(supplier)
    })
    .await;
    assert_eq!((&supplier["active"], &supplier["adapter"]), (&json!(false), &json!(null)));
    let (status, problem) = world.post_empty("/v1/suppliers/new%2Fone/sync").await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:onhand:problem:supplier-inactive")));
    let (_, page) = world.get("/v1/suppliers").await;
    assert_eq!(page["suppliers"].as_array().unwrap().len(), 1);
}

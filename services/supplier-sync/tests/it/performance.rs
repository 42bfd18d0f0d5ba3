//! What became of a supplier's orders.

use crate::world::{World, item, simulator, updated};
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::{OrderPolicy, Simulator};
use testkit::Backend;

async fn ordered(world: &World, sku: &str, state: &str) -> String {
    world.publish(updated(item(sku, "acme", 1, 0))).await;
    let order = world.orders(sku, 1).await.remove(0);
    world.order_in(&order["id"], state).await["id"].as_str().unwrap().to_owned()
}

async fn received(world: &World, id: &str, body: Value) {
    let (status, answer) = world.post(&format!("/v1/restock-orders/{id}/receipts"), body).await;
    assert_eq!(status, 201, "{answer}");
}

#[rstest]
#[tokio::test]
async fn a_supplier_is_charged_with_what_became_of_its_orders(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier): (World, Simulator) = (World::new(backend).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    let (_, none) = world.get("/v1/suppliers/acme/performance").await;
    assert_eq!((&none["orders"], &none["fill_rate"]), (&json!(0), &json!(null)));

    // Of 50 each: all, with some that were no good; more; none; and one that we did not want, which is not charged.
    let all = ordered(&world, "S1", "confirmed").await;
    received(&world, &all, json!({ "accepted": 40, "rejected": 10 })).await;
    let more = ordered(&world, "S2", "confirmed").await;
    received(&world, &more, json!({ "accepted": 60 })).await;
    let unwanted = ordered(&world, "S3", "confirmed").await;
    world.post_empty(&format!("/v1/restock-orders/{unwanted}/cancel?agreed=true")).await;
    supplier.set_order_policy(OrderPolicy::Reject("sold out".to_owned()));
    ordered(&world, "S4", "rejected").await;

    let (_, told) = world.get("/v1/suppliers/acme/performance").await;
    assert_eq!(
        (&told["orders"], &told["units_ordered"], &told["units_accepted"], &told["units_rejected"]),
        (&json!(3), &json!(150), &json!(100), &json!(10)),
        "{told}"
    );
    assert_eq!(told["fill_rate"], json!(90.0 / 150.0), "what came beyond an order fills no other");
    assert_eq!(told["lead_time"]["count"], 2);
    let mean = told["lead_time"]["mean_days"].as_f64().unwrap();
    assert!(mean > 0.0 && mean < 0.1, "it came within the test: {told}");
    assert!(told["lead_time"]["sd_days"].is_number());
    let (_, shown) = world.get("/v1/suppliers/acme").await;
    assert_eq!(shown["performance"], told);
    assert_eq!(world.get("/v1/suppliers/nobody/performance").await.0, 404);

    let event = world.told("restock_received", 0).await;
    assert!(event.ordered_at.is_some() && event.received_at >= event.ordered_at, "{event:?}");
}

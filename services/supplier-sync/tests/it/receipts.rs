//! What arrives of an order, and orders that are not wanted any more.

use crate::world::{LIMIT, World, item, simulator, updated};
use events::Event;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Backend, eventually};

/// An order of 50 that the supplier confirmed.
async fn confirmed(backend: Backend) -> (World, String) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.publish(updated(item("S1", "acme", 1, 0))).await;
    let order = world.orders("S1", 1).await.remove(0);
    world.order_in(&order["id"], "confirmed").await;
    let id = order["id"].as_str().unwrap().to_owned();
    (world, id)
}

async fn received(world: &World, id: &str, body: Value) -> (u16, Value) {
    world.post(&format!("/v1/restock-orders/{id}/receipts"), body).await
}

#[rstest]
#[tokio::test]
async fn receipts_add_up_to_the_order_and_no_further(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, id) = confirmed(backend).await;
    let (status, part) =
        received(&world, &id, json!({ "accepted": 20, "rejected": 5, "reference": "DN-1" })).await;
    assert_eq!(
        (status, &part["order"]["state"], &part["order"]["outstanding"]),
        (201, &json!("partly_received"), &json!(25))
    );
    let (status, problem) = received(&world, &id, json!({ "accepted": 26 })).await;
    assert_eq!(
        (status, &problem["type"], &problem["outstanding"]),
        (409, &json!("urn:onhand:problem:over-receipt"), &json!(25))
    );
    let (status, rest) = received(&world, &id, json!({ "accepted": 25 })).await;
    assert_eq!((status, &rest["order"]["state"]), (201, &json!("received")));
    let (status, problem) = received(&world, &id, json!({ "accepted": 1 })).await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:onhand:problem:restock-order-closed")));

    let (_, order) = world.get(&format!("/v1/restock-orders/{id}")).await;
    assert_eq!((&order["accepted"], &order["rejected"]), (&json!(45), &json!(5)));
    assert_eq!(order["receipts"].as_array().unwrap().len(), 2);
    let told = eventually("both events", LIMIT, async || {
        let told = world.heard_of_orders().into_iter().filter(|(kind, _)| *kind == "restock_received");
        let told: Vec<_> = told.map(|(_, t)| (t.quantity, t.accepted, t.rejected, t.outstanding)).collect();
        (told.len() == 2).then_some(told)
    })
    .await;
    assert_eq!(told, [(50, 20, 5, 25), (50, 25, 0, 0)]);
}

#[rstest]
#[tokio::test]
async fn a_receipt_sent_twice_counts_once(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, id) = confirmed(backend).await;
    let path = format!("/v1/restock-orders/{id}/receipts");
    let send = |units: i64| {
        world
            .request("POST", &path)
            .header("Idempotency-Key", "delivery-1")
            .json(&json!({ "accepted": units }))
    };
    let first = send(10).send().await.unwrap();
    assert_eq!((first.status().as_u16(), first.headers().get("idempotent-replayed")), (201, None));
    let first = first.text().await.unwrap();
    let again = send(10).send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.text().await.unwrap(), first);
    assert_eq!(world.send(send(11)).await.0, 422);
    let (_, order) = world.get(&format!("/v1/restock-orders/{id}")).await;
    assert_eq!(order["accepted"], 10);
}

#[rstest]
#[tokio::test]
async fn simultaneous_receipts_never_exceed_the_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, id) = confirmed(backend).await;
    let all =
        futures::future::join_all((0..8).map(|_| received(&world, &id, json!({ "accepted": 10 })))).await;
    assert_eq!(all.iter().filter(|(status, _)| *status == 201).count(), 5);
    assert_eq!(all.iter().filter(|(status, _)| *status == 409).count(), 3);
}

#[rstest]
#[tokio::test]
async fn a_cancelled_order_is_over_and_told(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, id) = confirmed(backend).await;
    received(&world, &id, json!({ "accepted": 20 })).await;
    let (status, order) = world.post_empty(&format!("/v1/restock-orders/{id}/cancel")).await;
    assert_eq!((status, &order["state"], &order["outstanding"]), (200, &json!("cancelled"), &json!(0)));
    let (status, _) = world.post_empty(&format!("/v1/restock-orders/{id}/cancel")).await;
    assert_eq!(status, 409);
    let told = eventually("the event", LIMIT, async || {
        world.heard_of_orders().into_iter().find(|(kind, _)| *kind == "restock_failed")
    })
    .await;
    assert_eq!((told.1.reason.as_deref(), told.1.outstanding), (Some("cancelled"), 30), "will not come");
}

#[rstest]
#[tokio::test]
async fn a_sale_told_before_the_receipt_reached_stock_orders_nothing_more(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, id) = confirmed(backend).await;
    received(&world, &id, json!({ "accepted": 50 })).await;
    // Stock has neither the order nor the receipt yet.
    world.publish(updated(item("S1", "acme", 2, 0))).await;
    world.publish(updated(item("S2", "acme", 1, 0))).await;
    world.orders("S2", 1).await;
    world.orders("S1", 1).await;
    // Now it has, and all of it was sold since, told in the wrong order.
    world.publish(updated(item("S1", "acme", 5, 0))).await;
    let mut arrived = updated(item("S1", "acme", 4, 50));
    if let Event::StockUpdated(event) = &mut arrived {
        event.change_amount = 50;
    }
    world.publish(arrived).await;
    world.orders("S1", 2).await;
}

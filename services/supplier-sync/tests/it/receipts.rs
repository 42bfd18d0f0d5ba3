//! What arrives of an order, and orders that are not wanted any more.

use crate::world::{World, item, simulator, updated};
use events::Event;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

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
async fn receipts_add_up_to_the_order(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, id) = confirmed(backend).await;
    let (status, part) =
        received(&world, &id, json!({ "accepted": 20, "rejected": 5, "reference": "DN-1" })).await;
    assert_eq!(
        (status, &part["order"]["state"], &part["order"]["outstanding"]),
        (201, &json!("partly_received"), &json!(25))
    );
    let (status, rest) = received(&world, &id, json!({ "accepted": 25 })).await;
    assert_eq!((status, &rest["order"]["state"]), (201, &json!("received")));
    let (_, order) = world.get(&format!("/v1/restock-orders/{id}")).await;
    assert_eq!((&order["accepted"], &order["rejected"]), (&json!(45), &json!(5)));
    assert_eq!(order["receipts"].as_array().unwrap().len(), 2);
    let told = [world.told("restock_received", 0).await, world.told("restock_received", 1).await];
    let told = told.map(|t| (t.quantity, t.accepted, t.rejected, t.expected, t.outstanding));
    assert_eq!(told, [(50, 20, 5, Some(25), 25), (50, 25, 0, Some(25), 0)]);
}

#[rstest]
#[tokio::test]
async fn more_than_was_ordered_is_taken_and_only_what_was_to_come_was_expected(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, id) = confirmed(backend).await;
    received(&world, &id, json!({ "accepted": 20 })).await;
    let (status, over) = received(&world, &id, json!({ "accepted": 35, "rejected": 4 })).await;
    assert_eq!((status, &over["order"]["state"]), (201, &json!("received")), "{over}");
    assert_eq!((&over["order"]["accepted"], &over["order"]["outstanding"]), (&json!(55), &json!(0)));
    let told = world.told("restock_received", 1).await;
    assert_eq!((told.accepted, told.rejected, told.expected), (35, 4, Some(30)));
    let (status, problem) = received(&world, &id, json!({ "accepted": 1_000_000_000_000_i64 })).await;
    assert_eq!((status, &problem["field"]), (422, &json!("accepted")), "no number of units any more");
}

#[rstest]
#[tokio::test]
async fn what_comes_after_the_end_of_an_order_is_taken_and_was_not_expected(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, id) = confirmed(backend).await;
    world.post_empty(&format!("/v1/restock-orders/{id}/cancel?agreed=true")).await;
    let (status, late) = received(&world, &id, json!({ "accepted": 7 })).await;
    assert_eq!(
        (status, &late["order"]["state"], &late["order"]["accepted"]),
        (201, &json!("cancelled"), &json!(7))
    );
    let told = world.told("restock_received", 0).await;
    assert_eq!((told.accepted, told.expected, told.outstanding), (7, Some(0), 0));
}

#[rstest]
#[tokio::test]
async fn one_reference_is_one_receipt_of_an_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, id) = confirmed(backend).await;
    let note = json!({ "accepted": 10, "reference": "DN-1" });
    let all = futures::future::join_all((0..4).map(|_| received(&world, &id, note.clone()))).await;
    assert!(
        all.iter().all(|(status, told)| *status == 201 && told["receipt"] == all[0].1["receipt"]),
        "{all:?}"
    );
    let (status, problem) = received(&world, &id, json!({ "accepted": 11, "reference": "DN-1" })).await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:onhand:problem:receipt-reference-taken")));
    let (_, order) = world.get(&format!("/v1/restock-orders/{id}")).await;
    assert_eq!((&order["accepted"], order["receipts"].as_array().unwrap().len()), (&json!(10), 1));
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
async fn simultaneous_receipts_are_all_counted_and_no_more_of_them_was_expected_than_was_to_come(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, id) = confirmed(backend).await;
    let all =
        futures::future::join_all((0..8).map(|_| received(&world, &id, json!({ "accepted": 10 })))).await;
    assert!(all.iter().all(|(status, _)| *status == 201), "{all:?}");
    world.told("restock_received", 7).await;
    let told = world.heard_of_orders().into_iter().filter(|(kind, _)| *kind == "restock_received");
    assert_eq!(told.map(|(_, told)| told.expected.unwrap()).sum::<i64>(), 50);
    let (_, order) = world.get(&format!("/v1/restock-orders/{id}")).await;
    assert_eq!((&order["accepted"], &order["state"]), (&json!(80), &json!("received")));
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

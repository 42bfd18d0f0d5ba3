//! What suppliers confirm: fewer, later, or none of it.

use crate::ordering::short;
use crate::world::{LIMIT, World, stamp};
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::{OrderPolicy, Simulator};
use testkit::{Backend, eventually};
use uuid::Uuid;

/// An order of 50 that the supplier has and has not decided on.
async fn sent(backend: Backend) -> (World, Simulator, Value, Uuid) {
    let (world, supplier, id) =
        short(backend, &[], |supplier| supplier.set_order_policy(OrderPolicy::Accept)).await;
    world.order_in(&id, "sent").await;
    let reference = id.as_str().unwrap().parse().unwrap();
    (world, supplier, id, reference)
}

#[rstest]
#[tokio::test]
async fn a_short_confirmation_lowers_what_is_to_come_each_time_it_is_shortened(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier, id, reference) = sent(backend).await;
    supplier.promise(reference, 30, stamp(0));
    let order = world.order_in(&id, "confirmed").await;
    assert_eq!((&order["confirmed_quantity"], &order["outstanding"]), (&json!(30), &json!(30)));
    let told = world.told("restock_confirmed", 0).await;
    assert_eq!((told.short, told.confirmed_quantity, told.outstanding), (Some(20), Some(30), 30));
    supplier.promise(reference, 25, stamp(0));
    let told = world.told("restock_confirmed", 1).await;
    assert_eq!((told.short, told.confirmed_quantity, told.outstanding), (Some(5), Some(25), 25));
    // More than it said before is not counted on, but is news if it comes later.
    supplier.promise(reference, 60, stamp(60));
    let told = world.told("restock_confirmed", 2).await;
    assert_eq!((told.short, told.outstanding, told.promised_at), (None, 25, Some(stamp(60))));
    let receipts = format!("/v1/restock-orders/{reference}/receipts");
    let (_, received) = world.post(&receipts, json!({ "accepted": 25 })).await;
    assert_eq!(received["order"]["state"], "received", "nothing more is to come: {received}");
}

#[rstest]
#[tokio::test]
async fn an_order_is_expected_when_it_was_promised_and_overdue_after_that(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier, id, reference) = sent(backend).await;
    let planned = world.order_in(&id, "sent").await;
    assert_eq!(planned["promised_at"], json!(null));
    assert!(planned["expected_at"].is_string(), "by the lead time: {planned}");
    let overdue = async || world.get("/v1/suppliers/acme/performance").await.1["overdue"].clone();
    assert_eq!(overdue().await, 0);
    supplier.promise(reference, 50, stamp(0));
    let order = world.order_in(&id, "confirmed").await;
    assert_eq!(order["promised_at"], order["expected_at"]);
    assert_eq!(overdue().await, 1, "it was promised for a day long past");
}

#[rstest]
#[tokio::test]
async fn to_confirm_nothing_is_to_reject(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, supplier, id, reference) = sent(backend).await;
    supplier.promise(reference, 0, stamp(0));
    world.order_in(&id, "rejected").await;
    assert_eq!(world.told("restock_failed", 0).await.outstanding, 50);
}

#[rstest]
#[tokio::test]
async fn open_orders_are_counted_by_state(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, _supplier, _id, _) = sent(backend).await;
    eventually("the gauges", LIMIT, async || {
        let sent = world.metric("restock_orders_open{state=\"sent\"}").await?;
        let confirmed = world.metric("restock_orders_open{state=\"confirmed\"}").await?;
        let doubtful = world.metric("restock_orders_in_doubt").await?;
        ((sent, confirmed, doubtful) == (1.0, 0.0, 0.0)).then_some(())
    })
    .await;
}

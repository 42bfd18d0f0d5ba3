//! Orders that are not wanted any more.

use crate::ordering::{NOBODY, short};
use crate::world::{LIMIT, World, item, simulator, updated};
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::{Mode, OrderPolicy};
use testkit::{Backend, eventually};

async fn cancel(world: &World, id: &Value) -> (u16, Value) {
    world.post_empty(&format!("/v1/restock-orders/{}/cancel", id.as_str().unwrap())).await
}

#[rstest]
#[tokio::test]
async fn an_order_that_cannot_be_at_the_supplier_is_cancelled_at_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({ "base_url": NOBODY })).await;
    world.publish(updated(item("S1", "acme", 1, 0))).await;
    let id = world.orders("S1", 1).await[0]["id"].clone();
    // For a moment, each time before it would be sent, it may be there: then it takes that moment.
    let (status, order) = cancel(&world, &id).await;
    assert!(matches!(status, 200 | 202), "{order}");
    let order = world.order_in(&id, "cancelled").await;
    assert_eq!((&order["attempts"], &order["outstanding"]), (&json!(0), &json!(0)));
    assert_eq!(cancel(&world, &id).await.0, 409, "it is over");
    world.patch("/v1/suppliers/acme", json!({ "base_url": supplier.url() })).await;
    world.publish(updated(item("S2", "acme", 1, 0))).await;
    let next = world.orders("S2", 1).await.remove(0);
    world.order_in(&next["id"], "confirmed").await;
    assert_eq!(supplier.orders().len(), 1, "it was not placed after that");
}

#[rstest]
#[tokio::test]
async fn an_order_at_the_supplier_is_cancelled_when_the_supplier_says_so(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(OrderPolicy::Confirm, OrderPolicy::Accept)] policy: OrderPolicy,
) {
    let (world, supplier, id) = short(backend, &[], |supplier| supplier.set_order_policy(policy)).await;
    eventually("it to be there", LIMIT, async || (!supplier.orders().is_empty()).then_some(())).await;
    let (status, order) = cancel(&world, &id).await;
    assert_eq!(status, 202, "{order}");
    assert!(order["cancel_requested_at"].is_string(), "{order}");
    world.order_in(&id, "cancelled").await;
    assert_eq!(supplier.orders()[0].status, "cancelled");
    let told = world.told("restock_failed", 0).await;
    assert_eq!((told.reason.as_deref(), told.outstanding), (Some("cancelled"), 50));
}

#[rstest]
#[tokio::test]
async fn an_order_that_may_lie_unread_at_the_supplier_is_cancelled_there(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let settings = [("order_settle_ms", "3600000")];
    let (world, supplier, id) =
        short(backend, &settings, |supplier| supplier.fail_times(Mode::Late, 1)).await;
    eventually("it to lie there", LIMIT, async || (supplier.late() == 1).then_some(())).await;
    assert_eq!(cancel(&world, &id).await.0, 202);
    world.order_in(&id, "cancelled").await;
    assert_eq!((supplier.orders()[0].placed, supplier.orders()[0].status.as_str()), (1, "cancelled"));
}

#[rstest]
#[tokio::test]
async fn an_order_that_the_supplier_does_not_cancel_goes_on_and_says_why(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier, id) =
        short(backend, &[], |supplier| supplier.refuse_cancelling("it is on the lorry")).await;
    world.order_in(&id, "confirmed").await;
    assert_eq!(cancel(&world, &id).await.0, 202);
    let path = format!("/v1/restock-orders/{}", id.as_str().unwrap());
    let order = eventually("its refusal", LIMIT, async || {
        let (_, order) = world.get(&path).await;
        order["cancel_requested_at"].is_null().then_some(order)
    })
    .await;
    assert_eq!((&order["state"], &order["outstanding"]), (&json!("confirmed"), &json!(50)));
    let agreed = world.post_empty(&format!("{path}/cancel?agreed=true")).await;
    assert_eq!((agreed.0, &agreed.1["state"]), (200, &json!("cancelled")), "the supplier is not asked");
    assert_eq!(supplier.orders()[0].status, "confirmed");
}

#[rstest]
#[tokio::test]
async fn a_supplier_that_cancels_the_rest_of_a_part_delivered_order_is_heard(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier, id) = short(backend, &[], |_| {}).await;
    world.order_in(&id, "confirmed").await;
    let receipts = format!("/v1/restock-orders/{}/receipts", id.as_str().unwrap());
    world.post(&receipts, json!({ "accepted": 20 })).await;
    supplier.decide(id.as_str().unwrap().parse().unwrap(), "cancelled");
    let order = world.order_in(&id, "cancelled").await;
    assert_eq!((&order["accepted"], &order["outstanding"]), (&json!(20), &json!(0)));
    assert_eq!(world.told("restock_failed", 0).await.outstanding, 30);
}

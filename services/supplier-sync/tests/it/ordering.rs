//! Bringing an order to a supplier that does not make it easy.

use crate::world::{LIMIT, World, item, products, simulator, updated};
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::{Mode, OrderPolicy, Simulator};
use testkit::{Backend, eventually};

/// A port on which nobody listens.
pub(crate) const NOBODY: &str = "http://127.0.0.1:1";

/// An item that is short, and its order.
pub(crate) async fn short(
    backend: Backend,
    settings: &[(&str, &str)],
    prepare: impl FnOnce(&Simulator),
) -> (World, Simulator, Value) {
    let (world, supplier) = (World::with(backend, settings).await, simulator().await);
    supplier.set_catalog(products(1));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    prepare(&supplier);
    world.publish(updated(item("S1", "acme", 1, 0))).await;
    let order = world.orders("S1", 1).await.remove(0);
    (world, supplier, order["id"].clone())
}

#[rstest]
#[tokio::test]
async fn an_order_whose_answer_was_lost_is_not_placed_twice(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier, id) =
        short(backend, &[], |supplier| supplier.fail_times(Mode::LostAnswer, 1)).await;
    let order = world.order_in(&id, "confirmed").await;
    assert_eq!(supplier.orders()[0].placed, 1);
    assert_eq!(
        (&order["attempts"], &order["in_doubt"]),
        (&json!(1), &json!(false)),
        "then it was asked about"
    );
}

#[rstest]
#[tokio::test]
async fn an_order_is_retried_until_the_supplier_is_back(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(Mode::ServerError, Mode::TooManyRequests, Mode::Hang, Mode::Garbage, Mode::Redirect)] mode: Mode,
) {
    let (world, supplier, id) = short(backend, &[], |supplier| supplier.fail_times(mode, 3)).await;
    world.order_in(&id, "confirmed").await;
    assert_eq!((supplier.orders().len(), supplier.orders()[0].placed), (1, 1));
    assert!(supplier.requests() > 3);
}

#[rstest]
#[tokio::test]
async fn an_order_that_the_supplier_decides_on_later_is_asked_about(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier, id) =
        short(backend, &[], |supplier| supplier.set_order_policy(OrderPolicy::Accept)).await;
    world.order_in(&id, "sent").await;
    supplier.decide(id.as_str().unwrap().parse().unwrap(), "confirmed");
    world.order_in(&id, "confirmed").await;
    assert_eq!(supplier.orders()[0].placed, 1);
}

#[rstest]
#[tokio::test]
async fn a_rejected_order_says_why_and_is_not_placed_again_at_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let reject = |supplier: &Simulator| supplier.set_order_policy(OrderPolicy::Reject("sold out".to_owned()));
    let (world, supplier, id) = short(backend, &[], reject).await;
    world.order_in(&id, "rejected").await;
    let failed = eventually("the event", LIMIT, async || {
        world.heard_of_orders().into_iter().find(|(kind, _)| *kind == "restock_failed")
    })
    .await;
    assert_eq!((failed.1.reason.as_deref(), failed.1.outstanding), (Some("sold out"), 50));
    world.publish(updated(item("S1", "acme", 2, 0))).await;
    supplier.set_order_policy(OrderPolicy::Confirm);
    world.publish(updated(item("S2", "acme", 1, 0))).await;
    world.orders("S2", 1).await;
    world.orders("S1", 1).await;
}

#[rstest]
#[tokio::test]
async fn an_order_that_surely_was_not_placed_is_given_up_in_the_end(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let settings = [("order_attempts", "2")];
    let (world, supplier, id) = short(backend, &settings, |supplier| supplier.fail(Mode::NotTaken)).await;
    let order = world.order_in(&id, "rejected").await;
    assert_eq!(order["attempts"], 2, "{order}");
    assert!(supplier.orders().is_empty());
}

/// Longer than any test.
const AN_HOUR: &str = "3600000";

#[rstest]
#[tokio::test]
async fn that_a_supplier_does_not_know_an_order_yet_places_it_no_second_time(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let settings = [("order_settle_ms", AN_HOUR)];
    let (world, supplier, id) =
        short(backend, &settings, |supplier| supplier.fail_times(Mode::Late, 1)).await;
    world.order_in(&id, "confirmed").await;
    assert_eq!(supplier.orders()[0].placed, 1);
}

// What the time to settle is for: without it, the same supplier is sent the order twice.
#[rstest]
#[tokio::test]
async fn without_a_time_to_settle_a_late_supplier_gets_an_order_twice(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let settings = [("order_settle_ms", "0")];
    let (world, supplier, id) =
        short(backend, &settings, |supplier| supplier.fail_times(Mode::Late, 1)).await;
    let order = world.order_in(&id, "confirmed").await;
    assert_eq!((supplier.orders()[0].placed, &order["attempts"]), (2, &json!(2)));
}

#[rstest]
#[tokio::test]
async fn one_refusal_of_a_repeated_request_is_not_believed(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let repeats = |supplier: &Simulator| {
        supplier.set_order_policy(OrderPolicy::Once);
        supplier.fail_times(Mode::Late, 1);
    };
    let (world, supplier, id) = short(backend, &[("order_settle_ms", "0")], repeats).await;
    let order = world.order_in(&id, "confirmed").await;
    assert_eq!((supplier.orders()[0].placed, &order["attempts"]), (1, &json!(2)), "the second was refused");
}

#[rstest]
#[tokio::test]
async fn a_refusal_that_is_repeated_counts(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let refuses = |supplier: &Simulator| {
        supplier.set_order_policy(OrderPolicy::Reject("sold out".to_owned()));
        supplier.fail_times(Mode::NotTaken, 1);
    };
    let (world, supplier, id) = short(backend, &[], refuses).await;
    let order = world.order_in(&id, "rejected").await;
    assert_eq!((&order["attempts"], &order["last_error"]), (&json!(3), &json!("sold out")));
    assert!(supplier.orders().is_empty());
}

#[rstest]
#[tokio::test]
async fn an_order_that_the_supplier_took_is_not_given_up_because_it_forgot_it(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let settings = [("order_attempts", "1"), ("order_settle_ms", "0")];
    let (world, supplier, id) =
        short(backend, &settings, |supplier| supplier.set_order_policy(OrderPolicy::Accept)).await;
    world.order_in(&id, "sent").await;
    supplier.forget(id.as_str().unwrap().parse().unwrap());
    let asked = supplier.requests();
    eventually("it is asked again", LIMIT, async || (supplier.requests() > asked + 3).then_some(())).await;
    let order = world.order_in(&id, "sent").await;
    assert!(order["last_error"].as_str().unwrap().contains("does not know it any more"), "{order}");
    assert!(supplier.orders().is_empty(), "nor placed again");
}

#[rstest]
#[tokio::test]
async fn a_supplier_that_cannot_be_reached_costs_an_order_no_attempt(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::with(backend, &[("order_attempts", "1")]).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({ "base_url": NOBODY })).await;
    world.publish(updated(item("S1", "acme", 1, 0))).await;
    let id = world.orders("S1", 1).await[0]["id"].clone();
    eventually("some tries", LIMIT, async || {
        let held = world.metric("restock_requests_total{request=\"place\",outcome=\"held\"}").await;
        held.filter(|held| *held >= 3.0)
    })
    .await;
    // While one is tried, it may be there.
    let path = format!("/v1/restock-orders/{}", id.as_str().unwrap());
    let order = eventually("it to be certain that it is not there", LIMIT, async || {
        let (_, order) = world.get(&path).await;
        (order["in_doubt"] == false).then_some(order)
    })
    .await;
    assert_eq!((&order["attempts"], &order["state"]), (&json!(0), &json!("planned")), "{order}");
    assert_eq!(order["ordered_at"], json!(null), "{order}");
    world.patch("/v1/suppliers/acme", json!({ "base_url": supplier.url() })).await;
    let order = world.order_in(&id, "confirmed").await;
    assert_eq!((supplier.orders()[0].placed, &order["attempts"]), (1, &json!(1)));
}

#[rstest]
#[tokio::test]
async fn an_order_of_which_goods_came_is_not_sent_any_more(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({ "base_url": NOBODY })).await;
    world.publish(updated(item("S1", "acme", 1, 0))).await;
    let id = world.orders("S1", 1).await[0]["id"].clone();
    let receipts = format!("/v1/restock-orders/{}/receipts", id.as_str().unwrap());
    assert_eq!(
        world.post(&receipts, json!({ "accepted": 20 })).await.0,
        201,
        "somebody ordered by telephone"
    );
    world.patch("/v1/suppliers/acme", json!({ "base_url": supplier.url() })).await;
    eventually("it is asked about", LIMIT, async || (supplier.requests() > 2).then_some(())).await;
    assert!(supplier.orders().is_empty());
    world.order_in(&id, "partly_received").await;
}

#[rstest]
#[tokio::test]
async fn an_order_that_was_never_sent_goes_elsewhere_when_its_supplier_is_switched_off(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, other) = (World::new(backend).await, simulator().await);
    other.set_catalog(products(1));
    world.supplier("other", "abc", &other, json!({})).await;
    world.sync("other").await;
    world.supplier("gone", "abc", &other, json!({})).await;
    world.sync("gone").await;
    world.patch("/v1/suppliers/gone", json!({ "base_url": NOBODY })).await;
    world.publish(updated(item("S1", "gone", 1, 0))).await;
    let first = world.orders("S1", 1).await.remove(0);
    assert_eq!(first["supplier_id"], "gone", "as the item says");
    world.patch("/v1/suppliers/gone", json!({ "active": false })).await;
    let first = world.order_in(&first["id"], "cancelled").await;
    assert!(first["last_error"].as_str().unwrap().contains("elsewhere"), "{first}");
    let orders = world.orders("S1", 2).await;
    assert_eq!(orders[0]["supplier_id"], "other");
    world.order_in(&orders[0]["id"], "confirmed").await;
    assert_eq!(other.orders().len(), 1);
}

#[rstest]
#[tokio::test]
async fn two_replicas_send_an_order_once(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (mut world, supplier) = (World::new(backend).await, simulator().await);
    world.start().await;
    world.supplier("acme", "abc", &supplier, json!({})).await;
    for n in 0..20 {
        world.publish(updated(item(&format!("R{n}"), "acme", 1, 0))).await;
    }
    eventually("all orders at the supplier", LIMIT, async || (supplier.orders().len() == 20).then_some(()))
        .await;
    let (_, page) = world.get("/v1/restock-orders").await;
    for order in page["restock_orders"].as_array().unwrap() {
        world.order_in(&order["id"], "confirmed").await;
    }
    assert!(supplier.orders().iter().all(|order| order.placed == 1));
}

#[rstest]
#[tokio::test]
async fn a_supplier_that_hangs_delays_no_orders_of_others(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, hung, good) = (World::new(backend).await, simulator().await, simulator().await);
    world.supplier("hung", "abc", &hung, json!({})).await;
    world.supplier("good", "abc", &good, json!({})).await;
    hung.fail(Mode::Hang);
    for n in 0..10 {
        world.publish(updated(item(&format!("H{n}"), "hung", 1, 0))).await;
    }
    world.publish(updated(item("G", "good", 1, 0))).await;
    let order = &world.orders("G", 1).await[0];
    world.order_in(&order["id"], "confirmed").await;
    assert!(hung.orders().is_empty());
}

//! Bringing an order to a supplier that does not make it easy.

use crate::world::{LIMIT, World, item, products, simulator, updated};
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::{Mode, OrderPolicy, Simulator};
use testkit::{Backend, eventually};

async fn short(
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
    assert_eq!(order["attempts"], 2, "one lost, one that asked");
}

#[rstest]
#[tokio::test]
async fn an_order_is_retried_until_the_supplier_is_back(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(Mode::ServerError, Mode::TooManyRequests, Mode::Hang, Mode::Garbage, Mode::Redirect)] mode: Mode,
) {
    let (world, supplier, id) = short(backend, &[], |supplier| supplier.fail_times(mode, 3)).await;
    let order = world.order_in(&id, "confirmed").await;
    assert_eq!((supplier.orders().len(), supplier.orders()[0].placed), (1, 1));
    assert!(order["attempts"].as_i64().unwrap() > 3, "{order}");
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
    let (world, supplier, id) =
        short(backend, &settings, |supplier| supplier.fail_times(Mode::ServerError, 3)).await;
    let order = world.order_in(&id, "rejected").await;
    assert!(supplier.orders().is_empty(), "{order}");
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

//! Suppliers that fail: what was known stays, the cause is named, others are unharmed.

use crate::world::{LIMIT, World, products, simulator, stamp};
use rstest::rstest;
use serde_json::json;
use supplier_sync::simulator::Mode;
use testkit::{Backend, eventually};

#[rstest]
#[tokio::test]
async fn a_failing_supplier_changes_nothing_is_named_and_delays_nobody(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let settings = [("max_feed_bytes", "1000000"), ("concurrent_syncs", "4"), ("request_timeout_ms", "2000")];
    let (world, bad, good) = (World::with(backend, &settings).await, simulator().await, simulator().await);
    for (id, supplier) in [("bad", &bad), ("good", &good)] {
        supplier.set_catalog(products(4));
        world.supplier(id, "abc", supplier, json!({})).await;
        world.sync(id).await;
    }
    let before = world.catalog("bad").await;
    for (mode, state, cause) in [
        (Mode::TooManyRequests, "failed", "429"),
        (Mode::ServerError, "failed", "503"),
        (Mode::Hang, "failed", "in time"),
        (Mode::Drip, "failed", "in time"),
        (Mode::Garbage, "failed", "not JSON"),
        (Mode::Huge, "failed", "larger than"),
        (Mode::Bomb, "failed", "larger than"),
        (Mode::Redirect, "failed", "redirect"),
        (Mode::EmptyFeed, "held", "no usable product"),
        (Mode::MostRowsGone, "held", "no longer lists 3 of 4"),
    ] {
        bad.fail(mode);
        let (_, started) = world.post_empty("/v1/suppliers/bad/sync").await;
        assert_eq!(world.sync("good").await["state"], "succeeded", "beside {mode:?}");
        let run = world.ended("bad", &started["task_id"]).await;
        assert_eq!(run["state"], state, "{mode:?}: {run}");
        assert!(run["error"].as_str().unwrap().contains(cause), "{mode:?}: {run}");
        assert_eq!(world.catalog("bad").await, before, "{mode:?}");
    }
    bad.fail(Mode::Healthy);
    assert_eq!(world.sync("bad").await["state"], "succeeded");
}

#[rstest]
#[tokio::test]
async fn a_passing_failure_is_retried(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(1));
    supplier.fail_times(Mode::ServerError, 1);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    assert_eq!(world.sync("acme").await["state"], "succeeded");
    assert_eq!(supplier.requests(), 2);
}

#[rstest]
#[tokio::test]
async fn a_supplier_that_keeps_failing_is_left_alone(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let world = World::with(backend, &[("breaker_failures", "1"), ("breaker_pause_ms", "60000")]).await;
    let supplier = simulator().await;
    supplier.fail(Mode::ServerError);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    let asked = supplier.requests();
    let run = world.sync("acme").await;
    assert!(run["error"].as_str().unwrap().contains("left alone"), "{run}");
    assert_eq!(supplier.requests(), asked);
}

#[rstest]
#[tokio::test]
async fn nine_suppliers_are_synced_while_the_tenth_hangs(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    // It hangs longer than the whole test may take.
    let long = [("request_timeout_ms", "600000"), ("read_timeout_ms", "600000"), ("concurrent_syncs", "2")];
    let (world, dead, alive) = (World::with(backend, &long).await, simulator().await, simulator().await);
    dead.fail(Mode::Hang);
    alive.set_catalog(products(5));
    world.supplier("dead", "abc", &dead, json!({})).await;
    let (_, hanging) = world.post_empty("/v1/suppliers/dead/sync").await;
    eventually("the dead one to be asked", LIMIT, async || (dead.requests() == 1).then_some(())).await;
    for n in 1..=9 {
        world.supplier(&format!("s{n}"), "abc", &alive, json!({})).await;
    }
    world.post_empty("/suppliers/sync/all").await;
    for n in 1..=9 {
        let id = format!("s{n}");
        let run = world.runs(&id).await[0]["id"].clone();
        assert_eq!(world.ended(&id, &run).await["state"], "succeeded", "{id}");
    }
    let still = &world.runs("dead").await[0];
    assert_eq!((&still["id"], &still["state"]), (&hanging["task_id"], &json!("running")));
}

#[rstest]
#[tokio::test]
async fn a_feed_older_than_the_last_one_fails(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    let mut newer = products(2);
    newer[0].updated_at = stamp(60);
    newer[0].name = "Newer".to_owned();
    supplier.set_catalog(newer);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    supplier.set_catalog(products(2));
    let run = world.sync("acme").await;
    assert!(run["error"].as_str().unwrap().contains("older than the last one"), "{run}");
    assert_eq!(world.catalog("acme").await[0].1, "Newer");
}

#[rstest]
#[tokio::test]
async fn an_unauthorized_sync_says_so_without_the_key(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(1));
    supplier.require_key("right");
    world.supplier("acme", "xyz", &supplier, json!({ "credential": "wrong-key" })).await;
    let run = world.sync("acme").await;
    let error = run["error"].as_str().unwrap();
    assert!(error.contains("401") && !error.contains("wrong-key"), "{error}");
}

#[tokio::test]
async fn a_broker_that_is_away_takes_nobody_out_of_rotation() {
    let (mut world, supplier) = (World::new(Backend::Embedded).await, simulator().await);
    world.start_without_broker().await;
    let (status, ready) = world.get("/ready").await;
    assert_eq!((status, ready["checks"].clone()), (200, json!({ "supplier-sync/database": "ok" })));
    supplier.set_catalog(products(4));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    assert_eq!(world.sync("acme").await["state"], "succeeded");
}

//! Feeds that look wrong are held, and pass when somebody approves of just what was held.

use crate::world::{LIMIT, World, products, simulator, stamp};
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::{Mode, SimProduct, Simulator};
use testkit::{Backend, eventually};

/// A world whose supplier `acme` has four products, synced.
async fn stocked(backend: Backend) -> (World, Simulator) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(4));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    assert_eq!(world.sync("acme").await["state"], "succeeded");
    (world, supplier)
}

async fn approve(world: &World, run: &Value) -> (u16, Value) {
    world.post_empty(&format!("/v1/sync-runs/{}/approve", run["id"].as_str().unwrap())).await
}

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap().trim_start_matches("urn:onhand:problem:")
}

#[rstest]
#[tokio::test]
async fn what_looks_wrong_is_held_with_its_counts_and_passes_once_it_is_approved(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = stocked(backend).await;
    let change = |change: fn(&mut SimProduct)| {
        let mut changed = products(4);
        changed.iter_mut().take(3).for_each(change);
        changed
    };
    for (feed, why, counts) in [
        (products(1), "no longer lists 3 of 4", [0, 0, 3]),
        (products(4), "", [0, 3, 0]),
        (change(|p| p.sku = format!("new-{}", p.id)), "gives 3 of 4 known products another SKU", [0, 3, 0]),
        (change(|p| p.price = "0".to_owned()), "no price for 3 of 4", [0, 3, 0]),
        (vec![], "no usable product", [0, 0, 4]),
    ] {
        supplier.set_catalog(feed);
        let before = world.catalog("acme").await;
        let run = world.sync("acme").await;
        if why.is_empty() {
            assert_eq!(run["state"], "succeeded", "as before: {run}");
            continue;
        }
        assert_eq!(run["state"], "held", "{run}");
        assert!(run["error"].as_str().unwrap().contains(why), "{run}");
        let told = ["added", "updated", "deactivated"].map(|count| run[count].as_i64().unwrap());
        assert_eq!(told, counts, "{run}");
        assert_eq!(world.catalog("acme").await, before, "nothing is changed yet");

        let (status, started) = approve(&world, &run).await;
        assert_eq!(status, 202, "{started}");
        let passed = world.ended("acme", &started["task_id"]).await;
        assert_eq!(
            (&passed["state"], &passed["cause"]),
            (&json!("succeeded"), &json!("approval")),
            "{passed}"
        );
        let done = ["added", "updated", "deactivated"].map(|count| passed[count].as_i64().unwrap());
        assert_eq!(done, counts, "{passed}");
        let (_, approved) = world.get(&format!("/v1/sync-runs/{}", run["id"].as_str().unwrap())).await;
        assert!(approved["approved_at"].is_string(), "{approved}");
        supplier.set_catalog(products(4));
        let (_, back) = world.post_empty("/v1/suppliers/acme/sync?override_brake=true").await;
        assert_eq!(world.ended("acme", &back["task_id"]).await["state"], "succeeded");
    }
}

#[rstest]
#[tokio::test]
async fn what_was_approved_passes_and_nothing_else(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = stocked(backend).await;
    supplier.set_catalog(products(1));
    let held = world.sync("acme").await;
    // Less than what was held, and of the same kind.
    supplier.set_catalog(products(4)[1..2].to_vec());
    let (_, started) = approve(&world, &held).await;
    let anew = world.ended("acme", &started["task_id"]).await;
    assert_eq!(anew["state"], "held", "{anew}");
    assert!(anew["error"].as_str().unwrap().contains("changed since it was approved"), "{anew}");
    assert_eq!(world.catalog("acme").await.iter().filter(|(_, _, active)| *active).count(), 4);

    let (status, problem) = approve(&world, &held).await;
    assert_eq!((status, kind(&problem)), (409, "sync-run-superseded"), "a later one is held");
    let (_, started) = approve(&world, &anew).await;
    assert_eq!(world.ended("acme", &started["task_id"]).await["deactivated"], 3);
    let (status, problem) = approve(&world, &anew).await;
    assert_eq!((status, kind(&problem)), (409, "sync-run-superseded"), "a later one succeeded");

    supplier.set_catalog(vec![]);
    let one_more = world.sync("acme").await;
    assert_eq!(one_more["state"], "held", "no approval is left over: {one_more}");
}

#[rstest]
#[tokio::test]
async fn what_was_approved_passes_although_something_was_sold_meanwhile(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = stocked(backend).await;
    supplier.set_catalog(products(1));
    let held = world.sync("acme").await;
    assert_eq!(held["state"], "held", "{held}");
    let mut sold = products(1);
    (sold[0].stock, sold[0].updated_at) = (99, stamp(60));
    supplier.set_catalog(sold);
    let (_, started) = approve(&world, &held).await;
    let passed = world.ended("acme", &started["task_id"]).await;
    assert_eq!(passed["state"], "succeeded", "{passed}");
    assert_eq!((&passed["updated"], &passed["deactivated"]), (&json!(1), &json!(3)), "{passed}");
}

#[rstest]
#[tokio::test]
async fn an_approval_outlives_a_failure_and_is_refused_where_there_is_nothing_to_approve(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = stocked(backend).await;
    let good = world.runs("acme").await[0].clone();
    let (status, problem) = approve(&world, &good).await;
    assert_eq!((status, kind(&problem)), (409, "sync-run-not-held"));
    let nobody = json!({ "id": "00000000-0000-7000-8000-000000000000" });
    assert_eq!(approve(&world, &nobody).await.0, 404);

    supplier.set_catalog(products(1));
    let held = world.sync("acme").await;
    supplier.fail(Mode::ServerError);
    let (_, started) = approve(&world, &held).await;
    assert_eq!(world.ended("acme", &started["task_id"]).await["state"], "failed");
    supplier.fail(Mode::Healthy);
    let (status, started) = approve(&world, &held).await;
    assert_eq!(status, 202, "{started}");
    assert_eq!(world.ended("acme", &started["task_id"]).await["deactivated"], 3);
}

#[rstest]
#[tokio::test]
async fn to_override_is_refused_while_a_sync_is_open_and_never_lets_an_empty_feed_pass(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = stocked(backend).await;
    supplier.set_catalog(products(1));
    supplier.hold();
    let asked = supplier.requests();
    let (_, open) = world.post_empty("/v1/suppliers/acme/sync").await;
    eventually("the supplier to be asked", LIMIT, async || (supplier.requests() > asked).then_some(())).await;
    let (status, problem) = world.post_empty("/v1/suppliers/acme/sync?override_brake=true").await;
    assert_eq!((status, kind(&problem), &problem["sync_run_id"]), (409, "sync-open", &open["task_id"]));
    let (_, same) = world.post_empty("/v1/suppliers/acme/sync").await;
    assert_eq!(same["task_id"], open["task_id"], "to ask for it is answered with the open one");
    supplier.let_go();
    world.ended("acme", &open["task_id"]).await;

    let (_, started) = world.post_empty("/v1/suppliers/acme/sync?override_brake=true").await;
    assert_eq!(world.ended("acme", &started["task_id"]).await["deactivated"], 3);
    supplier.set_catalog(vec![]);
    let (_, started) = world.post_empty("/v1/suppliers/acme/sync?override_brake=true").await;
    assert_eq!(world.ended("acme", &started["task_id"]).await["state"], "held");
}

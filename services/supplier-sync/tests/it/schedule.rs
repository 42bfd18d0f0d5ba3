//! Scheduled syncs.

use crate::world::{LIMIT, World, products, simulator};
use rstest::rstest;
use serde_json::json;
use testkit::{Backend, eventually};

#[rstest]
#[tokio::test]
async fn a_tick_is_synced_once_by_two_replicas(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (mut world, supplier) = (World::new(backend).await, simulator().await);
    world.start().await;
    supplier.set_catalog(products(1));
    let schedule = json!({ "schedule": { "cron": "* * * * * *", "zone": "Europe/Berlin" } });
    world.supplier("acme", "abc", &supplier, schedule).await;
    let runs = eventually("three ticks", LIMIT, async || {
        let (_, page) = world.get("/v1/suppliers/acme/sync-runs").await;
        let runs = page["sync_runs"].as_array()?.clone();
        (runs.len() >= 3).then_some(runs)
    })
    .await;
    let second = |run: &serde_json::Value| run["queued_at"].as_str().unwrap()[..19].to_owned();
    let mut seconds: Vec<String> = runs.iter().map(second).collect();
    seconds.dedup();
    assert_eq!(seconds.len(), runs.len(), "{runs:?}");
    assert!(runs.iter().all(|run| run["cause"] == "schedule"));
}

#[rstest]
#[tokio::test]
async fn a_schedule_that_never_fires_or_is_nowhere_is_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    for schedule in [
        json!({ "cron": "0 0 30 2 *" }),
        json!({ "cron": "nonsense" }),
        json!({ "cron": "0 * * * *", "zone": "Europe/Atlantis" }),
    ] {
        let (status, problem) = world.patch("/v1/suppliers/acme", json!({ "schedule": schedule })).await;
        assert_eq!((status, &problem["field"]), (422, &json!("schedule")), "{problem}");
    }
    let (_, supplier) = world.get("/v1/suppliers/acme").await;
    assert_eq!((&supplier["schedule"], &supplier["version"]), (&json!(null), &json!(1)));
}

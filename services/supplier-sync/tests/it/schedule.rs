//! Scheduled syncs.

use crate::world::{LIMIT, World, products, simulator};
use chrono::{DateTime, SubsecRound, TimeDelta, Timelike, Utc};
use rstest::rstest;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use std::collections::HashSet;
use testkit::{Backend, eventually};

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[rstest]
#[tokio::test]
async fn a_tick_is_synced_once_by_three_replicas(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (mut world, supplier) = (World::new(backend).await, simulator().await);
    world.start().await;
    world.start().await;
    supplier.set_catalog(products(1));
    let schedule = json!({ "schedule": { "cron": "* * * * * *", "zone": "Europe/Berlin" } });
    world.supplier("acme", "abc", &supplier, schedule).await;
    let runs = eventually("four ticks", LIMIT, async || {
        let runs = world.runs("acme").await;
        (runs.iter().filter(|run| run["state"] == "succeeded").count() >= 4).then_some(runs)
    })
    .await;
    let ticks: HashSet<DateTime<Utc>> = runs.iter().map(|run| time(&run["due_at"])).collect();
    assert_eq!(ticks.len(), runs.len(), "{runs:?}");
    assert!(ticks.iter().all(|tick| *tick == tick.trunc_subsecs(0)));
    assert!(runs.iter().all(|run| run["cause"] == "schedule" && run["worker"] != json!("")));
}

/// Tells the database that the last tick that was run is three hours ago.
async fn away_for_hours(world: &World, supplier: &str, waiting: Option<DateTime<Utc>>) {
    let then = (Utc::now() - TimeDelta::hours(3)).trunc_subsecs(6);
    let waiting = waiting.map_or("NULL".to_owned(), |tick| format!("'{}'", tick.to_rfc3339()));
    let then = then.to_rfc3339();
    let update = format!(
        "UPDATE suppliers SET scheduled_from = '{then}', waiting_tick = {waiting} WHERE id = '{supplier}'"
    );
    let updated = world.db().await.execute_unprepared(&update).await.unwrap();
    assert_eq!(updated.rows_affected(), 1);
}

#[rstest]
#[tokio::test]
async fn a_process_that_was_down_over_ticks_follows_the_policy(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (mut world, supplier) = (World::idle(backend, &[]).await, simulator().await);
    supplier.set_catalog(products(1));
    // Half an hour from now, and half an hour ago: neither comes while this runs.
    let now = Utc::now();
    let minute = (now.minute() + 30) % 60;
    let hour = now.with_minute(0).unwrap().with_second(0).unwrap().trunc_subsecs(0);
    let tick = hour + TimeDelta::minutes(i64::from(minute));
    let last = if tick > now { tick - TimeDelta::hours(1) } else { tick };
    for (id, missed) in [("once", "run_once"), ("skip", "skip"), ("waited", "skip"), ("after", "run_once")] {
        let schedule = json!({ "cron": format!("{minute} * * * *"), "missed": missed });
        world.supplier(id, "abc", &supplier, json!({ "schedule": schedule })).await;
    }
    away_for_hours(&world, "once", None).await;
    away_for_hours(&world, "skip", None).await;
    away_for_hours(&world, "waited", Some(last)).await;

    world.start().await;

    for id in ["once", "waited"] {
        let run = eventually(id, LIMIT, async || world.runs(id).await.first().cloned()).await;
        assert_eq!(time(&run["due_at"]), last, "the last tick, once: {run}");
        assert_eq!(world.ended(id, &run["id"]).await["state"], "succeeded");
    }
    // What is seen after that is seen in a later look at all of them.
    away_for_hours(&world, "after", None).await;
    eventually("a later look", LIMIT, async || (world.runs("after").await.len() == 1).then_some(())).await;
    let counts =
        [world.runs("once").await.len(), world.runs("waited").await.len(), world.runs("skip").await.len()];
    assert_eq!(counts, [1, 1, 0], "three were missed: one run, none where they are skipped");
}

#[rstest]
#[tokio::test]
async fn a_tick_waits_for_the_run_before_it(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let patient = [("request_timeout_ms", "600000"), ("read_timeout_ms", "600000")];
    let (world, supplier) = (World::with(backend, &patient).await, simulator().await);
    supplier.set_catalog(products(1));
    supplier.hold();
    let schedule = json!({ "schedule": { "cron": "* * * * * *", "missed": "skip" } });
    world.supplier("acme", "abc", &supplier, schedule).await;
    let db = world.db().await;
    eventually("a tick that waits", LIMIT, async || {
        let select = "SELECT id FROM suppliers WHERE waiting_tick IS NOT NULL";
        let select = sea_orm::Statement::from_string(db.get_database_backend(), select);
        db.query_one_raw(select).await.unwrap()
    })
    .await;
    let first = world.runs("acme").await;
    assert_eq!((first.len(), &first[0]["state"]), (1, &json!("running")), "{first:?}");
    supplier.let_go();
    let runs = eventually("its run", LIMIT, async || {
        let runs = world.runs("acme").await;
        (runs.len() > 1).then_some(runs)
    })
    .await;
    let [earliest, next] = [&runs[runs.len() - 1], &runs[runs.len() - 2]];
    assert!(time(&next["due_at"]) > time(&earliest["due_at"]), "{runs:?}");
    assert!(time(&next["queued_at"]) >= time(&earliest["ended_at"]), "{runs:?}");
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

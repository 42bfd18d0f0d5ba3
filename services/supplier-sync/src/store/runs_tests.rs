//! What the queue of syncs promises to workers that race, die or come late.

use super::Migrator;
use super::entities::run::{Model, RunCause, RunState};
use super::runs::{self, End, Outcome, Queued, Wanted};
use chrono::{DateTime, TimeDelta, Utc};
use platform::config::Config;
use platform::db;
use rstest::rstest;
use sea_orm::DatabaseConnection;
use std::collections::HashSet;
use testkit::{Backend, Stage};
use uuid::Uuid;

/// No claim runs out while a test lasts.
const LONG: TimeDelta = TimeDelta::hours(1);
/// A claim that has run out.
const OVER: TimeDelta = TimeDelta::seconds(-1);

async fn database(backend: Backend) -> (Stage, DatabaseConnection) {
    let stage = Stage::new(backend).await;
    let config = Config::defaults().expect("the defaults").section("database").expect("a section");
    let db = db::connect(&stage.suppliers_url, &config).await.expect("a database");
    db::migrate::<Migrator>(&db).await.expect("tables");
    (stage, db)
}

async fn queue(db: &DatabaseConnection, supplier: &str) -> Uuid {
    let wanted = Wanted::because_of(RunCause::Request);
    let now = db::now(db).await.expect("the time");
    match runs::queue(db, supplier, &wanted, now).await.expect("queued") {
        Queued::New(id) => id,
        Queued::Open(open) => panic!("{} is open", open.id),
    }
}

async fn claim(db: &DatabaseConnection, lease: TimeDelta) -> Option<Model> {
    runs::claim(db, "test", lease).await.expect("an answer")
}

async fn succeed(db: &DatabaseConnection, run: &Model, at: DateTime<Utc>) -> bool {
    runs::end(db, run, &Outcome::default(), End::Succeeded, at).await.expect("an answer")
}

async fn state(db: &DatabaseConnection, id: Uuid) -> Option<RunState> {
    runs::find(db, id).await.expect("an answer").map(|run| run.state)
}

#[rstest]
#[tokio::test]
async fn a_run_ends_once_and_is_claimed_by_nobody_then(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (_stage, db) = database(backend).await;
    let id = queue(&db, "acme").await;
    let run = claim(&db, OVER).await.expect("the run");
    let now = db::now(&db).await.expect("the time");
    assert!(succeed(&db, &run, now).await);
    assert!(!succeed(&db, &run, now).await);
    assert!(!runs::end(&db, &run, &Outcome::default(), End::Failed, now).await.expect("an answer"));
    assert!(!runs::renew(&db, &run, LONG).await.expect("an answer"));
    assert!(claim(&db, LONG).await.is_none(), "its claim had run out, and it has ended");
    assert_eq!(state(&db, id).await, Some(RunState::Succeeded));
}

#[rstest]
#[tokio::test]
async fn what_a_worker_left_behind_is_taken_over_and_it_comes_too_late_itself(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (_stage, db) = database(backend).await;
    queue(&db, "acme").await;
    let late = claim(&db, OVER).await.expect("the run");
    let next = claim(&db, LONG).await.expect("the same run, taken over");
    assert_eq!((next.id, next.fence), (late.id, late.fence + 1));
    assert!(claim(&db, LONG).await.is_none(), "a worker has it");
    let now = db::now(&db).await.expect("the time");
    assert!(!runs::renew(&db, &late, LONG).await.expect("an answer"));
    assert!(!succeed(&db, &late, now).await);
    assert!(runs::renew(&db, &next, LONG).await.expect("an answer"));
    assert!(succeed(&db, &next, now).await);
}

#[rstest]
#[tokio::test]
async fn a_run_that_outlives_its_workers_is_hopeless_after_three(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (_stage, db) = database(backend).await;
    queue(&db, "acme").await;
    let mut hopeless = Vec::new();
    for _ in 0..4 {
        hopeless.push(runs::is_hopeless(&claim(&db, OVER).await.expect("the run")));
    }
    assert_eq!(hopeless, [false, false, false, true]);
}

#[rstest]
#[tokio::test]
async fn of_many_who_claim_each_run_has_one(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (_stage, db) = database(backend).await;
    let mut queued = HashSet::new();
    for n in 0..5 {
        queued.insert(queue(&db, &format!("s{n}")).await);
    }
    let mut claimed = Vec::new();
    // Whoever passed over what another was just taking asks again, as workers do.
    for _ in 0..5 {
        let claims = futures::future::join_all((0..8).map(|_| claim(&db, LONG))).await;
        claimed.extend(claims.into_iter().flatten().map(|run| run.id));
    }
    assert_eq!(claimed.len(), 5);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), queued);
}

#[rstest]
#[tokio::test]
async fn a_tick_has_one_run_also_after_it_has_ended(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (_stage, db) = database(backend).await;
    let now = db::now(&db).await.expect("the time");
    let wanted = Wanted { due_at: Some(now), ..Wanted::because_of(RunCause::Schedule) };
    let insert = async || runs::insert(&db, "acme", &wanted, now).await.expect("an answer");
    assert!(insert().await.is_some());
    assert!(insert().await.is_none(), "it is open");
    let run = claim(&db, LONG).await.expect("the run");
    assert!(succeed(&db, &run, now).await);
    assert!(insert().await.is_none(), "the tick has had its run");
    queue(&db, "acme").await;
}

#[rstest]
#[tokio::test]
async fn old_runs_go_and_the_last_success_stays(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (_stage, db) = database(backend).await;
    let now = db::now(&db).await.expect("the time");
    let mut ids = Vec::new();
    // Days ago, and whether it succeeded.
    for (days, success) in [(100, true), (95, true), (92, false), (1, false)] {
        ids.push(queue(&db, "acme").await);
        let run = claim(&db, LONG).await.expect("the run");
        let how = if success { End::Succeeded } else { End::Failed };
        let at = now - TimeDelta::days(days);
        assert!(runs::end(&db, &run, &Outcome::default(), how, at).await.expect("an answer"));
    }
    ids.push(queue(&db, "acme").await);
    let before = now - TimeDelta::days(90);
    assert_eq!(runs::purge(&db, before).await.expect("purged"), 2);
    assert_eq!(runs::purge(&db, before).await.expect("purged"), 0);
    let mut left = Vec::new();
    for id in &ids {
        left.push(state(&db, *id).await);
    }
    let expected = [None, Some(RunState::Succeeded), None, Some(RunState::Failed), Some(RunState::Queued)];
    assert_eq!(left, expected);
    let last = runs::last_success(&db, "acme").await.expect("an answer");
    assert_eq!(last, Some(now - TimeDelta::days(95)));
}

//! Schedules: what is due, by the wall clock of a zone, and who runs it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use platform::schedule::{self, Missed, Schedule, ScheduleError};
use rstest::rstest;
use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::prelude::*;
use testkit::{Backend, Stage};
use tokio_util::sync::CancellationToken;

use crate::database::connect;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn berlin(cron: &str) -> Schedule {
    Schedule::new(cron, "Europe/Berlin", Missed::RunOnce).unwrap()
}

/// Every tick from `from` to `until`, as a ticker that looks every minute finds them.
fn ticks(schedule: &Schedule, from: &str, until: &str) -> Vec<String> {
    let (mut now, until) = (at(from), at(until));
    let (mut done, mut ticks) = (now, vec![]);
    while now <= until {
        if let Some(tick) = schedule.due(done, now) {
            assert!(tick > done && tick <= now, "{tick} at {now}");
            ticks.push(tick.format("%dT%H:%M").to_string());
            done = tick;
        }
        now += TimeDelta::minutes(1);
    }
    ticks
}

#[test]
fn a_fixed_time_follows_the_wall_clock_through_the_year() {
    let noon = berlin("0 12 * * *");
    assert_eq!(
        noon.due(at("2025-01-15T00:00:00Z"), at("2025-01-15T23:00:00Z")),
        Some(at("2025-01-15T11:00:00Z"))
    );
    assert_eq!(
        noon.due(at("2025-07-15T00:00:00Z"), at("2025-07-15T23:00:00Z")),
        Some(at("2025-07-15T10:00:00Z"))
    );
}

#[test]
fn a_fixed_time_in_the_skipped_hour_runs_at_its_end() {
    // 02:00 to 03:00 does not exist on 2025-03-30; it ends at 01:00 UTC.
    assert_eq!(
        ticks(&berlin("30 2 * * *"), "2025-03-29T12:00:00Z", "2025-03-31T12:00:00Z"),
        ["30T01:00", "31T00:30"]
    );
}

#[test]
fn a_fixed_time_in_the_doubled_hour_runs_once() {
    // 02:00 to 03:00 comes twice on 2025-10-26: from 00:00 and from 01:00 UTC.
    assert_eq!(
        ticks(&berlin("30 2 * * *"), "2025-10-25T12:00:00Z", "2025-10-27T12:00:00Z"),
        ["26T00:30", "27T01:30"]
    );
}

#[rstest]
#[case("2025-03-30T00:00:00Z", "2025-03-30T02:00:00Z")]
#[case("2025-10-25T23:30:00Z", "2025-10-26T02:30:00Z")]
fn an_interval_runs_throughout_whatever_the_clocks_do(#[case] from: &str, #[case] until: &str) {
    let half_hours = (at(until) - at(from)).num_minutes() / 30;
    let ticks = ticks(&berlin("*/30 * * * *"), from, until);
    assert_eq!(ticks.len(), usize::try_from(half_hours).unwrap(), "{ticks:?}");
}

#[test]
fn missed_ticks_run_once_or_are_skipped() {
    let (after, now) = (at("2025-05-01T10:00:00Z"), at("2025-05-01T13:20:00Z"));
    let once = Schedule::new("0 * * * *", "UTC", Missed::RunOnce).unwrap();
    assert_eq!(once.due(after, now), Some(at("2025-05-01T13:00:00Z")));
    assert_eq!(once.due(at("2025-05-01T13:00:00Z"), now), None, "done is done");
    let skip = Schedule::new("0 * * * *", "UTC", Missed::Skip).unwrap();
    assert_eq!(skip.due(after, now), None);
    assert_eq!(skip.due(after, at("2025-05-01T14:00:01Z")), Some(at("2025-05-01T14:00:00Z")));
}

#[test]
fn a_tick_that_was_seen_and_had_to_wait_is_not_missed() {
    let (after, now) = (at("2025-05-01T10:00:00Z"), at("2025-05-01T13:20:00Z"));
    let skip = Schedule::new("0 * * * *", "UTC", Missed::Skip).unwrap();
    let eleven = Some(at("2025-05-01T11:00:00Z"));
    assert_eq!(skip.due_after_waiting(after, None, now), None);
    assert_eq!(skip.due_after_waiting(after, eleven, now), eleven);
    assert_eq!(skip.due_after_waiting(at("2025-05-01T11:00:00Z"), eleven, now), None, "done is done");
    let noon = at("2025-05-01T12:00:01Z");
    assert_eq!(
        skip.due_after_waiting(after, eleven, noon),
        Some(at("2025-05-01T12:00:00Z")),
        "the later one"
    );
}

#[test]
fn a_yearly_tick_is_found_from_far_away() {
    let new_year = berlin("0 0 1 1 *");
    assert_eq!(
        new_year.due(at("2024-06-01T00:00:00Z"), at("2025-11-30T00:00:00Z")),
        Some(at("2024-12-31T23:00:00Z"))
    );
}

#[test]
fn a_schedule_that_will_not_do_is_refused() {
    let refused = |cron: &str, zone: &str| Schedule::new(cron, zone, Missed::Skip).unwrap_err();
    assert!(matches!(refused("nonsense", "UTC"), ScheduleError::Cron(..)));
    assert!(matches!(refused("0 0 30 2 *", "UTC"), ScheduleError::Never(_)));
    assert!(matches!(refused("0 0 * * *", "Europe/Berln"), ScheduleError::Zone(_)));
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Claims)]
    }
}

struct Claims;

impl MigrationName for Claims {
    fn name(&self) -> &str {
        "m1_claims"
    }
}

#[async_trait]
impl MigrationTrait for Claims {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        schedule::create_table(manager).await
    }
}

#[rstest]
#[tokio::test]
async fn of_many_who_claim_a_tick_one_gets_it(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stage = Stage::new(backend).await;
    let db = connect(&stage).await;
    platform::db::migrate::<Migrator>(&db).await.unwrap();
    let schedule = berlin("0 12 * * *");
    for day in 1..=3 {
        let now = at(&format!("2025-07-0{day}T10:00:05Z"));
        let claims =
            (0..20).map(|_| schedule::claim_due(&db, "sync", &schedule, at("2025-06-30T12:00:00Z"), now));
        let won = futures::future::try_join_all(claims).await.unwrap();
        assert_eq!(won.into_iter().flatten().collect::<Vec<_>>(), [now - TimeDelta::seconds(5)]);
    }
    let other = schedule::claim(&db, "another", at("2025-07-01T10:00:00Z")).await.unwrap();
    assert!(other, "schedules have nothing to do with each other");
}

#[tokio::test]
async fn a_ticker_works_at_once_and_again_until_it_is_stopped() {
    let (sent, mut got) = tokio::sync::mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let task = schedule::ticker("ticks", Duration::from_secs(1), move |now| {
        let sent = sent.clone();
        async move { sent.send(now).unwrap() }
    });
    let mut service = crate::service(axum::Router::new());
    service.tasks = vec![task];
    let running = crate::Running::start(crate::defaults(), service).await;
    for _ in 0..2 {
        tokio::time::timeout(crate::LIMIT, got.recv()).await.unwrap().unwrap();
    }
    running.stopped().await.unwrap();
    stop.cancel();
}

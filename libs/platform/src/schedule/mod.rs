//! Schedules: when something is due by a cron expression in a time zone, and who of many runs it.
//!
//! tokio-cron-scheduler only wakes us ([`ticker`]); what is due is computed here, and claimed in the
//! database, so that of any number of replicas exactly one runs a tick, and none is run twice.
//!
//! **Invariants.** By the wall clock of the zone: an hour that is skipped moves a fixed time to its end, an
//! hour that comes twice runs a fixed time once (the first time) and an interval throughout.

mod claims;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Duration, DurationRound, LocalResult, NaiveDateTime, SubsecRound, TimeZone, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};
use croner::{Cron, JobType};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

pub use claims::{claim, claim_due, create_table};

use crate::hosting::Task;
use crate::telemetry;

/// No zone has ever moved its clocks by more than this at once without skipping a date.
const LARGEST_SHIFT: Duration = Duration::hours(3);

/// A tick that is later than this was missed: the process was down, or the clock jumped.
const GRACE: Duration = Duration::seconds(60);

/// What becomes of ticks that nobody was there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// However many there were, it runs once, now.
    RunOnce,
    /// It runs at the next tick.
    Skip,
}

/// When something is due.
#[derive(Clone)]
pub struct Schedule {
    cron: Cron,
    zone: Tz,
    missed: Missed,
}

/// Why there is no such schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// It is no cron expression.
    #[error("`{0}` is not a cron expression: {1}")]
    Cron(String, String),
    /// It is one of a time that never comes.
    #[error("`{0}` never fires")]
    Never(String),
    /// There is no such time zone.
    #[error("there is no time zone `{0}`")]
    Zone(String),
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.cron.as_str(), self.zone, self.missed)
    }
}

impl Schedule {
    /// A schedule by a cron expression (five fields, or six with seconds first) and an IANA zone's name.
    pub fn new(cron: &str, zone: &str, missed: Missed) -> Result<Self, ScheduleError> {
        let zone = zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let parsed =
            parser.parse(cron).map_err(|error| ScheduleError::Cron(cron.to_owned(), error.to_string()))?;
        if parsed.find_next_occurrence(&Utc::now(), false).is_err() {
            return Err(ScheduleError::Never(cron.to_owned()));
        }
        Ok(Self { cron: parsed, zone, missed })
    }

    /// The tick to run at `now`, when all up to `after` are done.
    pub fn due(&self, after: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let tick = self.last_tick(now).filter(|tick| *tick > after)?;
        let missed = now - tick > GRACE;
        (self.missed == Missed::RunOnce || !missed).then_some(tick)
    }

    /// The same, when the tick `waiting` was seen in time and had to wait: that one was not missed, however late it is.
    pub fn due_after_waiting(
        &self,
        after: DateTime<Utc>,
        waiting: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        self.due(after, now).or(waiting.filter(|tick| *tick > after && *tick <= now))
    }

    /// The last tick at or before `now`.
    fn last_tick(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let now = now.trunc_subsecs(0);
        let wall = now.with_timezone(&self.zone).naive_local();
        let shift_of = |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local() - at.naive_utc();
        let moves =
            [now - LARGEST_SHIFT, now + LARGEST_SHIFT].iter().any(|at| shift_of(*at) != shift_of(now));
        // Away from a change of the clocks, later on the wall is later. Near one, look at all around.
        let (from, until) = if moves { (wall + LARGEST_SHIFT, wall - LARGEST_SHIFT) } else { (wall, wall) };
        let mut last = None;
        let mut earlier = self.wall_ticks_back_from(from);
        for tick in &mut earlier {
            last = last.max(self.instants(tick).into_iter().filter(|at| *at <= now).max());
            if last.is_some() && tick <= until {
                break;
            }
        }
        last
    }

    /// Matching wall clock times, latest first. Croner sees them as UTC, where no hour is skipped or doubled.
    fn wall_ticks_back_from(&self, wall: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        let tick = |at: NaiveDateTime, inclusive| {
            self.cron.find_previous_occurrence(&at.and_utc(), inclusive).ok().map(|at| at.naive_utc())
        };
        std::iter::successors(tick(wall, true), move |at| tick(*at, false))
    }

    /// When the zone's clocks show this time, as far as it counts.
    fn instants(&self, wall: NaiveDateTime) -> Vec<DateTime<Utc>> {
        let fixed = self.cron.determine_job_type() == JobType::FixedTime;
        match self.zone.from_local_datetime(&wall) {
            LocalResult::Single(at) => vec![at.to_utc()],
            LocalResult::Ambiguous(first, _) if fixed => vec![first.to_utc()],
            LocalResult::Ambiguous(first, second) => vec![first.to_utc(), second.to_utc()],
            LocalResult::None if fixed => self.end_of_gap(wall).into_iter().collect(),
            LocalResult::None => vec![],
        }
    }

    /// The first moment after the skipped time that `wall` is in.
    fn end_of_gap(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        // By the shift from before, the gap's own length past its end; so the end is found backwards.
        let before = self.zone.from_local_datetime(&(wall - LARGEST_SHIFT)).earliest()?;
        let past = (before.to_utc() + LARGEST_SHIFT).duration_trunc(Duration::minutes(1)).ok()?;
        let shows = |at: DateTime<Utc>| at.with_timezone(&self.zone).naive_local();
        (0..=LARGEST_SHIFT.num_minutes())
            .map(|minutes| past - Duration::minutes(minutes))
            .take_while(|at| shows(*at) > wall)
            .last()
    }
}

/// A task that does `work` at its start and then every `period`, one at a time, until it is told to
/// stop; what is running then ends first.
pub fn ticker<F>(
    name: &'static str,
    period: std::time::Duration,
    work: impl FnMut(DateTime<Utc>) -> F + Send + 'static,
) -> Task
where
    F: Future<Output = ()> + Send + 'static,
{
    Task::new(name, move |stop| async move {
        if let Err(error) = tick(name, period, work, stop).await {
            tracing::error!(%error, name, "the scheduler failed");
        }
    })
}

async fn tick<F: Future<Output = ()>>(
    name: &'static str,
    period: std::time::Duration,
    mut work: impl FnMut(DateTime<Utc>) -> F,
    stop: CancellationToken,
) -> Result<(), JobSchedulerError> {
    let wake = Arc::new(Notify::new());
    let waker = Arc::clone(&wake);
    let mut scheduler = JobScheduler::new().await?;
    let job = Job::new_repeated(period, move |_, _| waker.notify_one())?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    wake.notify_one();
    while stop.run_until_cancelled(wake.notified()).await.is_some() {
        work(Utc::now()).instrument(telemetry::job(name)).await;
    }
    scheduler.shutdown().await
}

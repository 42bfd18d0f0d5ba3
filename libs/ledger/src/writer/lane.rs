//! One queue, one connection, one transaction at a time.
//!
//! Reading order: [`Lane::run`] → [`Lane::answer`] (read, decide, write) → [`Lane::commit`] (write what was decided
//! from memory, and decide the next batch meanwhile).

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use platform::db::DbConfig;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::ahead::Ahead;
use super::batch::{Batch, Decided, Job, Loaded};
use super::connection::{Approach, Connection, Keys, Remedy, StoreError};
use super::memory::{Memory, Strays};
use super::trace;
use super::transaction::Known;
use crate::measure::{self, Undone};
use crate::request::{Together, Unanswered};

/// How often a batch is tried before its callers are told that the database is not available. With the waits
/// between, about three seconds when the database refuses at once.
const ATTEMPTS: u32 = 6;
/// The wait after the first failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// How long connecting, or one transaction, may take beyond the server's own limit for a statement. A server that is
/// gone without a word says nothing at all, and nobody else would notice.
const SILENCE: Duration = Duration::from_secs(2);
/// How long all attempts together may take: callers have given up by then.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long after a repeated request more of them are expected: clients that were cut off come back together.
const REPEATS_LAST: Duration = Duration::from_secs(10);
/// How long after a lost race for an item more of them are expected: another replica sells the same items.
const CONTENTION_LASTS: Duration = Duration::from_secs(10);

/// How many jobs are decided before a lane looks whether the database has answered.
const DECIDED_AT_ONCE: usize = 64;

/// In good faith: nothing is looked up or locked.
const GOOD_FAITH: Approach = Approach { keys: Keys::None, locked: false };

/// What a lane has in common with the others.
#[derive(Clone)]
pub(super) struct Shared {
    /// Told of every commit that left something in the outbox.
    pub(super) wake: Arc<Notify>,
    /// Counts the changes of locations.
    pub(super) locations: Arc<AtomicU64>,
    /// What lanes tell each other to forget.
    pub(super) strays: Strays,
}

pub(super) struct Lane {
    pub(super) number: usize,
    /// The same, for metrics.
    label: String,
    pub(super) url: String,
    pub(super) database: DbConfig,
    batch: usize,
    pub(super) shared: Shared,
    pub(super) connection: Option<Connection>,
    pub(super) locations: Option<Known>,
    /// When a request was last given again.
    pub(super) repeated: Option<Instant>,
    /// When somebody else last recorded the next version of an item that had just been read.
    contended: Option<Instant>,
    /// When memory last proved wrong: somebody else had changed an item.
    misled: Option<Instant>,
    pub(super) memory: Memory,
}

impl Lane {
    pub(super) fn new(number: usize, url: &str, database: &DbConfig, batch: usize, shared: Shared) -> Lane {
        measure::waiting(&number.to_string(), 0);
        Lane {
            number,
            label: number.to_string(),
            url: url.to_owned(),
            database: database.clone(),
            batch: batch.max(1),
            shared,
            connection: None,
            locations: None,
            repeated: None,
            contended: None,
            misled: None,
            memory: Memory::default(),
        }
    }

    /// Works until `stop`, then finishes what had been accepted.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        let mut next = Ahead::default();
        loop {
            if next.is_empty() {
                let mut jobs = Vec::new();
                let taken = tokio::select! {
                    taken = queue.recv_many(&mut jobs, self.batch) => taken,
                    () = stop.cancelled(), if !queue.is_closed() => {
                        queue.close();
                        continue;
                    }
                };
                if taken == 0 {
                    return;
                }
                self.decide_ahead(&mut next, jobs);
            }
            measure::waiting(&self.label, queue.len());
            if next.is_stale() {
                next.drop_decisions();
            }
            next = match std::mem::take(&mut next).close() {
                (jobs, Some(decided)) => self.commit(jobs, decided, &mut queue).await,
                (jobs, None) => self.read_and_answer(jobs).await,
            };
        }
    }

    /// Takes jobs and decides them from memory, as far as that suffices.
    fn decide_ahead(&mut self, next: &mut Ahead, jobs: Vec<Job>) {
        if next.is_empty() {
            *next = Ahead::on(self.remembered());
        } else if next.is_stale() || self.known_locations().is_none() {
            next.drop_decisions();
        }
        for job in jobs {
            next.take(job, &mut self.memory);
        }
    }

    /// What a batch can be decided on without asking the database, if anything.
    fn remembered(&mut self) -> Option<Batch> {
        self.shared.strays.forget(self.number, &mut self.memory);
        let reads = self.misled.is_some_and(|at| at.elapsed() < CONTENTION_LASTS);
        if reads || self.approach(0) != GOOD_FAITH {
            return None;
        }
        let (now, locations) = (self.memory.now()?, self.known_locations()?);
        Some(Batch::over(Loaded::nothing(now, locations)))
    }

    /// Writes what was decided from memory, and decides what queues meanwhile as if it were written already.
    async fn commit(&mut self, jobs: Vec<Job>, decided: Decided, queue: &mut mpsc::Receiver<Job>) -> Ahead {
        let started = Instant::now();
        let Decided { answers, recording, items } = decided;
        self.memory.keep(items, recording.at);
        let mut connection = self.connection.take();
        let mut next = Ahead::default();
        let written = {
            let write = async {
                // Without a connection nothing was remembered.
                let connection = connection.as_mut().ok_or(StoreError::Silent)?;
                connection.record(&recording, GOOD_FAITH).await
            };
            let write = tokio::time::timeout(self.silence(), write.instrument(trace::batch(&jobs)));
            tokio::pin!(write);
            loop {
                let room = self.batch.saturating_sub(next.commands()).min(DECIDED_AT_ONCE);
                let mut more = Vec::new();
                tokio::select! {
                    biased;
                    written = &mut write => break written.unwrap_or(Err(StoreError::Silent)),
                    taken = queue.recv_many(&mut more, room), if room > 0 && !(queue.is_closed() && queue.is_empty()) => {
                        if taken > 0 { self.decide_ahead(&mut next, more); }
                    }
                }
            }
        };
        self.connection = connection;
        match written {
            Ok(()) => {
                self.told(&recording, started, &jobs);
                reply(jobs, answers);
            }
            Err(error) => {
                next.drop_decisions();
                self.answer(jobs, Some(error)).await;
            }
        }
        next
    }

    /// Reads, decides and writes, as many at a time as a transaction may take.
    async fn read_and_answer(&mut self, mut jobs: Vec<Job>) -> Ahead {
        while !jobs.is_empty() {
            let later = jobs.split_off(fitting(&jobs, self.batch));
            self.answer(jobs, None).await;
            jobs = later;
        }
        Ahead::default()
    }

    /// Answers jobs of which the first attempt may have `failed` already.
    async fn answer(&mut self, jobs: Vec<Job>, failed: Option<StoreError>) {
        let span = trace::batch(&jobs);
        let apart = match self.attempt(&jobs, failed, 0).instrument(span.clone()).await {
            Ok(answers) => return reply(jobs, answers),
            // A lock that did not help is about one item, whatever is wrong with it.
            Err(Remedy::Apart | Remedy::Lock) if jobs.len() > 1 => true,
            Err(_) => false,
        };
        span.record("otel.status_code", "ERROR");
        for job in jobs {
            let alone = [job];
            // One of the attempts on all of them may have gone through unseen.
            let answers = if apart {
                self.attempt(&alone, None, 1).instrument(trace::batch(&alone)).await
            } else {
                Err(Remedy::Again)
            };
            let unavailable = || vec![Err(Unanswered::Unavailable)];
            reply(alone.into(), answers.unwrap_or_else(|_| unavailable()));
        }
    }

    /// Tries until it is through, until it is clear that it will not be, or until enough is enough.
    async fn attempt(
        &mut self,
        jobs: &[Job],
        mut failed: Option<StoreError>,
        first: u32,
    ) -> Result<Vec<Result<Together, Unanswered>>, Remedy> {
        let (mut wait, began) = (FIRST_WAIT, Instant::now());
        let mut remedy = Remedy::Again;
        for attempt in first..ATTEMPTS {
            if began.elapsed() > PATIENCE {
                break;
            }
            let approach = self.approach(attempt);
            let from_memory = failed.is_some();
            let error = match failed.take() {
                Some(error) => error,
                None => match tokio::time::timeout(self.silence(), self.transaction(jobs, approach)).await {
                    Ok(Ok(answers)) => return Ok(answers),
                    Ok(Err(error)) => error,
                    Err(_) => StoreError::Silent,
                },
            };
            remedy = error.remedy();
            // What was done in good faith did not hold. Nothing is wrong, and nothing is waited for.
            if remedy == Remedy::Again && approach.keys == Keys::None {
                measure::undone(Undone::Repeated);
                self.repeated = Some(Instant::now());
                self.recover(remedy).await;
                continue;
            }
            if remedy == Remedy::Lock && !approach.locked {
                let mistaken = if from_memory { &mut self.misled } else { &mut self.contended };
                measure::undone(Undone::Raced);
                *mistaken = Some(Instant::now());
                self.recover(remedy).await;
                continue;
            }
            measure::undone(Undone::Failed);
            tracing::warn!(%error, ?remedy, commands = jobs.len(), attempt, "a batch did not get through");
            self.recover(remedy).await;
            if matches!(remedy, Remedy::Apart | Remedy::GiveUp) {
                break;
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        Err(remedy)
    }

    /// In good faith: requests are rarely repeated, and lanes rarely meet at an item. Looking for a key costs as much
    /// as writing it, and locking a row as much as changing it; so a batch is read, decided and written in one
    /// statement each, and what it took for granted is refused by the primary keys of the two tables if it is not so.
    /// While requests are being repeated keys are looked up at once, and while others sell the same items they are
    /// locked.
    ///
    /// From the second attempt on a commit of the first may have gone through unseen: every command is looked up
    /// before it is decided again.
    fn approach(&self, attempt: u32) -> Approach {
        let lately = |at: Option<Instant>, lasts| at.is_some_and(|at| at.elapsed() < lasts);
        if attempt > 0 {
            return Approach { keys: Keys::All, locked: true };
        }
        let repeated = lately(self.repeated, REPEATS_LAST);
        let keys = if repeated { Keys::Callers } else { Keys::None };
        Approach { keys, locked: lately(self.contended, CONTENTION_LASTS) }
    }

    async fn recover(&mut self, remedy: Remedy) {
        self.locations = None;
        self.memory.forget();
        let Some(mut connection) = self.connection.take() else { return };
        if remedy == Remedy::Reconnect {
            return;
        }
        if matches!(tokio::time::timeout(SILENCE, connection.rollback()).await, Ok(Ok(()))) {
            self.connection = Some(connection);
        }
    }

    /// How long one transaction may take.
    fn silence(&self) -> Duration {
        Duration::from_millis(self.database.statement_timeout_ms) + SILENCE
    }
}

/// How many of the jobs have at most as many commands together as a transaction may take. One at least: what is to be
/// done together is not taken apart.
fn fitting(jobs: &[Job], most: usize) -> usize {
    let mut commands = 0;
    let fits = |job: &&Job| {
        commands += job.requests.len();
        commands <= most
    };
    jobs.iter().take_while(fits).count().max(1)
}

/// A caller that no longer listens is no trouble: what came of the command is under its key.
fn reply(jobs: Vec<Job>, answers: Vec<Result<Together, Unanswered>>) {
    for (job, answer) in jobs.into_iter().zip(answers) {
        _ = job.reply.send(answer);
    }
}

//! One queue, one connection, one transaction at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::Location;
use platform::db::DbConfig;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::batch::{Job, decide_all};
use super::connection::{Approach, Connection, Keys, Remedy, StoreError};
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
/// How old the list of locations may be: another replica may have changed it.
const LOCATIONS_MAX_AGE: Duration = Duration::from_secs(1);

/// How long after a repeated request more of them are expected: clients that were cut off come back together.
const REPEATS_LAST: Duration = Duration::from_secs(10);
/// How long after a lost race for an item more of them are expected: another replica sells the same items.
const CONTENTION_LASTS: Duration = Duration::from_secs(10);

/// What a lane has in common with the others.
#[derive(Clone)]
pub(super) struct Shared {
    /// Told of every commit that left something in the outbox.
    pub(super) wake: Arc<Notify>,
    /// Counts the changes of locations.
    pub(super) locations: Arc<AtomicU64>,
}

pub(super) struct Lane {
    /// Which it is, for metrics.
    number: String,
    url: String,
    database: DbConfig,
    batch: usize,
    shared: Shared,
    connection: Option<Connection>,
    locations: Option<Known>,
    /// When a request was last given again.
    repeated: Option<Instant>,
    /// When somebody else last recorded the next version of an item of ours.
    contended: Option<Instant>,
}

/// The locations, when they were read, and how often they had been changed here by then.
struct Known {
    locations: Arc<[Location]>,
    read: Instant,
    epoch: u64,
}

impl Lane {
    pub(super) fn new(number: usize, url: &str, database: &DbConfig, batch: usize, shared: Shared) -> Lane {
        let (number, url, database) = (number.to_string(), url.to_owned(), database.clone());
        Lane {
            number,
            url,
            database,
            batch: batch.max(1),
            shared,
            connection: None,
            locations: None,
            repeated: None,
            contended: None,
        }
    }

    /// Works until `stop`, then finishes what had been accepted.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>, stop: CancellationToken) {
        loop {
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
            metrics::gauge!("stock_queue_depth", "lane" => self.number.clone()).set(queue.len() as f64);
            while !jobs.is_empty() {
                let later = jobs.split_off(fitting(&jobs, self.batch));
                self.answer(jobs).await;
                jobs = later;
            }
        }
    }

    async fn answer(&mut self, jobs: Vec<Job>) {
        let started = Instant::now();
        let commands: usize = jobs.iter().map(|job| job.requests.len()).sum();
        metrics::histogram!("stock_batch_size").record(commands as f64);
        let apart = match self.attempt(&jobs).await {
            Ok(answers) => {
                metrics::histogram!("stock_batch_duration_seconds").record(started.elapsed());
                return reply(jobs, answers);
            }
            // A lock that did not help is about one item, whatever is wrong with it.
            Err(Remedy::Apart | Remedy::Lock) if jobs.len() > 1 => true,
            Err(_) => false,
        };
        for job in jobs {
            let alone = [job];
            let answers = if apart { self.attempt(&alone).await } else { Err(Remedy::Again) };
            let unavailable = || vec![Err(Unanswered::Unavailable)];
            reply(alone.into(), answers.unwrap_or_else(|_| unavailable()));
        }
    }

    /// Tries until it is through, until it is clear that it will not be, or until enough is enough.
    async fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Result<Together, Unanswered>>, Remedy> {
        let (mut wait, began) = (FIRST_WAIT, Instant::now());
        let mut remedy = Remedy::Again;
        for attempt in 0..ATTEMPTS {
            if began.elapsed() > PATIENCE {
                break;
            }
            let approach = self.approach(attempt);
            let limit = Duration::from_millis(self.database.statement_timeout_ms) + SILENCE;
            let error = match tokio::time::timeout(limit, self.transaction(jobs, approach)).await {
                Ok(Ok(answers)) => return Ok(answers),
                Ok(Err(error)) => error,
                Err(_) => StoreError::Silent,
            };
            remedy = error.remedy();
            // What was done in good faith did not hold. Nothing is wrong, and nothing is waited for.
            if remedy == Remedy::Again && approach.keys == Keys::None {
                self.repeated = Some(Instant::now());
                self.recover(remedy).await;
                continue;
            }
            if remedy == Remedy::Lock && !approach.locked {
                self.contended = Some(Instant::now());
                self.recover(remedy).await;
                continue;
            }
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
        let Some(mut connection) = self.connection.take() else { return };
        if remedy == Remedy::Reconnect {
            return;
        }
        if matches!(tokio::time::timeout(SILENCE, connection.rollback()).await, Ok(Ok(()))) {
            self.connection = Some(connection);
        }
    }

    async fn transaction(
        &mut self,
        jobs: &[Job],
        approach: Approach,
    ) -> Result<Vec<Result<Together, Unanswered>>, StoreError> {
        let locations = self.locations().await?;
        let connection = self.connection().await?;
        let mut approach = approach;
        let loaded = connection.load(jobs, Arc::clone(&locations), approach).await?;
        // A hold that ended between the reading of its item and of the holds makes its units look promised. What is
        // written then is refused by the ledger's key; a refusal writes nothing, so it is decided again under locks.
        let unsure = connection.reads_without_locks(approach) && loaded.has_reserved();
        let (mut answers, mut recording) = decide_all(jobs, loaded);
        if unsure && answers.iter().flatten().any(|answer| answer.outcome.is_err()) {
            approach.locked = true;
            let loaded = connection.load(jobs, locations, approach).await?;
            (answers, recording) = decide_all(jobs, loaded);
        }
        connection.record(&recording, approach).await?;
        if !recording.news.is_empty() {
            self.shared.wake.notify_one();
        }
        if answers.iter().flatten().any(|answer| answer.replayed) {
            self.repeated = Some(Instant::now());
        }
        Ok(answers)
    }

    async fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.url, &self.database).await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn locations(&mut self) -> Result<Arc<[Location]>, StoreError> {
        let epoch = self.shared.locations.load(Ordering::Acquire);
        if let Some(known) = &self.locations
            && known.epoch == epoch
            && known.read.elapsed() < LOCATIONS_MAX_AGE
        {
            return Ok(Arc::clone(&known.locations));
        }
        let locations = self.connection().await?.locations().await?;
        self.locations = Some(Known { locations: Arc::clone(&locations), read: Instant::now(), epoch });
        Ok(locations)
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

//! The one writer of stock: queues commands, decides them by the batch, and answers after the commit.
//!
//! Reading order: [`Writer::submit`] (queue and wait) → `lane` (one batch after another, a transaction each) →
//! `connection` (load) → `batch` (decide) → `recording` and `announce` (what to write) → `postgres` and
//! `sqlite` (write it).
//!
//! **Invariants.** Nothing else changes a level, a hold or the ledger. A lane never waits for a timer: a batch is
//! whatever queued while the last one committed. A caller that goes away cancels nothing. An answer is given
//! after the commit, never before. Rows are locked and changed in the order of item ids; of two batches that decided
//! on the same version of an item, the ledger's primary key refuses one.

mod announce;
mod batch;
mod columns;
mod connection;
mod lane;
mod postgres;
mod recording;
mod rows;
mod sqlite;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Command;
use platform::db::DbConfig;
use platform::hosting::Task;
use serde::Deserialize;
use tokio::sync::{Notify, mpsc, oneshot};

pub(crate) use announce::subject;
use batch::Job;
use lane::{Lane, Shared};

use crate::request::{Answer, Request, Together, Unanswered};

/// The `source` of every event that a change of stock is told with.
pub(crate) const SOURCE: &str = "/onhand/stock-updater";

/// How the writer works. `[ledger]` in the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriterConfig {
    /// How many transactions may be under way at once. Items are dealt out to lanes by hash. SQLite has one
    /// writer, so more than one lane gains nothing there.
    pub lanes: usize,
    /// How many commands may wait in a lane; one more is refused as busy.
    pub queue: usize,
    /// How many commands one transaction may take: bounds the locks held and the time to commit.
    pub batch: usize,
}

/// Takes commands and answers them. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    lanes: Arc<[mpsc::Sender<Job>]>,
    locations: Arc<AtomicU64>,
}

impl Writer {
    /// A writer on the database at `url`, and the tasks that do its work: they must be run for any command to be
    /// answered. `wake` is told of every commit that left something in the outbox.
    pub fn new(
        url: &str,
        database: &DbConfig,
        config: &WriterConfig,
        wake: &Arc<Notify>,
    ) -> (Writer, Vec<Task>) {
        let locations = Arc::new(AtomicU64::new(0));
        let shared = Shared { wake: Arc::clone(wake), locations: Arc::clone(&locations) };
        let mut senders = Vec::new();
        let mut tasks = Vec::new();
        for number in 0..config.lanes.max(1) {
            let (sender, queue) = mpsc::channel(config.queue.max(1));
            let lane = Lane::new(number, url, database, config.batch, shared.clone());
            tasks.push(Task::new("writer lane", move |stop| lane.run(queue, stop)));
            senders.push(sender);
        }
        (Writer { lanes: senders.into(), locations }, tasks)
    }

    /// Queues a command and waits until what came of it is durable. Nothing is undone when the caller stops
    /// waiting. When the queue is full it is refused as busy.
    #[tracing::instrument(name = "submit", skip_all, fields(command = request.command.word()))]
    pub async fn submit(&self, request: Request) -> Result<Answer, Unanswered> {
        let word = request.command.word();
        let (lane, job, answer) = self.job(request);
        let answer = match self.lanes[lane].try_send(job) {
            Ok(()) => answered(answer).await,
            Err(mpsc::error::TrySendError::Full(_)) => Err(Unanswered::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Unanswered::Stopping),
        };
        told(word, answer).and_then(alone)
    }

    /// The same, but waits for room in the queue: for the lines of a batch. How many of them wait at once is for the
    /// caller to bound.
    pub async fn submit_patiently(&self, request: Request) -> Result<Answer, Unanswered> {
        let word = request.command.word();
        let (lane, job, answer) = self.job(request);
        let answer = match self.lanes[lane].send(job).await {
            Ok(()) => answered(answer).await,
            Err(mpsc::error::SendError(_)) => Err(Unanswered::Stopping),
        };
        told(word, answer).and_then(alone)
    }

    /// Does all of the requests or none, in one transaction, each as things stand after those before it. They are of
    /// one caller, and `key` is the name for all of them: their own keys do not count.
    #[tracing::instrument(name = "submit together", skip_all, fields(commands = requests.len()))]
    pub async fn submit_together(
        &self,
        requests: Vec<Request>,
        key: Option<String>,
    ) -> Result<Together, Unanswered> {
        let Some(first) = requests.first() else {
            return Ok(Together { outcome: Ok(vec![]), replayed: false });
        };
        let lane = self.lane(&first.command);
        let (reply, answer) = oneshot::channel();
        let answer = match self.lanes[lane].try_send(Job::new(requests, true, key, reply)) {
            Ok(()) => answered(answer).await,
            Err(mpsc::error::TrySendError::Full(_)) => Err(Unanswered::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Unanswered::Stopping),
        };
        told("together", answer)
    }

    fn job(&self, mut request: Request) -> (usize, Job, oneshot::Receiver<Result<Together, Unanswered>>) {
        let (reply, answer) = oneshot::channel();
        let lane = self.lane(&request.command);
        let key = request.key.take();
        (lane, Job::new(vec![request], false, key, reply), answer)
    }

    /// Makes every lane read the locations again before its next batch.
    pub fn locations_changed(&self) {
        self.locations.fetch_add(1, Ordering::Release);
    }

    /// The lane that a command waits in. Those of one lane are done in the order in which they were queued. Commands
    /// on the same item meet in one lane; those on a hold, or on several items, may go to any.
    pub fn lane(&self, command: &Command) -> usize {
        let mut hasher = DefaultHasher::new();
        match command {
            // Two that want the same SKU must not race each other.
            Command::CreateItem(new) => new.identity.sku.hash(&mut hasher),
            other => match (other.hold(), other.transfer()) {
                (Some(hold), _) => hold.hash(&mut hasher),
                (None, Some(transfer)) => transfer.hash(&mut hasher),
                (None, None) => other.items().first().hash(&mut hasher),
            },
        }
        let lanes = self.lanes.len() as u64;
        usize::try_from(hasher.finish() % lanes).unwrap_or(0)
    }
}

async fn answered(answer: oneshot::Receiver<Result<Together, Unanswered>>) -> Result<Together, Unanswered> {
    answer.await.unwrap_or(Err(Unanswered::Stopping))
}

/// The answer to one request, out of a list of one.
fn alone(Together { outcome, replayed }: Together) -> Result<Answer, Unanswered> {
    let outcome = match outcome {
        // A request has an answer, or it was refused.
        Ok(mut done) => Ok(done.pop().ok_or(Unanswered::Unavailable)?),
        Err(stopped) => Err(stopped.refusal),
    };
    Ok(Answer { outcome, replayed })
}

/// Counts an answer.
fn told(word: &'static str, answer: Result<Together, Unanswered>) -> Result<Together, Unanswered> {
    let outcome = match &answer {
        Ok(Together { replayed: true, .. }) => "replayed",
        Ok(Together { outcome: Ok(_), .. }) => "accepted",
        Ok(Together { outcome: Err(_), .. }) => "refused",
        Err(Unanswered::KeyReused) => "key_reused",
        Err(Unanswered::Busy) => "busy",
        Err(Unanswered::Unavailable) => "unavailable",
        Err(Unanswered::Stopping) => "stopping",
    };
    metrics::counter!("stock_commands_total", "command" => word, "outcome" => outcome).increment(1);
    answer
}

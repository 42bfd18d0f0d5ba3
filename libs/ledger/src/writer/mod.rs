//! The one writer of stock: queues commands, decides them by the batch, and answers after the commit.
//!
//! Reading order: [`Writer::submit`] (queue and wait) → `lane` (one batch after another, a transaction each) →
//! `transaction` → `connection` (load) → `batch` (decide) → `recording` and `announce` (what to write) → `postgres`
//! and `sqlite` (write it). `memory` and `ahead`: a batch that needs no reading is decided while the one before it is
//! being committed.
//!
//! **Invariants.** Nothing else changes a level, a hold or the ledger. A lane never waits for a timer: a batch is
//! whatever queued while the last one committed. A caller that goes away cancels nothing. An answer is given
//! after the commit, never before. Rows are locked and changed in the order of item ids; of two batches that decided
//! on the same version of an item, the ledger's primary key refuses one.

mod after;
mod ahead;
mod announce;
mod batch;
mod columns;
mod connection;
mod lane;
mod memory;
mod postgres;
mod recording;
mod rows;
mod sqlite;
mod trace;
mod transaction;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::Command;
use platform::db::DbConfig;
use platform::hosting::Task;
use serde::Deserialize;
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::Span;

pub(crate) use announce::subject;
use batch::Job;
use lane::{Lane, Shared};
use memory::Strays;

use crate::measure;
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
        measure::begin();
        let locations = Arc::new(AtomicU64::new(0));
        let lanes = config.lanes.max(1);
        let strays = Strays::new(lanes);
        let shared = Shared { wake: Arc::clone(wake), locations: Arc::clone(&locations), strays };
        let mut senders = Vec::new();
        let mut tasks = Vec::new();
        for number in 0..lanes {
            let (sender, queue) = mpsc::channel(config.queue.max(1));
            let lane = Lane::new(number, url, database, config.batch, shared.clone());
            tasks.push(Task::new("writer lane", move |stop| lane.run(queue, stop)));
            senders.push(sender);
        }
        (Writer { lanes: senders.into(), locations }, tasks)
    }

    /// Queues a command and waits until what came of it is durable. Nothing is undone when the caller stops
    /// waiting. When the queue is full it is refused as busy.
    pub async fn submit(&self, request: Request) -> Result<Answer, Unanswered> {
        let word = request.command.word();
        let span = trace::command(word, 1);
        let (lane, job, answer) = span.in_scope(|| self.job(request));
        told(word, &span, self.queue(lane, job, answer).await).and_then(alone)
    }

    /// The same, but waits for room in the queue: for the lines of a batch. How many of them wait at once is for the
    /// caller to bound.
    pub async fn submit_patiently(&self, request: Request) -> Result<Answer, Unanswered> {
        let word = request.command.word();
        let span = trace::command(word, 1);
        let (lane, job, answer) = span.in_scope(|| self.job(request));
        told(word, &span, self.queue_patiently(lane, job, answer).await).and_then(alone)
    }

    /// Does all of the requests or none, in one transaction, each as things stand after those before it. They are of
    /// one caller, and `key` is the name for all of them: their own keys do not count.
    pub async fn submit_together(
        &self,
        requests: Vec<Request>,
        key: Option<String>,
    ) -> Result<Together, Unanswered> {
        let span = trace::command(measure::TOGETHER, requests.len());
        let (lane, job, answer) = span.in_scope(|| self.joint_job(requests, key));
        told(measure::TOGETHER, &span, self.queue(lane, job, answer).await)
    }

    /// The same, but waits for room in the queue, as [`Writer::submit_patiently`] does.
    pub async fn submit_together_patiently(
        &self,
        requests: Vec<Request>,
        key: Option<String>,
    ) -> Result<Together, Unanswered> {
        let span = trace::command(measure::TOGETHER, requests.len());
        let (lane, job, answer) = span.in_scope(|| self.joint_job(requests, key));
        told(measure::TOGETHER, &span, self.queue_patiently(lane, job, answer).await)
    }

    async fn queue(&self, lane: usize, job: Job, answer: Answered) -> Result<Together, Unanswered> {
        match self.lanes[lane].try_send(job) {
            Ok(()) => answered(answer).await,
            Err(mpsc::error::TrySendError::Full(_)) => Err(Unanswered::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Unanswered::Stopping),
        }
    }

    async fn queue_patiently(&self, lane: usize, job: Job, answer: Answered) -> Result<Together, Unanswered> {
        match self.lanes[lane].send(job).await {
            Ok(()) => answered(answer).await,
            Err(mpsc::error::SendError(_)) => Err(Unanswered::Stopping),
        }
    }

    fn joint_job(&self, requests: Vec<Request>, key: Option<String>) -> (usize, Job, Answered) {
        let (reply, answer) = oneshot::channel();
        let lane = requests.first().map_or(0, |first| self.lane(&first.command));
        (lane, Job::new(requests, true, key, reply), answer)
    }

    fn job(&self, mut request: Request) -> (usize, Job, Answered) {
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
        let lanes = self.lanes.len();
        match command {
            // Two that want the same SKU must not race each other.
            Command::CreateItem(new) => dealt(&new.identity.sku, lanes),
            other => match (other.hold(), other.transfer()) {
                (Some(hold), _) => dealt(&hold, lanes),
                (None, Some(transfer)) => dealt(&transfer, lanes),
                (None, None) => other.items().first().map_or(0, |item| dealt(item, lanes)),
            },
        }
    }
}

/// The lane that something is dealt out to.
fn dealt(what: &impl Hash, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or(0)
}

/// Where the answer to a job arrives.
type Answered = oneshot::Receiver<Result<Together, Unanswered>>;

async fn answered(answer: Answered) -> Result<Together, Unanswered> {
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

/// Counts an answer, and tells it to the command's span.
fn told(
    word: &'static str,
    span: &Span,
    answer: Result<Together, Unanswered>,
) -> Result<Together, Unanswered> {
    let outcome = match &answer {
        Ok(Together { replayed: true, .. }) => "replayed",
        Ok(Together { outcome: Ok(_), .. }) => "accepted",
        Ok(Together { outcome: Err(stopped), .. }) => {
            measure::refused(&stopped.refusal);
            "refused"
        }
        Err(Unanswered::KeyReused) => "key_reused",
        Err(Unanswered::Busy) => measure::BUSY,
        Err(Unanswered::Unavailable) => measure::UNAVAILABLE,
        Err(Unanswered::Stopping) => "stopping",
    };
    measure::answered(word, outcome);
    trace::answered(span, outcome, &answer);
    answer
}

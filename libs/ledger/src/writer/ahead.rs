//! The batch that is decided ahead: what queues while the one before it is being committed.
//!
//! **Invariant.** It rests on the one before it. If that one does not get through, its decisions are dropped, and its
//! jobs are decided again.

use std::time::{Duration, Instant};

use super::batch::{Batch, Decided, Job};
use super::memory::Memory;

/// How old decisions may be when they are written: a commit that takes longer is a fault, and the time and the memory
/// that they rest on would be of another day.
const LASTS: Duration = Duration::from_millis(250);

/// Jobs in the order in which they queued, decided from memory as long as that suffices for all of them.
#[derive(Default)]
pub(super) struct Ahead {
    jobs: Vec<Job>,
    commands: usize,
    /// And since when.
    batch: Option<(Batch, Instant)>,
}

impl Ahead {
    /// Jobs that are decided on `batch`, if there is anything to decide them on.
    pub(super) fn on(batch: Option<Batch>) -> Ahead {
        Ahead { batch: batch.map(|batch| (batch, Instant::now())), ..Ahead::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// How many commands it has.
    pub(super) fn commands(&self) -> usize {
        self.commands
    }

    /// Takes a job and decides it, if all before it could be.
    pub(super) fn take(&mut self, job: Job, memory: &mut Memory) {
        if self.batch.as_mut().is_some_and(|(batch, _)| !batch.remembers(&job, memory)) {
            self.drop_decisions();
        }
        self.commands += job.requests.len();
        self.jobs.push(job);
    }

    /// Whether its decisions are too old to be added to or written.
    pub(super) fn is_stale(&self) -> bool {
        self.batch.as_ref().is_some_and(|(_, began)| began.elapsed() > LASTS)
    }

    /// What memory told does not count.
    pub(super) fn drop_decisions(&mut self) {
        self.batch = None;
    }

    /// The jobs, and what came of them if that is known.
    pub(super) fn close(self) -> (Vec<Job>, Option<Decided>) {
        (self.jobs, self.batch.map(|(batch, _)| batch.close()))
    }
}

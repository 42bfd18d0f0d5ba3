//! The batch that is decided ahead: what queues while the one before it is being committed.
//!
//! **Invariant.** It rests on the one before it. If that one does not get through, its decisions are dropped, and its
//! jobs are decided again.

use super::batch::{Batch, Decided, Job};
use super::memory::Memory;

/// Jobs in the order in which they queued, decided from memory as long as that suffices for all of them.
#[derive(Default)]
pub(super) struct Ahead {
    jobs: Vec<Job>,
    commands: usize,
    batch: Option<Batch>,
}

impl Ahead {
    /// Jobs that are decided on `batch`, if there is anything to decide them on.
    pub(super) fn on(batch: Option<Batch>) -> Ahead {
        Ahead { batch, ..Ahead::default() }
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
        if self.batch.as_mut().is_some_and(|batch| !batch.remembers(&job, memory)) {
            self.drop_decisions();
        }
        self.commands += job.requests.len();
        self.jobs.push(job);
    }

    /// What memory told does not count.
    pub(super) fn drop_decisions(&mut self) {
        self.batch = None;
    }

    /// The jobs, and what came of them if that is known.
    pub(super) fn close(self) -> (Vec<Job>, Option<Decided>) {
        (self.jobs, self.batch.map(Batch::close))
    }
}

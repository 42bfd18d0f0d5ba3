//! The lines of a batch on their way through the writer: as many at once as there is room for, each in its turn.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::http::StatusCode;
use domain::{Command, Refusal};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use ledger::{Answer, Done, Request, Together, Writer};
use platform::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::coop::{Unconstrained, unconstrained};

use super::order::Order;
use crate::App;
use crate::error::Error;

/// Lines of all batches that may be on their way at once. Enough to fill the transactions of two lanes, and half of
/// what one lane's queue holds: there is always room for those who come with a single command.
const LINES_AT_ONCE: usize = 2_000;
/// Batches and imports that may be read or worked on at once: each may be 8 MB large.
const BODIES_AT_ONCE: usize = 16;

/// How much of the service batches may take.
#[derive(Clone)]
pub(crate) struct Share {
    lines: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
}

impl Default for Share {
    fn default() -> Share {
        Share {
            lines: Arc::new(Semaphore::new(LINES_AT_ONCE)),
            bodies: Arc::new(Semaphore::new(BODIES_AT_ONCE)),
        }
    }
}

impl Share {
    /// Room for one more body, as long as the value lives.
    pub(crate) fn body(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.bodies).try_acquire_owned().map_err(|_| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many batches are being worked on")
                .detail("nothing was changed: try again in a second")
                .retry_after(1)
        })
    }
}

/// A line: what it asks for, or why it cannot.
pub(in crate::http) struct Entry {
    /// As its sender counts, from 1.
    pub(in crate::http) line: u64,
    /// What it is answered with when it is done.
    pub(in crate::http) status: StatusCode,
    /// Several are done together or not at all.
    pub(in crate::http) requests: Result<Vec<Request>, Problem>,
    /// Under which the answer is kept.
    pub(in crate::http) key: Option<String>,
    /// The place of the line that makes the item that this one is about.
    pub(in crate::http) after: Option<usize>,
}

/// What came of a line.
pub(in crate::http) struct Outcome {
    pub(in crate::http) line: u64,
    pub(in crate::http) status: StatusCode,
    pub(in crate::http) done: Result<Vec<Done>, Problem>,
    /// Whether it was done on an earlier request with the same key; none when it never came to be decided.
    pub(in crate::http) replayed: Option<bool>,
}

impl Entry {
    pub(super) fn commands(&self) -> impl Iterator<Item = &Command> {
        self.requests.iter().flatten().map(|request| &request.command)
    }
}

impl Outcome {
    pub(in crate::http) fn refused(line: u64, problem: Problem) -> Outcome {
        Outcome { line, status: problem.status(), done: Err(problem), replayed: None }
    }
}

/// Whether everything that was decided had been decided before.
pub(in crate::http) fn replayed(outcomes: &[Outcome]) -> bool {
    let mut decided = outcomes.iter().filter_map(|outcome| outcome.replayed).peekable();
    decided.peek().is_some() && decided.all(|replayed| replayed)
}

/// Does each line on its own, and says what came of it, in the order of the lines.
pub(in crate::http) async fn run(app: &App, entries: Vec<Entry>) -> Result<Vec<Outcome>, Error> {
    let order = Order::of(&entries, &app.reader, &app.writer).await?;
    let mut run = Run { order, outcomes: Vec::with_capacity(entries.len()), waiting: vec![] };
    for entry in entries {
        let Entry { line, status, requests, key, after } = entry;
        let (outcome, waiting) = match requests {
            Ok(requests) => (None, Some(Waiting { line, status, requests, key, after })),
            Err(problem) => (Some(Outcome::refused(line, problem)), None),
        };
        run.outcomes.push(outcome);
        run.waiting.push(waiting);
    }
    let mut under_way = FuturesUnordered::new();
    while let Some(at) = run.turn(&mut under_way).await {
        let room = run.room(&app.batches, &mut under_way).await;
        let Some(waiting) = run.take(at) else { continue };
        // It is queued when it is first looked at. So that this is in its turn, it must not wait for anything but
        // the queue, whatever this task has done already.
        let mut answer = Box::pin(unconstrained(waiting.answer(app.writer.clone(), at, room)));
        match futures::poll!(&mut answer) {
            Poll::Ready((at, outcome)) => run.settle(at, outcome),
            Poll::Pending => under_way.push(answer),
        }
        run.order.queued(at);
    }
    // Each has one by now.
    Ok(run.outcomes.into_iter().flatten().collect())
}

/// A line that can be done.
struct Waiting {
    line: u64,
    status: StatusCode,
    requests: Vec<Request>,
    key: Option<String>,
    after: Option<usize>,
}

struct Run {
    order: Order,
    waiting: Vec<Option<Waiting>>,
    outcomes: Vec<Option<Outcome>>,
}

impl Run {
    /// The place of the next line whose turn it is; none when all are done.
    async fn turn(
        &mut self,
        under_way: &mut UnderWay<impl Future<Output = (usize, Outcome)>>,
    ) -> Option<usize> {
        loop {
            if let Some(at) = self.order.next() {
                return Some(at);
            }
            let (at, outcome) = under_way.next().await?;
            self.settle(at, outcome);
        }
    }

    async fn room(
        &mut self,
        share: &Share,
        under_way: &mut UnderWay<impl Future<Output = (usize, Outcome)>>,
    ) -> Option<OwnedSemaphorePermit> {
        loop {
            tokio::select! {
                biased;
                room = Arc::clone(&share.lines).acquire_owned() => return room.ok(),
                Some((at, outcome)) = under_way.next() => self.settle(at, outcome),
            }
        }
    }

    /// The line at this place, unless the item that it is about was not made.
    fn take(&mut self, at: usize) -> Option<Waiting> {
        let waiting = self.waiting[at].take()?;
        let made = |before: usize| self.outcomes[before].as_ref().is_some_and(|outcome| outcome.done.is_ok());
        if waiting.after.is_none_or(made) {
            return Some(waiting);
        }
        let unknown = Error::Refused(Refusal::ItemUnknown);
        self.order.queued(at);
        self.settle(at, Outcome::refused(waiting.line, unknown.into()));
        None
    }

    fn settle(&mut self, at: usize, outcome: Outcome) {
        self.outcomes[at] = Some(outcome);
        self.order.answered(at);
    }
}

/// Lines that were queued and have no answer yet.
type UnderWay<F> = FuturesUnordered<Pin<Box<Unconstrained<F>>>>;

impl Waiting {
    async fn answer(
        self,
        writer: Writer,
        at: usize,
        _room: Option<OwnedSemaphorePermit>,
    ) -> (usize, Outcome) {
        let Waiting { line, status, requests, key, .. } = self;
        let answered = match <[Request; 1]>::try_from(requests) {
            Ok([request]) => {
                let answer = writer.submit_patiently(Request { key, ..request }).await;
                answer.map(|Answer { outcome, replayed }| (outcome.map(|done| vec![done]), replayed))
            }
            Err(requests) => {
                let answer = writer.submit_together_patiently(requests, key).await;
                answer.map(|Together { outcome, replayed }| {
                    (outcome.map_err(|stopped| stopped.refusal), replayed)
                })
            }
        };
        let outcome = match answered {
            Ok((Ok(done), replayed)) => Outcome { line, status, done: Ok(done), replayed: Some(replayed) },
            Ok((Err(refusal), replayed)) => {
                let refused = Outcome::refused(line, Error::from(refusal).into());
                Outcome { replayed: Some(replayed), ..refused }
            }
            Err(unanswered) => Outcome::refused(line, Error::from(unanswered).into()),
        };
        (at, outcome)
    }
}

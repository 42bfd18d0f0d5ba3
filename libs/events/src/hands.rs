//! Deliveries in a consumer's hands: handled concurrently, in order where the handler asks for it.

use std::{
    collections::{HashMap, VecDeque},
    future::pending,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{Instrument, Span};

use crate::{
    bus::{DELIVERIES_MAX, Delivery, Handler, RETRY_PAUSES, Verdict},
    measure,
    trace::{self, System},
};

/// How many deliveries a consumer has in hand at most. Enough that a database commits many at once.
pub(crate) const IN_HAND_MAX: u16 = 128;

/// How long a stopping consumer waits for what it has in hand. The rest is delivered again.
pub(crate) const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// The first pause of a [`Verdict::Wait`]; they double.
const WAIT_SHORTEST: Duration = Duration::from_millis(100);

/// The longest pause of a [`Verdict::Wait`]: what came back is noticed this much later at worst.
const WAIT_LONGEST: Duration = Duration::from_secs(2);

/// How long waiting goes on before it counts as a failed delivery. RabbitMQ takes a delivery away from a
/// consumer that has not answered for 30 minutes.
const WAIT_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Where a failed delivery is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retries {
    /// Right here: the queue does not count.
    Here,
    /// Given back to the broker, which counts, so that another replica may try.
    AtBroker,
}

/// What is to happen to a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Acknowledge it.
    Done,
    /// Give it back.
    Requeue,
    /// Dead-letter it with the reason.
    Park(String),
    /// Nothing: we are leaving, and it will be delivered again.
    Abandon,
}

/// A delivery that is finished, and the ticket it came with.
pub(crate) struct Finished<T> {
    pub(crate) delivery: Arc<Delivery>,
    pub(crate) ticket: T,
    pub(crate) outcome: Outcome,
    /// Still open: what is done with the outcome belongs to it.
    pub(crate) span: Span,
    key: Option<String>,
}

/// The deliveries that a consumer is working on. Each is handled in a task of its own, which runs to its
/// end also if this is dropped; only pauses are cut short then.
pub(crate) struct Hands<T> {
    consumer: Consumer,
    busy: FuturesUnordered<BoxFuture<'static, Finished<T>>>,
    /// Keys that are being handled, and what waits behind each.
    queues: HashMap<String, VecDeque<(Delivery, T)>>,
    waiting: usize,
    _leaving: DropGuard,
}

#[derive(Clone)]
struct Consumer {
    system: System,
    queue: Arc<str>,
    handler: Arc<dyn Handler>,
    retries: Retries,
    leaving: CancellationToken,
}

impl<T: Send + 'static> Hands<T> {
    pub(crate) fn new(system: System, queue: &str, handler: Arc<dyn Handler>, retries: Retries) -> Self {
        let leaving = CancellationToken::new();
        let guard = leaving.clone().drop_guard();
        let consumer = Consumer { system, queue: queue.into(), handler, retries, leaving };
        Self { consumer, busy: FuturesUnordered::new(), queues: HashMap::new(), waiting: 0, _leaving: guard }
    }

    /// How many there are, waiting ones included.
    pub(crate) fn len(&self) -> usize {
        self.busy.len() + self.waiting
    }

    /// Whether another one may be taken.
    pub(crate) fn has_room(&self) -> bool {
        self.len() < usize::from(IN_HAND_MAX)
    }

    /// Begins with a delivery, or queues it behind those with the same key.
    pub(crate) fn take(&mut self, delivery: Delivery, ticket: T) {
        let key = self.consumer.handler.key(&delivery);
        if let Some(key) = &key {
            if let Some(queue) = self.queues.get_mut(key) {
                queue.push_back((delivery, ticket));
                self.waiting += 1;
                return;
            }
            self.queues.insert(key.clone(), VecDeque::new());
        }
        self.begin(key, delivery, ticket);
    }

    /// The next one that is finished; waits for ever when there is none. Nothing is lost when cancelled.
    pub(crate) async fn finished(&mut self) -> Finished<T> {
        let Some(mut finished) = self.busy.next().await else { return pending().await };
        if let Some(key) = finished.key.take() {
            match self.queues.get_mut(&key).and_then(VecDeque::pop_front) {
                Some((delivery, ticket)) => {
                    self.waiting -= 1;
                    self.begin(Some(key), delivery, ticket);
                }
                None => {
                    self.queues.remove(&key);
                }
            }
        }
        finished
    }

    /// Stops retrying and waiting: what is not done by itself is abandoned.
    pub(crate) fn leave(&self) {
        self.consumer.leaving.cancel();
    }

    fn begin(&mut self, key: Option<String>, delivery: Delivery, ticket: T) {
        let consumer = self.consumer.clone();
        let shared = Arc::new(delivery);
        let delivery = Arc::clone(&shared);
        let span = trace::process(consumer.system, &consumer.queue, &delivery);
        let inside = span.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "a handler is never cancelled, whoever drops its consumer"
        )]
        let task = tokio::spawn(async move { consumer.work(&shared).await }.instrument(inside));
        // A panic is caught inside, so the task fails only when the runtime ends.
        let finished = task.map(|outcome| Finished {
            delivery,
            ticket,
            outcome: outcome.unwrap_or(Outcome::Abandon),
            span,
            key,
        });
        self.busy.push(finished.boxed());
    }
}

impl Consumer {
    async fn work(&self, delivery: &Arc<Delivery>) -> Outcome {
        let began = Instant::now();
        let outcome = self.verdict(delivery).await;
        let name = match &outcome {
            Outcome::Done => "done",
            Outcome::Requeue => "retried",
            Outcome::Park(_) => "parked",
            Outcome::Abandon => "abandoned",
        };
        measure::consumed(&self.queue, &delivery.message, name, began.elapsed());
        outcome
    }

    async fn verdict(&self, delivery: &Arc<Delivery>) -> Outcome {
        let began = Instant::now();
        let mut delivery = Arc::clone(delivery);
        let mut wait = WAIT_SHORTEST;
        loop {
            let reason = match self.ask(&delivery).await {
                Verdict::Done => return Outcome::Done,
                Verdict::Park(reason) => return Outcome::Park(reason),
                Verdict::Wait(reason) if began.elapsed() < WAIT_LIMIT => {
                    self.log(&delivery, &reason, "a delivery waits for what it needs");
                    if !self.rest(wait).await {
                        return Outcome::Abandon;
                    }
                    wait = (wait * 2).min(WAIT_LONGEST);
                    continue;
                }
                Verdict::Wait(reason) | Verdict::Retry(reason) => reason,
            };
            let attempt = delivery.attempt;
            if attempt >= DELIVERIES_MAX {
                return Outcome::Park(format!("failed {attempt} times, at last because: {reason}"));
            }
            trace::failed(&Span::current(), &reason);
            self.log(&delivery, &reason, "a delivery failed and is tried again");
            let pause = RETRY_PAUSES[(attempt.max(1) as usize - 1).min(RETRY_PAUSES.len() - 1)];
            if !self.rest(pause).await {
                return Outcome::Abandon;
            }
            if self.retries == Retries::AtBroker {
                return Outcome::Requeue;
            }
            let again = Arc::make_mut(&mut delivery);
            again.attempt += 1;
            again.redelivered = true;
        }
    }

    async fn ask(&self, delivery: &Delivery) -> Verdict {
        let handling = AssertUnwindSafe(self.handler.handle(delivery)).catch_unwind();
        handling.await.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            Verdict::Retry(format!("the handler panicked: {}", text.unwrap_or("no message")))
        })
    }

    /// Pauses. False: we are leaving.
    async fn rest(&self, pause: Duration) -> bool {
        tokio::select! {
            () = self.leaving.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    fn log(&self, delivery: &Delivery, reason: &str, what: &str) {
        let Delivery { message, attempt, .. } = delivery;
        let Self { queue, .. } = self;
        let (id, event, key) = (&message.id, message.kind(), &message.routing_key);
        tracing::warn!(queue = %queue, id, event, key, attempt, reason, "{what}");
    }
}

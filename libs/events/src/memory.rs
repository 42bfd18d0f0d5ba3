//! The in-process bus: a publish is done when every durable consumer has processed or parked the message.
//!
//! It keeps nothing itself. Whatever must survive a crash is still in the outbox, because the relay's publish
//! has not been answered yet.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    bus::{Bus, Delivery, Handler, Message, Parked, PublishError, Subscription},
    hands::{DRAIN_LIMIT, Finished, Hands, Outcome, Retries},
    measure,
    topology::{Topology, matches_any},
    trace::{self, Publishing, System},
};

/// Messages that wait for a consumer. A durable one slows its publishers down when there are more; an
/// exclusive one misses them, and is told so.
const WAITING_MAX: usize = 1024;

/// Parked messages that are kept per queue to be looked at. All of them are in the log.
const PARKED_MAX: usize = 1000;

/// A bus within this process.
pub(crate) struct MemoryBus {
    topology: Topology,
    stop: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Consumers of each durable queue; they share it.
    durable: HashMap<&'static str, VecDeque<mpsc::Sender<Work>>>,
    exclusive: Vec<Arc<Listener>>,
    parked: HashMap<&'static str, VecDeque<Parked>>,
}

struct Work {
    message: Message,
    done: Done,
}

/// Answered when the message is processed or parked, dropped when it is neither. None: nobody asks.
type Done = Option<oneshot::Sender<()>>;

struct Listener {
    bindings: Vec<String>,
    sender: mpsc::Sender<Work>,
    missed: AtomicBool,
}

type Answer = (&'static str, oneshot::Receiver<()>);

impl MemoryBus {
    pub(crate) fn new(topology: Topology, stop: CancellationToken) -> Self {
        Self { topology, stop, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A consumer of each durable queue that is bound to the key, in turn; an error when one has none.
    fn consumers(&self, key: &str) -> Result<Vec<(&'static str, mpsc::Sender<Work>)>, PublishError> {
        let mut state = self.state();
        let mut consumers = Vec::new();
        for queue in self.topology.bound_to(key) {
            let attached = state.durable.entry(queue.name).or_default();
            attached.retain(|sender| !sender.is_closed());
            let sender = attached.pop_front().ok_or(PublishError::NoConsumer(queue.name))?;
            attached.push_back(sender.clone());
            consumers.push((queue.name, sender));
        }
        Ok(consumers)
    }

    async fn hand_over(&self, message: Message) -> Result<Vec<Answer>, PublishError> {
        if self.stop.is_cancelled() {
            return Err(PublishError::NotConnected("the bus is stopped".to_owned()));
        }
        let consumers = self.consumers(&message.routing_key)?;
        self.tell_listeners(&message);
        let mut answers = Vec::with_capacity(consumers.len());
        for (queue, sender) in consumers {
            let (done, answer) = oneshot::channel();
            let work = Work { message: message.clone(), done: Some(done) };
            sender.send(work).await.map_err(|_| PublishError::ConsumerStopped(queue))?;
            answers.push((queue, answer));
        }
        Ok(answers)
    }

    fn tell_listeners(&self, message: &Message) {
        let mut state = self.state();
        state.exclusive.retain(|listener| !listener.sender.is_closed());
        for listener in &state.exclusive {
            if matches_any(&listener.bindings, &message.routing_key)
                && listener.sender.try_send(Work { message: message.clone(), done: None }).is_err()
            {
                listener.missed.store(true, Ordering::Release);
            }
        }
    }

    fn settle(&self, subscription: &Subscription, finished: Finished<Done>) {
        let Finished { delivery, ticket, outcome, span, .. } = finished;
        match outcome {
            Outcome::Done => {}
            Outcome::Park(reason) => {
                trace::failed(&span, &reason);
                span.in_scope(|| self.park(subscription, &delivery.message, reason));
            }
            Outcome::Requeue | Outcome::Abandon => return,
        }
        if let Some(done) = ticket {
            // Nobody listens when the publisher gave up; then it publishes again.
            let _ = done.send(());
        }
    }

    fn park(&self, subscription: &Subscription, message: &Message, reason: String) {
        let Message { id, routing_key, traceparent, .. } = message;
        let body = String::from_utf8_lossy(&message.body);
        let (queue, event) = (subscription.name(), message.kind());
        tracing::error!(queue, id, event, routing_key, traceparent, reason, %body, "a message is parked");
        if let Subscription::Durable(queue) = subscription {
            let mut state = self.state();
            let parked = state.parked.entry(queue).or_default();
            if parked.len() == PARKED_MAX {
                parked.pop_front();
            }
            parked.push_back(Parked { message: message.clone(), reason });
            measure::dead_letters(queue, u32::try_from(parked.len()).unwrap_or(u32::MAX));
        }
    }

    fn attach(&self, subscription: &Subscription) -> (mpsc::Receiver<Work>, Option<Arc<Listener>>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let listener = match subscription {
            Subscription::Durable(name) => {
                self.state().durable.entry(name).or_default().push_back(sender);
                None
            }
            Subscription::Exclusive { bindings, .. } => {
                let missed = AtomicBool::new(false);
                let listener = Arc::new(Listener { bindings: bindings.clone(), sender, missed });
                self.state().exclusive.push(Arc::clone(&listener));
                Some(listener)
            }
        };
        (receiver, listener)
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, mut messages: Vec<Message>) -> Vec<Result<(), PublishError>> {
        let began = Instant::now();
        let publishing = Publishing::begin(System::Memory, &self.topology.exchange, &mut messages);
        let kinds: Vec<String> = messages.iter().map(|message| message.kind().to_owned()).collect();
        // All are handed over before any is waited for, so that consumers see many at once.
        let mut handed = Vec::with_capacity(messages.len());
        for message in messages {
            handed.push(self.hand_over(message).await);
        }
        let results = join_all(handed.into_iter().map(async |answers| {
            for (queue, answer) in answers? {
                answer.await.map_err(|_| PublishError::ConsumerStopped(queue))?;
            }
            Ok(())
        }))
        .await;
        kinds.iter().zip(&results).for_each(|(kind, result)| measure::published(kind, result));
        publishing.end(&results);
        measure::publish_took(began.elapsed());
        results
    }

    async fn consume(&self, subscription: Subscription, handler: Arc<dyn Handler>, stop: CancellationToken) {
        let (mut work, listener) = self.attach(&subscription);
        if listener.is_some() {
            handler.resumed().await;
        }
        let mut hands = Hands::new(System::Memory, subscription.name(), Arc::clone(&handler), Retries::Here);
        measure::consuming(&self.topology, &subscription);
        measure::connected(subscription.name(), true);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                finished = hands.finished() => self.settle(&subscription, finished),
                Some(Work { message, done }) = work.recv(), if hands.has_room() => {
                    if listener.as_ref().is_some_and(|listener| listener.missed.swap(false, Ordering::AcqRel)) {
                        handler.resumed().await;
                    }
                    measure::waiting(subscription.name(), u32::try_from(work.len()).unwrap_or(u32::MAX));
                    hands.take(Delivery { message, redelivered: false, attempt: 1 }, done);
                }
            }
        }
        drop(work);
        hands.leave();
        let drained = async {
            while hands.len() > 0 {
                let finished = hands.finished().await;
                self.settle(&subscription, finished);
            }
        };
        let _ = tokio::time::timeout(DRAIN_LIMIT, drained).await;
        measure::connected(subscription.name(), false);
    }

    fn health(&self) -> Result<(), String> {
        Ok(())
    }

    async fn parked(&self, queue: &'static str, limit: usize) -> Result<Vec<Parked>, String> {
        Ok(self
            .state()
            .parked
            .get(queue)
            .map(|all| all.iter().take(limit).cloned().collect())
            .unwrap_or_default())
    }
}

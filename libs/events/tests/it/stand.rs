//! What the tests stand on: a bus with names of its own, and consumers that remember what they got.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use events::{Bus, Delivery, Handler, Message, Subscription, Topology, Verdict};
use testkit::{Backend, Stage, eventually};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long anything may take to happen: a rebuilt consumer is promised within 15 s.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Stand {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) stop: CancellationToken,
    _stopped_first: DropGuard,
    pub(crate) stage: Stage,
}

impl Stand {
    pub(crate) async fn new(backend: Backend) -> Self {
        let stage = Stage::new(backend).await;
        let url = stage.bus_url.clone();
        Self::on(stage, &url)
    }

    /// The same, over another way to the bus.
    pub(crate) fn on(stage: Stage, url: &str) -> Self {
        let stop = CancellationToken::new();
        let bus = events::connect(url, Topology::standard(&stage.exchange, &stage.prefix), stop.clone());
        Self { bus: bus.unwrap(), _stopped_first: stop.clone().drop_guard(), stop, stage }
    }

    pub(crate) fn consume(&self, subscription: Subscription, handler: Arc<dyn Handler>) -> JoinHandle<()> {
        self.consume_until(self.stop.child_token(), subscription, handler)
    }

    pub(crate) fn consume_until(
        &self,
        stop: CancellationToken,
        subscription: Subscription,
        handler: Arc<dyn Handler>,
    ) -> JoinHandle<()> {
        let bus = Arc::clone(&self.bus);
        tokio::spawn(async move { bus.consume(subscription, handler, stop).await })
    }

    /// A consumer of a durable queue that remembers what it gets.
    pub(crate) fn durable(&self, queue: &'static str) -> Arc<Recorder> {
        let recorder = Recorder::always(Verdict::Done);
        self.consume(Subscription::Durable(queue), recorder.clone());
        recorder
    }

    /// Publishes one message, again until the bus takes it.
    pub(crate) async fn publish(&self, message: Message) {
        eventually("the bus takes a message", LIMIT, async || {
            self.bus.publish(vec![message.clone()]).await.remove(0).ok()
        })
        .await;
    }
}

type Answer = dyn Fn(&Delivery) -> Verdict + Send + Sync;

/// Remembers deliveries in order, and answers each as it was told to.
pub(crate) struct Recorder {
    seen: Mutex<Vec<Delivery>>,
    resumed: Mutex<usize>,
    answer: Box<Answer>,
}

impl Recorder {
    pub(crate) fn new(answer: impl Fn(&Delivery) -> Verdict + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), resumed: Mutex::default(), answer: Box::new(answer) })
    }

    pub(crate) fn always(verdict: Verdict) -> Arc<Self> {
        Self::new(move |_| verdict.clone())
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.deliveries().into_iter().map(|delivery| delivery.message.id).collect()
    }

    /// Waits for at least so many deliveries.
    pub(crate) async fn has(&self, count: usize) -> Vec<Delivery> {
        eventually(&format!("{count} deliveries"), LIMIT, async || {
            Some(self.deliveries()).filter(|seen| seen.len() >= count)
        })
        .await
    }

    /// Waits until it was told so often that a subscription began.
    pub(crate) async fn has_resumed(&self, count: usize) {
        eventually("the subscription begins", LIMIT, async || {
            (*self.resumed.lock().unwrap() >= count).then_some(())
        })
        .await;
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        self.seen.lock().unwrap().push(delivery.clone());
        (self.answer)(delivery)
    }

    async fn resumed(&self) {
        *self.resumed.lock().unwrap() += 1;
    }
}

pub(crate) fn message(id: &str, routing_key: &str) -> Message {
    let body = format!(r#"{{"id":"{id}"}}"#).into();
    Message {
        id: id.to_owned(),
        routing_key: routing_key.to_owned(),
        body,
        traceparent: None,
        message_type: None,
    }
}

pub(crate) fn exclusive(name: &str, bindings: &[&str]) -> Subscription {
    let bindings = bindings.iter().map(|&binding| binding.to_owned()).collect();
    Subscription::Exclusive { name: name.to_owned(), bindings }
}

//! What a bus is: publish, consume, and the words between a bus and its consumers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

/// How often a message is handed to a consumer before it is parked.
pub(crate) const DELIVERIES_MAX: u32 = 5;

/// How long a message rests after its nth failed delivery. Short: what takes longer to come back
/// (a database) is [`Verdict::Wait`], not a failure of the message.
pub(crate) const RETRY_PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The AMQP `message_id`; an event's own id. Empty: it has none.
    pub id: String,
    /// Decides which queues get it.
    pub routing_key: String,
    /// JSON: an [`Envelope`](crate::Envelope), or one of the [`legacy`](crate::legacy) bodies.
    pub body: Bytes,
    /// W3C trace context of whoever caused it.
    pub traceparent: Option<String>,
    /// What it says, for [messages](crate::legacy::ProductChanged) whose body does not: the AMQP header
    /// `MessageType`, as it was given. An event has none.
    pub message_type: Option<String>,
}

impl Message {
    /// The part of the routing key before the first dot: the event's type.
    pub fn kind(&self) -> &str {
        self.routing_key.split('.').next().unwrap_or_default()
    }
}

/// Carries messages to the queues that are bound to their keys.
///
/// There are two: RabbitMQ and in-process. Both deliver at least once.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes messages and says of each, in their order, whether the bus has taken responsibility for it.
    ///
    /// Ok on RabbitMQ: every durable queue bound to it has it, on disk. Ok in-process: every durable
    /// consumer bound to it has processed or parked it. Anything else may or may not arrive, so it is to
    /// be published again. Answers within seconds; in-process, when the consumers are done.
    async fn publish(&self, messages: Vec<Message>) -> Vec<Result<(), PublishError>>;

    /// Hands the subscription's messages to the handler, several at a time, until `stop` fires.
    ///
    /// Supervised: whatever happens to the connection, it is rebuilt. What is in hand when `stop` fires
    /// is given some seconds to finish.
    async fn consume(&self, subscription: Subscription, handler: Arc<dyn Handler>, stop: CancellationToken);

    /// Whether every connection stands; if not, which one and why.
    fn health(&self) -> Result<(), String>;

    /// The oldest `limit` dead letters of a durable queue, left where they are.
    async fn parked(&self, queue: &'static str, limit: usize) -> Result<Vec<Parked>, String>;
}

/// A consumer of messages.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Processes one delivery, inside its span. Never cancelled once begun. A panic counts as [`Verdict::Retry`].
    async fn handle(&self, delivery: &Delivery) -> Verdict;

    /// Deliveries with the same key are handled one after the other, in the order of their arrival; those
    /// without are all handled at once.
    fn key(&self, delivery: &Delivery) -> Option<String> {
        let _ = delivery;
        None
    }

    /// An exclusive subscription has (again) begun: it may have missed events until now.
    async fn resumed(&self) {}
}

/// What came of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has had its effect, now or earlier.
    Done,
    /// It failed, and may succeed another time. After the fifth time it is parked.
    Retry(String),
    /// It can never succeed: parked with the reason, for a person to look at.
    Park(String),
    /// What it needs, such as the database, is not there. The delivery is kept and tried again, with
    /// growing pauses, for many minutes: an outage of ours is no reason to give up a message.
    Wait(String),
}

/// A message in a consumer's hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What was published.
    pub message: Message,
    /// It may have been handed out before.
    pub redelivered: bool,
    /// Which delivery it is, from 1.
    pub attempt: u32,
}

/// A dead letter: a message that a consumer could not process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// What was published, with the routing key that it was published with.
    pub message: Message,
    /// Why it was parked.
    pub reason: String,
}

/// What to consume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// A queue of the topology, by its name there. It outlives the consumer, and replicas share it.
    Durable(&'static str),
    /// A queue of this process alone, which lives as long as its connection: for caches and live feeds.
    /// What it cannot process is dropped, and it never holds a publish back.
    Exclusive {
        /// For logs and metrics, and the start of the queue's name.
        name: String,
        /// Binding patterns as in [`Queue`](crate::Queue).
        bindings: Vec<String>,
    },
}

impl Subscription {
    /// The name for logs and metrics.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Durable(name) => name,
            Self::Exclusive { name, .. } => name,
        }
    }
}

/// Why a message may not have arrived. Publish it again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no usable connection, or it went away before the answer came.
    #[error("not connected: {0}")]
    NotConnected(String),
    /// The broker asks publishers to stop for a while.
    #[error("the broker takes no messages at the moment: {0}")]
    Blocked(String),
    /// The broker could not store it.
    #[error("the broker refused the message")]
    Refused,
    /// No queue took it although the topology has one for it.
    #[error("no queue took the message: {0}")]
    Unroutable(String),
    /// No answer within the limit.
    #[error("no confirmation within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// In-process: the durable queue has no consumer yet.
    #[error("nobody consumes the queue {0}")]
    NoConsumer(&'static str),
    /// In-process: the consumer went away before it was done.
    #[error("the consumer of the queue {0} stopped")]
    ConsumerStopped(&'static str),
}

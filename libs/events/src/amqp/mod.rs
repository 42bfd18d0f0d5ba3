//! The bus over RabbitMQ (3.10 and 4.x), through quorum queues with confirms and dead letters.
//!
//! Each role has a supervisor that owns its connection, its channel and the topology: one for publishing,
//! one for each consumer. Whatever goes wrong (an error, an end, silence), all of it is dropped and built
//! again. The client's own recovery is never switched on: it loses connections for good.

mod consumer;
mod link;
mod publisher;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use lapin::{message::Delivery as Received, types::AMQPValue, uri::AMQPUri};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    link::{Link, Server},
    publisher::Publisher,
};
use crate::{
    ConnectError,
    bus::{Bus, Handler, Message, Parked, PublishError, Subscription},
    measure,
    topology::Topology,
    trace::{Publishing, System},
};

/// Why a message is dead, in a header of it.
const REASON_HEADER: &str = "x-onhand-reason";

/// The key that a dead letter was published with, in a header of it.
const KEY_HEADER: &str = "x-onhand-routing-key";

/// W3C trace context, in a header of each message.
const TRACE_HEADER: &str = "traceparent";

/// What a message says whose body does not, in a header of it.
const TYPE_HEADER: &str = "MessageType";

/// A bus at a broker.
pub(crate) struct AmqpBus {
    publisher: Arc<Publisher>,
    shared: Arc<Shared>,
}

/// What the roles have in common.
struct Shared {
    server: Server,
    /// The roles, and what is wrong with each that is not connected.
    roles: Mutex<BTreeMap<String, Result<(), String>>>,
    /// Those that may still have something to park.
    consumers: TaskTracker,
}

impl Shared {
    /// Notes, and logs when it changes, whether a role is connected.
    fn set(&self, role: &str, state: Result<(), String>) {
        measure::connected(role, state.is_ok());
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        match &state {
            Ok(()) => tracing::info!(role, "connected to the broker"),
            // Said once, not at each attempt, unless it is something else.
            Err(reason) if roles.get(role) != Some(&state) => {
                tracing::warn!(role, reason, "not connected to the broker");
            }
            Err(_) => {}
        }
        roles.insert(role.to_owned(), state);
    }

    /// The role is over, by our own will.
    fn forget(&self, role: &str) {
        measure::connected(role, false);
        self.roles.lock().unwrap_or_else(PoisonError::into_inner).remove(role);
    }
}

impl AmqpBus {
    pub(crate) fn new(url: &str, topology: Topology, stop: CancellationToken) -> Result<Self, ConnectError> {
        let uri: AMQPUri = url.parse().map_err(ConnectError::Url)?;
        let server = Server::new(uri, topology);
        let shared = Arc::new(Shared { server, roles: Mutex::default(), consumers: TaskTracker::new() });
        let publisher = Arc::new(Publisher::new(Arc::clone(&shared)));
        #[expect(
            clippy::disallowed_methods,
            reason = "the supervisor lives as long as the bus, until `stop`"
        )]
        tokio::spawn(Arc::clone(&publisher).supervise(stop));
        Ok(Self { publisher, shared })
    }
}

#[async_trait]
impl Bus for AmqpBus {
    async fn publish(&self, mut messages: Vec<Message>) -> Vec<Result<(), PublishError>> {
        // While there is no connection nothing is published, and there would be a span for each that is not.
        if !self.publisher.is_up() {
            return self.publisher.publish(messages).await;
        }
        let exchange = &self.shared.server.topology.exchange;
        let publishing = Publishing::begin(System::RabbitMq, exchange, &mut messages);
        let results = self.publisher.publish(messages).await;
        publishing.end(&results);
        results
    }

    async fn consume(&self, subscription: Subscription, handler: Arc<dyn Handler>, stop: CancellationToken) {
        let _consuming = self.shared.consumers.token();
        let (publisher, shared) = (Arc::clone(&self.publisher), Arc::clone(&self.shared));
        consumer::Consumer { shared, publisher, subscription, handler }.supervise(stop).await;
    }

    fn health(&self) -> Result<(), String> {
        let roles = self.shared.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if roles.is_empty() {
            return Err("not connected yet".to_owned());
        }
        let wrong =
            roles.iter().filter_map(|(role, state)| Some(format!("{role}: {}", state.as_ref().err()?)));
        let wrong: Vec<String> = wrong.collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    async fn parked(&self, queue: &'static str, limit: usize) -> Result<Vec<Parked>, String> {
        let link = Link::open(&self.shared.server, "dead letters").await?;
        let letters = link.peek(&self.shared.server.topology.dead_queue_name(queue), limit).await;
        // Closing gives back what was looked at.
        link.close().await;
        Ok(letters?.into_iter().map(parked).collect())
    }
}

fn parked(received: Received) -> Parked {
    let reason = header(&received, REASON_HEADER).unwrap_or_else(|| {
        // The broker parked it itself: the consumer died too often with it in hand.
        "its deliveries ended without an answer, and the broker's limit was reached".to_owned()
    });
    let key = header(&received, KEY_HEADER).or_else(|| first_death_key(&received));
    let mut message = message(received);
    message.routing_key = key.unwrap_or(message.routing_key);
    Parked { message, reason }
}

/// The routing key that the broker notes when it dead-letters by itself.
fn first_death_key(received: &Received) -> Option<String> {
    let headers = received.properties.headers().as_ref()?;
    let deaths = headers.inner().get("x-death")?.as_array()?;
    let keys = deaths.as_slice().first()?.as_field_table()?.inner().get("routing-keys")?.as_array()?;
    text(keys.as_slice().first()?)
}

fn message(received: Received) -> Message {
    let traceparent = header(&received, TRACE_HEADER);
    let message_type = header(&received, TYPE_HEADER);
    let id = received.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
    let routing_key = received.routing_key.to_string();
    Message { id, routing_key, body: received.data.into(), traceparent, message_type }
}

fn header(received: &Received, name: &str) -> Option<String> {
    text(received.properties.headers().as_ref()?.inner().get(name)?)
}

fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A whole number, whatever width the broker chose for it.
fn number(value: &AMQPValue) -> Option<i64> {
    Some(match value {
        AMQPValue::ShortShortInt(number) => i64::from(*number),
        AMQPValue::ShortShortUInt(number) => i64::from(*number),
        AMQPValue::ShortInt(number) => i64::from(*number),
        AMQPValue::ShortUInt(number) => i64::from(*number),
        AMQPValue::LongInt(number) => i64::from(*number),
        AMQPValue::LongUInt(number) => i64::from(*number),
        AMQPValue::LongLongInt(number) => *number,
        _ => return None,
    })
}

//! A connection with its channel, on which the whole topology has been declared.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties, Event, ExchangeKind,
    message::Delivery as Received,
    options::{BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
    uri::AMQPUri,
};
use tokio::{runtime::Handle, time::timeout};

use crate::topology::Topology;

/// How long a connect, a declaration or a confirmation may take. A broker that is well answers within
/// milliseconds; one that elects a leader, within seconds.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The longest pause between attempts to connect: half of the 15 s within which all is to be well again.
pub(super) const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// A link that stood for so long was a good one: the next pause is short again.
pub(super) const STABLE_AFTER: Duration = Duration::from_secs(10);

/// How long closing may take. Nobody waits for it: the broker notices by itself too.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// How often the connection's own state is looked at, for what its events do not tell.
const STATUS_EVERY: Duration = Duration::from_millis(250);

/// Seconds between heartbeats when the URL does not say. A silent peer is found dead after twice that.
const HEARTBEAT_SECONDS: u16 = 10;

/// Redeliveries after which the broker itself parks a message whose consumers die of it. What a consumer
/// merely fails at is parked earlier, and with the reason.
const DELIVERY_LIMIT: i32 = 5;

/// The same for dead letters, which are only ever looked at: they must not be dropped for it. (RabbitMQ 4
/// drops after 20 when nothing is said, and 3.10 does not take -1 for "never".)
const DEAD_DELIVERY_LIMIT: i32 = 1_000_000;

/// Where to connect, and what is to be there.
pub(super) struct Server {
    uri: AMQPUri,
    pub(super) topology: Topology,
}

impl Server {
    pub(super) fn new(mut uri: AMQPUri, topology: Topology) -> Self {
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        Self { uri, topology }
    }
}

/// What happened to a link.
pub(super) enum Trouble {
    /// It is of no use any more.
    Dead(String),
    /// The broker reads nothing from it until it has memory or disk again.
    Blocked(String),
}

/// A connection and a channel, closed when dropped.
///
/// The client does not see to that by itself: with a call unanswered, a connection that was dropped lives
/// on and sends heartbeats, and what it consumes is lost to everybody else.
pub(super) struct Link {
    connection: Arc<Connection>,
    pub(super) channel: Channel,
}

impl Drop for Link {
    fn drop(&mut self) {
        // Without a runtime there is nothing left that could keep it alive.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(say_goodbye(Arc::clone(&self.connection)));
        }
    }
}

/// Closes a connection, if there is anybody to hear it. Nothing happens the second time.
async fn say_goodbye(connection: Arc<Connection>) {
    let _ = timeout(CLOSE_LIMIT, connection.close(200, "bye".into())).await;
}

impl Link {
    /// Connects and declares all there is.
    pub(super) async fn open(server: &Server, role: &str) -> Result<Self, String> {
        let properties = ConnectionProperties::default().with_connection_name(role.into());
        let connection = bounded("connect", Connection::connect_uri(server.uri.clone(), properties)).await?;
        let channel = bounded("open a channel", connection.create_channel()).await?;
        let link = Self { connection: Arc::new(connection), channel };
        link.declare(&server.topology).await?;
        Ok(link)
    }

    /// Resolves when something happens to the connection or the channel.
    pub(super) async fn trouble(&self) -> Trouble {
        let mut events = pin!(self.connection.events_listener());
        loop {
            match timeout(STATUS_EVERY, events.next()).await {
                Ok(Some(Event::Error(error))) => return Trouble::Dead(error.to_string()),
                Ok(Some(Event::ConnectionBlocked(reason))) => return Trouble::Blocked(reason),
                Ok(Some(_)) => {}
                Ok(None) => return Trouble::Dead("the connection ended".to_owned()),
                Err(_) if self.connection.status().blocked() => {
                    return Trouble::Blocked("the connection is blocked".to_owned());
                }
                Err(_) if self.is_up() => {}
                Err(_) => return Trouble::Dead("the connection or the channel is closed".to_owned()),
            }
        }
    }

    /// Resolves when the broker reads again, or when the link is dead.
    pub(super) async fn unblocked(&self) {
        while self.is_up() && self.connection.status().blocked() {
            tokio::time::sleep(STATUS_EVERY).await;
        }
    }

    fn is_up(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Closes it now: what was in hand is given back when this returns.
    pub(super) async fn close(&self) {
        say_goodbye(Arc::clone(&self.connection)).await;
    }

    /// A queue that lives as long as this connection.
    pub(super) async fn declare_exclusive(
        &self,
        topology: &Topology,
        queue: &str,
        bindings: &[String],
    ) -> Result<(), String> {
        // A consumer that cannot follow loses the oldest, not the broker its memory.
        const LENGTH_MAX: i32 = 100_000;
        let options =
            QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        let arguments = table([("x-max-length", AMQPValue::LongInt(LENGTH_MAX))]);
        bounded("declare", self.channel.queue_declare(short(queue)?, options, arguments)).await?;
        self.bind(queue, &topology.exchange, bindings).await
    }

    /// How many messages wait in a queue that somebody consumes; else why it is of no use.
    pub(super) async fn probe(&self, queue: &str) -> Result<u32, String> {
        let found = self.look(queue).await?;
        match found.consumer_count() {
            0 => Err(format!("nobody consumes {queue} any more")),
            _ => Ok(found.message_count()),
        }
    }

    /// How many messages wait in a queue, whoever consumes it.
    pub(super) async fn depth(&self, queue: &str) -> Result<u32, String> {
        Ok(self.look(queue).await?.message_count())
    }

    async fn look(&self, queue: &str) -> Result<lapin::Queue, String> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(short(queue)?, options, FieldTable::default());
        bounded("look for the queue", declared).await
    }

    /// The first messages of a queue. They are given back when the link is closed.
    pub(super) async fn peek(&self, queue: &str, limit: usize) -> Result<Vec<Received>, String> {
        let mut messages = Vec::new();
        while messages.len() < limit {
            let get = self.channel.basic_get(short(queue)?, BasicGetOptions { no_ack: false });
            match bounded("get", get).await? {
                Some(got) => messages.push(got.delivery),
                None => break,
            }
        }
        Ok(messages)
    }

    async fn declare(&self, topology: &Topology) -> Result<(), String> {
        let dead_exchange = topology.dead_exchange();
        self.declare_exchange(&topology.exchange, ExchangeKind::Topic).await?;
        self.declare_exchange(&dead_exchange, ExchangeKind::Direct).await?;
        for queue in &topology.queues {
            // The dead-letter queue first, and bound: at-least-once needs somewhere to go.
            let (name, dead) = (topology.queue_name(queue.name), topology.dead_queue_name(queue.name));
            self.declare_quorum(&dead, [("x-delivery-limit", AMQPValue::LongInt(DEAD_DELIVERY_LIMIT))])
                .await?;
            self.bind(&dead, &dead_exchange, std::slice::from_ref(&name)).await?;
            let arguments = [
                ("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT)),
                ("x-dead-letter-exchange", long(&dead_exchange)),
                ("x-dead-letter-routing-key", long(&name)),
                ("x-dead-letter-strategy", long("at-least-once")),
                ("x-overflow", long("reject-publish")),
            ];
            self.declare_quorum(&name, arguments).await?;
            self.bind(&name, &topology.exchange, &queue.bindings).await?;
        }
        Ok(())
    }

    async fn declare_exchange(&self, name: &str, kind: ExchangeKind) -> Result<(), String> {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let declared = self.channel.exchange_declare(short(name)?, kind, options, FieldTable::default());
        bounded("declare", declared).await
    }

    async fn declare_quorum<const N: usize>(
        &self,
        name: &str,
        arguments: [(&'static str, AMQPValue); N],
    ) -> Result<(), String> {
        let mut arguments = table(arguments);
        arguments.insert("x-queue-type".into(), long("quorum"));
        let declared = self.channel.queue_declare(short(name)?, QueueDeclareOptions::durable(), arguments);
        bounded("declare", declared).await.map(drop)
    }

    async fn bind(&self, queue: &str, exchange: &str, bindings: &[String]) -> Result<(), String> {
        for binding in bindings {
            let (queue, exchange, binding) = (short(queue)?, short(exchange)?, short(binding)?);
            let options = QueueBindOptions::default();
            let bound = self.channel.queue_bind(queue, exchange, binding, options, FieldTable::default());
            bounded("bind", bound).await?;
        }
        Ok(())
    }
}

/// Waits for the broker's answer, within the limit.
pub(super) async fn bounded<T>(
    what: &str,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, String> {
    match timeout(ANSWER_LIMIT, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("{what}: {error}")),
        Err(_) => Err(format!("{what}: no answer within {} s", ANSWER_LIMIT.as_secs())),
    }
}

/// A name for the broker: 255 bytes at most.
pub(super) fn short(text: &str) -> Result<ShortString, String> {
    ShortString::try_new(text.to_owned()).map_err(|error| error.to_string())
}

/// A header or argument of any length.
pub(super) fn long(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn table<const N: usize>(entries: [(&'static str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert(key.into(), value);
    }
    table
}

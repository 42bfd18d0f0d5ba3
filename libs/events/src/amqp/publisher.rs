//! The publishing role: one connection, one batch at a time, and a confirmation for each message.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use lapin::{
    BasicProperties, Confirmation, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{FieldTable, ShortString},
};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    KEY_HEADER, REASON_HEADER, Shared, TRACE_HEADER, TYPE_HEADER,
    link::{ANSWER_LIMIT, Link, RECONNECT_MAX, STABLE_AFTER, Trouble, bounded, long, short},
};
use crate::{
    backoff::Backoff,
    bus::{Message, PublishError},
    hands::DRAIN_LIMIT,
    measure,
};

/// The role's name in metrics and in health.
const ROLE: &str = "publisher";

/// Messages without a confirmation. Also what the client buffers at most when the broker stops reading.
const IN_FLIGHT_MAX: usize = 500;

/// What the body is. A bare message of an older client has its own, which we do not set.
const CONTENT_TYPE: &str = "application/cloudevents+json";

/// Written to disk before it is confirmed.
const PERSISTENT: u8 = 2;

/// Publishes over whatever link its supervisor holds.
pub(super) struct Publisher {
    shared: Arc<Shared>,
    state: watch::Sender<State>,
    /// Confirmations and returned messages are matched per batch, so there is one at a time.
    turn: Mutex<()>,
}

#[derive(Clone)]
enum State {
    Starting,
    Up(Arc<Open>),
    Down(PublishError),
}

/// A link in use. Whoever is in doubt about it condemns it; then the supervisor builds another.
struct Open {
    link: Link,
    condemned: CancellationToken,
}

/// A message as it goes out.
struct Outgoing {
    exchange: ShortString,
    routing_key: ShortString,
    mandatory: bool,
    body: Bytes,
    properties: BasicProperties,
}

type Outcome = Result<(), PublishError>;

impl Publisher {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, state: watch::Sender::new(State::Starting), turn: Mutex::default() }
    }

    /// Keeps a link up until `stop` fires.
    pub(super) async fn supervise(self: Arc<Self>, stop: CancellationToken) {
        let mut backoff = Backoff::up_to(RECONNECT_MAX);
        while let Some(opened) = stop.run_until_cancelled(self.open()).await {
            match opened {
                Ok(open) => {
                    let since = Instant::now();
                    self.hold(Arc::new(open), &stop).await;
                    if since.elapsed() >= STABLE_AFTER {
                        backoff.reset();
                    }
                }
                Err(reason) => self.down(PublishError::NotConnected(reason)),
            }
            if stop.run_until_cancelled(tokio::time::sleep(backoff.pause())).await.is_none() {
                break;
            }
        }
        self.state.send_replace(State::Down(PublishError::NotConnected("the bus is stopped".to_owned())));
        self.shared.forget(ROLE);
    }

    async fn open(&self) -> Result<Open, String> {
        let link = Link::open(&self.shared.server, ROLE).await?;
        bounded("confirm.select", link.channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(Open { link, condemned: CancellationToken::new() })
    }

    /// Offers the link to publishers until something happens to it.
    async fn hold(&self, open: Arc<Open>, stop: &CancellationToken) {
        self.state.send_replace(State::Up(Arc::clone(&open)));
        self.shared.set(ROLE, Ok(()));
        let trouble = tokio::select! {
            () = self.finished(stop) => return,
            () = open.condemned.cancelled() => Trouble::Dead("a publish failed".to_owned()),
            trouble = open.link.trouble() => trouble,
        };
        open.condemned.cancel();
        match trouble {
            Trouble::Dead(reason) => self.down(PublishError::NotConnected(reason)),
            Trouble::Blocked(reason) => {
                // Kept, but not used: a new connection would be blocked as well, and each would keep a
                // batch in its buffers.
                self.down(PublishError::Blocked(reason));
                stop.run_until_cancelled(open.link.unblocked()).await;
            }
        }
    }

    /// Resolves after `stop`, when the consumers have parked what they had to and the last batch is through.
    async fn finished(&self, stop: &CancellationToken) {
        stop.cancelled().await;
        self.shared.consumers.close();
        let _ = timeout(DRAIN_LIMIT, self.shared.consumers.wait()).await;
        let _ = timeout(ANSWER_LIMIT, self.turn.lock()).await;
    }

    fn down(&self, error: PublishError) {
        self.shared.set(ROLE, Err(error.to_string()));
        self.state.send_replace(State::Down(error));
    }

    /// Whether there is a link.
    pub(super) fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), State::Up(_))
    }

    /// The link; an error at once when there is none, except before the first attempt has ended.
    async fn current(&self) -> Result<Arc<Open>, PublishError> {
        let mut states = self.state.subscribe();
        let started = timeout(ANSWER_LIMIT, states.wait_for(|state| !matches!(state, State::Starting))).await;
        match started.map(|state| state.map(|state| state.clone())) {
            Ok(Ok(State::Up(open))) => Ok(open),
            Ok(Ok(State::Down(error))) => Err(error),
            _ => Err(PublishError::NotConnected("not connected yet".to_owned())),
        }
    }

    /// Publishes messages to the exchange of events.
    pub(super) async fn publish(&self, messages: Vec<Message>) -> Vec<Outcome> {
        let began = Instant::now();
        let topology = &self.shared.server.topology;
        let mut results = Vec::with_capacity(messages.len());
        for batch in messages.chunks(IN_FLIGHT_MAX) {
            let outgoing = batch.iter().map(|message| {
                let mandatory = topology.bound_to(&message.routing_key).next().is_some();
                outgoing(&topology.exchange, &message.routing_key, message, mandatory)
            });
            let outcomes = self.send(outgoing.collect()).await;
            batch
                .iter()
                .zip(&outcomes)
                .for_each(|(message, outcome)| measure::published(message.kind(), outcome));
            results.extend(outcomes);
        }
        measure::publish_took(began.elapsed());
        results
    }

    /// Publishes a message of a durable queue to its dead letters.
    pub(super) async fn park(&self, queue: &str, message: &Message, reason: &str) -> Outcome {
        let topology = &self.shared.server.topology;
        let mut parked = outgoing(&topology.dead_exchange(), &topology.queue_name(queue), message, true);
        if let Ok(parked) = &mut parked {
            let mut headers = parked.properties.headers().clone().unwrap_or_default();
            headers.insert(REASON_HEADER.into(), long(reason));
            headers.insert(KEY_HEADER.into(), long(&message.routing_key));
            parked.properties = parked.properties.clone().with_headers(headers);
        }
        self.send(vec![parked]).await.pop().unwrap_or(Err(PublishError::Refused))
    }

    /// Sends one batch and waits for its confirmations, bounded in number and time.
    async fn send(&self, batch: Vec<Result<Outgoing, PublishError>>) -> Vec<Outcome> {
        let _turn = self.turn.lock().await;
        let open = match self.current().await {
            Ok(open) => open,
            Err(error) => return vec![Err(error); batch.len()],
        };
        // A batch that is not seen to its end leaves confirmations behind that would be taken for the
        // next one's. So the link goes with it, also when this future is dropped.
        let doubt: DropGuard = open.condemned.clone().drop_guard();
        let gone = PublishError::NotConnected("the connection was lost before the confirmation".to_owned());
        let mut outcomes = vec![Err(gone); batch.len()];
        let whole = tokio::select! {
            whole = exchange(&open, batch, &mut outcomes) => whole,
            () = open.condemned.cancelled() => false,
        };
        if whole {
            doubt.disarm();
        }
        outcomes
    }
}

/// Publishes all, then waits for the confirmation of each. False: the link is not to be used again.
async fn exchange(open: &Open, batch: Vec<Result<Outgoing, PublishError>>, outcomes: &mut [Outcome]) -> bool {
    let deadline = Instant::now() + ANSWER_LIMIT;
    let mut sent = Vec::with_capacity(batch.len());
    let mut sound = true;
    for (message, outcome) in batch.into_iter().zip(outcomes) {
        match message {
            Err(error) => *outcome = Err(error),
            // After the first failure nothing more goes out; the rest stays "not connected".
            Ok(_) if !sound => {}
            Ok(message) => {
                let name = name(&message.properties, &message.routing_key);
                match timeout_at(deadline, publish(open, message)).await {
                    Ok(Ok(confirm)) => sent.push((outcome, name, confirm)),
                    Ok(Err(error)) => {
                        (*outcome, sound) = (Err(PublishError::NotConnected(error.to_string())), false)
                    }
                    Err(_) => (*outcome, sound) = (Err(PublishError::TimedOut(ANSWER_LIMIT)), false),
                }
            }
        }
    }
    let mut returned = HashSet::new();
    let mut answered = Vec::with_capacity(sent.len());
    for (outcome, own, confirm) in sent {
        match timeout_at(deadline, confirm).await {
            Ok(Ok(Confirmation::Ack(back))) => {
                // What comes back with a confirmation need not be the message that is confirmed.
                returned.extend(back.map(|back| name(&back.properties, &back.routing_key)));
                *outcome = Ok(());
            }
            Ok(Ok(Confirmation::Nack(_) | Confirmation::NotRequested)) => {
                *outcome = Err(PublishError::Refused)
            }
            Ok(Err(error)) => (*outcome, sound) = (Err(PublishError::NotConnected(error.to_string())), false),
            Err(_) => (*outcome, sound) = (Err(PublishError::TimedOut(ANSWER_LIMIT)), false),
        }
        answered.push((outcome, own));
    }
    for (outcome, own) in answered.into_iter().filter(|(_, own)| returned.contains(own)) {
        // A queue is missing that the topology has. The next link declares it again.
        (*outcome, sound) = (Err(PublishError::Unroutable(own.1)), false);
    }
    sound
}

async fn publish(open: &Open, message: Outgoing) -> lapin::Result<PublisherConfirm> {
    let Outgoing { exchange, routing_key, mandatory, body, properties } = message;
    let options = BasicPublishOptions { mandatory, immediate: false };
    open.link.channel.basic_publish(exchange, routing_key, options, &body, properties).await
}

/// What a returned message is recognised by: its id, if it has one, and its key, which is all that decides
/// where it goes.
fn name(properties: &BasicProperties, routing_key: &ShortString) -> (String, String) {
    let id = properties.message_id().as_ref().map(ToString::to_string);
    (id.unwrap_or_default(), routing_key.to_string())
}

fn outgoing(
    exchange: &str,
    routing_key: &str,
    message: &Message,
    mandatory: bool,
) -> Result<Outgoing, PublishError> {
    let short = |text: &str| short(text).map_err(PublishError::Unroutable);
    let mut properties =
        BasicProperties::default().with_delivery_mode(PERSISTENT).with_content_type(CONTENT_TYPE.into());
    if !message.id.is_empty() {
        properties = properties.with_message_id(short(&message.id)?);
    }
    let mut headers = FieldTable::default();
    for (name, value) in [(TRACE_HEADER, &message.traceparent), (TYPE_HEADER, &message.message_type)] {
        if let Some(value) = value {
            headers.insert(name.into(), long(value));
        }
    }
    if !headers.inner().is_empty() {
        properties = properties.with_headers(headers);
    }
    let (exchange, routing_key) = (short(exchange)?, short(routing_key)?);
    Ok(Outgoing { exchange, routing_key, mandatory, body: message.body.clone(), properties })
}

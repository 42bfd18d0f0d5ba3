//! A consuming role: one connection, one queue, deliveries settled as their handlers finish.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use lapin::{
    Acker,
    message::Delivery as Received,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::FieldTable,
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    Shared,
    link::{Link, RECONNECT_MAX, STABLE_AFTER, Trouble, bounded, short},
    message, number,
    publisher::Publisher,
};
use crate::{
    backoff::Backoff,
    bus::{Delivery, Handler, Message, Subscription},
    hands::{DRAIN_LIMIT, Finished, Hands, IN_HAND_MAX, Outcome, Retries},
    measure,
    trace::{self, System},
};

/// How long an acknowledgement may take. It has no answer; on a dead connection it never returns.
const ACK_LIMIT: Duration = Duration::from_secs(2);

/// How often a silent queue is asked whether we still consume it.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// One subscription.
pub(super) struct Consumer {
    pub(super) shared: Arc<Shared>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) subscription: Subscription,
    pub(super) handler: Arc<dyn Handler>,
}

/// A subscription on its link.
struct Session {
    link: Link,
    deliveries: lapin::Consumer,
    queue: String,
    hands: Hands<Acker>,
    /// Acknowledgements and parkings that are under way. Bounded by what is in hand.
    settling: FuturesUnordered<BoxFuture<'static, Result<(), String>>>,
}

impl Consumer {
    /// Consumes until `stop` fires, over as many links as it takes.
    pub(super) async fn supervise(self, stop: CancellationToken) {
        let role = self.subscription.name().to_owned();
        measure::consuming(&self.shared.server.topology, &self.subscription);
        let mut backoff = Backoff::up_to(RECONNECT_MAX);
        while let Some(opened) = stop.run_until_cancelled(self.open()).await {
            let reason = match opened {
                Ok(mut session) => {
                    let since = Instant::now();
                    self.shared.set(&role, Ok(()));
                    let Some(reason) = stop.run_until_cancelled(self.serve(&mut session)).await else {
                        self.drain(session).await;
                        break;
                    };
                    if since.elapsed() >= STABLE_AFTER {
                        backoff.reset();
                    }
                    reason
                }
                Err(reason) => reason,
            };
            self.shared.set(&role, Err(reason));
            if stop.run_until_cancelled(tokio::time::sleep(backoff.pause())).await.is_none() {
                break;
            }
        }
        self.shared.forget(&role);
    }

    async fn open(&self) -> Result<Session, String> {
        let topology = &self.shared.server.topology;
        let link = Link::open(&self.shared.server, self.subscription.name()).await?;
        let (queue, retries) = match &self.subscription {
            Subscription::Durable(name) => (topology.queue_name(name), Retries::AtBroker),
            Subscription::Exclusive { name, bindings } => {
                let queue = topology.queue_name(&format!("{name}.{}", Uuid::now_v7()));
                link.declare_exclusive(topology, &queue, bindings).await?;
                // From here on nothing is missed; what was before, was.
                self.handler.resumed().await;
                (queue, Retries::Here)
            }
        };
        let channel = &link.channel;
        bounded("basic.qos", channel.basic_qos(IN_HAND_MAX, BasicQosOptions::default())).await?;
        let (name, tag) = (short(&queue)?, short("")?);
        let consume = channel.basic_consume(name, tag, BasicConsumeOptions::default(), FieldTable::default());
        let deliveries = bounded("basic.consume", consume).await?;
        let (name, handler) = (self.subscription.name(), Arc::clone(&self.handler));
        let hands = Hands::new(System::RabbitMq, name, handler, retries);
        Ok(Session { link, deliveries, queue, hands, settling: FuturesUnordered::new() })
    }

    /// Handles deliveries until something is wrong, and says what.
    async fn serve(&self, session: &mut Session) -> String {
        let Session { link, deliveries, queue, hands, settling } = session;
        // At once too: what had piled up before should show.
        let mut probe = interval_at(Instant::now(), PROBE_EVERY);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut trouble = pin!(link.trouble());
        loop {
            tokio::select! {
                received = deliveries.next() => match received {
                    Some(Ok(received)) => take(hands, received),
                    Some(Err(error)) => return format!("the consumer failed: {error}"),
                    None => return "the consumer was cancelled: its queue is gone".to_owned(),
                },
                finished = hands.finished() => settling.push(self.settle(finished)),
                Some(settled) = settling.next() => if let Err(reason) = settled {
                    return reason;
                },
                trouble = &mut trouble => match trouble {
                    Trouble::Dead(reason) | Trouble::Blocked(reason) => return reason,
                },
                _ = probe.tick() => if let Err(reason) = self.probe(link, queue).await {
                    return reason;
                },
            }
        }
    }

    /// Whether we still consume the queue; tells how many wait in it, and of dead letters. Those are no reason to give up a
    /// consumer that is well.
    async fn probe(&self, link: &Link, queue: &str) -> Result<(), String> {
        measure::waiting(self.subscription.name(), link.probe(queue).await?);
        if let Subscription::Durable(name) = self.subscription {
            let dead = self.shared.server.topology.dead_queue_name(name);
            match link.depth(&dead).await {
                Ok(messages) => measure::dead_letters(name, messages),
                Err(error) => tracing::debug!(error, queue = dead, "dead letters could not be counted"),
            }
        }
        Ok(())
    }

    /// Lets what is in hand finish, within the limit, and gives the rest back by closing.
    async fn drain(&self, mut session: Session) {
        session.hands.leave();
        let drained = async {
            while session.hands.len() > 0 {
                let finished = session.hands.finished().await;
                session.settling.push(self.settle(finished));
            }
            while session.settling.next().await.is_some() {}
        };
        let _ = timeout(DRAIN_LIMIT, drained).await;
        session.link.close().await;
    }

    fn settle(&self, finished: Finished<Acker>) -> BoxFuture<'static, Result<(), String>> {
        let Finished { delivery, ticket: acker, outcome, span, .. } = finished;
        let publisher = Arc::clone(&self.publisher);
        let subscription = self.subscription.clone();
        let inside = span.clone();
        async move {
            match outcome {
                Outcome::Done => acknowledge(&acker).await,
                Outcome::Requeue => {
                    let reject = acker.reject(BasicRejectOptions { requeue: true });
                    in_time("reject", reject).await
                }
                Outcome::Park(reason) => {
                    trace::failed(&span, &reason);
                    park(&publisher, &subscription, &delivery.message, &reason).await;
                    acknowledge(&acker).await
                }
                Outcome::Abandon => Ok(()),
            }
        }
        .instrument(inside)
        .boxed()
    }
}

fn take(hands: &mut Hands<Acker>, received: Received) {
    let acker = received.acker.clone();
    let redelivered = received.redelivered;
    let earlier = received.properties.headers().as_ref();
    let earlier = earlier.and_then(|headers| number(headers.inner().get("x-delivery-count")?)).unwrap_or(0);
    let attempt = u32::try_from(earlier).unwrap_or(0).saturating_add(1);
    hands.take(Delivery { message: message(received), redelivered, attempt }, acker);
}

/// Ends when the dead letter is safe. While it is not, the delivery stays in hand: to fail here would give
/// back everything else that is, and count it.
async fn park(publisher: &Publisher, subscription: &Subscription, message: &Message, reason: &str) {
    let Message { id, routing_key, traceparent, .. } = message;
    let (queue, event) = (subscription.name(), message.kind());
    tracing::error!(queue, id, event, routing_key, traceparent, reason, "a message is parked");
    let Subscription::Durable(queue) = subscription else { return };
    let mut backoff = Backoff::up_to(RECONNECT_MAX);
    while let Err(error) = publisher.park(queue, message, reason).await {
        tracing::warn!(queue, id, %error, "a message could not be parked yet");
        tokio::time::sleep(backoff.pause()).await;
    }
}

async fn acknowledge(acker: &Acker) -> Result<(), String> {
    in_time("ack", acker.ack(BasicAckOptions::default())).await
}

/// An answer to a delivery that was not sent, in time, on a channel that is still there, is a failure.
async fn in_time(what: &str, answer: impl Future<Output = lapin::Result<bool>>) -> Result<(), String> {
    match timeout(ACK_LIMIT, answer).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(format!("{what}: the channel is gone")),
        Ok(Err(error)) => Err(format!("{what}: {error}")),
        Err(_) => Err(format!("{what}: not sent within {} s", ACK_LIMIT.as_secs())),
    }
}

//! The metrics of this crate. Their names, units and labels are part of `docs/EVENTS.md`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use uuid::Uuid;

use crate::{
    bus::{Message, PublishError, Subscription},
    topology::Topology,
};

/// What may come of a delivery and rarely does: these begin at 0, so that their rate exists before they count.
const RARE: [&str; 3] = ["retried", "parked", "abandoned"];

/// A relay of this outbox begins its work.
pub(crate) fn relaying(outbox: &'static str) {
    describe_counter!("events_published_total", "Messages handed to the bus, by what came of them.");
    describe_histogram!(
        "events_publish_duration_seconds",
        Unit::Seconds,
        "Of a batch of messages, from the first publish to the last confirmation."
    );
    describe_gauge!("outbox_pending", "Messages that wait in an outbox.");
    describe_gauge!("outbox_oldest_age_seconds", Unit::Seconds, "How long the oldest of them has waited.");
    describe_histogram!(
        "outbox_publish_delay_seconds",
        Unit::Seconds,
        "From the decision that made an event to the bus's confirmation of it; one of each transaction."
    );
    self::outbox(outbox, 0, 0.0);
}

/// A consumer begins its work.
pub(crate) fn consuming(topology: &Topology, subscription: &Subscription) {
    describe_counter!("events_consumed_total", "Deliveries, by what came of them.");
    describe_histogram!(
        "events_consume_duration_seconds",
        Unit::Seconds,
        "How long a delivery was in the handler, its pauses included."
    );
    describe_histogram!(
        "events_consume_lag_seconds",
        Unit::Seconds,
        "From the decision that made an event to the end of its handling."
    );
    describe_gauge!("events_queue_messages", "Messages that wait for a consumer.");
    describe_gauge!(
        "events_dead_letters",
        "Messages that no consumer could process, kept for a person to look at."
    );
    describe_gauge!("bus_connected", "Whether a role's connection to the broker stands: 1 or 0.");
    let queue = subscription.name();
    let bindings = match subscription {
        Subscription::Exclusive { bindings, .. } => bindings.as_slice(),
        Subscription::Durable(name) => {
            dead_letters(name, 0);
            let ours = topology.queues.iter().find(|queue| queue.name == *name);
            ours.map_or(&[][..], |queue| queue.bindings.as_slice())
        }
    };
    waiting(queue, 0);
    for kind in bindings.iter().filter_map(|binding| binding.split('.').next()) {
        for outcome in RARE {
            deliveries(queue, kind, outcome).increment(0);
        }
    }
}

/// Counts published messages, by type and by what came of them.
pub(crate) fn published(kind: &str, result: &Result<(), PublishError>) {
    let outcome = if result.is_ok() { "confirmed" } else { "failed" };
    metrics::counter!("events_published_total", "type" => kind.to_owned(), "outcome" => outcome).increment(1);
}

/// How long a batch took from the first publish to the last answer.
pub(crate) fn publish_took(time: Duration) {
    metrics::histogram!("events_publish_duration_seconds").record(time.as_secs_f64());
}

/// Counts deliveries, by queue, type and outcome; how long the handler took, and how old the event is then.
pub(crate) fn consumed(queue: &str, message: &Message, outcome: &'static str, took: Duration) {
    let kind = message.kind();
    deliveries(queue, kind, outcome).increment(1);
    metrics::histogram!("events_consume_duration_seconds", "queue" => queue.to_owned(), "type" => kind.to_owned())
        .record(took.as_secs_f64());
    if let Some(made) = made_at(message) {
        metrics::histogram!("events_consume_lag_seconds", "queue" => queue.to_owned()).record(since(made));
    }
}

/// Whether the connection of a role (`publisher`, or a consumer's name) stands.
pub(crate) fn connected(role: &str, yes: bool) {
    metrics::gauge!("bus_connected", "role" => role.to_owned()).set(if yes { 1.0 } else { 0.0 });
}

/// What waits for a consumer.
pub(crate) fn waiting(queue: &str, messages: u32) {
    metrics::gauge!("events_queue_messages", "queue" => queue.to_owned()).set(f64::from(messages));
}

/// What lies in the queue beside it.
pub(crate) fn dead_letters(queue: &'static str, messages: u32) {
    metrics::gauge!("events_dead_letters", "queue" => queue).set(f64::from(messages));
}

/// What waits in an outbox.
#[expect(clippy::cast_precision_loss, reason = "a gauge of 2^53 rows may be off by one")]
pub(crate) fn outbox(name: &'static str, pending: i64, oldest_seconds: f64) {
    metrics::gauge!("outbox_pending", "outbox" => name).set(pending as f64);
    metrics::gauge!("outbox_oldest_age_seconds", "outbox" => name).set(oldest_seconds);
}

/// The bus has taken a parcel whose first event was made then.
pub(crate) fn left_outbox(name: &'static str, made: Option<SystemTime>) {
    if let Some(made) = made {
        metrics::histogram!("outbox_publish_delay_seconds", "outbox" => name).record(since(made));
    }
}

/// When a message was made, by its id: ours say so, a stranger's may not.
pub(crate) fn made_at(message: &Message) -> Option<SystemTime> {
    let (seconds, nanos) = Uuid::parse_str(&message.id).ok()?.get_timestamp()?.to_unix();
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// Seconds since then; none when that is in the future of this machine's clock.
fn since(made: SystemTime) -> f64 {
    SystemTime::now().duration_since(made).unwrap_or_default().as_secs_f64()
}

fn deliveries(queue: &str, kind: &str, outcome: &'static str) -> metrics::Counter {
    let (queue, kind) = (queue.to_owned(), kind.to_owned());
    metrics::counter!("events_consumed_total", "queue" => queue, "type" => kind, "outcome" => outcome)
}

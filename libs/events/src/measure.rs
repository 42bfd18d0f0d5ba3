//! The metrics of this crate. Their names, units and labels are part of `docs/EVENTS.md`.

use std::time::Duration;

use crate::bus::PublishError;

/// Counts published messages, by type and by what came of them.
pub(crate) fn published(kind: &str, result: &Result<(), PublishError>) {
    let outcome = if result.is_ok() { "confirmed" } else { "failed" };
    metrics::counter!("events_published_total", "type" => kind.to_owned(), "outcome" => outcome).increment(1);
}

/// How long a batch took from the first publish to the last answer.
pub(crate) fn publish_took(time: Duration) {
    metrics::histogram!("events_publish_duration_seconds").record(time.as_secs_f64());
}

/// Counts deliveries, by queue, type and outcome, and how long the handler took.
pub(crate) fn consumed(queue: &str, kind: &str, outcome: &'static str, took: Duration) {
    let (queue, kind) = (queue.to_owned(), kind.to_owned());
    metrics::counter!(
        "events_consumed_total", "queue" => queue.clone(), "type" => kind.clone(), "outcome" => outcome
    )
    .increment(1);
    metrics::histogram!("events_consume_duration_seconds", "queue" => queue, "type" => kind)
        .record(took.as_secs_f64());
}

/// Whether the connection of a role (`publisher`, or a consumer's name) stands.
pub(crate) fn connected(role: &str, yes: bool) {
    metrics::gauge!("bus_connected", "role" => role.to_owned()).set(if yes { 1.0 } else { 0.0 });
}

/// What waits in an outbox.
#[expect(clippy::cast_precision_loss, reason = "a gauge of 2^53 rows may be off by one")]
pub(crate) fn outbox(name: &'static str, pending: i64, oldest_seconds: f64) {
    metrics::gauge!("outbox_pending", "outbox" => name).set(pending as f64);
    metrics::gauge!("outbox_oldest_age_seconds", "outbox" => name).set(oldest_seconds);
}

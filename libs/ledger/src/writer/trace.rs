//! The writer's spans: one for each command in its caller's trace, one for each transaction, linked to its commands.
//!
//! Where no trace is recorded there is none of them.

use platform::telemetry;
use tracing::{Span, field};

use super::batch::Job;
use crate::request::{Together, Unanswered};

/// From the queue to the answer.
pub(super) fn command(word: &'static str, commands: usize) -> Span {
    if !telemetry::recorded() {
        return Span::none();
    }
    tracing::debug_span!(
        target: "trace",
        "command",
        otel.name = %format_args!("stock {word}"),
        stock.command = word,
        stock.commands = commands,
        stock.outcome = field::Empty,
        otel.status_code = field::Empty,
    )
}

/// What came of a command. A refusal is an answer; that there is none is an error.
pub(super) fn answered(span: &Span, outcome: &'static str, answer: &Result<Together, Unanswered>) {
    span.record("stock.outcome", outcome);
    if matches!(answer, Err(Unanswered::Busy | Unanswered::Unavailable | Unanswered::Stopping)) {
        span.record("otel.status_code", "ERROR");
    }
}

/// A transaction for some commands: in the trace of the first of them that is recorded, and linked to each that is.
pub(super) fn batch(jobs: &[Job]) -> Span {
    let mut recorded = jobs.iter().filter_map(|job| job.trace.as_ref()).filter(|trace| trace.is_sampled());
    let mut recorded = recorded.by_ref().peekable();
    if recorded.peek().is_none() {
        return Span::none();
    }
    let span = tracing::debug_span!(
        target: "trace",
        parent: None,
        "batch",
        otel.name = "stock batch",
        db.operation.batch.size = jobs.iter().map(|job| job.requests.len()).sum::<usize>(),
        otel.status_code = field::Empty,
    );
    telemetry::join(&span, recorded);
    span
}

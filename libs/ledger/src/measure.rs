//! The metrics of this crate: of the writer and of the audit. What a bad value means is in `docs/OPERATIONS.md`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::{Command, Refusal};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// What stands for the command when several are done together.
pub(crate) const TOGETHER: &str = "together";
/// The outcome of what did not fit into a queue.
pub(crate) const BUSY: &str = "busy";
/// The outcome of what the database did not take.
pub(crate) const UNAVAILABLE: &str = "unavailable";

/// Why a batch was undone, and done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// A request in it had been done before.
    Repeated,
    /// Somebody else changed an item of it meanwhile.
    Raced,
    /// The database failed or refused.
    Failed,
}

impl Undone {
    const ALL: [Undone; 3] = [Undone::Repeated, Undone::Raced, Undone::Failed];

    fn word(self) -> &'static str {
        match self {
            Undone::Repeated => "repeated",
            Undone::Raced => "raced",
            Undone::Failed => "failed",
        }
    }
}

/// Says what each metric is, and begins at 0 those that are rare, so that their rate exists before they count.
pub(crate) fn begin() {
    describe_counter!("stock_commands_total", "Commands, by what they were and what came of them.");
    describe_counter!(
        "stock_refusals_total",
        "Commands that were refused, by the rule that they would have broken."
    );
    describe_gauge!("stock_queue_depth", "Commands that still waited in a lane when it last took a batch.");
    describe_histogram!("stock_batch_size", "Commands that one transaction took.");
    describe_histogram!(
        "stock_batch_duration_seconds",
        Unit::Seconds,
        "From the beginning of a batch to its commit, without the attempts before that failed."
    );
    describe_counter!("stock_batch_undone_total", "Attempts at a batch that were undone, by why.");
    describe_gauge!("stock_audit_differences", "What the last audit, or round of it, found; 0 is right.");
    describe_counter!("stock_audit_items_checked_total", "Items that were checked against their ledgers.");
    describe_histogram!(
        "stock_audit_duration_seconds",
        Unit::Seconds,
        "How long an audit, or a round of it, took."
    );
    describe_gauge!(
        "stock_audit_last_success_timestamp_seconds",
        Unit::Seconds,
        "When an audit, or a round of it, last came to its end."
    );
    describe_gauge!("demand_lag_seconds", Unit::Seconds, "Since the sums of demand were last complete.");
    describe_counter!("demand_transactions_total", "Rows of the ledger that were summed up as demand.");
    for command in Command::WORDS.into_iter().chain([TOGETHER]) {
        for outcome in [BUSY, UNAVAILABLE] {
            metrics::counter!("stock_commands_total", "command" => command, "outcome" => outcome)
                .increment(0);
        }
    }
    for why in Undone::ALL {
        metrics::counter!("stock_batch_undone_total", "reason" => why.word()).increment(0);
    }
}

/// Counts what came of a command.
pub(crate) fn answered(command: &'static str, outcome: &'static str) {
    debug_assert!(command == TOGETHER || Command::WORDS.contains(&command), "{command} is a command's word");
    metrics::counter!("stock_commands_total", "command" => command, "outcome" => outcome).increment(1);
}

/// Counts a refusal.
pub(crate) fn refused(refusal: &Refusal) {
    metrics::counter!("stock_refusals_total", "refusal" => refusal.word()).increment(1);
}

/// What still waits in a lane.
pub(crate) fn waiting(lane: &str, commands: usize) {
    metrics::gauge!("stock_queue_depth", "lane" => lane.to_owned()).set(as_float(commands));
}

/// A batch was committed, so many commands, so long after it was begun.
pub(crate) fn committed(commands: usize, took: Duration) {
    metrics::histogram!("stock_batch_size").record(as_float(commands));
    metrics::histogram!("stock_batch_duration_seconds").record(took);
}

/// Counts an attempt that was undone.
pub(crate) fn undone(why: Undone) {
    metrics::counter!("stock_batch_undone_total", "reason" => why.word()).increment(1);
}

/// An audit came to its end now.
pub(crate) fn audited(differences: usize, items: u64, took: Duration) {
    metrics::gauge!("stock_audit_differences").set(as_float(differences));
    metrics::counter!("stock_audit_items_checked_total").increment(items);
    metrics::histogram!("stock_audit_duration_seconds").record(took);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    metrics::gauge!("stock_audit_last_success_timestamp_seconds").set(now.as_secs_f64());
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of 2^53 may be off by one")]
fn as_float(number: usize) -> f64 {
    number as f64
}

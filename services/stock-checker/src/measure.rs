//! What this service's metrics are, and which of them begin at 0. What a bad value means is in `docs/OPERATIONS.md`.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Says what each metric is, and begins at 0 those that are rare, so that their rate exists before they count.
pub(crate) fn begin() {
    describe_counter!(
        "stock_reads_total",
        "Items answered from the cache; items and other questions that the database was asked."
    );
    describe_counter!(
        "stock_cache_errors_total",
        "Times that the cache did not answer, and was done without."
    );
    describe_counter!("stock_prices_total", "Questions for a price, by where the answer came from.");
    describe_gauge!("stock_feeds_open", "Live feeds that are served.");
    describe_counter!("stock_feed_changes_total", "Changes that were read for live feeds.");
    describe_counter!("stock_feed_ended_total", "Live feeds that we ended, by why.");
    describe_histogram!(
        "forecast_seconds",
        Unit::Seconds,
        "How long computing forecasts took, without waiting."
    );
    describe_counter!("forecasts_computed_total", "Items whose forecast was computed.");
    describe_counter!("forecasts_refused_total", "Questions that were turned away because too many waited.");
    for source in ["cache", "database"] {
        metrics::counter!("stock_reads_total", "source" => source).increment(0);
    }
    for source in ["cache", "service", "stale", "failed"] {
        metrics::counter!("stock_prices_total", "source" => source).increment(0);
    }
    for reason in ["lasted", "stopping", "too-slow", "unavailable"] {
        metrics::counter!("stock_feed_ended_total", "reason" => reason).increment(0);
    }
    metrics::counter!("forecasts_computed_total").increment(0);
    metrics::counter!("forecasts_refused_total").increment(0);
    metrics::counter!("stock_cache_errors_total").increment(0);
    metrics::counter!("stock_feed_changes_total").increment(0);
    metrics::gauge!("stock_feeds_open").set(0.0);
}

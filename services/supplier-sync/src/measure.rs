//! What this service's metrics are, and which of them begin at 0. What a bad value means is in `docs/OPERATIONS.md`.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Says what each metric is, and begins at 0 those that are rare, so that their rate exists before they count.
pub(crate) fn begin() {
    catalogs();
    orders();
}

fn catalogs() {
    describe_counter!("supplier_sync_runs_total", "Catalog syncs, by how they ended.");
    describe_histogram!(
        "supplier_sync_seconds",
        Unit::Seconds,
        "Of a catalog sync, from its claim to its end."
    );
    describe_counter!("supplier_sync_rows_total", "Rows of catalogs, by what became of them.");
    describe_counter!("supplier_sync_ticks_total", "Times that a schedule named, by what came of them.");
    describe_gauge!(
        "supplier_catalog_age_seconds",
        Unit::Seconds,
        "Since the last sync of a supplier that succeeded."
    );
    describe_gauge!("supplier_breaker_state", "Of a supplier's circuit breaker: 0 closed, 1 trying, 2 open.");
    describe_gauge!("supplier_syncs_open", "Catalog syncs that wait or are under way.");
    for outcome in ["succeeded", "failed", "held", "lost"] {
        metrics::counter!("supplier_sync_runs_total", "outcome" => outcome).increment(0);
    }
    for change in ["added", "updated", "deactivated", "unchanged", "refused"] {
        metrics::counter!("supplier_sync_rows_total", "change" => change).increment(0);
    }
    for outcome in ["queued", "waiting"] {
        metrics::counter!("supplier_sync_ticks_total", "outcome" => outcome).increment(0);
    }
}

fn orders() {
    describe_counter!("restock_orders_total", "Restock orders that got to a state.");
    describe_histogram!(
        "restock_reaction_seconds",
        Unit::Seconds,
        "From the change of stock to the recorded order that it made necessary."
    );
    describe_gauge!("restock_orders_open", "Restock orders that are not over, by state.");
    describe_gauge!(
        "restock_orders_in_doubt",
        "Orders of which nobody knows yet whether the supplier has them."
    );
    describe_gauge!("restock_orders_overdue", "Orders whose date has passed.");
    describe_counter!("restock_requests_total", "Requests to suppliers about orders, by what came of them.");
    describe_counter!("restock_retries_total", "Requests about an order that were sent again.");
    metrics::counter!("restock_retries_total").increment(0);
}

//! Restock orders: when one is planned, what arrives of it, and how it ends.
//!
//! An order is recorded in the transaction that finds the need, with its event; [`crate::sender`] then brings it
//! to the supplier. Read [`consider`], then `offers` (whom to ask), `receipts`, `cancelling`, and `performance` (what
//! became of a supplier's orders). **Invariants.** One open order per item, kept by a unique index, however many
//! events, sweeps and replicas find the need at once. An order in the database is the truth; what a supplier says only
//! moves it on. How many are needed is `domain::restock`'s to say.

mod cancelling;
mod offers;
mod performance;
mod policies;
mod receipts;

use crate::App;
use crate::store::entities::order::{self, OrderState};
use crate::store::entities::seen;
use crate::store::{self, orders};
use chrono::{DateTime, TimeDelta, Utc};
use domain::restock::{Position, plan};
use events::outbox::{self, Entry};
use events::{Event, Restock};
use platform::telemetry;
use sea_orm::{DatabaseTransaction, DbErr};
use tracing::{Instrument, Span, field};
use uuid::Uuid;

pub(crate) use cancelling::{CancelQuery, cancel};
pub(crate) use offers::choice;
pub(crate) use performance::{Performance, performance};
pub(crate) use policies::{NewPolicy, RestockPolicy, find_item, policy_of, remove_policy, set_policy};
pub(crate) use receipts::{NewReceipt, receive};

/// How long goods that were received count as still on their way while stock has not told of them. Until it has,
/// its events know of neither order nor goods, and would order them a second time; past it, something else is
/// wrong, and an item must not stay unordered for it.
const SETTLING: TimeDelta = TimeDelta::minutes(10);

/// Orders an item if it is short and nobody has. `None`: nothing to do, or nothing that can be done now. Its caller
/// holds the lock on the item.
pub(crate) async fn consider(
    app: &App,
    tx: &DatabaseTransaction,
    item: &seen::Model,
    now: DateTime<Utc>,
) -> Result<Option<order::Model>, DbErr> {
    let own = store::policies::find(tx, item.item_id).await?;
    let policy = policies::effective(item, own.as_ref());
    let mut position =
        Position { available: item.available, incoming: item.incoming, in_transit: item.in_transit };
    if !item.active || !policy.is_short(position.expected(), now) {
        return Ok(None);
    }
    let pause =
        TimeDelta::milliseconds(i64::try_from(app.settings.pause_after_refusal_ms).unwrap_or(i64::MAX));
    if orders::refused_since(tx, item.item_id, now - pause).await? {
        return Ok(None);
    }
    let Some(chosen) = choice(tx, item, own.as_ref()).await? else { return Ok(None) };
    position.incoming = item.incoming.max(awaited(tx, item, now).await?);
    let Some(quantity) = plan(&position, &policy, &chosen.terms, now) else { return Ok(None) };
    let span = if telemetry::recorded() { planning(item, quantity.get()) } else { Span::none() };
    let lead_days = own.and_then(|own| own.lead_time_days).unwrap_or(chosen.supplier.lead_time_days);
    let order = order::Model {
        id: Uuid::now_v7(),
        item_id: item.item_id,
        sku: item.sku.clone(),
        supplier_id: chosen.supplier.id,
        supplier_sku: chosen.supplier_sku,
        state: OrderState::Planned,
        quantity: quantity.get(),
        confirmed_quantity: None,
        unit_cost: chosen.terms.unit_cost_of(quantity.get()).map(|cost| cost.to_string()),
        accepted: 0,
        rejected: 0,
        attempts: 0,
        asks: 0,
        refusals: 0,
        in_doubt: false,
        taken: false,
        replaced: false,
        next_attempt_at: Some(now),
        fence: 0,
        last_error: None,
        ordered_at: None,
        requested_at: None,
        promised_at: None,
        expected_at: Some(now + TimeDelta::days(lead_days.into())),
        received_at: None,
        cancel_requested_at: None,
        created_at: now,
        updated_at: now,
        traceparent: span.in_scope(telemetry::current_traceparent),
    };
    insert(tx, order, now).instrument(span).await
}

/// The span in which an order is planned.
fn planning(item: &seen::Model, quantity: i64) -> Span {
    tracing::debug_span!(
        target: "trace",
        "plan",
        otel.name = "plan restock order",
        item.sku = item.sku,
        item.version = item.version,
        restock.quantity = quantity,
        restock.order = field::Empty,
    )
}

/// Records an order with its event, unless its item has an open one.
async fn insert(
    tx: &DatabaseTransaction,
    order: order::Model,
    now: DateTime<Utc>,
) -> Result<Option<order::Model>, DbErr> {
    if !orders::insert(tx, order.clone()).await? {
        return Ok(None);
    }
    Span::current().record("restock.order", field::display(order.id));
    count(order.state);
    announce(tx, Event::RestockOrdered(told(&order, now))).await?;
    Ok(Some(order))
}

/// What our own orders still bring, as this database knows it. The event's figure lags behind an order placed a
/// moment ago, and ours knows nothing of transfers; so the larger of the two counts, never their sum.
async fn awaited(tx: &DatabaseTransaction, item: &seen::Model, now: DateTime<Utc>) -> Result<i64, DbErr> {
    let open = orders::open_of(tx, item.item_id).await?.map_or(0, |order| order.outstanding());
    let settling = store::receipts::unsettled(tx, item.item_id, now - SETTLING).await?;
    Ok(open + settling.iter().map(|receipt| receipt.awaited).sum::<i64>())
}

/// Ends an order of which nothing more will come, for a reason. The event's `outstanding` is what will not.
pub(crate) async fn end(
    tx: &DatabaseTransaction,
    order: &mut order::Model,
    state: OrderState,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let told = Restock { reason: Some(reason.to_owned()), ..told(order, now) };
    order.last_error = Some(reason.to_owned());
    advance(tx, order, state, now).await?;
    announce(tx, Event::RestockFailed(told)).await
}

/// Moves an order on. Once nothing more is to come of it, there is nothing more to ask its supplier.
pub(crate) async fn advance(
    tx: &DatabaseTransaction,
    order: &mut order::Model,
    state: OrderState,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if order.state != state {
        count(state);
        // Asked about less and less often, from the start.
        order.asks = 0;
    }
    order.state = state;
    order.updated_at = now;
    if !state.is_open() {
        order.next_attempt_at = None;
        order.in_doubt = false;
    }
    if state == OrderState::Received {
        order.received_at = Some(now);
    }
    orders::update(tx, order).await
}

/// What an event says of an order as it now stands.
pub(crate) fn told(order: &order::Model, now: DateTime<Utc>) -> Restock {
    Restock {
        order_id: order.id,
        item_id: order.item_id,
        sku: order.sku.clone(),
        supplier_id: order.supplier_id.clone(),
        quantity: order.quantity,
        accepted: 0,
        rejected: 0,
        outstanding: order.outstanding(),
        receipt_id: None,
        reason: None,
        timestamp: now,
        ordered_at: order.ordered_at,
        received_at: None,
        expected: None,
        confirmed_quantity: order.confirmed_quantity,
        short: None,
        promised_at: order.promised_at,
    }
}

/// Writes an event into the outbox, in the transaction that makes it true.
pub(crate) async fn announce(tx: &DatabaseTransaction, event: Event) -> Result<(), DbErr> {
    let entry = Entry::new(crate::SOURCE, event, store::now(), telemetry::current_traceparent());
    outbox::enqueue(tx, vec![entry]).await
}

fn count(state: OrderState) {
    metrics::counter!("restock_orders_total", "state" => state.word()).increment(1);
}

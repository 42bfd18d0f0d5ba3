//! Restock orders: when one is planned, what arrives of it, and how it ends.
//!
//! An order is recorded in the transaction that finds the need, with its event; [`crate::sender`] then brings it
//! to the supplier. **Invariants.** One open order per item, kept by a unique index, however many events, sweeps
//! and replicas find the need at once. An order in the database is the truth; what a supplier says only moves it on.

use crate::App;
use crate::error::Error;
use crate::store::entities::order::{self, OrderState};
use crate::store::entities::{receipt, seen};
use crate::store::{self, orders, receipts};
use chrono::{DateTime, TimeDelta, Utc};
use domain::restock::{Position, Terms, plan};
use events::outbox::{self, Entry};
use events::{Event, Restock};
use platform::telemetry;
use sea_orm::{DatabaseTransaction, DbErr};
use serde::{Deserialize, Serialize};
use tracing::{Instrument, Span, field};
use uuid::Uuid;

/// How long goods that were received count as still on their way while stock has not told of them. Until it has,
/// its events know of neither order nor goods, and would order them a second time; past it, something else is
/// wrong, and an item must not stay unordered for it.
const SETTLING: TimeDelta = TimeDelta::minutes(10);
/// The longest reference of a receipt, in characters.
const MAX_REFERENCE: usize = 200;
/// A product that the catalog says nothing of is sold singly.
const SINGLY: Terms = Terms { pack_size: 1, minimum: 1, maximum: None };

/// What arrived.
#[derive(Clone, Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReceipt {
    /// Units that go into stock.
    pub(crate) accepted: i64,
    /// Units that are sent back. They will not come again.
    #[serde(default)]
    pub(crate) rejected: i64,
    /// Such as the number of the delivery note.
    #[serde(default)]
    pub(crate) reference: Option<String>,
}

/// Orders an item if it is short and nobody has. `None`: nothing to do, or nothing that can be done now.
pub(crate) async fn consider(
    app: &App,
    tx: &DatabaseTransaction,
    item: &seen::Model,
    now: DateTime<Utc>,
) -> Result<Option<order::Model>, DbErr> {
    if !item.active || !is_short(item, 0) {
        return Ok(None);
    }
    let Some(supplier_id) = &item.supplier_id else { return Ok(None) };
    let Some(supplier) = store::suppliers::find(tx, supplier_id).await? else { return Ok(None) };
    if !supplier.active || supplier.adapter.is_none() || supplier.base_url.is_none() {
        return Ok(None);
    }
    let pause =
        TimeDelta::milliseconds(i64::try_from(app.settings.pause_after_refusal_ms).unwrap_or(i64::MAX));
    if orders::refused_since(tx, item.item_id, now - pause).await? {
        return Ok(None);
    }
    let product = store::catalog::by_sku(tx, supplier_id, &item.sku).await?;
    if product.as_ref().is_some_and(|product| !product.active) {
        return Ok(None);
    }
    let terms = product.as_ref().map_or(SINGLY, |product| Terms {
        pack_size: product.pack_size,
        minimum: product.minimum_order,
        maximum: None,
    });
    let position = Position {
        available: item.available,
        incoming: item.incoming.max(awaited(tx, item, now).await?),
        in_transit: item.in_transit,
        reorder_point: item.reorder_point,
        reorder_quantity: item.reorder_quantity,
    };
    let Some(quantity) = plan(&position, &terms) else { return Ok(None) };
    let span = if telemetry::recorded() { planning(item, quantity.get()) } else { Span::none() };
    let own_sku = || item.sku.strip_prefix(&supplier.sku_prefix).unwrap_or(&item.sku).to_owned();
    let order = order::Model {
        id: Uuid::now_v7(),
        item_id: item.item_id,
        sku: item.sku.clone(),
        supplier_id: supplier_id.clone(),
        supplier_sku: product.map_or_else(own_sku, |product| product.supplier_sku),
        state: OrderState::Planned,
        quantity: quantity.get(),
        accepted: 0,
        rejected: 0,
        attempts: 0,
        in_doubt: false,
        next_attempt_at: Some(now),
        fence: 0,
        last_error: None,
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

fn is_short(item: &seen::Model, awaited: i64) -> bool {
    item.reorder_quantity > 0
        && item.available + item.in_transit + item.incoming.max(awaited) <= item.reorder_point
}

/// What our own orders still bring, as this database knows it. The event's figure lags behind an order placed a
/// moment ago, and ours knows nothing of transfers; so the larger of the two counts, never their sum.
async fn awaited(tx: &DatabaseTransaction, item: &seen::Model, now: DateTime<Utc>) -> Result<i64, DbErr> {
    let open = orders::open_of(tx, item.item_id).await?.map_or(0, |order| order.outstanding());
    let settling = receipts::unsettled(tx, item.item_id, now - SETTLING).await?;
    Ok(open + settling.iter().map(|receipt| receipt.accepted).sum::<i64>())
}

/// Records what arrived of an order. The caller wakes the relay once it has committed.
pub(crate) async fn receive(
    tx: &DatabaseTransaction,
    order_id: Uuid,
    new: NewReceipt,
) -> Result<(order::Model, receipt::Model), Error> {
    let received = checked(&new)?;
    let now = store::now();
    let mut order = orders::lock(tx, order_id).await?.ok_or(Error::OrderUnknown(order_id))?;
    if !order.state.is_open() {
        return Err(Error::OrderClosed(order.state));
    }
    let outstanding = order.outstanding();
    if received > outstanding {
        return Err(Error::OverReceipt { received, outstanding });
    }
    order.accepted += new.accepted;
    order.rejected += new.rejected;
    let state = if received == outstanding { OrderState::Received } else { OrderState::PartlyReceived };
    advance(tx, &mut order, state, now).await?;
    let receipt = receipt::Model {
        id: Uuid::now_v7(),
        order_id,
        item_id: order.item_id,
        accepted: new.accepted,
        rejected: new.rejected,
        reference: new.reference,
        received_at: now,
        // What was not accepted never becomes stock.
        settled: new.accepted == 0,
    };
    receipts::insert(tx, receipt.clone()).await?;
    let told = Restock {
        accepted: receipt.accepted,
        rejected: receipt.rejected,
        receipt_id: Some(receipt.id),
        ..told(&order, now)
    };
    announce(tx, Event::RestockReceived(told)).await?;
    Ok((order, receipt))
}

/// How many units a receipt is about.
fn checked(new: &NewReceipt) -> Result<i64, Error> {
    for (field, units) in [("accepted", new.accepted), ("rejected", new.rejected)] {
        if !(0..=domain::MAX_UNITS).contains(&units) {
            return Err(Error::invalid(field, format!("must be 0 to {}", domain::MAX_UNITS)));
        }
    }
    let odd = |text: &String| {
        text.is_empty() || text.chars().count() > MAX_REFERENCE || text.chars().any(char::is_control)
    };
    if new.reference.as_ref().is_some_and(odd) {
        let why = format!("must be 1 to {MAX_REFERENCE} characters, none of them a control character");
        return Err(Error::invalid("reference", why));
    }
    match new.accepted + new.rejected {
        0 => Err(Error::invalid("accepted", "a receipt of nothing is no receipt")),
        received => Ok(received),
    }
}

/// Ends an order that we do not want any more. The supplier is not told: this is for what was agreed with it.
pub(crate) async fn cancel(tx: &DatabaseTransaction, order_id: Uuid) -> Result<order::Model, Error> {
    let mut order = orders::lock(tx, order_id).await?.ok_or(Error::OrderUnknown(order_id))?;
    if !order.state.is_open() {
        return Err(Error::OrderClosed(order.state));
    }
    end(tx, &mut order, OrderState::Cancelled, "cancelled", store::now()).await?;
    Ok(order)
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
    advance(tx, order, state, now).await?;
    announce(tx, Event::RestockFailed(told)).await
}

/// Moves an order on. Once the supplier has decided, or goods came, there is nothing more to ask it.
pub(crate) async fn advance(
    tx: &DatabaseTransaction,
    order: &mut order::Model,
    state: OrderState,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if order.state != state {
        count(state);
    }
    order.state = state;
    order.updated_at = now;
    if !matches!(state, OrderState::Planned | OrderState::Sent) {
        order.next_attempt_at = None;
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

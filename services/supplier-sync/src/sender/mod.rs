//! The sender: brings planned orders to their suppliers, and asks what became of them until all is here.
//!
//! One lane a supplier, one order at a time, so that a supplier which hangs delays its own orders only. An order
//! is claimed in the database, by its clock, before anything goes out. Read [`lane`], `ask` (what is asked), `answers`
//! (what that changes), `pauses` (when it is asked next).
//!
//! **Invariants.** Before an order request goes out it is written down that one may have. From then on the supplier is
//! asked by our id before the order is sent again, and its not knowing the order counts only once no request can be
//! under way any more ([`order_settle_ms`](crate::settings::Settings)). An order that the supplier took ends on its word
//! only. What may be there is never given up. See ADR 21.

mod answers;
mod ask;
mod pauses;

use crate::App;
use crate::error::Error;
use crate::fetch::OrderAnswer;
use crate::restock;
use crate::steps::Step;
use crate::store::entities::order::{self, OrderState};
use crate::store::orders;
use chrono::{DateTime, Utc};
use platform::{db, telemetry};
use sea_orm::DatabaseTransaction;
use std::time::Instant;
use tracing::{Instrument, Span, field};

/// Orders a lane sends before it lets others have its place.
const ORDERS_PER_LANE: usize = 100;

/// Sends a supplier's due orders, one after the other.
pub(crate) async fn lane(app: App, supplier_id: String) {
    for _ in 0..ORDERS_PER_LANE {
        match next(&app, &supplier_id).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, supplier_id, "an order could not be recorded; it is taken up again");
                return;
            }
        }
    }
}

/// An order that this sender has claimed, as it will be written back.
struct Turn<'a> {
    app: &'a App,
    order: order::Model,
    /// The database's time then.
    began: DateTime<Utc>,
    /// By our own clock, which a pause of the process does not stop.
    claimed: Instant,
}

/// What became of a turn.
enum Asked {
    Answered(OrderAnswer),
    /// A request may have gone out, or did, and no usable answer came of it.
    Failed(String),
    /// Nobody was asked: the supplier is switched off, away, or left alone for a while.
    Held(String),
    /// The supplier does not have the order, and we tried often enough.
    GivenUp(String),
    /// The supplier does not have the order, and it is not wanted any more.
    NotThere,
    /// The supplier will not cancel it.
    NotCancelled(String),
    /// The supplier does not have the order and is switched off; another can deliver.
    Elsewhere(String),
    /// The order was changed or taken over meanwhile.
    Lost,
}

/// False: there is none.
async fn next(app: &App, supplier_id: &str) -> Result<bool, Error> {
    let (began, claimed) = (db::now(&app.db).await?, Instant::now());
    let until = began + pauses::span(app.settings.order_limit());
    let Some(order) = orders::claim(&app.db, supplier_id, began, until).await? else { return Ok(false) };
    let span = sending(&order);
    Turn { app, order, began, claimed }.take().instrument(span).await?;
    Ok(true)
}

/// The span in which a supplier is asked about an order, in the trace that it was planned in.
fn sending(order: &order::Model) -> Span {
    let span = tracing::info_span!(
        "send restock order",
        order = %order.id,
        sku = order.sku,
        supplier = order.supplier_id,
        attempts = order.attempts,
        trace_id = field::Empty,
    );
    telemetry::continue_from(&span, order.traceparent.as_deref());
    span
}

impl Turn<'_> {
    async fn take(mut self) -> Result<(), Error> {
        let (app, id) = (self.app, self.order.id);
        app.reached(Step::Claimed, id).await;
        let asked = self.ask().await?;
        app.reached(Step::Answered, id).await;
        self.record(asked).await?;
        app.reached(Step::Recorded, id).await;
        Ok(())
    }

    /// The order as it stands, locked, unless it was cancelled, received or claimed by another sender meanwhile.
    async fn still_ours(&self, tx: &DatabaseTransaction) -> Result<Option<order::Model>, Error> {
        let current = orders::lock(tx, self.order.id).await?;
        Ok(current.filter(|current| current.fence == self.order.fence && current.state == self.order.state))
    }

    /// Records what became of the turn, with its event.
    async fn record(self, asked: Asked) -> Result<(), Error> {
        let tx = db::begin(&self.app.db).await?;
        let current = match asked {
            Asked::Lost => None,
            _ => self.still_ours(&tx).await?,
        };
        let Some(current) = current else {
            tx.rollback().await?;
            tracing::warn!(order = %self.order.id, "an order changed while its supplier was asked; it is asked again");
            return Ok(());
        };
        let now = db::now(&tx).await?;
        let cancel_wanted_since =
            current.cancel_requested_at.filter(|_| self.order.cancel_requested_at.is_none());
        let mut order = order::Model {
            attempts: self.order.attempts,
            refusals: self.order.refusals,
            in_doubt: self.order.in_doubt,
            ordered_at: self.order.ordered_at,
            requested_at: self.order.requested_at,
            asks: current.asks.saturating_add(1),
            ..current
        };
        let held = matches!(asked, Asked::Held(_));
        let before = (order.state, order.asks);
        self.ended(&tx, &mut order, asked, now).await?;
        if order.state.is_open() {
            order.next_attempt_at = Some(match cancel_wanted_since {
                Some(_) => now,
                None => now + pauses::pause(self.app, &order, held),
            });
            orders::update(&tx, &order).await?;
        }
        tx.commit().await?;
        tracing::debug!(order = %order.id, ?before, state = ?order.state, "a supplier was asked about an order");
        self.app.outbox_wake.notify_one();
        Ok(())
    }

    async fn ended(
        &self,
        tx: &DatabaseTransaction,
        order: &mut order::Model,
        asked: Asked,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let state = order.state;
        match asked {
            Asked::Lost => {}
            Asked::Answered(answer) => answers::answered(tx, order, answer, now).await?,
            Asked::GivenUp(why) => {
                let reason = format!("given up after {} attempts: {why}", order.attempts);
                restock::end(tx, order, OrderState::Rejected, &reason, now).await?;
            }
            Asked::NotThere => restock::end(tx, order, OrderState::Cancelled, "cancelled", now).await?,
            Asked::Elsewhere(why) => {
                order.replaced = true;
                restock::end(tx, order, OrderState::Cancelled, &why, now).await?;
            }
            Asked::NotCancelled(why) => {
                order.cancel_requested_at = None;
                order.last_error = Some(format!("the supplier does not cancel it: {why}"));
                restock::advance(tx, order, state, now).await?;
            }
            Asked::Failed(why) | Asked::Held(why) => {
                tracing::warn!(order = %order.id, supplier = order.supplier_id, why, "an order could not be brought on yet");
                order.last_error = Some(why);
                restock::advance(tx, order, state, now).await?;
            }
        }
        Ok(())
    }
}

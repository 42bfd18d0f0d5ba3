//! The sender: brings planned orders to their suppliers, and asks what became of them.
//!
//! One lane a supplier, one order at a time, so that a supplier which hangs delays its own orders only. An order
//! is claimed in the database before anything goes out. **Invariants.** Before an order request goes out it is
//! written down that one may have; after that the supplier is asked whether it has the order before it is sent
//! again. An order whose fate is unknown is never given up, only asked about less and less often.

use crate::App;
use crate::error::Error;
use crate::fetch::{FetchError, OrderAnswer, Peer};
use crate::restock;
use crate::store::entities::order::{self, OrderState};
use crate::store::{self, orders};
use crate::suppliers;
use chrono::{DateTime, TimeDelta, Utc};
use events::Event;
use platform::{db, telemetry};
use std::time::Duration;
use tracing::{Instrument, Span, field};

/// Orders a lane sends before it lets others have its place.
const ORDERS_PER_LANE: usize = 100;
/// Doublings after which the longest pause is reached anyway.
const MAX_DOUBLINGS: i32 = 20;

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

/// False: there is none.
async fn next(app: &App, supplier_id: &str) -> Result<bool, Error> {
    let now = store::now();
    let Some(mut order) =
        orders::claim(&app.db, supplier_id, now, now + span(app.settings.order_limit())).await?
    else {
        return Ok(false);
    };
    let span = sending(&order);
    async {
        let asked = ask(app, &mut order).await?;
        record(app, order, asked).await?;
        Ok(true)
    }
    .instrument(span)
    .await
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

/// What became of asking.
enum Asked {
    Answered(OrderAnswer),
    Failed(String),
    /// Nobody was asked: the supplier is switched off, or left alone for a while.
    Held(String),
    /// The supplier does not have the order, and we tried often enough.
    GivenUp(String),
    /// The order was changed or taken over meanwhile.
    Lost,
}

impl From<FetchError> for Asked {
    fn from(error: FetchError) -> Asked {
        match error {
            FetchError::Open(_) => Asked::Held(error.to_string()),
            _ => Asked::Failed(error.to_string()),
        }
    }
}

/// Asks the supplier about the order, and places it if the supplier does not have it.
async fn ask(app: &App, order: &mut order::Model) -> Result<Asked, Error> {
    let supplier = suppliers::find(&app.db, &order.supplier_id).await?;
    if !supplier.active && !order.in_doubt {
        return Ok(Asked::Held("the supplier is inactive".to_owned()));
    }
    let peer = match suppliers::peer(app, &supplier) {
        Ok(peer) => peer,
        Err(error @ Error::Db(_)) => return Err(error),
        Err(error) => return Ok(Asked::Failed(error.to_string())),
    };
    if order.in_doubt || order.state == OrderState::Sent {
        match app.fetcher.order(&peer, order.id).await {
            Ok(Some(answer)) => return Ok(Asked::Answered(answer)),
            Ok(None) => order.in_doubt = false,
            Err(error) => return Ok(Asked::from(error)),
        }
    }
    if order.attempts >= app.settings.order_attempts {
        return Ok(Asked::GivenUp(order.last_error.clone().unwrap_or_default()));
    }
    place(app, &peer, order).await
}

/// Places the order; that one may have gone out is on record first.
async fn place(app: &App, peer: &Peer, order: &mut order::Model) -> Result<Asked, Error> {
    if !write(app, order, |current| current.in_doubt = true).await? {
        return Ok(Asked::Lost);
    }
    order.in_doubt = true;
    match app.fetcher.place(peer, order.id, &order.supplier_sku, order.quantity).await {
        Ok(answer) => Ok(Asked::Answered(answer)),
        Err(error) => {
            // Until this attempt it was certain that the supplier did not have it.
            order.in_doubt = was_sent(&error);
            Ok(Asked::from(error))
        }
    }
}

/// Whether the supplier may have got the request although this came of it.
fn was_sent(error: &FetchError) -> bool {
    match error {
        FetchError::Open(_) | FetchError::Address(_) => false,
        FetchError::Timeout
        | FetchError::Unreachable(_)
        | FetchError::Status { .. }
        | FetchError::Redirected
        | FetchError::TooLarge(_)
        | FetchError::Unreadable(_) => true,
    }
}

/// Changes the order if it is still ours to change. False: it is not.
async fn write(
    app: &App,
    order: &order::Model,
    change: impl FnOnce(&mut order::Model),
) -> Result<bool, Error> {
    let tx = db::begin(&app.db).await?;
    let Some(mut current) = still_ours(&tx, order).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    change(&mut current);
    orders::update(&tx, &current).await?;
    tx.commit().await?;
    Ok(true)
}

/// The order as it stands, locked, unless it was cancelled, received or claimed by another sender meanwhile.
async fn still_ours(
    tx: &sea_orm::DatabaseTransaction,
    order: &order::Model,
) -> Result<Option<order::Model>, Error> {
    let current = orders::lock(tx, order.id).await?;
    Ok(current.filter(|current| current.fence == order.fence && current.state == order.state))
}

/// Records what became of asking, with its event.
async fn record(app: &App, order: order::Model, asked: Asked) -> Result<(), Error> {
    let now = store::now();
    let tx = db::begin(&app.db).await?;
    let Some(mut current) = still_ours(&tx, &order).await? else {
        tx.rollback().await?;
        tracing::warn!(order = %order.id, "an order changed while its supplier was asked; the answer is dropped");
        return Ok(());
    };
    if !matches!(asked, Asked::Held(_)) {
        current.attempts += 1;
    }
    current.in_doubt = order.in_doubt;
    current.next_attempt_at = Some(now + pause(app, current.attempts));
    match asked {
        Asked::Lost => {
            tx.rollback().await?;
            return Ok(());
        }
        Asked::Answered(answer) => answered(&tx, &mut current, answer, now).await?,
        Asked::GivenUp(why) => {
            let reason = format!("given up after {} attempts: {why}", order.attempts);
            restock::end(&tx, &mut current, OrderState::Rejected, &reason, now).await?;
        }
        Asked::Failed(why) | Asked::Held(why) => {
            tracing::warn!(order = %order.id, supplier = order.supplier_id, why, "an order could not be sent yet");
            current.last_error = Some(why);
            let state = current.state;
            restock::advance(&tx, &mut current, state, now).await?;
        }
    }
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(())
}

async fn answered(
    tx: &sea_orm::DatabaseTransaction,
    order: &mut order::Model,
    answer: OrderAnswer,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    order.in_doubt = false;
    order.last_error = None;
    match answer {
        // It has the order: from now on attempts ask for its decision, the pauses growing from the start.
        OrderAnswer::Taken if order.state == OrderState::Planned => {
            order.attempts = 1;
            restock::advance(tx, order, OrderState::Sent, now).await?;
        }
        OrderAnswer::Taken => restock::advance(tx, order, OrderState::Sent, now).await?,
        OrderAnswer::Confirmed => {
            restock::advance(tx, order, OrderState::Confirmed, now).await?;
            restock::announce(tx, Event::RestockConfirmed(restock::told(order, now))).await?;
        }
        OrderAnswer::Rejected(reason) => {
            restock::end(tx, order, OrderState::Rejected, &reason, now).await?;
        }
    }
    Ok(())
}

/// Twice as long each time, up to the longest; spread, so that orders that failed together do not return
/// together.
fn pause(app: &App, attempts: i32) -> TimeDelta {
    let doublings = (attempts - 1).clamp(0, MAX_DOUBLINGS);
    let doubled = app.settings.order_pause_ms.saturating_mul(1 << doublings);
    let bounded = doubled.min(app.settings.order_longest_pause_ms);
    span(Duration::from_millis(bounded).mul_f64(rand::random_range(0.75..=1.0)))
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

//! What a supplier's word changes about an order.

use crate::error::Error;
use crate::fetch::{OrderAnswer, Promise};
use crate::restock;
use crate::store::entities::order::{self, OrderState};
use chrono::{DateTime, Utc};
use events::{Event, Restock};
use sea_orm::DatabaseTransaction;

pub(super) async fn answered(
    tx: &DatabaseTransaction,
    order: &mut order::Model,
    answer: OrderAnswer,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    order.in_doubt = false;
    order.last_error = None;
    match answer {
        OrderAnswer::Taken => {
            order.taken = true;
            // It has the order: from now on it is asked for its decision.
            let state = if order.state == OrderState::Planned { OrderState::Sent } else { order.state };
            restock::advance(tx, order, state, now).await?;
        }
        OrderAnswer::Confirmed(promise) => {
            order.taken = true;
            confirmed(tx, order, promise, now).await?;
        }
        OrderAnswer::Rejected(reason) | OrderAnswer::Refused(reason) => {
            restock::end(tx, order, OrderState::Rejected, &reason, now).await?;
        }
        OrderAnswer::Cancelled(reason) => {
            restock::end(tx, order, OrderState::Cancelled, &reason, now).await?;
        }
    }
    Ok(())
}

/// It will deliver: what it said before, or fewer, or at another time. More than was ordered, or than it said before, is
/// not counted on; if it comes, it is taken.
async fn confirmed(
    tx: &DatabaseTransaction,
    order: &mut order::Model,
    promise: Promise,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if promise.quantity == Some(0) && order.accepted + order.rejected == 0 {
        let reason = "the supplier confirmed none of it";
        return Ok(restock::end(tx, order, OrderState::Rejected, reason, now).await?);
    }
    let outstanding = order.outstanding();
    let counted_on = order.confirmed_quantity.unwrap_or(order.quantity);
    if let Some(fewer) = promise.quantity.filter(|units| *units < counted_on) {
        order.confirmed_quantity = Some(fewer);
    }
    let short = outstanding - order.outstanding();
    let is_news = short > 0 || (promise.at.is_some() && promise.at != order.promised_at);
    if promise.at.is_some() {
        (order.promised_at, order.expected_at) = (promise.at, promise.at);
    }
    let state = match order.state {
        _ if order.outstanding() == 0 => OrderState::Received,
        OrderState::Planned | OrderState::Sent => OrderState::Confirmed,
        state => state,
    };
    let is_news = is_news || state != order.state;
    restock::advance(tx, order, state, now).await?;
    if is_news {
        let told = Restock { short: (short > 0).then_some(short), ..restock::told(order, now) };
        restock::announce(tx, Event::RestockConfirmed(told)).await?;
    }
    Ok(())
}

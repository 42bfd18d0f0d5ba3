//! Orders that are not wanted any more.
//!
//! One that cannot have reached its supplier ends at once. Of any other the supplier is asked (by [`crate::sender`])
//! to cancel it, and it is cancelled when the supplier says so: an order that we only stopped counting would arrive.

use super::{advance, end};
use crate::error::Error;
use crate::store::entities::order::{self, OrderState};
use crate::store::{self, orders};
use platform::db;
use sea_orm::DatabaseTransaction;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

/// How an order is cancelled.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelQuery {
    /// It was agreed with the supplier, which is not asked: the order ends now.
    #[serde(default)]
    pub(crate) agreed: bool,
}

/// Ends an order, or sees to it that its supplier is asked to. Whether it has ended is the order's state.
pub(crate) async fn cancel(
    tx: &DatabaseTransaction,
    order_id: Uuid,
    agreed: bool,
) -> Result<order::Model, Error> {
    let mut order = orders::lock(tx, order_id).await?.ok_or(Error::OrderUnknown(order_id))?;
    if !order.state.is_open() {
        return Err(Error::OrderClosed(order.state));
    }
    let now = store::now();
    order.cancel_requested_at.get_or_insert(now);
    if agreed || !order.may_be_there() {
        end(tx, &mut order, OrderState::Cancelled, "cancelled", now).await?;
        return Ok(order);
    }
    // If somebody has just asked the supplier something else, what comes of that is dropped, and asked again.
    order.next_attempt_at = Some(db::now(tx).await?);
    let state = order.state;
    advance(tx, &mut order, state, now).await?;
    Ok(order)
}

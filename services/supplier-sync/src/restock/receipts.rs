//! What arrives of an order: all of it, part of it, what is no good, more than was ordered, or late.
//!
//! What was accepted lies on the shelf, whatever was ordered and whatever became of the order: it always becomes stock.
//! Only what was still to come is taken from what is incoming.

use super::{advance, announce, told};
use crate::error::Error;
use crate::store::entities::order::{self, OrderState};
use crate::store::entities::receipt;
use crate::store::{self, orders, receipts};
use events::{Event, Restock};
use sea_orm::DatabaseTransaction;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest reference of a receipt, in characters.
const MAX_REFERENCE: usize = 200;

/// What arrived.
#[derive(Clone, Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReceipt {
    /// Units that go into stock.
    pub(crate) accepted: i64,
    /// Units that are sent back. They will not come again.
    #[serde(default)]
    pub(crate) rejected: i64,
    /// Such as the number of the delivery note. One reference is one receipt of the order.
    #[serde(default)]
    pub(crate) reference: Option<String>,
}

/// Records what arrived of an order, unless a receipt with that reference is recorded already. The caller wakes the
/// relay once it has committed.
pub(crate) async fn receive(
    tx: &DatabaseTransaction,
    order_id: Uuid,
    new: NewReceipt,
) -> Result<(order::Model, receipt::Model), Error> {
    checked(&new)?;
    let mut order = orders::lock(tx, order_id).await?.ok_or(Error::OrderUnknown(order_id))?;
    if let Some(reference) = &new.reference
        && let Some(known) = receipts::by_reference(tx, order_id, reference).await?
    {
        let same = (known.accepted, known.rejected) == (new.accepted, new.rejected);
        return if same { Ok((order, known)) } else { Err(Error::ReferenceTaken(reference.clone())) };
    }
    let now = store::now();
    let outstanding = order.outstanding();
    order.accepted = within(order.accepted, new.accepted, "accepted")?;
    order.rejected = within(order.rejected, new.rejected, "rejected")?;
    if order.state.is_open() {
        // Goods came of it, so the supplier has it, whatever became of our asking.
        order.taken = true;
        let state = if order.outstanding() == 0 { OrderState::Received } else { OrderState::PartlyReceived };
        advance(tx, &mut order, state, now).await?;
    } else {
        // When it ended stays as it was, and with it how long its item is left alone.
        orders::update(tx, &order).await?;
    }
    let awaited = new.accepted.min(outstanding);
    let receipt = receipt::Model {
        id: Uuid::now_v7(),
        order_id,
        item_id: order.item_id,
        accepted: new.accepted,
        rejected: new.rejected,
        reference: new.reference,
        received_at: now,
        awaited,
        settled: awaited == 0,
    };
    receipts::insert(tx, receipt.clone()).await?;
    let told = Restock {
        accepted: receipt.accepted,
        rejected: receipt.rejected,
        receipt_id: Some(receipt.id),
        received_at: Some(now),
        expected: Some(outstanding.min(receipt.accepted + receipt.rejected)),
        ..told(&order, now)
    };
    announce(tx, Event::RestockReceived(told)).await?;
    Ok((order, receipt))
}

/// The sum, as long as it is a number of units.
fn within(so_far: i64, more: i64, field: &'static str) -> Result<i64, Error> {
    match so_far + more {
        sum if sum <= domain::MAX_UNITS => Ok(sum),
        _ => Err(Error::invalid(field, format!("the order would have more than {}", domain::MAX_UNITS))),
    }
}

fn checked(new: &NewReceipt) -> Result<(), Error> {
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
    if new.accepted + new.rejected == 0 {
        return Err(Error::invalid("accepted", "a receipt of nothing is no receipt"));
    }
    Ok(())
}

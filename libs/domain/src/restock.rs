//! When to order more from a supplier, and how much.

use crate::{MAX_UNITS, Quantity};

/// How an item stands, over all locations, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Free to promise.
    pub available: i64,
    /// Ordered and not here yet, open orders included.
    pub incoming: i64,
    /// On their way from one location of ours to another.
    pub in_transit: i64,
    /// Order when available, incoming and in transit together are at or below this.
    pub reorder_point: i64,
    /// How many to order; 0 never orders.
    pub reorder_quantity: i64,
}

/// What the supplier sells, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How many come in one pack; orders are whole packs.
    pub pack_size: i64,
    /// The fewest that the supplier takes an order for.
    pub minimum: i64,
    /// The most to order at once.
    pub maximum: Option<i64>,
}

/// Says how many to order now; `None` when there is enough, when the item is not restocked by itself, or when
/// the most that may be ordered is less than the least that can be.
///
/// What is on order or on its way between locations counts as if it were here, so that it is not ordered again.
/// The quantity is the item's reorder quantity, or more when that would not lift it above its reorder point, rounded up to
/// whole packs and to the supplier's minimum.
pub fn plan(position: &Position, terms: &Terms) -> Option<Quantity> {
    let expected = position.available + position.incoming + position.in_transit;
    if position.reorder_quantity <= 0 || expected > position.reorder_point {
        return None;
    }
    let shortfall = position.reorder_point + 1 - expected;
    let pack = terms.pack_size.max(1);
    let wanted = position.reorder_quantity.max(shortfall).max(terms.minimum);
    let most = terms.maximum.unwrap_or(MAX_UNITS).min(MAX_UNITS) / pack * pack;
    let quantity = (wanted.div_euclid(pack) + i64::from(wanted.rem_euclid(pack) > 0)) * pack;
    let quantity = quantity.min(most);
    if quantity < terms.minimum { None } else { Quantity::try_from(quantity).ok() }
}

//! When to order more from a supplier, how much, and from whom.
//!
//! Read [`plan`] (whether and how many), then [`choose`] (of the suppliers who could deliver, which one).
//! **Invariants.** What is on order counts as if it were here. An order is whole packs, at least the supplier's
//! minimum and at most the most of either side, or there is none.

mod choose;

use crate::{MAX_UNITS, Quantity, Timestamp};
use rust_decimal::Decimal;

pub use choose::{Listing, Offer, choose};

/// A dearer order may be raised to a cheaper price, but never to more than so many times what is needed: what is
/// saved on the price is soon lost on the shelf.
const MOST_TIMES_RAISED: i64 = 2;

/// How an item stands, over all locations, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Free to promise.
    pub available: i64,
    /// Ordered and not here yet, open orders included.
    pub incoming: i64,
    /// On their way from one location of ours to another.
    pub in_transit: i64,
}

/// How an item is restocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Order when available, incoming and in transit together are at or below this.
    pub reorder_point: i64,
    /// How many then.
    pub amount: Amount,
    /// The most to order at once.
    pub maximum: Option<i64>,
    /// Order nothing before this.
    pub snoozed_until: Option<Timestamp>,
}

/// How many to order, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many each time; 0 never orders.
    Fixed(i64),
    /// What is missing up to this level.
    UpTo(i64),
}

/// What a supplier sells, in units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How many come in one pack; orders are whole packs.
    pub pack_size: i64,
    /// The fewest that the supplier takes an order for.
    pub minimum: i64,
    /// The most that it takes an order for.
    pub maximum: Option<i64>,
    /// What one costs below the first price break, when that is known.
    pub unit_cost: Option<Decimal>,
    /// Lower prices for more, in any order.
    pub breaks: Vec<PriceBreak>,
}

/// From so many on, one costs this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBreak {
    /// The fewest units of an order that get this price.
    pub quantity: i64,
    /// What one costs then.
    pub unit_cost: Decimal,
}

impl Position {
    /// What will be there to promise without another order.
    pub fn expected(&self) -> i64 {
        self.available.saturating_add(self.incoming).saturating_add(self.in_transit)
    }
}

impl Policy {
    /// Whether an item is to be ordered when this many are expected.
    pub fn is_short(&self, expected: i64, now: Timestamp) -> bool {
        let is_restocked = match self.amount {
            Amount::Fixed(quantity) => quantity > 0,
            Amount::UpTo(level) => level > expected,
        };
        is_restocked && expected <= self.reorder_point && self.snoozed_until.is_none_or(|until| until <= now)
    }

    /// How many are needed, before anybody's packs and minimums.
    fn wanted(&self, expected: i64) -> i64 {
        let shortfall = self.reorder_point.saturating_add(1).saturating_sub(expected);
        match self.amount {
            // One that leaves it short would only be followed by another.
            Amount::Fixed(quantity) => quantity.max(shortfall),
            Amount::UpTo(level) => level.saturating_sub(expected),
        }
    }
}

impl Terms {
    /// What one costs in an order of so many, when that is known.
    pub fn unit_cost_of(&self, quantity: i64) -> Option<Decimal> {
        let reached = self.breaks.iter().filter(|step| step.quantity <= quantity);
        reached.max_by_key(|step| step.quantity).map(|step| step.unit_cost).or(self.unit_cost)
    }

    fn cost_of(&self, quantity: i64) -> Option<Decimal> {
        self.unit_cost_of(quantity)?.checked_mul(Decimal::from(quantity))
    }
}

/// Says how many to order now; `None` when there is enough, when the item is not restocked by itself or is
/// snoozed, or when the most that may be ordered is less than the least that can be.
///
/// What is on order or on its way between locations counts as if it were here, so that it is not ordered again.
/// The quantity is the policy's, or more when a fixed one would not lift the item above its reorder point, rounded up
/// to whole packs and to the supplier's minimum. An order of a fixed quantity is raised to the next price break when
/// that costs less in all and no more than doubles it; one up to a level is not, for the level is the most that
/// there shall be.
pub fn plan(position: &Position, policy: &Policy, terms: &Terms, now: Timestamp) -> Option<Quantity> {
    let expected = position.expected();
    if !policy.is_short(expected, now) {
        return None;
    }
    let pack = terms.pack_size.max(1);
    let most = [policy.maximum, terms.maximum].into_iter().flatten().fold(MAX_UNITS, i64::min);
    let most = most / pack * pack;
    let wanted = policy.wanted(expected).max(terms.minimum).min(MAX_UNITS);
    let quantity = whole_packs(wanted, pack).min(most);
    if quantity < terms.minimum {
        return None;
    }
    let quantity = match policy.amount {
        Amount::Fixed(_) => raised(quantity, most, terms, pack),
        Amount::UpTo(_) => quantity,
    };
    Quantity::try_from(quantity).ok()
}

/// The fewest whole packs that hold so many.
fn whole_packs(units: i64, pack: i64) -> i64 {
    (units.div_euclid(pack) + i64::from(units.rem_euclid(pack) > 0)).saturating_mul(pack)
}

/// The quantity, or that of the price break that makes the order cheapest.
fn raised(quantity: i64, most: i64, terms: &Terms, pack: i64) -> i64 {
    let Some(cost) = terms.cost_of(quantity) else { return quantity };
    let most = most.min(quantity.saturating_mul(MOST_TIMES_RAISED));
    let steps = terms.breaks.iter().map(|step| whole_packs(step.quantity, pack));
    let dearer = steps.filter(|step| *step > quantity && *step <= most);
    let priced = dearer.filter_map(|step| Some((terms.cost_of(step)?, step)));
    priced.min().filter(|(less, _)| *less < cost).map_or(quantity, |(_, step)| step)
}

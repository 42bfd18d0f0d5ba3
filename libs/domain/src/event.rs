//! What happened to stock. Past tense, and never refused: it is so.

use serde::{Deserialize, Serialize};

use crate::{Attributes, HoldId, Identity, ItemId, LocationId, Timestamp};

/// A change of one item. Each takes the item's version up by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Of what.
    pub item: ItemId,
    /// What changed.
    pub change: Change,
}

/// What changed about an item. Quantities are units, always above zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The item is kept from now on.
    Created(Box<(Identity, Attributes)>),
    /// Its attributes are these now.
    Updated(Box<Attributes>),
    /// Goods were ordered.
    Expected { location: LocationId, quantity: i64 },
    /// Goods that were ordered will not come.
    Unexpected { location: LocationId, quantity: i64 },
    /// Goods came in that nobody had counted as incoming.
    Received { location: LocationId, quantity: i64 },
    /// Goods came in that had been counted as incoming.
    Arrived { location: LocationId, quantity: i64 },
    /// More are available than was thought.
    Increased { location: LocationId, quantity: i64, against: Outside },
    /// Fewer are available than was thought.
    Decreased { location: LocationId, quantity: i64, against: Outside },
    /// Units were promised.
    Held { hold: HoldId, location: LocationId, quantity: i64, expires_at: Timestamp },
    /// Promised units were handed over.
    HoldConfirmed { hold: HoldId, location: LocationId, quantity: i64 },
    /// Promised units were given back.
    HoldCancelled { hold: HoldId, location: LocationId, quantity: i64 },
    /// Promised units were taken back.
    HoldExpired { hold: HoldId, location: LocationId, quantity: i64 },
}

/// Units that went from one place to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Where they came from.
    pub from: Place,
    /// Where they went.
    pub to: Place,
    /// How many, in units, above zero.
    pub quantity: i64,
}

/// Where units can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a location, in a state.
    At(LocationId, State),
    /// Not with us.
    Outside(Outside),
}

/// What units at a location are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Free to promise.
    Available,
    /// Promised.
    Reserved,
    /// Not sellable.
    Damaged,
    /// Waiting to be looked at.
    QualityControl,
    /// On their way here.
    Incoming,
}

/// Where units come from and go to beyond our walls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// Whoever sells to us.
    Supplier,
    /// Whoever buys from us.
    Customer,
    /// Nobody: the books were wrong.
    Adjustment,
}

impl Change {
    /// The units that it moved; none when only attributes changed.
    pub fn movement(&self) -> Option<Movement> {
        use State::{Available, Incoming, Reserved};
        let (from, to, quantity) = match *self {
            Change::Created(_) | Change::Updated(_) => return None,
            Change::Expected { location, quantity } => {
                (Place::Outside(Outside::Supplier), Place::At(location, Incoming), quantity)
            }
            Change::Unexpected { location, quantity } => {
                (Place::At(location, Incoming), Place::Outside(Outside::Supplier), quantity)
            }
            Change::Received { location, quantity } => {
                (Place::Outside(Outside::Supplier), Place::At(location, Available), quantity)
            }
            Change::Arrived { location, quantity } => {
                (Place::At(location, Incoming), Place::At(location, Available), quantity)
            }
            Change::Increased { location, quantity, against } => {
                (Place::Outside(against), Place::At(location, Available), quantity)
            }
            Change::Decreased { location, quantity, against } => {
                (Place::At(location, Available), Place::Outside(against), quantity)
            }
            Change::Held { location, quantity, .. } => {
                (Place::At(location, Available), Place::At(location, Reserved), quantity)
            }
            Change::HoldConfirmed { location, quantity, .. } => {
                (Place::At(location, Reserved), Place::Outside(Outside::Customer), quantity)
            }
            Change::HoldCancelled { location, quantity, .. }
            | Change::HoldExpired { location, quantity, .. } => {
                (Place::At(location, Reserved), Place::At(location, Available), quantity)
            }
        };
        Some(Movement { from, to, quantity })
    }

    /// The hold that it is about.
    pub fn hold(&self) -> Option<HoldId> {
        match self {
            Change::Held { hold, .. }
            | Change::HoldConfirmed { hold, .. }
            | Change::HoldCancelled { hold, .. }
            | Change::HoldExpired { hold, .. } => Some(*hold),
            Change::Created(_)
            | Change::Updated(_)
            | Change::Expected { .. }
            | Change::Unexpected { .. }
            | Change::Received { .. }
            | Change::Arrived { .. }
            | Change::Increased { .. }
            | Change::Decreased { .. } => None,
        }
    }

    /// The word for it in the ledger.
    pub fn kind(&self) -> &'static str {
        match self {
            Change::Created(_) => "created",
            Change::Updated(_) => "updated",
            Change::Expected { .. } => "expected",
            Change::Unexpected { .. } => "unexpected",
            Change::Received { .. } => "received",
            Change::Arrived { .. } => "arrived",
            Change::Increased { .. } => "increased",
            Change::Decreased { .. } => "decreased",
            Change::Held { .. } => "held",
            Change::HoldConfirmed { .. } => "confirmed",
            Change::HoldCancelled { .. } => "cancelled",
            Change::HoldExpired { .. } => "expired",
        }
    }
}

impl Place {
    /// The location, when it is one of ours.
    pub fn location(self) -> Option<LocationId> {
        match self {
            Place::At(location, _) => Some(location),
            Place::Outside(_) => None,
        }
    }

    /// The word for it in the ledger: a state, or whoever is outside.
    pub fn word(self) -> &'static str {
        match self {
            Place::At(_, state) => state.as_str(),
            Place::Outside(Outside::Supplier) => "supplier",
            Place::Outside(Outside::Customer) => "customer",
            Place::Outside(Outside::Adjustment) => "adjustment",
        }
    }
}

impl State {
    /// The word for it in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Available => "available",
            State::Reserved => "reserved",
            State::Damaged => "damaged",
            State::QualityControl => "quality_control",
            State::Incoming => "incoming",
        }
    }
}

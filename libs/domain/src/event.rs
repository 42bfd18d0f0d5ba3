//! What happened to stock. Past tense, and never refused: it is so.

use serde::{Deserialize, Serialize};

use crate::{Attributes, HoldId, Identity, ItemId, LocationId, Timestamp, TransferId};

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
    Received { location: LocationId, quantity: i64, state: State },
    /// Goods came in that had been counted as incoming.
    Arrived { location: LocationId, quantity: i64, state: State },
    /// A customer brought goods back.
    Returned { location: LocationId, quantity: i64, state: State },
    /// There are more than was thought.
    Increased { location: LocationId, quantity: i64, state: State, against: Outside },
    /// There are fewer than was thought.
    Decreased { location: LocationId, quantity: i64, state: State, against: Outside },
    /// More were counted than was thought.
    CountedMore { location: LocationId, quantity: i64, state: State },
    /// Fewer were counted than was thought.
    CountedFewer { location: LocationId, quantity: i64, state: State },
    /// Units were found to be good for something else.
    Moved { location: LocationId, from: State, to: State, quantity: i64 },
    /// Units left one of our locations for another.
    Shipped { transfer: TransferId, from: LocationId, to: LocationId, quantity: i64 },
    /// Units that were shipped came in.
    TransferReceived { transfer: TransferId, location: LocationId, quantity: i64, state: State },
    /// Units that were shipped will not come in.
    TransferLost { transfer: TransferId, location: LocationId, quantity: i64 },
    /// Units were promised.
    Held { hold: HoldId, location: LocationId, quantity: i64, expires_at: Timestamp },
    /// What is left of a hold was promised for longer.
    HoldExtended { hold: HoldId, location: LocationId, expires_at: Timestamp },
    /// Promised units were handed over, all or some.
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
    /// On their way here from a supplier.
    Incoming,
    /// On their way here from another of our locations.
    InTransit,
}

/// The states that a person can put units into; the others follow from holds, orders and transfers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shelf {
    /// Free to promise.
    #[default]
    Available,
    /// Not sellable.
    Damaged,
    /// Waiting to be looked at.
    QualityControl,
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
    /// The units that it moved; none when only attributes or times changed.
    pub fn movement(&self) -> Option<Movement> {
        use Outside::{Adjustment, Customer, Supplier};
        use Place::At;
        use State::{Available, InTransit, Incoming, Reserved};
        let (from, to, quantity) = match *self {
            Change::Created(_) | Change::Updated(_) | Change::HoldExtended { .. } => return None,
            Change::Expected { location, quantity } => {
                (Place::Outside(Supplier), At(location, Incoming), quantity)
            }
            Change::Unexpected { location, quantity } => {
                (At(location, Incoming), Place::Outside(Supplier), quantity)
            }
            Change::Received { location, quantity, state } => {
                (Place::Outside(Supplier), At(location, state), quantity)
            }
            Change::Arrived { location, quantity, state } => {
                (At(location, Incoming), At(location, state), quantity)
            }
            Change::Returned { location, quantity, state } => {
                (Place::Outside(Customer), At(location, state), quantity)
            }
            Change::Increased { location, quantity, state, against } => {
                (Place::Outside(against), At(location, state), quantity)
            }
            Change::Decreased { location, quantity, state, against } => {
                (At(location, state), Place::Outside(against), quantity)
            }
            Change::CountedMore { location, quantity, state } => {
                (Place::Outside(Adjustment), At(location, state), quantity)
            }
            Change::CountedFewer { location, quantity, state } => {
                (At(location, state), Place::Outside(Adjustment), quantity)
            }
            Change::Moved { location, from, to, quantity } => {
                (At(location, from), At(location, to), quantity)
            }
            Change::Shipped { from, to, quantity, .. } => (At(from, Available), At(to, InTransit), quantity),
            Change::TransferReceived { location, quantity, state, .. } => {
                (At(location, InTransit), At(location, state), quantity)
            }
            Change::TransferLost { location, quantity, .. } => {
                (At(location, InTransit), Place::Outside(Adjustment), quantity)
            }
            Change::Held { location, quantity, .. } => {
                (At(location, Available), At(location, Reserved), quantity)
            }
            Change::HoldConfirmed { location, quantity, .. } => {
                (At(location, Reserved), Place::Outside(Customer), quantity)
            }
            Change::HoldCancelled { location, quantity, .. }
            | Change::HoldExpired { location, quantity, .. } => {
                (At(location, Reserved), At(location, Available), quantity)
            }
        };
        Some(Movement { from, to, quantity })
    }

    /// The hold that it is about.
    pub fn hold(&self) -> Option<HoldId> {
        match self {
            Change::Held { hold, .. }
            | Change::HoldExtended { hold, .. }
            | Change::HoldConfirmed { hold, .. }
            | Change::HoldCancelled { hold, .. }
            | Change::HoldExpired { hold, .. } => Some(*hold),
            Change::Created(_)
            | Change::Updated(_)
            | Change::Expected { .. }
            | Change::Unexpected { .. }
            | Change::Received { .. }
            | Change::Arrived { .. }
            | Change::Returned { .. }
            | Change::Increased { .. }
            | Change::Decreased { .. }
            | Change::CountedMore { .. }
            | Change::CountedFewer { .. }
            | Change::Moved { .. }
            | Change::Shipped { .. }
            | Change::TransferReceived { .. }
            | Change::TransferLost { .. } => None,
        }
    }

    /// The transfer that it is about.
    pub fn transfer(&self) -> Option<TransferId> {
        match self {
            Change::Shipped { transfer, .. }
            | Change::TransferReceived { transfer, .. }
            | Change::TransferLost { transfer, .. } => Some(*transfer),
            Change::Created(_)
            | Change::Updated(_)
            | Change::Expected { .. }
            | Change::Unexpected { .. }
            | Change::Received { .. }
            | Change::Arrived { .. }
            | Change::Returned { .. }
            | Change::Increased { .. }
            | Change::Decreased { .. }
            | Change::CountedMore { .. }
            | Change::CountedFewer { .. }
            | Change::Moved { .. }
            | Change::Held { .. }
            | Change::HoldExtended { .. }
            | Change::HoldConfirmed { .. }
            | Change::HoldCancelled { .. }
            | Change::HoldExpired { .. } => None,
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
            Change::Returned { .. } => "returned",
            Change::Increased { .. } => "increased",
            Change::Decreased { .. } => "decreased",
            Change::CountedMore { .. } => "counted_more",
            Change::CountedFewer { .. } => "counted_fewer",
            Change::Moved { .. } => "moved",
            Change::Shipped { .. } => "shipped",
            Change::TransferReceived { .. } => "transfer_received",
            Change::TransferLost { .. } => "transfer_lost",
            Change::Held { .. } => "held",
            Change::HoldExtended { .. } => "extended",
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
            State::InTransit => "in_transit",
        }
    }
}

impl From<Shelf> for State {
    fn from(shelf: Shelf) -> State {
        match shelf {
            Shelf::Available => State::Available,
            Shelf::Damaged => State::Damaged,
            Shelf::QualityControl => State::QualityControl,
        }
    }
}

//! What can be asked of stock. Imperative, and checked in form only: whether it may happen is
//! [`decide`](crate::decide)'s to say.

use serde::Serialize;

use crate::{Attributes, Delta, HoldId, Identity, ItemId, LocationId, Name, Outside, Quantity, Sku};

/// The most lines that one hold may have. Each line is an item to lock, and a basket is not a catalogue.
pub const MAX_LINES: usize = 500;
/// The longest that a hold may last, in seconds: 90 days. What is promised for longer is sold.
pub const MAX_HOLD_SECONDS: i64 = 90 * 24 * 60 * 60;

/// One request to change stock.
///
/// It serialises to what the caller gave: the ids that were made for it are left out, so that the same request
/// sent twice reads the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Begin to keep an item.
    CreateItem(NewItem),
    /// Change an item's attributes; what is `None` stays.
    UpdateItem {
        /// Which.
        item: ItemId,
        /// To what.
        patch: ItemPatch,
    },
    /// Count goods as ordered from a supplier and on their way. Without a location: to the first.
    Expect {
        /// Of what.
        item: ItemId,
        /// Where they will arrive.
        location: Option<LocationId>,
        /// How many.
        quantity: Quantity,
    },
    /// Stop expecting goods that will not come after all. More than are expected is all of them.
    Unexpect {
        /// Of what.
        item: ItemId,
        /// How many.
        quantity: Quantity,
    },
    /// Take goods in. Expected ones come out of what is incoming first; without a location they arrive where
    /// they are expected, and the rest at the first location.
    Receive {
        /// Of what.
        item: ItemId,
        /// Where they arrived.
        location: Option<LocationId>,
        /// How many.
        quantity: Quantity,
        /// Whether they were counted as incoming.
        expected: bool,
    },
    /// Correct what is available. Without a location: up at the first open one, down wherever there is some, closed
    /// locations too, the first location first.
    Adjust {
        /// Of what.
        item: ItemId,
        /// Where.
        location: Option<LocationId>,
        /// By how many.
        delta: Delta,
        /// What stands on the other side of the movement.
        against: Outside,
    },
    /// Promise stock: every line or none.
    Reserve {
        /// The new hold. Its id is the caller's to make.
        #[serde(skip_serializing)]
        hold: HoldId,
        /// What to hold.
        lines: Vec<Line>,
        /// For how long, in seconds.
        seconds: i64,
    },
    /// Hand over what was held.
    Confirm {
        /// Which hold.
        hold: HoldId,
    },
    /// Give back what was held.
    Cancel {
        /// Which hold.
        hold: HoldId,
    },
    /// Give back what was held for too long.
    Expire {
        /// Which hold.
        hold: HoldId,
    },
}

/// An item to begin with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewItem {
    /// Who it is. Its id is the caller's to make.
    #[serde(flatten)]
    pub identity: Identity,
    /// What it is like.
    #[serde(flatten)]
    pub attributes: Attributes,
}

/// The attributes to change. `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ItemPatch {
    /// A new name.
    pub name: Option<Name>,
    /// Another supplier, or `Some(None)` for none.
    pub supplier: Option<Option<Sku>>,
    /// A new reorder point, in units, from 0.
    pub reorder_point: Option<i64>,
    /// A new reorder quantity, in units, from 0.
    pub reorder_quantity: Option<i64>,
    /// Whether it may be promised to customers.
    pub active: Option<bool>,
}

/// One line of a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Of what.
    pub item: ItemId,
    /// From where; without one, from wherever there is some, the first location first.
    pub location: Option<LocationId>,
    /// How many.
    pub quantity: Quantity,
}

impl Command {
    /// The items that it names, in the order of its lines. A command on a hold names none: the hold does.
    pub fn items(&self) -> Vec<ItemId> {
        match self {
            Command::CreateItem(new) => vec![new.identity.id],
            Command::UpdateItem { item, .. }
            | Command::Expect { item, .. }
            | Command::Unexpect { item, .. }
            | Command::Receive { item, .. }
            | Command::Adjust { item, .. } => vec![*item],
            Command::Reserve { lines, .. } => lines.iter().map(|line| line.item).collect(),
            Command::Confirm { .. } | Command::Cancel { .. } | Command::Expire { .. } => vec![],
        }
    }

    /// The existing hold that it is about.
    pub fn hold(&self) -> Option<HoldId> {
        match self {
            Command::Confirm { hold } | Command::Cancel { hold } | Command::Expire { hold } => Some(*hold),
            Command::CreateItem(_)
            | Command::UpdateItem { .. }
            | Command::Expect { .. }
            | Command::Unexpect { .. }
            | Command::Receive { .. }
            | Command::Adjust { .. }
            | Command::Reserve { .. } => None,
        }
    }

    /// The word for it in metrics, ledger rows and events.
    pub fn word(&self) -> &'static str {
        match self {
            Command::CreateItem(_) => "create_item",
            Command::UpdateItem { .. } => "update_item",
            Command::Expect { .. } => "expect",
            Command::Unexpect { .. } => "unexpect",
            Command::Receive { .. } => "receive",
            Command::Adjust { .. } => "adjust",
            Command::Reserve { .. } => "reserve",
            Command::Confirm { .. } => "confirm",
            Command::Cancel { .. } => "cancel",
            Command::Expire { .. } => "expire",
        }
    }
}

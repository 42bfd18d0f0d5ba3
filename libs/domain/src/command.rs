//! What can be asked of stock. Imperative, and checked in form only: whether it may happen is
//! [`decide`](crate::decide)'s to say.

use serde::Serialize;

use crate::{
    Attributes, Delta, HoldId, Identity, ItemId, LocationId, Name, Outside, Quantity, Shelf, Sku, TransferId,
};

/// The most lines that one command may have. Each line is an item to lock, and a basket is not a catalogue.
pub const MAX_LINES: usize = 500;
/// The longest that a hold may last, in seconds: 90 days. What is promised for longer is sold.
pub const MAX_HOLD_SECONDS: i64 = 90 * 24 * 60 * 60;

/// One request to change stock.
///
/// It serialises to what the caller gave: the ids that were made for it are left out, so that the same request
/// sent twice reads the same. A field that came later is left out while it says what was always meant, so that a
/// request from before reads the same too.
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
        /// What they are good for.
        #[serde(skip_serializing_if = "is_default")]
        into: Shelf,
    },
    /// Take back what a customer had. Without a location: at the first open one.
    Return {
        /// Of what.
        item: ItemId,
        /// Where it came back to.
        location: Option<LocationId>,
        /// How many.
        quantity: Quantity,
        /// What they are good for.
        into: Shelf,
    },
    /// Correct what is there. Without a location: up at the first open one, down wherever there is some, closed
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
        /// Which units of the item.
        #[serde(skip_serializing_if = "is_default")]
        shelf: Shelf,
    },
    /// Say that units are good for something else than was thought. Reserved ones are not moved.
    Move {
        /// Of what.
        item: ItemId,
        /// Where. Closed locations are sorted out like any other.
        location: LocationId,
        /// What they were taken to be good for.
        from: Shelf,
        /// What they are good for.
        to: Shelf,
        /// How many.
        quantity: Quantity,
    },
    /// Correct the books by what was counted. The count is compared with what the books said when the counter
    /// looked at them, and the difference is made now: what was sold in the meantime stays sold.
    Stocktake {
        /// Of what.
        item: ItemId,
        /// Where. Closed locations are counted like any other.
        location: LocationId,
        /// Which units. Promised ones still lie among the available, and are counted with them.
        shelf: Shelf,
        /// How many lay there, in units, from 0 to [`MAX_UNITS`](crate::MAX_UNITS).
        counted: i64,
        /// The item's version that the counter had seen; none counts against the present.
        version: Option<i64>,
    },
    /// Send available units from one location to another: every line or none. They are in transit until they are
    /// received. A closed location may be emptied so, not filled.
    Ship {
        /// The new transfer. Its id is the caller's to make.
        #[serde(skip_serializing)]
        transfer: TransferId,
        /// Where they leave.
        from: LocationId,
        /// Where they go.
        to: LocationId,
        /// What is sent.
        lines: Vec<TransferLine>,
    },
    /// Take in what was shipped, all or some; also at a location that was closed since, for there it is.
    ReceiveTransfer {
        /// Which transfer.
        transfer: TransferId,
        /// What arrived; none for all that is outstanding.
        lines: Option<Vec<TransferLine>>,
        /// What it is good for.
        into: Shelf,
    },
    /// Stop waiting for what was shipped, all or some.
    LoseTransfer {
        /// Which transfer.
        transfer: TransferId,
        /// What will not arrive; none for all that is outstanding.
        lines: Option<Vec<TransferLine>>,
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
    /// Promise what is held for longer. Sooner than it would end anyway changes nothing.
    Extend {
        /// Which hold.
        hold: HoldId,
        /// For how long from now on, in seconds.
        seconds: i64,
    },
    /// Hand over what was held, all or some. The rest stays held.
    Confirm {
        /// Which hold.
        hold: HoldId,
        /// What is handed over; none for all that is left.
        #[serde(skip_serializing_if = "Option::is_none")]
        lines: Option<Vec<PartLine>>,
    },
    /// Give back what is still held.
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

/// One line of a transfer. An item in two lines is added up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransferLine {
    /// Of what.
    pub item: ItemId,
    /// How many.
    pub quantity: Quantity,
}

/// One line of what is handed over of a hold. An item in two lines is added up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartLine {
    /// Of what.
    pub item: ItemId,
    /// How many.
    pub quantity: Quantity,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Command {
    /// The items that it names, in the order of its lines. A command on a hold or on a transfer names none: the hold
    /// and the transfer do.
    pub fn items(&self) -> Vec<ItemId> {
        match self {
            Command::CreateItem(new) => vec![new.identity.id],
            Command::UpdateItem { item, .. }
            | Command::Expect { item, .. }
            | Command::Unexpect { item, .. }
            | Command::Receive { item, .. }
            | Command::Return { item, .. }
            | Command::Adjust { item, .. }
            | Command::Move { item, .. }
            | Command::Stocktake { item, .. } => vec![*item],
            Command::Ship { lines, .. } => lines.iter().map(|line| line.item).collect(),
            Command::Reserve { lines, .. } => lines.iter().map(|line| line.item).collect(),
            Command::ReceiveTransfer { .. }
            | Command::LoseTransfer { .. }
            | Command::Extend { .. }
            | Command::Confirm { .. }
            | Command::Cancel { .. }
            | Command::Expire { .. } => vec![],
        }
    }

    /// The existing hold that it is about.
    pub fn hold(&self) -> Option<HoldId> {
        match self {
            Command::Extend { hold, .. }
            | Command::Confirm { hold, .. }
            | Command::Cancel { hold }
            | Command::Expire { hold } => Some(*hold),
            Command::CreateItem(_)
            | Command::UpdateItem { .. }
            | Command::Expect { .. }
            | Command::Unexpect { .. }
            | Command::Receive { .. }
            | Command::Return { .. }
            | Command::Adjust { .. }
            | Command::Move { .. }
            | Command::Stocktake { .. }
            | Command::Ship { .. }
            | Command::ReceiveTransfer { .. }
            | Command::LoseTransfer { .. }
            | Command::Reserve { .. } => None,
        }
    }

    /// The existing transfer that it is about.
    pub fn transfer(&self) -> Option<TransferId> {
        match self {
            Command::ReceiveTransfer { transfer, .. } | Command::LoseTransfer { transfer, .. } => {
                Some(*transfer)
            }
            Command::CreateItem(_)
            | Command::UpdateItem { .. }
            | Command::Expect { .. }
            | Command::Unexpect { .. }
            | Command::Receive { .. }
            | Command::Return { .. }
            | Command::Adjust { .. }
            | Command::Move { .. }
            | Command::Stocktake { .. }
            | Command::Ship { .. }
            | Command::Reserve { .. }
            | Command::Extend { .. }
            | Command::Confirm { .. }
            | Command::Cancel { .. }
            | Command::Expire { .. } => None,
        }
    }

    /// The level that it needs to know as of a version: the key of [`Stock::counted`](crate::Stock::counted).
    pub fn stocktake(&self) -> Option<(ItemId, LocationId, i64)> {
        match self {
            Command::Stocktake { item, location, version, .. } => version.map(|at| (*item, *location, at)),
            Command::CreateItem(_)
            | Command::UpdateItem { .. }
            | Command::Expect { .. }
            | Command::Unexpect { .. }
            | Command::Receive { .. }
            | Command::Return { .. }
            | Command::Adjust { .. }
            | Command::Move { .. }
            | Command::Ship { .. }
            | Command::ReceiveTransfer { .. }
            | Command::LoseTransfer { .. }
            | Command::Reserve { .. }
            | Command::Extend { .. }
            | Command::Confirm { .. }
            | Command::Cancel { .. }
            | Command::Expire { .. } => None,
        }
    }

    /// Every [`Command::word`].
    pub const WORDS: [&str; 17] = [
        "create_item",
        "update_item",
        "expect",
        "unexpect",
        "receive",
        "return",
        "adjust",
        "move",
        "stocktake",
        "ship",
        "receive_transfer",
        "lose_transfer",
        "reserve",
        "extend",
        "confirm",
        "cancel",
        "expire",
    ];

    /// The word for it in metrics, ledger rows and events.
    pub fn word(&self) -> &'static str {
        match self {
            Command::CreateItem(_) => "create_item",
            Command::UpdateItem { .. } => "update_item",
            Command::Expect { .. } => "expect",
            Command::Unexpect { .. } => "unexpect",
            Command::Receive { .. } => "receive",
            Command::Return { .. } => "return",
            Command::Adjust { .. } => "adjust",
            Command::Move { .. } => "move",
            Command::Stocktake { .. } => "stocktake",
            Command::Ship { .. } => "ship",
            Command::ReceiveTransfer { .. } => "receive_transfer",
            Command::LoseTransfer { .. } => "lose_transfer",
            Command::Reserve { .. } => "reserve",
            Command::Extend { .. } => "extend",
            Command::Confirm { .. } => "confirm",
            Command::Cancel { .. } => "cancel",
            Command::Expire { .. } => "expire",
        }
    }
}

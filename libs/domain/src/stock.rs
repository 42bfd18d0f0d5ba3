//! How things stand: items, their levels by location, the holds on them, and the transfers between
//! locations.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{HoldId, ItemId, LocationId, Name, Sku, State, Timestamp, TransferId};

/// What a decision needs to know: the items, holds, transfers and locations that a command is about. It may be all of
/// the stock or just a part of it that was loaded; an item that is not in it does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// The items by id.
    pub items: HashMap<ItemId, Item>,
    /// The holds by id. All open holds that are overdue on one of the items must be among them.
    pub holds: HashMap<HoldId, Hold>,
    /// The transfers by id.
    pub transfers: HashMap<TransferId, Transfer>,
    /// Levels as of a past version of their item, plus what stocktakes have corrected since: a difference that was
    /// found once is not found again. Each [`Command::stocktake`](crate::Command::stocktake) needs one, also when
    /// it is of the present version (the commands before it may change that), and [`Level::default`] where the item
    /// had no units.
    pub counted: HashMap<(ItemId, LocationId, i64), Level>,
    /// Every location, the one to take from first in front.
    pub locations: std::sync::Arc<[Location]>,
}

/// A warehouse, as far as decisions go. Listed by priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its id.
    pub id: LocationId,
    /// Its short name, unique.
    pub code: String,
    /// Whether stock may be put there or promised from there.
    pub active: bool,
}

/// One SKU and its levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What never changes.
    pub identity: Identity,
    /// What its owner may change.
    pub attributes: Attributes,
    /// How many changes it has seen: the first is 1, and there is no gap.
    pub version: i64,
    /// Its units by location. A location without any may be absent.
    pub levels: BTreeMap<LocationId, Level>,
}

/// What an item is; fixed when it is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its id, UUIDv7. Made for it, so no part of what a caller gave.
    #[serde(skip)]
    pub id: ItemId,
    /// The catalogue's id of the product, as the shop knows it.
    pub product_id: Sku,
    /// The variant of the product; none for a product without variants.
    pub variant_id: Option<Sku>,
    /// Its SKU, unique over all owners.
    pub sku: Sku,
    /// The brand that owns it.
    pub owner: Name,
}

/// What may change about an item without moving a unit of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Its name.
    pub name: Name,
    /// The supplier that it is ordered from.
    pub supplier: Option<Sku>,
    /// Order more when available, incoming and in transit together are at or below this.
    pub reorder_point: i64,
    /// How many to order then; 0 never orders.
    pub reorder_quantity: i64,
    /// Whether it may be promised to customers.
    pub active: bool,
}

/// The units of one item at one location. `on_hand = available + reserved + damaged + quality_control`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// Free to promise.
    pub available: i64,
    /// Promised by an open hold.
    pub reserved: i64,
    /// On the shelf but not sellable.
    pub damaged: i64,
    /// Waiting to be looked at.
    pub quality_control: i64,
    /// Ordered from a supplier and not here yet; not part of what is on hand.
    pub incoming: i64,
    /// Shipped here from another of our locations and not received yet; not part of what is on hand.
    pub in_transit: i64,
}

/// A promise of stock to somebody, until it is confirmed, cancelled or too old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What it holds, and where. An item that is taken from two locations has two lines.
    pub lines: Vec<HoldLine>,
}

/// The part of a hold on one item at one location. Each line ends once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldLine {
    /// Of what.
    pub item: ItemId,
    /// From where.
    pub location: LocationId,
    /// How many were promised, in units.
    pub quantity: i64,
    /// How many of them were handed over, in units.
    pub confirmed: i64,
    /// From when on it no longer binds.
    pub expires_at: Timestamp,
    /// Whether it still binds, and if not, how it ended.
    pub status: HoldStatus,
}

/// Goods that went from one of our locations to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Where they left.
    pub from: LocationId,
    /// Where they are going.
    pub to: LocationId,
    /// What was shipped, one line an item.
    pub lines: Vec<ShippedLine>,
}

/// The part of a transfer that is of one item. `shipped = received + lost + outstanding`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippedLine {
    /// Of what.
    pub item: ItemId,
    /// How many left, in units.
    pub shipped: i64,
    /// How many arrived, in units.
    pub received: i64,
    /// How many never will, in units.
    pub lost: i64,
}

/// The life of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldStatus {
    /// It binds stock.
    Open,
    /// All of the goods went to the customer.
    Confirmed,
    /// The stock was given back on request.
    Cancelled,
    /// The stock was given back because its time was up.
    Expired,
}

impl Level {
    /// Everything on the shelf, in units.
    pub fn on_hand(&self) -> i64 {
        self.available + self.reserved + self.damaged + self.quality_control
    }

    /// The units in one state.
    pub fn get(&self, state: State) -> i64 {
        match state {
            State::Available => self.available,
            State::Reserved => self.reserved,
            State::Damaged => self.damaged,
            State::QualityControl => self.quality_control,
            State::Incoming => self.incoming,
            State::InTransit => self.in_transit,
        }
    }

    pub(crate) fn add(&mut self, state: State, units: i64) {
        let place = match state {
            State::Available => &mut self.available,
            State::Reserved => &mut self.reserved,
            State::Damaged => &mut self.damaged,
            State::QualityControl => &mut self.quality_control,
            State::Incoming => &mut self.incoming,
            State::InTransit => &mut self.in_transit,
        };
        *place += units;
    }
}

impl std::ops::Add for Level {
    type Output = Level;

    fn add(self, other: Level) -> Level {
        Level {
            available: self.available + other.available,
            reserved: self.reserved + other.reserved,
            damaged: self.damaged + other.damaged,
            quality_control: self.quality_control + other.quality_control,
            incoming: self.incoming + other.incoming,
            in_transit: self.in_transit + other.in_transit,
        }
    }
}

impl Item {
    /// Its units over all locations.
    pub fn total(&self) -> Level {
        self.levels.values().fold(Level::default(), |sum, level| sum + *level)
    }

    /// Its units at one location; none where it was never kept.
    pub fn at(&self, location: LocationId) -> Level {
        self.levels.get(&location).copied().unwrap_or_default()
    }
}

impl HoldStatus {
    /// The word for it in tables and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            HoldStatus::Open => "open",
            HoldStatus::Confirmed => "confirmed",
            HoldStatus::Cancelled => "cancelled",
            HoldStatus::Expired => "expired",
        }
    }
}

impl std::str::FromStr for HoldStatus {
    type Err = String;

    fn from_str(word: &str) -> Result<HoldStatus, String> {
        match word {
            "open" => Ok(HoldStatus::Open),
            "confirmed" => Ok(HoldStatus::Confirmed),
            "cancelled" => Ok(HoldStatus::Cancelled),
            "expired" => Ok(HoldStatus::Expired),
            _ => Err(format!("{word:?} is no status of a hold")),
        }
    }
}

impl Hold {
    /// How it stands as a whole. Lines expire one by one, as their items are touched, so a hold with an expired line
    /// has expired, whatever its other lines still say. It is confirmed when nothing is left of any line.
    pub fn status(&self) -> HoldStatus {
        let some = |status: &HoldStatus| self.lines.iter().any(|line| line.status == *status);
        let telling = [HoldStatus::Expired, HoldStatus::Cancelled, HoldStatus::Open];
        telling.into_iter().find(some).unwrap_or(HoldStatus::Confirmed)
    }
}

impl HoldLine {
    /// How many were promised and not handed over, in units: what it binds while it is open.
    pub fn remaining(&self) -> i64 {
        self.quantity - self.confirmed
    }

    /// Whether its time is up at `now`, recorded or not.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

impl ShippedLine {
    /// How many are still on their way, in units.
    pub fn outstanding(&self) -> i64 {
        self.shipped - self.received - self.lost
    }
}

//! The shapes of what is answered under `/v1`.
//!
//! Our own, and not those of the ledger: what clients were promised does not change with it. Units are whole
//! numbers; times are in UTC.

mod availability;
mod forecast;
mod history;
mod overview;
mod reports;

use chrono::{DateTime, Utc};
use ledger::{ItemView, LevelView, Listed, Standing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) use availability::{Availability, LineAvailability, Reason};
pub(crate) use forecast::{ItemForecast, ItemSuggestion, SuggestionPage, Units};
pub(crate) use history::{NumberExplained, Transaction, TransactionPage, Transfer};
pub(crate) use overview::StockOverview;
pub(crate) use reports::{AbcItem, AbcReport, DeadItem, DeadStockReport, TurnoverItem, TurnoverReport};

/// Digits behind the point of what is not counted but reckoned: enough for any use, and no noise.
const DIGITS: i32 = 4;

/// A figure as it is told.
fn rounded(figure: f64) -> f64 {
    let scale = 10_f64.powi(DIGITS);
    (figure * scale).round() / scale
}

/// An item with its levels; totals are over all locations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ItemDetails {
    pub(crate) id: Uuid,
    /// The product it stands for.
    pub(crate) product_id: String,
    /// The variant of the product.
    pub(crate) variant_id: Option<String>,
    pub(crate) sku: String,
    pub(crate) name: String,
    /// The brand that owns it.
    pub(crate) owner: String,
    /// The supplier that it is ordered from.
    pub(crate) supplier_id: Option<String>,
    /// What that supplier is called, if it is known.
    pub(crate) supplier_name: Option<String>,
    /// More is ordered when available, incoming and in_transit together are at or below this.
    pub(crate) reorder_point: i64,
    /// How many are ordered then; 0 never orders.
    pub(crate) reorder_quantity: i64,
    /// Whether it may be promised.
    pub(crate) active: bool,
    /// Counts its changes; also the ETag.
    pub(crate) version: i64,
    /// On the shelf.
    pub(crate) on_hand: i64,
    /// Free to promise.
    pub(crate) available: i64,
    /// Promised.
    pub(crate) reserved: i64,
    /// On order from suppliers.
    pub(crate) incoming: i64,
    /// On their way from one location to another.
    pub(crate) in_transit: i64,
    /// The same by location.
    pub(crate) levels: Vec<LocationLevel>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    /// When the first hold on it will end by itself: until then these figures change with the version alone.
    pub(crate) next_expiry: Option<DateTime<Utc>>,
}

/// The units of an item at one location: `on_hand = available + reserved + damaged + quality_control`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LocationLevel {
    pub(crate) location_id: Uuid,
    /// The location's code.
    pub(crate) location: String,
    /// On the shelf.
    pub(crate) on_hand: i64,
    /// Free to promise.
    pub(crate) available: i64,
    /// Promised.
    pub(crate) reserved: i64,
    /// Not sellable.
    pub(crate) damaged: i64,
    /// Waiting to be looked at.
    pub(crate) quality_control: i64,
    /// On order from suppliers.
    pub(crate) incoming: i64,
    /// On their way there from another location.
    pub(crate) in_transit: i64,
}

/// An item's levels alone; totals are over all locations.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ItemLevels {
    id: Uuid,
    sku: String,
    /// Counts the item's changes; also the ETag.
    version: i64,
    on_hand: i64,
    available: i64,
    reserved: i64,
    incoming: i64,
    in_transit: i64,
    levels: Vec<LocationLevel>,
}

/// An item in a list; units are over all locations.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ListedItem {
    id: Uuid,
    product_id: String,
    sku: String,
    name: String,
    owner: String,
    supplier_id: Option<String>,
    /// What that supplier is called, if it is known.
    supplier_name: Option<String>,
    active: bool,
    status: Status,
    version: i64,
    reorder_point: i64,
    reorder_quantity: i64,
    on_hand: i64,
    available: i64,
    reserved: i64,
    incoming: i64,
    in_transit: i64,
    updated_at: DateTime<Utc>,
}

/// How well an item is stocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// More are available than its reorder point.
    InStock,
    /// Some are available, at most its reorder point.
    LowStock,
    /// None are available.
    OutOfStock,
    /// It may not be promised.
    Inactive,
}

/// Items, in the order that was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ItemPage {
    pub(crate) items: Vec<ListedItem>,
    /// Give it as `cursor` to get those after these; none when there are no more.
    pub(crate) next_cursor: Option<String>,
}

impl From<ItemView> for ItemDetails {
    fn from(item: ItemView) -> ItemDetails {
        ItemDetails {
            id: item.id,
            product_id: item.product_id,
            variant_id: item.variant_id,
            sku: item.sku,
            name: item.name,
            owner: item.owner,
            supplier_id: item.supplier_id,
            supplier_name: item.supplier_name,
            reorder_point: item.reorder_point,
            reorder_quantity: item.reorder_quantity,
            active: item.active,
            version: item.version,
            on_hand: item.on_hand,
            available: item.available,
            reserved: item.reserved,
            incoming: item.incoming,
            in_transit: item.in_transit,
            levels: item.levels.into_iter().map(LocationLevel::from).collect(),
            created_at: item.created_at,
            updated_at: item.updated_at,
            next_expiry: item.next_expiry,
        }
    }
}

impl From<LevelView> for LocationLevel {
    fn from(level: LevelView) -> LocationLevel {
        LocationLevel {
            location_id: level.location_id,
            location: level.location,
            on_hand: level.on_hand,
            available: level.available,
            reserved: level.reserved,
            damaged: level.damaged,
            quality_control: level.quality_control,
            incoming: level.incoming,
            in_transit: level.in_transit,
        }
    }
}

impl From<ItemDetails> for ItemLevels {
    fn from(item: ItemDetails) -> ItemLevels {
        ItemLevels {
            id: item.id,
            sku: item.sku,
            version: item.version,
            on_hand: item.on_hand,
            available: item.available,
            reserved: item.reserved,
            incoming: item.incoming,
            in_transit: item.in_transit,
            levels: item.levels,
        }
    }
}

impl From<Standing> for Status {
    fn from(standing: Standing) -> Status {
        match standing {
            Standing::InStock => Status::InStock,
            Standing::LowStock => Status::LowStock,
            Standing::OutOfStock => Status::OutOfStock,
            Standing::Discontinued => Status::Inactive,
        }
    }
}

impl From<Listed> for ListedItem {
    fn from(item: Listed) -> ListedItem {
        ListedItem {
            status: item.standing().into(),
            id: item.id,
            product_id: item.product_id,
            sku: item.sku,
            name: item.name,
            owner: item.owner,
            supplier_id: item.supplier_id,
            supplier_name: item.supplier_name,
            active: item.active,
            version: item.version,
            reorder_point: item.reorder_point,
            reorder_quantity: item.reorder_quantity,
            on_hand: item.on_hand,
            available: item.available,
            reserved: item.reserved,
            incoming: item.incoming,
            in_transit: item.in_transit,
            updated_at: item.updated_at,
        }
    }
}

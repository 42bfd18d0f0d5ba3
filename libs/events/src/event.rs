//! Everything that can be said about stock, items, suppliers and restock orders.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something that happened. Adjacently tagged: `{"type": "stock_updated", "data": {…}}`.
///
/// Fields are only ever added, and readers ignore the ones they do not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// A quantity of an item changed.
    StockUpdated(StockUpdated),
    /// What is available fell to the reorder point or below it.
    StockLow(StockLevel),
    /// What is available reached zero.
    StockDepleted(StockLevel),
    /// What is available rose above the reorder point again.
    StockReplenished(StockLevel),
    /// Stock was set aside.
    ReservationCreated(Reservation),
    /// Stock that was set aside left.
    ReservationConfirmed(Reservation),
    /// Stock that was set aside is available again because somebody said so.
    ReservationCancelled(Reservation),
    /// Stock that was set aside is available again because its time was up.
    ReservationExpired(Reservation),
    /// Goods left one location of ours for another.
    TransferShipped(Transfer),
    /// Goods from another location of ours arrived.
    TransferReceived(Transfer),
    /// An item is known from now on.
    ItemCreated(Item),
    /// Something about an item other than its quantities changed.
    ItemUpdated(Item),
    /// A supplier's catalog was synced and these products changed.
    SupplierCatalogUpdated(CatalogUpdated),
    /// A restock order was placed at a supplier.
    RestockOrdered(Restock),
    /// The supplier confirmed it.
    RestockConfirmed(Restock),
    /// Goods of it arrived.
    RestockReceived(Restock),
    /// Nothing more of it will arrive.
    RestockFailed(Restock),
}

/// The longest routing key that AMQP can carry, in bytes.
const ROUTING_KEY_MAX: usize = 255;

impl Event {
    /// The event's `type` on the wire, and the first word of its routing key.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StockUpdated(_) => "stock_updated",
            Self::StockLow(_) => "stock_low",
            Self::StockDepleted(_) => "stock_depleted",
            Self::StockReplenished(_) => "stock_replenished",
            Self::ReservationCreated(_) => "reservation_created",
            Self::ReservationConfirmed(_) => "reservation_confirmed",
            Self::ReservationCancelled(_) => "reservation_cancelled",
            Self::ReservationExpired(_) => "reservation_expired",
            Self::TransferShipped(_) => "transfer_shipped",
            Self::TransferReceived(_) => "transfer_received",
            Self::ItemCreated(_) => "item_created",
            Self::ItemUpdated(_) => "item_updated",
            Self::SupplierCatalogUpdated(_) => "supplier_catalog_updated",
            Self::RestockOrdered(_) => "restock_ordered",
            Self::RestockConfirmed(_) => "restock_confirmed",
            Self::RestockReceived(_) => "restock_received",
            Self::RestockFailed(_) => "restock_failed",
        }
    }

    /// The SKU it is about. None: it is about more than one.
    pub fn sku(&self) -> Option<&str> {
        match self {
            Self::StockUpdated(stock) => Some(&stock.subject.sku),
            Self::StockLow(level) | Self::StockDepleted(level) | Self::StockReplenished(level) => {
                Some(&level.subject.sku)
            }
            Self::ReservationCreated(hold)
            | Self::ReservationConfirmed(hold)
            | Self::ReservationCancelled(hold)
            | Self::ReservationExpired(hold) => Some(&hold.subject.sku),
            Self::TransferShipped(transfer) | Self::TransferReceived(transfer) => Some(&transfer.subject.sku),
            Self::ItemCreated(item) | Self::ItemUpdated(item) => Some(&item.subject.sku),
            Self::SupplierCatalogUpdated(_) => None,
            Self::RestockOrdered(order)
            | Self::RestockConfirmed(order)
            | Self::RestockReceived(order)
            | Self::RestockFailed(order) => Some(&order.sku),
        }
    }

    /// `<type>.<sku>`, or `<type>` when it is about no single SKU. Cut to what AMQP can carry.
    pub fn routing_key(&self) -> String {
        let mut key = self.kind().to_owned();
        if let Some(sku) = self.sku() {
            key.push('.');
            key.push_str(sku);
        }
        key.truncate(key.floor_char_boundary(ROUTING_KEY_MAX));
        key
    }
}

/// The item that a stock event is about, as it was after the whole command. Part of each such event's `data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Our id of the item.
    pub item_id: Uuid,
    /// The shop's id of the product.
    pub product_id: String,
    /// The shop's id of the variant of the product.
    pub variant_id: Option<String>,
    /// Globally unique, and never changes.
    pub sku: String,
    /// The brand whose item it is.
    pub owner: String,
    /// Who delivers it, when anybody does.
    pub supplier_id: Option<String>,
    /// Of two events the higher version is the later one. It is the item's after the whole command, which may
    /// be several versions in the ledger: there may be gaps between events.
    pub version: i64,
    /// Whether it can be sold.
    pub active: bool,
    /// Order more when available + incoming + in transit is at or below it.
    pub reorder_point: i64,
    /// How many to order then. Zero: never order.
    pub reorder_quantity: i64,
    /// Units in all locations, in whatever state.
    pub on_hand: i64,
    /// Units in all locations that can be promised.
    pub available: i64,
    /// Units in all locations that are promised.
    pub reserved: i64,
    /// Units on order from suppliers.
    pub incoming: i64,
    /// Units on their way from one location of ours to another. Left out when there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub in_transit: i64,
    /// The same per location.
    pub levels: Vec<Levels>,
}

/// What is at one location: `on_hand = available + reserved + damaged + quality_control`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    /// Our id of the location.
    pub location_id: Uuid,
    /// Its code.
    pub location: String,
    /// Units that are there, in whatever state.
    pub on_hand: i64,
    /// Units that can be promised.
    pub available: i64,
    /// Units that are promised.
    pub reserved: i64,
    /// Units that are broken.
    pub damaged: i64,
    /// Units that are being looked at.
    pub quality_control: i64,
    /// Units on order from suppliers, that will arrive there.
    pub incoming: i64,
    /// Units on their way there from another location of ours. Left out when there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub in_transit: i64,
}

fn is_none(units: &i64) -> bool {
    *units == 0
}

/// A quantity of an item changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockUpdated {
    /// The item after the change.
    #[serde(flatten)]
    pub subject: Subject,
    /// Available units over all locations before it.
    pub previous_stock: i64,
    /// Available units over all locations after it.
    pub new_stock: i64,
    /// `new_stock - previous_stock`.
    pub change_amount: i64,
    /// Why, in the words of whoever changed it.
    pub reason: String,
    /// When.
    pub timestamp: DateTime<Utc>,
    /// The command that did it.
    pub command_id: Uuid,
}

/// What is available crossed a threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevel {
    /// The item after it.
    #[serde(flatten)]
    pub subject: Subject,
    /// When.
    pub timestamp: DateTime<Utc>,
}

/// A hold on stock began or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The item after it.
    #[serde(flatten)]
    pub subject: Subject,
    /// The hold.
    pub reservation_id: Uuid,
    /// Units that it concerns.
    pub quantity: i64,
    /// Where they are.
    pub location_id: Uuid,
    /// When the hold ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// What kind of thing it is for, such as `order`.
    pub reference_type: Option<String>,
    /// Which one.
    pub reference_id: Option<String>,
    /// When.
    pub timestamp: DateTime<Utc>,
}

/// Goods went from one location of ours towards another, or arrived there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The item after it.
    #[serde(flatten)]
    pub subject: Subject,
    /// The transfer.
    pub transfer_id: Uuid,
    /// Units that left, or that arrived now.
    pub quantity: i64,
    /// Where they come from.
    pub from_location_id: Uuid,
    /// Where they go.
    pub to_location_id: Uuid,
    /// What kind of thing it is for, such as `order`.
    pub reference_type: Option<String>,
    /// Which one.
    pub reference_id: Option<String>,
    /// When.
    pub timestamp: DateTime<Utc>,
}

/// An item was created, or something other than its quantities changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The item after it.
    #[serde(flatten)]
    pub subject: Subject,
    /// What people call it.
    pub name: String,
    /// When.
    pub timestamp: DateTime<Utc>,
}

/// A supplier's catalog changed. A big sync is told in several events of at most 200 products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogUpdated {
    /// Whose catalog.
    pub supplier_id: String,
    /// What the supplier is called.
    #[serde(default)]
    pub supplier_name: Option<String>,
    /// The ids of `products`.
    pub products_updated: Vec<String>,
    /// The products that are new or different. One whose SKU changed is told twice: as it is now, and under the
    /// SKU that it had, which is no longer listed.
    pub products: Vec<CatalogProduct>,
    /// The sync that found them.
    pub sync_run_id: Uuid,
    /// When.
    pub timestamp: DateTime<Utc>,
}

/// A product as a supplier lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogProduct {
    /// The product's id.
    pub product_id: String,
    /// The SKU that it has, or is to have, in our stock.
    pub sku: String,
    /// What the supplier calls it.
    pub name: String,
    /// False: the supplier no longer lists it.
    pub active: bool,
    /// Whether being listed or not is what changed. When false, something else did, and `active` is no news.
    #[serde(default)]
    pub listing_changed: bool,
}

/// A restock order went one step further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restock {
    /// The order.
    pub order_id: Uuid,
    /// Our id of the item.
    pub item_id: Uuid,
    /// Its SKU.
    pub sku: String,
    /// Who delivers.
    pub supplier_id: String,
    /// Units ordered in all.
    pub quantity: i64,
    /// Units of this receipt that went into stock. Zero when there is no receipt.
    pub accepted: i64,
    /// Units of this receipt that were sent back. Zero when there is no receipt.
    pub rejected: i64,
    /// Units still to come after it. Of `restock_failed`: those that will not come any more.
    pub outstanding: i64,
    /// The receipt, when there is one.
    pub receipt_id: Option<Uuid>,
    /// Why it failed, when it did.
    pub reason: Option<String>,
    /// When.
    pub timestamp: DateTime<Utc>,
    /// When the supplier was first asked for it. None: it was not, as far as we know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_at: Option<DateTime<Utc>>,
    /// When the receipt was recorded, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<DateTime<Utc>>,
    /// Units of this receipt that had still been to come: an over-delivery or a late receipt is more than that.
    /// None: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<i64>,
    /// Units that the supplier confirmed in all, when that is fewer than were ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_quantity: Option<i64>,
    /// Of `restock_confirmed`: how many fewer will come than was expected until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<i64>,
    /// When the supplier says that it delivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promised_at: Option<DateTime<Utc>>,
}

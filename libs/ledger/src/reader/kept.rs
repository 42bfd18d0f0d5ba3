//! An item with its levels, whose totals are the sums of these, and how well it is stocked.

use domain::{ItemId, LocationId, Timestamp};
use sea_orm::FromQueryResult;
use serde::Serialize;
use uuid::Uuid;

/// An item and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its id.
    pub id: ItemId,
    /// The product it stands for.
    pub product_id: String,
    /// The variant of the product.
    pub variant_id: Option<String>,
    /// Its SKU.
    pub sku: String,
    /// Order more when available and incoming together are at or below this.
    pub reorder_point: i64,
    /// How many to order then.
    pub reorder_quantity: i64,
    /// Whether it may be promised.
    pub active: bool,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// By location, the one to take from first in front.
    pub levels: Vec<KeptAt>,
}

/// One item at one location, in units. Holds whose time is up do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAt {
    /// Of what.
    pub item: ItemId,
    /// Where.
    pub location: LocationId,
    /// On the shelf.
    pub on_hand: i64,
    /// Free to promise.
    pub available: i64,
    /// Promised.
    pub reserved: i64,
    /// Since when it is kept there.
    pub created_at: Timestamp,
    /// When that last changed.
    pub updated_at: Timestamp,
}

/// How well an item is stocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Standing {
    /// More are available than its reorder point.
    InStock,
    /// Some are available, at most its reorder point.
    LowStock,
    /// None are available.
    OutOfStock,
    /// It may not be promised.
    Discontinued,
}

/// One location of an item, or an item without any.
#[derive(FromQueryResult)]
pub(super) struct Row {
    pub(super) id: Uuid,
    product_id: String,
    variant_id: Option<String>,
    sku: String,
    reorder_point: i64,
    reorder_quantity: i64,
    is_active: bool,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    location_id: Option<Uuid>,
    on_hand: Option<i64>,
    available: Option<i64>,
    reserved: Option<i64>,
    overdue: Option<i64>,
    kept_since: Option<Timestamp>,
    kept_changed: Option<Timestamp>,
}

impl Kept {
    /// On the shelf, over all locations.
    pub fn on_hand(&self) -> i64 {
        self.levels.iter().map(|level| level.on_hand).sum()
    }

    /// Free to promise, over all locations.
    pub fn available(&self) -> i64 {
        self.levels.iter().map(|level| level.available).sum()
    }

    /// Promised, over all locations.
    pub fn reserved(&self) -> i64 {
        self.levels.iter().map(|level| level.reserved).sum()
    }

    /// It at one location, if it is or was kept there.
    pub fn at(&self, location: LocationId) -> Option<&KeptAt> {
        self.levels.iter().find(|level| level.location == location)
    }

    /// How well it is stocked.
    pub fn standing(&self) -> Standing {
        Standing::of(self.active, self.available(), self.reorder_point)
    }
}

impl Standing {
    /// How an item stands of which so many are available.
    pub(super) fn of(active: bool, available: i64, reorder_point: i64) -> Standing {
        match available {
            _ if !active => Standing::Discontinued,
            ..=0 => Standing::OutOfStock,
            some if some <= reorder_point => Standing::LowStock,
            _ => Standing::InStock,
        }
    }

    /// Its word, as `inventory_standings` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::InStock => "in_stock",
            Standing::LowStock => "low_stock",
            Standing::OutOfStock => "out_of_stock",
            Standing::Discontinued => "inactive",
        }
    }

    /// The same in SQL, of an item `i` whose overdue holds are `due`.
    pub(super) fn sql(self) -> String {
        match self {
            Standing::InStock => {
                format!("i.is_active AND {AVAILABLE} > 0 AND {AVAILABLE} > i.reorder_point")
            }
            Standing::LowStock => {
                format!("i.is_active AND {AVAILABLE} > 0 AND {AVAILABLE} <= i.reorder_point")
            }
            Standing::OutOfStock => format!("i.is_active AND {AVAILABLE} <= 0"),
            Standing::Discontinued => "NOT i.is_active".to_owned(),
        }
    }
}

/// What is available of an item `i`, with what its overdue holds, `due`, give back.
pub(super) const AVAILABLE: &str = "(i.available_quantity + coalesce(due.units, 0))";

impl Row {
    pub(super) fn level(&self) -> Option<KeptAt> {
        let overdue = self.overdue.unwrap_or(0);
        Some(KeptAt {
            item: ItemId(self.id),
            location: LocationId(self.location_id?),
            on_hand: self.on_hand?,
            available: self.available? + overdue,
            reserved: self.reserved? - overdue,
            created_at: self.kept_since?,
            updated_at: self.kept_changed?,
        })
    }

    pub(super) fn item(self) -> Kept {
        Kept {
            id: ItemId(self.id),
            product_id: self.product_id,
            variant_id: self.variant_id,
            sku: self.sku,
            reorder_point: self.reorder_point,
            reorder_quantity: self.reorder_quantity,
            active: self.is_active,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            levels: vec![],
        }
    }
}

//! Items, levels and holds as they are answered.

use domain::{Hold, HoldId, HoldLine, HoldStatus, ItemId, Level, LocationId, Timestamp};
use sea_orm::{DbBackend, FromQueryResult};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::request::HeldLine;
use crate::tables::{hold, item};

/// One SKU and its levels. Units; times in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemView {
    /// Its id.
    pub id: Uuid,
    /// The product it stands for.
    pub product_id: String,
    /// The variant of the product.
    pub variant_id: Option<String>,
    /// Its SKU.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// The brand that owns it.
    pub owner: String,
    /// The supplier that it is ordered from.
    pub supplier_id: Option<String>,
    /// What that supplier is called, if it is known.
    pub supplier_name: Option<String>,
    /// Order more when available and incoming together are at or below this.
    pub reorder_point: i64,
    /// How many to order then; 0 never orders.
    pub reorder_quantity: i64,
    /// Whether it may be promised.
    pub active: bool,
    /// Counts its changes; the ETag.
    pub version: i64,
    /// On the shelf, over all locations.
    pub on_hand: i64,
    /// Free to promise, over all locations.
    pub available: i64,
    /// Promised, over all locations.
    pub reserved: i64,
    /// On order from suppliers, over all locations.
    pub incoming: i64,
    /// On their way from one location of ours to another.
    #[serde(default)]
    pub in_transit: i64,
    /// The same by location.
    pub levels: Vec<LevelView>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When the first hold on it will expire by itself: until then these figures change by commands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_expiry: Option<Timestamp>,
    /// Units of holds that are over without a version that says so: by so many it differs from the books.
    #[serde(skip)]
    pub freed: i64,
}

/// The units of one item at one location: `on_hand = available + reserved + damaged + quality_control`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelView {
    /// Where.
    pub location_id: Uuid,
    /// Its code.
    pub location: String,
    /// On the shelf.
    pub on_hand: i64,
    /// Free to promise.
    pub available: i64,
    /// Promised.
    pub reserved: i64,
    /// Not sellable.
    pub damaged: i64,
    /// Waiting to be looked at.
    pub quality_control: i64,
    /// On order from suppliers.
    pub incoming: i64,
    /// On their way there from another location of ours.
    #[serde(default)]
    pub in_transit: i64,
}

/// A reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldView {
    /// Its id.
    pub reservation_id: HoldId,
    /// Whether it binds, and if not, how it ended.
    pub status: HoldStatus,
    /// When it stops, or stopped, binding by itself.
    pub expires_at: Timestamp,
    /// What kind of thing it is for.
    pub reference_type: Option<String>,
    /// Which one.
    pub reference_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it holds, and where.
    pub lines: Vec<HeldLine>,
    /// The SKUs that it is on, in the order of its lines.
    pub skus: Vec<String>,
}

/// One location of an item, or an item without any. Read in one statement, so that an item's version and its
/// levels belong together.
#[derive(FromQueryResult)]
pub(super) struct ItemRow {
    id: Uuid,
    product_id: String,
    variant_id: Option<String>,
    sku: String,
    name: String,
    owner: String,
    supplier_id: Option<String>,
    supplier_name: Option<String>,
    reorder_point: i64,
    reorder_quantity: i64,
    is_active: bool,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    next_expiry: Option<Timestamp>,
    location_id: Option<Uuid>,
    location: Option<String>,
    available: Option<i64>,
    reserved: Option<i64>,
    damaged: Option<i64>,
    quality_control: Option<i64>,
    incoming: Option<i64>,
    in_transit: Option<i64>,
    overdue: Option<i64>,
}

/// The statement behind [`items`], of the items whose `i.id` is as `which` says. Holds whose time is up count as
/// available, whether or not their end was recorded.
pub(super) fn items_sql(backend: DbBackend, which: &str, clock: &str) -> String {
    let levels = match backend {
        // By the index for each item: `OFFSET 0` keeps PostgreSQL from reading the whole table, as it does before it has
        // statistics of a table that was just filled.
        DbBackend::Postgres => {
            "LATERAL (SELECT * FROM inventory_locations WHERE inventory_item_id = i.id OFFSET 0) l ON true"
        }
        _ => "inventory_locations l ON l.inventory_item_id = i.id",
    };
    format!(
        "SELECT i.id, i.product_id, i.variant_id, i.sku, i.name, i.owner, i.supplier_id,
             s.name AS supplier_name, i.reorder_point, i.reorder_quantity, i.is_active, i.version, i.created_at, i.updated_at,
             l.warehouse_id AS location_id, w.code AS location, l.available_quantity AS available,
             l.reserved_quantity AS reserved, l.damaged_quantity AS damaged,
             l.quality_control_quantity AS quality_control, l.incoming_quantity AS incoming,
             l.in_transit_quantity AS in_transit,
             CASE WHEN l.reserved_quantity > 0 THEN (SELECT CAST(sum(r.quantity - r.confirmed_quantity) AS bigint)
                 FROM inventory_reservations r WHERE r.status = 'open' AND r.expires_at <= {clock}
                 AND r.inventory_item_id = l.inventory_item_id AND r.warehouse_id = l.warehouse_id) END AS overdue,
             CASE WHEN i.reserved_quantity > 0 THEN (SELECT min(r.expires_at)
                 FROM inventory_reservations r WHERE r.status = 'open' AND r.expires_at > {clock}
                 AND r.inventory_item_id = i.id) END AS next_expiry
         FROM inventory_items i
         LEFT JOIN supplier_names s ON s.supplier_id = i.supplier_id
         LEFT JOIN {levels}
         LEFT JOIN warehouses w ON w.id = l.warehouse_id
         WHERE i.id {which} ORDER BY i.id, w.priority, w.code"
    )
}

/// Puts items together from their rows, one a location, all of an item's one after the other.
pub(super) fn items(rows: Vec<ItemRow>) -> Vec<ItemView> {
    let item = |rows: &[ItemRow]| {
        let levels = rows.iter().filter_map(ItemRow::level).collect();
        let freed = rows.iter().filter_map(|row| row.overdue).sum();
        Some(ItemView { freed, ..rows.first()?.item().with(levels) })
    };
    rows.chunk_by(|row, next| row.id == next.id).filter_map(item).collect()
}

impl ItemView {
    /// The item with these levels and their sums.
    pub(super) fn with(self, levels: Vec<LevelView>) -> ItemView {
        let sum = |field: fn(&LevelView) -> i64| levels.iter().map(field).sum();
        ItemView {
            on_hand: sum(|level| level.on_hand),
            available: sum(|level| level.available),
            reserved: sum(|level| level.reserved),
            incoming: sum(|level| level.incoming),
            in_transit: sum(|level| level.in_transit),
            levels,
            ..self
        }
    }
}

impl LevelView {
    /// What is answered of a level of which so many reserved units are free again: their holds are over.
    pub(super) fn of(location: (Uuid, String), level: &Level, freed: i64) -> LevelView {
        let (available, reserved) = (level.available + freed, level.reserved - freed);
        LevelView {
            location_id: location.0,
            location: location.1,
            on_hand: level.on_hand(),
            available,
            reserved,
            damaged: level.damaged,
            quality_control: level.quality_control,
            incoming: level.incoming,
            in_transit: level.in_transit,
        }
    }
}

impl ItemRow {
    fn level(&self) -> Option<LevelView> {
        let units = |column: Option<i64>| column.unwrap_or(0);
        let level = Level {
            available: units(self.available),
            reserved: units(self.reserved),
            damaged: units(self.damaged),
            quality_control: units(self.quality_control),
            incoming: units(self.incoming),
            in_transit: units(self.in_transit),
        };
        let location = (self.location_id?, self.location.clone().unwrap_or_default());
        Some(LevelView::of(location, &level, units(self.overdue)))
    }

    fn item(&self) -> ItemView {
        ItemView {
            id: self.id,
            product_id: self.product_id.clone(),
            variant_id: self.variant_id.clone(),
            sku: self.sku.clone(),
            name: self.name.clone(),
            owner: self.owner.clone(),
            supplier_id: self.supplier_id.clone(),
            supplier_name: self.supplier_name.clone(),
            reorder_point: self.reorder_point,
            reorder_quantity: self.reorder_quantity,
            active: self.is_active,
            version: self.version,
            on_hand: 0,
            available: 0,
            reserved: 0,
            incoming: 0,
            in_transit: 0,
            levels: vec![],
            created_at: self.created_at,
            updated_at: self.updated_at,
            next_expiry: self.next_expiry,
            freed: 0,
        }
    }
}

/// Puts a reservation together; `None` when it has no lines.
pub(super) fn hold(
    id: HoldId,
    rows: &[hold::Model],
    items: &[item::Model],
    now: Timestamp,
) -> Result<Option<HoldView>, String> {
    let Some(first) = rows.first() else { return Ok(None) };
    let lines = rows.iter().map(line).collect::<Result<Vec<HoldLine>, String>>()?;
    let hold = Hold { lines };
    let over = hold.lines.iter().any(|line| line.status == HoldStatus::Open && line.is_overdue(now));
    let sku = |line: &HoldLine| {
        let item = items.iter().find(|item| item.id == line.item.0);
        item.map(|item| item.sku.clone()).unwrap_or_default()
    };
    let held = |line: &HoldLine| HeldLine {
        item_id: line.item,
        location_id: line.location,
        quantity: line.quantity,
        confirmed: line.confirmed,
    };
    Ok(Some(HoldView {
        reservation_id: id,
        // Over, though nobody has written it down yet.
        status: if over { HoldStatus::Expired } else { hold.status() },
        expires_at: hold.lines.iter().map(|line| line.expires_at).max().unwrap_or(first.expires_at),
        reference_type: first.reference_type.clone(),
        reference_id: first.reference_id.clone(),
        created_at: first.created_at,
        lines: hold.lines.iter().map(held).collect(),
        skus: hold.lines.iter().map(sku).collect(),
    }))
}

fn line(row: &hold::Model) -> Result<HoldLine, String> {
    Ok(HoldLine {
        item: ItemId(row.inventory_item_id),
        location: LocationId(row.warehouse_id),
        quantity: row.quantity,
        confirmed: row.confirmed_quantity,
        expires_at: row.expires_at,
        status: row.status.parse()?,
    })
}

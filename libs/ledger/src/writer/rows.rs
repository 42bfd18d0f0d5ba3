//! Rows as they are read, the same from both databases, and what they mean.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use domain::{
    Attributes, Hold, HoldId, HoldLine, HoldStatus, Identity, Item, ItemId, Level, Location, LocationId,
    Name, ShippedLine, Sku, Stock, Timestamp, Transfer, TransferId,
};
use uuid::Uuid;

use super::connection::StoreError;
use super::recording::KeyRow;

/// One level of an item, or an item without any.
#[derive(sqlx::FromRow)]
pub(super) struct ItemRow {
    id: Uuid,
    product_id: String,
    variant_id: Option<String>,
    sku: String,
    name: String,
    owner: String,
    supplier_id: Option<String>,
    reorder_point: i64,
    reorder_quantity: i64,
    is_active: bool,
    version: i64,
    pub(super) updated_at: Timestamp,
    warehouse_id: Option<Uuid>,
    available: Option<i64>,
    reserved: Option<i64>,
    damaged: Option<i64>,
    quality_control: Option<i64>,
    incoming: Option<i64>,
    in_transit: Option<i64>,
}

#[derive(sqlx::FromRow)]
pub(super) struct HoldRow {
    id: Uuid,
    inventory_item_id: Uuid,
    warehouse_id: Uuid,
    quantity: i64,
    confirmed_quantity: i64,
    status: String,
    expires_at: Timestamp,
}

#[derive(sqlx::FromRow)]
pub(super) struct TransferRow {
    id: Uuid,
    inventory_item_id: Uuid,
    from_warehouse_id: Uuid,
    to_warehouse_id: Uuid,
    shipped_quantity: i64,
    received_quantity: i64,
    lost_quantity: i64,
}

/// Units that came to a place in all, or left it.
#[derive(sqlx::FromRow)]
pub(super) struct MovedRow {
    place: String,
    units: i64,
}

#[derive(sqlx::FromRow)]
pub(super) struct StoredKey {
    scope: String,
    key: String,
    fingerprint: Option<String>,
    command_id: Uuid,
    answer: String,
}

#[derive(sqlx::FromRow)]
pub(super) struct LocationRow {
    id: Uuid,
    code: String,
    is_active: bool,
}

impl ItemRow {
    fn level(&self) -> Option<(LocationId, Level)> {
        let units = |column: Option<i64>| column.unwrap_or(0);
        let level = Level {
            available: units(self.available),
            reserved: units(self.reserved),
            damaged: units(self.damaged),
            quality_control: units(self.quality_control),
            incoming: units(self.incoming),
            in_transit: units(self.in_transit),
        };
        self.warehouse_id.map(|id| (LocationId(id), level))
    }

    fn item(self) -> Result<Item, StoreError> {
        let bad = |error| StoreError::Row(format!("inventory_items {}: {error}", self.id));
        let sku = |text: String| Sku::try_from(text).map_err(bad);
        let name = |text: String| Name::try_from(text).map_err(bad);
        Ok(Item {
            identity: Identity {
                id: ItemId(self.id),
                product_id: sku(self.product_id)?,
                variant_id: self.variant_id.map(sku).transpose()?,
                sku: sku(self.sku)?,
                owner: name(self.owner)?,
            },
            attributes: Attributes {
                name: name(self.name)?,
                supplier: self.supplier_id.map(sku).transpose()?,
                reorder_point: self.reorder_point,
                reorder_quantity: self.reorder_quantity,
                active: self.is_active,
            },
            version: self.version,
            levels: BTreeMap::new(),
        })
    }
}

/// A level that has a row.
type Place = (ItemId, LocationId);

/// Puts items and their levels together, and says which levels there are rows of.
pub(super) fn stock(
    rows: Vec<ItemRow>,
    locations: Arc<[Location]>,
) -> Result<(Stock, HashSet<Place>), StoreError> {
    let mut stock = Stock { locations, ..Stock::default() };
    let mut kept = HashSet::with_capacity(rows.len());
    for row in rows {
        let (id, level) = (ItemId(row.id), row.level());
        let item = match stock.items.entry(id) {
            Entry::Occupied(item) => item.into_mut(),
            Entry::Vacant(place) => place.insert(row.item()?),
        };
        if let Some((location, level)) = level {
            item.levels.insert(location, level);
            kept.insert((id, location));
        }
    }
    Ok((stock, kept))
}

/// Puts the lines of holds together. A line that was found twice is one line.
pub(super) fn holds(rows: Vec<HoldRow>) -> Result<HashMap<HoldId, Hold>, StoreError> {
    let mut holds: HashMap<HoldId, Hold> = HashMap::new();
    for row in rows {
        let status: HoldStatus = row.status.parse().map_err(StoreError::Row)?;
        let line = HoldLine {
            item: ItemId(row.inventory_item_id),
            location: LocationId(row.warehouse_id),
            quantity: row.quantity,
            confirmed: row.confirmed_quantity,
            expires_at: row.expires_at,
            status,
        };
        let hold = holds.entry(HoldId(row.id)).or_insert_with(|| Hold { lines: vec![] });
        if !hold.lines.contains(&line) {
            hold.lines.push(line);
        }
    }
    Ok(holds)
}

/// Puts the lines of transfers together.
pub(super) fn transfers(rows: Vec<TransferRow>) -> HashMap<TransferId, Transfer> {
    let mut transfers: HashMap<TransferId, Transfer> = HashMap::new();
    for row in rows {
        let (from, to) = (LocationId(row.from_warehouse_id), LocationId(row.to_warehouse_id));
        let transfer = transfers.entry(TransferId(row.id));
        transfer.or_insert_with(|| Transfer { from, to, lines: vec![] }).lines.push(ShippedLine {
            item: ItemId(row.inventory_item_id),
            shipped: row.shipped_quantity,
            received: row.received_quantity,
            lost: row.lost_quantity,
        });
    }
    transfers
}

impl MovedRow {
    /// Takes the units back out of a level.
    pub(super) fn undo(&self, level: &mut Level) -> Result<(), StoreError> {
        let place = match self.place.as_str() {
            "available" => &mut level.available,
            "reserved" => &mut level.reserved,
            "damaged" => &mut level.damaged,
            "quality_control" => &mut level.quality_control,
            "incoming" => &mut level.incoming,
            "in_transit" => &mut level.in_transit,
            other => return Err(StoreError::Row(format!("{other:?} is no state of units at a location"))),
        };
        *place -= self.units;
        Ok(())
    }
}

impl StoredKey {
    pub(super) fn row(self) -> KeyRow {
        let StoredKey { scope, key, fingerprint, command_id, answer } = self;
        KeyRow { scope, key, fingerprint, command_id, answer }
    }
}

impl LocationRow {
    pub(super) fn location(self) -> domain::Location {
        domain::Location { id: LocationId(self.id), code: self.code, active: self.is_active }
    }
}

//! Rows as they are read, the same from both databases, and what they mean.

use std::collections::{BTreeMap, HashMap};

use domain::{
    Attributes, Hold, HoldId, HoldLine, HoldStatus, Identity, Item, ItemId, Level, LocationId, Name, Sku,
    Timestamp,
};
use uuid::Uuid;

use super::connection::StoreError;
use super::recording::KeyRow;

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
}

#[derive(sqlx::FromRow)]
pub(super) struct LevelRow {
    pub(super) inventory_item_id: Uuid,
    pub(super) warehouse_id: Uuid,
    available_quantity: i64,
    reserved_quantity: i64,
    damaged_quantity: i64,
    quality_control_quantity: i64,
    incoming_quantity: i64,
}

#[derive(sqlx::FromRow)]
pub(super) struct HoldRow {
    id: Uuid,
    inventory_item_id: Uuid,
    warehouse_id: Uuid,
    quantity: i64,
    status: String,
    expires_at: Timestamp,
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
    pub(super) fn parse(self) -> Result<Item, StoreError> {
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

impl LevelRow {
    pub(super) fn place(&self) -> (ItemId, LocationId) {
        (ItemId(self.inventory_item_id), LocationId(self.warehouse_id))
    }

    pub(super) fn level(&self) -> Level {
        Level {
            available: self.available_quantity,
            reserved: self.reserved_quantity,
            damaged: self.damaged_quantity,
            quality_control: self.quality_control_quantity,
            incoming: self.incoming_quantity,
        }
    }
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

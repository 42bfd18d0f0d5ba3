//! The rows that follow from the ledger, as they are stored.

use domain::Timestamp;
use sea_orm::{DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use crate::history::moment;

/// A row of a table that the ledger tells.
pub(super) trait Projected: FromQueryResult {
    const TABLE: &'static str;
    /// Which column says whose it is.
    const ITEM: &'static str;
    /// All of them; those of the key in front.
    const COLUMNS: &'static [&'static str];
    /// How many of them are the key.
    const KEYS: usize;

    /// In the order of the columns.
    fn values(&self, backend: DbBackend) -> Vec<Value>;

    /// Takes over from the row that is there what the ledger does not say.
    fn keep(&mut self, _is: &Self) {}
}

#[derive(FromQueryResult)]
pub(super) struct ItemRow {
    pub(super) id: Uuid,
    pub(super) product_id: String,
    pub(super) variant_id: Option<String>,
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) supplier_id: Option<String>,
    pub(super) reorder_point: i64,
    pub(super) reorder_quantity: i64,
    pub(super) is_active: bool,
    pub(super) version: i64,
    pub(super) total_quantity: i64,
    pub(super) available_quantity: i64,
    pub(super) reserved_quantity: i64,
    pub(super) incoming_quantity: i64,
    pub(super) in_transit_quantity: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Projected for ItemRow {
    const TABLE: &'static str = "inventory_items";
    const ITEM: &'static str = "id";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "product_id",
        "variant_id",
        "sku",
        "name",
        "owner",
        "supplier_id",
        "reorder_point",
        "reorder_quantity",
        "is_active",
        "version",
        "total_quantity",
        "available_quantity",
        "reserved_quantity",
        "incoming_quantity",
        "in_transit_quantity",
        "created_at",
        "updated_at",
    ];
    const KEYS: usize = 1;

    fn values(&self, backend: DbBackend) -> Vec<Value> {
        vec![
            self.id.into(),
            self.product_id.clone().into(),
            self.variant_id.clone().into(),
            self.sku.clone().into(),
            self.name.clone().into(),
            self.owner.clone().into(),
            self.supplier_id.clone().into(),
            self.reorder_point.into(),
            self.reorder_quantity.into(),
            self.is_active.into(),
            self.version.into(),
            self.total_quantity.into(),
            self.available_quantity.into(),
            self.reserved_quantity.into(),
            self.incoming_quantity.into(),
            self.in_transit_quantity.into(),
            moment(backend, self.created_at),
            moment(backend, self.updated_at),
        ]
    }
}

#[derive(FromQueryResult)]
pub(super) struct LevelRow {
    pub(super) inventory_item_id: Uuid,
    pub(super) warehouse_id: Uuid,
    pub(super) available_quantity: i64,
    pub(super) reserved_quantity: i64,
    pub(super) damaged_quantity: i64,
    pub(super) quality_control_quantity: i64,
    pub(super) incoming_quantity: i64,
    pub(super) in_transit_quantity: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Projected for LevelRow {
    const TABLE: &'static str = "inventory_locations";
    const ITEM: &'static str = "inventory_item_id";
    const COLUMNS: &'static [&'static str] = &[
        "inventory_item_id",
        "warehouse_id",
        "available_quantity",
        "reserved_quantity",
        "damaged_quantity",
        "quality_control_quantity",
        "incoming_quantity",
        "in_transit_quantity",
        "created_at",
        "updated_at",
    ];
    const KEYS: usize = 2;

    fn values(&self, backend: DbBackend) -> Vec<Value> {
        vec![
            self.inventory_item_id.into(),
            self.warehouse_id.into(),
            self.available_quantity.into(),
            self.reserved_quantity.into(),
            self.damaged_quantity.into(),
            self.quality_control_quantity.into(),
            self.incoming_quantity.into(),
            self.in_transit_quantity.into(),
            moment(backend, self.created_at),
            moment(backend, self.updated_at),
        ]
    }
}

#[derive(FromQueryResult)]
pub(super) struct HoldRow {
    pub(super) id: Uuid,
    pub(super) inventory_item_id: Uuid,
    pub(super) warehouse_id: Uuid,
    pub(super) quantity: i64,
    pub(super) confirmed_quantity: i64,
    pub(super) status: String,
    pub(super) expires_at: Timestamp,
    pub(super) reference_type: Option<String>,
    pub(super) reference_id: Option<String>,
    pub(super) created_by: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// Whether the ledger says until when: the first release's does not.
    #[sea_orm(skip)]
    pub(super) lasting_unsaid: bool,
}

impl Projected for HoldRow {
    const TABLE: &'static str = "inventory_reservations";
    const ITEM: &'static str = "inventory_item_id";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "inventory_item_id",
        "warehouse_id",
        "quantity",
        "confirmed_quantity",
        "status",
        "expires_at",
        "reference_type",
        "reference_id",
        "created_by",
        "created_at",
        "updated_at",
    ];
    const KEYS: usize = 3;

    fn values(&self, backend: DbBackend) -> Vec<Value> {
        vec![
            self.id.into(),
            self.inventory_item_id.into(),
            self.warehouse_id.into(),
            self.quantity.into(),
            self.confirmed_quantity.into(),
            self.status.clone().into(),
            moment(backend, self.expires_at),
            self.reference_type.clone().into(),
            self.reference_id.clone().into(),
            self.created_by.clone().into(),
            moment(backend, self.created_at),
            moment(backend, self.updated_at),
        ]
    }

    fn keep(&mut self, is: &HoldRow) {
        if self.lasting_unsaid {
            self.expires_at = is.expires_at;
        }
    }
}

#[derive(FromQueryResult)]
pub(super) struct TransferRow {
    pub(super) id: Uuid,
    pub(super) inventory_item_id: Uuid,
    pub(super) from_warehouse_id: Uuid,
    pub(super) to_warehouse_id: Uuid,
    pub(super) shipped_quantity: i64,
    pub(super) received_quantity: i64,
    pub(super) lost_quantity: i64,
    pub(super) reference_type: Option<String>,
    pub(super) reference_id: Option<String>,
    pub(super) created_by: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Projected for TransferRow {
    const TABLE: &'static str = "inventory_transfers";
    const ITEM: &'static str = "inventory_item_id";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "inventory_item_id",
        "from_warehouse_id",
        "to_warehouse_id",
        "shipped_quantity",
        "received_quantity",
        "lost_quantity",
        "reference_type",
        "reference_id",
        "created_by",
        "created_at",
        "updated_at",
    ];
    const KEYS: usize = 2;

    fn values(&self, backend: DbBackend) -> Vec<Value> {
        vec![
            self.id.into(),
            self.inventory_item_id.into(),
            self.from_warehouse_id.into(),
            self.to_warehouse_id.into(),
            self.shipped_quantity.into(),
            self.received_quantity.into(),
            self.lost_quantity.into(),
            self.reference_type.clone().into(),
            self.reference_id.clone().into(),
            self.created_by.clone().into(),
            moment(backend, self.created_at),
            moment(backend, self.updated_at),
        ]
    }
}

#[derive(FromQueryResult)]
pub(super) struct SnapshotRow {
    pub(super) inventory_item_id: Uuid,
    pub(super) version: i64,
    pub(super) recorded_at: Timestamp,
    pub(super) body: String,
}

impl Projected for SnapshotRow {
    const TABLE: &'static str = "inventory_snapshots";
    const ITEM: &'static str = "inventory_item_id";
    const COLUMNS: &'static [&'static str] = &["inventory_item_id", "version", "recorded_at", "body"];
    const KEYS: usize = 2;

    fn values(&self, backend: DbBackend) -> Vec<Value> {
        vec![
            self.inventory_item_id.into(),
            self.version.into(),
            moment(backend, self.recorded_at),
            self.body.clone().into(),
        ]
    }
}

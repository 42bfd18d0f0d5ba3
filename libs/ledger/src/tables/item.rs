//! One SKU. `inventory_items`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inventory_items")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) product_id: String,
    pub(crate) variant_id: Option<String>,
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) supplier_id: Option<String>,
    pub(crate) reorder_point: i64,
    pub(crate) reorder_quantity: i64,
    pub(crate) is_active: bool,
    pub(crate) version: i64,
    pub(crate) created_at: ChronoDateTimeUtc,
    pub(crate) updated_at: ChronoDateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

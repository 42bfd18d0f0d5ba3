//! How an item is restocked, where that differs from what stock says.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "restock_policies")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) item_id: Uuid,
    /// None: the item's own.
    pub(crate) reorder_point: Option<i64>,
    /// None, and none of the next: the item's own.
    pub(crate) reorder_quantity: Option<i64>,
    /// Instead of a quantity.
    pub(crate) order_up_to: Option<i64>,
    pub(crate) maximum_order: Option<i64>,
    pub(crate) snoozed_until: Option<DateTimeUtc>,
    pub(crate) preferred_supplier_id: Option<String>,
    /// None: the supplier's.
    pub(crate) lead_time_days: Option<i32>,
    pub(crate) version: i64,
    pub(crate) updated_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

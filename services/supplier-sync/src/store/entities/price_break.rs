//! A lower price of a supplier's product for more of it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "price_breaks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) supplier_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) product_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) quantity: i64,
    /// Decimal text: money is never binary.
    pub(crate) unit_cost: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}
impl ActiveModelBehavior for ActiveModel {}

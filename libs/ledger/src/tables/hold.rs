//! One line of a reservation. `inventory_reservations`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inventory_reservations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) inventory_item_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) warehouse_id: Uuid,
    pub(crate) quantity: i64,
    pub(crate) confirmed_quantity: i64,
    pub(crate) status: String,
    pub(crate) expires_at: ChronoDateTimeUtc,
    pub(crate) reference_type: Option<String>,
    pub(crate) reference_id: Option<String>,
    pub(crate) created_at: ChronoDateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

//! What suppliers are called, as they were last heard of. Answers show it; nothing is decided by it.

use domain::{Name, Sku, Timestamp};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait};

use crate::tables::supplier_name::{ActiveModel, Column, Entity};

/// Remembers that a supplier was called this at that time. What was heard of a later time stays.
pub async fn remember<C: ConnectionTrait>(
    db: &C,
    supplier: &Sku,
    name: &Name,
    at: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        supplier_id: Set(supplier.as_str().to_owned()),
        name: Set(name.as_str().to_owned()),
        updated_at: Set(at),
    };
    let newer = Expr::col((Entity, Column::UpdatedAt)).lte(Expr::col(("excluded", Column::UpdatedAt)));
    let overwrite = OnConflict::column(Column::SupplierId)
        .update_columns([Column::Name, Column::UpdatedAt])
        .action_and_where(newer)
        .to_owned();
    Entity::insert(row).on_conflict(overwrite).exec_without_returning(db).await?;
    Ok(())
}

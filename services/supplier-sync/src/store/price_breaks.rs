//! The table `price_breaks`.

use super::entities::price_break::{Column, Entity, Model};
use domain::restock::PriceBreak;
use rust_decimal::Decimal;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use std::str::FromStr;

/// A product's price breaks, the smallest first.
pub(crate) async fn of<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    product_id: &str,
) -> Result<Vec<PriceBreak>, DbErr> {
    let of_product =
        Entity::find().filter(Column::SupplierId.eq(supplier_id)).filter(Column::ProductId.eq(product_id));
    let rows = of_product.order_by_asc(Column::Quantity).all(db).await?;
    rows.into_iter().map(read).collect()
}

fn read(row: Model) -> Result<PriceBreak, DbErr> {
    let unit_cost = Decimal::from_str(&row.unit_cost)
        .map_err(|e| DbErr::Type(format!("price_breaks.unit_cost {:?}: {e}", row.unit_cost)))?;
    Ok(PriceBreak { quantity: row.quantity, unit_cost })
}

/// Replaces a product's price breaks. Their number is bounded by who asks, and who asks holds the lock on the product:
/// a deletion does not see what another transaction is about to insert.
pub(crate) async fn replace<C: ConnectionTrait>(
    tx: &C,
    (supplier_id, product_id): (&str, &str),
    breaks: &[PriceBreak],
) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::SupplierId.eq(supplier_id))
        .filter(Column::ProductId.eq(product_id))
        .exec(tx)
        .await?;
    let row = |step: &PriceBreak| Model {
        supplier_id: supplier_id.to_owned(),
        product_id: product_id.to_owned(),
        quantity: step.quantity,
        unit_cost: step.unit_cost.to_string(),
    };
    if !breaks.is_empty() {
        let rows = breaks.iter().map(|step| row(step).into_active_model());
        Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

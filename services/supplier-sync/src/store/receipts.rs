//! The table `restock_receipts`.

use super::entities::receipt::{Column, Entity, Model};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

/// Records a receipt.
pub(crate) async fn insert<C: ConnectionTrait>(tx: &C, receipt: Model) -> Result<(), DbErr> {
    Entity::insert(receipt.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// An order's receipts, oldest first. Bounded by the order's quantity, and by `limit`.
pub(crate) async fn of_order<C: ConnectionTrait>(
    db: &C,
    order_id: Uuid,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::OrderId.eq(order_id)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// An order's receipt with this reference.
pub(crate) async fn by_reference<C: ConnectionTrait>(
    db: &C,
    order_id: Uuid,
    reference: &str,
) -> Result<Option<Model>, DbErr> {
    let of_order = Entity::find().filter(Column::OrderId.eq(order_id));
    of_order.filter(Column::Reference.eq(reference)).order_by_asc(Column::Id).one(db).await
}

/// An item's receipts since an instant of which stock has not told yet, oldest first.
pub(crate) async fn unsettled<C: ConnectionTrait>(
    db: &C,
    item_id: Uuid,
    since: DateTime<Utc>,
) -> Result<Vec<Model>, DbErr> {
    let of_item = Entity::find().filter(Column::ItemId.eq(item_id)).filter(Column::Settled.eq(false));
    of_item.filter(Column::ReceivedAt.gt(since)).order_by_asc(Column::Id).all(db).await
}

/// Stock rose by so many: settles the oldest receipt of as many. False: there is none.
pub(crate) async fn settle<C: ConnectionTrait>(tx: &C, item_id: Uuid, units: i64) -> Result<bool, DbErr> {
    let of_item = Entity::find().filter(Column::ItemId.eq(item_id)).filter(Column::Settled.eq(false));
    let oldest = of_item.filter(Column::Awaited.eq(units)).order_by_asc(Column::Id).one(tx).await?;
    let Some(receipt) = oldest else { return Ok(false) };
    let update = Entity::update_many().col_expr(Column::Settled, Expr::value(true));
    update.filter(Column::Id.eq(receipt.id)).exec(tx).await?;
    Ok(true)
}

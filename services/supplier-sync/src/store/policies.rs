//! The table `restock_policies`.

use super::entities::policy::{Column, Entity, Model};
use super::entities::{order, seen};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

/// An item's policy, when it has one of its own.
pub(crate) async fn find<C: ConnectionTrait>(db: &C, item_id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(item_id).one(db).await
}

/// Sets an item's policy. Its caller holds the lock on the item.
pub(crate) async fn set<C: ConnectionTrait>(tx: &C, policy: Model) -> Result<(), DbErr> {
    let overwrite = OnConflict::column(Column::ItemId)
        .update_columns([
            Column::ReorderPoint,
            Column::ReorderQuantity,
            Column::OrderUpTo,
            Column::MaximumOrder,
            Column::SnoozedUntil,
            Column::PreferredSupplierId,
            Column::LeadTimeDays,
            Column::Version,
            Column::UpdatedAt,
        ])
        .to_owned();
    Entity::insert(policy.into_active_model()).on_conflict(overwrite).exec_without_returning(tx).await?;
    Ok(())
}

/// Items with a policy whose reorder point they are at or below, without an open order, by id after one of them.
pub(crate) async fn short<C: ConnectionTrait>(
    db: &C,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let low = Query::select()
        .expr(Expr::val(1))
        .from(seen::Entity)
        .and_where(Expr::col((seen::Entity, seen::Column::ItemId)).equals((Entity, Column::ItemId)))
        .and_where(Expr::cust("stock_seen.active"))
        .and_where(Expr::cust(
            "stock_seen.available + stock_seen.incoming + stock_seen.in_transit \
             <= coalesce(restock_policies.reorder_point, stock_seen.reorder_point)",
        ))
        .to_owned();
    let ordered = Query::select()
        .expr(Expr::val(1))
        .from(order::Entity)
        .and_where(Expr::col((order::Entity, order::Column::ItemId)).equals((Entity, Column::ItemId)))
        .and_where(order::Column::State.is_in(order::OrderState::OPEN))
        .to_owned();
    let mut short = Condition::all().add(Expr::exists(low)).add(Expr::exists(ordered).not());
    if let Some(after) = after {
        short = short.add(Column::ItemId.gt(after));
    }
    let query = Entity::find().select_only().column(Column::ItemId).filter(short);
    query.order_by_asc(Column::ItemId).limit(limit).into_tuple().all(db).await
}

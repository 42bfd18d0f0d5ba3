//! The table `stock_seen`.

use super::entities::order;
use super::entities::seen::{Column, Entity, Model};
use sea_orm::sea_query::{Condition, Expr, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

/// Records an item as an event told it, if the event is newer than what is recorded. The row stays locked until
/// the transaction ends, so that events about one item are planned for one after the other.
pub(crate) async fn record<C: ConnectionTrait>(tx: &C, seen: Model) -> Result<bool, DbErr> {
    let newer = OnConflict::column(Column::ItemId)
        .update_columns([
            Column::Sku,
            Column::ProductId,
            Column::Owner,
            Column::SupplierId,
            Column::Version,
            Column::Available,
            Column::Incoming,
            Column::InTransit,
            Column::ReorderPoint,
            Column::ReorderQuantity,
            Column::Active,
            Column::UpdatedAt,
        ])
        .action_and_where(Expr::col((Entity, Column::Version)).lt(seen.version))
        .to_owned();
    let rows = Entity::insert(seen.into_active_model()).on_conflict(newer).exec_without_returning(tx).await?;
    Ok(rows == 1)
}

/// One item, locked until the transaction ends (SQLite has one writer anyway).
pub(crate) async fn lock<C: ConnectionTrait>(tx: &C, item_id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(item_id).lock_exclusive().one(tx).await
}

/// The item that a name stands for: its id, its SKU or its product's id. More than one: it stands for several.
pub(crate) async fn named<C: ConnectionTrait>(db: &C, name: &str) -> Result<Vec<Model>, DbErr> {
    if let Ok(id) = Uuid::parse_str(name)
        && let Some(item) = Entity::find_by_id(id).one(db).await?
    {
        return Ok(vec![item]);
    }
    if let Some(item) = Entity::find().filter(Column::Sku.eq(name)).one(db).await? {
        return Ok(vec![item]);
    }
    Entity::find().filter(Column::ProductId.eq(name)).limit(2).all(db).await
}

/// One item.
pub(crate) async fn find<C: ConnectionTrait>(db: &C, item_id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(item_id).one(db).await
}

/// Items at or below their reorder point without an open order, by id after one of them: what events missed.
pub(crate) async fn short<C: ConnectionTrait>(
    db: &C,
    after: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Uuid>, DbErr> {
    let ordered = Query::select()
        .expr(Expr::val(1))
        .from(order::Entity)
        .and_where(Expr::col((order::Entity, order::Column::ItemId)).equals((Entity, Column::ItemId)))
        .and_where(order::Column::State.is_in(order::OrderState::OPEN))
        .to_owned();
    let mut low = Condition::all()
        .add(Column::Active.eq(true))
        .add(Column::ReorderQuantity.gt(0))
        .add(Expr::cust("available + incoming + in_transit <= reorder_point"))
        .add(Expr::exists(ordered).not());
    if let Some(after) = after {
        low = low.add(Column::ItemId.gt(after));
    }
    let query = Entity::find().select_only().column(Column::ItemId).filter(low);
    query.order_by_asc(Column::ItemId).limit(limit).into_tuple().all(db).await
}

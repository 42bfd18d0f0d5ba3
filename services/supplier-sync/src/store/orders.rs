//! The table `restock_orders`.

use super::entities::order::{ActiveModel, Column, Entity, Model, OrderState};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

/// Records an order, unless its item has an open one: then nothing changed, and false.
pub(crate) async fn insert<C: ConnectionTrait>(tx: &C, order: Model) -> Result<bool, DbErr> {
    let insert =
        Entity::insert(order.into_active_model()).on_conflict(OnConflict::new().do_nothing().to_owned());
    Ok(insert.exec_without_returning(tx).await? == 1)
}

/// One order.
pub(crate) async fn find<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// One order, locked until the transaction ends (SQLite has one writer anyway).
pub(crate) async fn lock<C: ConnectionTrait>(tx: &C, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(tx).await
}

/// An item's open order.
pub(crate) async fn open_of<C: ConnectionTrait>(db: &C, item_id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::ItemId.eq(item_id))
        .filter(Column::State.is_in(OrderState::OPEN))
        .one(db)
        .await
}

/// Whether an order for the item was rejected or cancelled since, for good.
pub(crate) async fn refused_since<C: ConnectionTrait>(
    db: &C,
    item_id: Uuid,
    since: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let refused = Entity::find()
        .filter(Column::ItemId.eq(item_id))
        .filter(Column::State.is_in([OrderState::Rejected, OrderState::Cancelled]))
        .filter(Column::Replaced.eq(false))
        .filter(Column::UpdatedAt.gt(since));
    Ok(refused.one(db).await?.is_some())
}

/// Writes an order back. Its caller holds the lock on it.
pub(crate) async fn update<C: ConnectionTrait>(tx: &C, order: &Model) -> Result<(), DbErr> {
    let row: ActiveModel = order.clone().into_active_model().reset_all();
    Entity::update(row).exec(tx).await?;
    Ok(())
}

/// Has open orders asked about again that nothing would bring up: a sender of an older version takes a confirmed one for
/// settled. Says how many there were.
pub(crate) async fn follow_up_forgotten<C: ConnectionTrait>(
    db: &C,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let forgotten = Entity::update_many()
        .col_expr(Column::NextAttemptAt, Expr::value(now))
        .filter(Column::NextAttemptAt.is_null())
        .filter(Column::State.is_in(OrderState::OPEN));
    Ok(forgotten.exec(db).await?.rows_affected)
}

/// The suppliers, but for some, that have orders to be asked about now.
pub(crate) async fn suppliers_due<C: ConnectionTrait>(
    db: &C,
    now: DateTime<Utc>,
    except: &[String],
    limit: u64,
) -> Result<Vec<String>, DbErr> {
    let due = Entity::find().select_only().column(Column::SupplierId).distinct();
    let due = due.filter(Column::NextAttemptAt.lte(now)).filter(Column::SupplierId.is_not_in(except));
    due.limit(limit).into_tuple().all(db).await
}

/// Takes a supplier's next due order until an instant: past it somebody else may, so nobody's death leaves an
/// order unsent. Those that it does not know of come before those that it is only asked about. Of many senders one gets it; the others are answered `None`.
pub(crate) async fn claim<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Model>, DbErr> {
    let next = Entity::find()
        .filter(Column::SupplierId.eq(supplier_id))
        .filter(Column::NextAttemptAt.lte(now))
        .order_by_desc(Expr::col(Column::State).eq(OrderState::Planned))
        .order_by_asc(Column::NextAttemptAt)
        .limit(1)
        .one(db)
        .await?;
    let Some(order) = next else { return Ok(None) };
    let claimed = Entity::update_many()
        .col_expr(Column::NextAttemptAt, Expr::value(until))
        .col_expr(Column::Fence, Expr::value(order.fence + 1))
        .filter(Column::Id.eq(order.id))
        .filter(Column::Fence.eq(order.fence))
        .filter(Column::NextAttemptAt.eq(order.next_attempt_at))
        .exec(db)
        .await?;
    let taken = claimed.rows_affected == 1;
    Ok(taken.then_some(Model { next_attempt_at: Some(until), fence: order.fence + 1, ..order }))
}

/// A supplier's latest orders of which nothing more is to come.
pub(crate) async fn closed_of<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let closed = Entity::find().filter(Column::SupplierId.eq(supplier_id));
    closed
        .filter(Column::State.is_not_in(OrderState::OPEN))
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}

/// How many open orders are in each state.
pub(crate) async fn open_by_state<C: ConnectionTrait>(db: &C) -> Result<Vec<(OrderState, i64)>, DbErr> {
    let open = Entity::find().select_only().column(Column::State).column_as(Column::Id.count(), "count");
    open.filter(Column::State.is_in(OrderState::OPEN)).group_by(Column::State).into_tuple().all(db).await
}

/// How many open orders may or may not be at their supplier.
pub(crate) async fn in_doubt<C: ConnectionTrait>(db: &C) -> Result<u64, DbErr> {
    let open = Entity::find().filter(Column::State.is_in(OrderState::OPEN));
    open.filter(Column::InDoubt.eq(true)).count(db).await
}

/// How many open orders, of one supplier or of all, should be here by now.
pub(crate) async fn overdue<C: ConnectionTrait>(
    db: &C,
    supplier_id: Option<&str>,
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut open = Entity::find().filter(Column::State.is_in(OrderState::OPEN));
    if let Some(supplier_id) = supplier_id {
        open = open.filter(Column::SupplierId.eq(supplier_id));
    }
    open.filter(Column::ExpectedAt.lt(now)).count(db).await
}

/// What a list of orders is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) state: Option<OrderState>,
    pub(crate) supplier_id: Option<String>,
    pub(crate) sku: Option<String>,
}

/// Orders, newest first, before one of them.
pub(crate) async fn list<C: ConnectionTrait>(
    db: &C,
    filter: Filter,
    before: Option<Uuid>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(state) = filter.state {
        query = query.filter(Column::State.eq(state));
    }
    if let Some(supplier_id) = filter.supplier_id {
        query = query.filter(Column::SupplierId.eq(supplier_id));
    }
    if let Some(sku) = filter.sku {
        query = query.filter(Column::Sku.eq(sku));
    }
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before));
    }
    query.all(db).await
}

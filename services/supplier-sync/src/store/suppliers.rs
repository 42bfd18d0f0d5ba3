//! The table `suppliers`.

use super::entities::supplier::{ActiveModel, Column, Entity, Model};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

/// Records a supplier. False: its id is taken, and nothing changed.
pub(crate) async fn insert<C: ConnectionTrait>(db: &C, supplier: Model) -> Result<bool, DbErr> {
    let insert = Entity::insert(supplier.into_active_model());
    let rows =
        insert.on_conflict(OnConflict::new().do_nothing().to_owned()).exec_without_returning(db).await?;
    Ok(rows == 1)
}

/// A supplier that an event named and nobody has set up: inactive, without an adapter. Recorded once, also when
/// two events name it together.
pub(crate) async fn insert_placeholder<C: ConnectionTrait>(
    db: &C,
    id: &str,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let placeholder = Model {
        id: id.to_owned(),
        name: id.to_owned(),
        contact_email: None,
        adapter: None,
        base_url: None,
        options: None,
        credential: None,
        lead_time_days: 0,
        sku_prefix: String::new(),
        cron: None,
        zone: None,
        missed: None,
        scheduled_from: None,
        waiting_tick: None,
        active: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    insert(db, placeholder).await
}

/// One supplier.
pub(crate) async fn find<C: ConnectionTrait>(db: &C, id: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.to_owned()).one(db).await
}

/// Suppliers by id, after one of them; `None` of `active` for all.
pub(crate) async fn list<C: ConnectionTrait>(
    db: &C,
    active: Option<bool>,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_asc(Column::Id).limit(limit);
    if let Some(active) = active {
        query = query.filter(Column::Active.eq(active));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    query.all(db).await
}

/// One supplier, locked until the transaction ends (SQLite has one writer anyway).
pub(crate) async fn lock<C: ConnectionTrait>(tx: &C, id: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id.to_owned()).lock_exclusive().one(tx).await
}

/// Writes a supplier back. Its caller holds the lock on it.
pub(crate) async fn update<C: ConnectionTrait>(tx: &C, supplier: Model) -> Result<(), DbErr> {
    let row: ActiveModel = supplier.into_active_model().reset_all();
    Entity::update(row).exec(tx).await?;
    Ok(())
}

/// Claims a tick of a supplier's schedule: of any number who try, one gets it. Not a change of the supplier: its
/// version stays.
pub(crate) async fn claim_tick<C: ConnectionTrait>(
    tx: &C,
    id: &str,
    due: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::ScheduledFrom, Expr::value(due))
        .col_expr(Column::WaitingTick, Expr::value(None::<DateTime<Utc>>));
    let claimed = update.filter(Column::Id.eq(id)).filter(Column::ScheduledFrom.lt(due)).exec(tx).await?;
    Ok(claimed.rows_affected == 1)
}

/// Writes down that a tick waits for the run before it. It takes the place of one that waited before.
pub(crate) async fn let_wait<C: ConnectionTrait>(db: &C, id: &str, due: DateTime<Utc>) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::WaitingTick, Expr::value(due));
    update.filter(Column::Id.eq(id)).filter(Column::ScheduledFrom.lt(due)).exec(db).await?;
    Ok(())
}

/// The suppliers with a schedule that runs.
pub(crate) async fn scheduled<C: ConnectionTrait>(db: &C) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Active.eq(true)).filter(Column::Cron.is_not_null()).all(db).await
}

/// The sealed credentials by supplier, after one of them: (supplier, sealed).
pub(crate) async fn credentials<C: ConnectionTrait>(
    db: &C,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<(String, String)>, DbErr> {
    let mut query = Entity::find().filter(Column::Credential.is_not_null());
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    let query = query.select_only().columns([Column::Id, Column::Credential]);
    query.order_by_asc(Column::Id).limit(limit).into_tuple().all(db).await
}

/// Replaces a sealed credential by the same one sealed anew. False: it was changed meanwhile, and stays.
pub(crate) async fn reseal<C: ConnectionTrait>(
    db: &C,
    id: &str,
    from: &str,
    to: &str,
) -> Result<bool, DbErr> {
    let update = Entity::update_many().col_expr(Column::Credential, Expr::value(to));
    let resealed = update.filter(Column::Id.eq(id)).filter(Column::Credential.eq(from)).exec(db).await?;
    Ok(resealed.rows_affected == 1)
}

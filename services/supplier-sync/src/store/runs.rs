//! The table `sync_runs`: a queue that replicas share, and the record of what ran.

use super::entities::run::{Column, Entity, Model, RunCause, RunState};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Condition, Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

/// How many workers may die over a run before it counts as failed: a run that kills its worker must not do so
/// for ever.
const MAX_WORKERS: i32 = 3;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) added: usize,
    pub(crate) updated: usize,
    pub(crate) deactivated: usize,
    pub(crate) unchanged: usize,
    pub(crate) refused: usize,
    pub(crate) error: Option<String>,
}

/// Queues a run. While one of the same supplier is open, that one is answered, with false.
pub(crate) async fn queue<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    cause: RunCause,
    override_brake: bool,
    now: DateTime<Utc>,
) -> Result<(Uuid, bool), DbErr> {
    let run = Model {
        id: Uuid::now_v7(),
        supplier_id: supplier_id.to_owned(),
        state: RunState::Queued,
        cause,
        override_brake,
        queued_at: now,
        started_at: None,
        ended_at: None,
        leased_until: None,
        fence: 0,
        added: 0,
        updated: 0,
        deactivated: 0,
        unchanged: 0,
        refused: 0,
        error: None,
    };
    let id = run.id;
    let insert =
        Entity::insert(run.into_active_model()).on_conflict(OnConflict::new().do_nothing().to_owned());
    if insert.exec_without_returning(db).await? == 1 {
        return Ok((id, true));
    }
    let open = Entity::find()
        .filter(Column::SupplierId.eq(supplier_id))
        .filter(Column::State.is_in([RunState::Queued, RunState::Running]))
        .one(db)
        .await?;
    // Ended between the two statements: what was asked for has just happened.
    Ok((open.map_or(id, |open| open.id), false))
}

/// Takes the oldest run that waits, or that a worker left behind. Of many workers one gets it; the others are
/// answered `None` and ask again.
pub(crate) async fn claim<C: ConnectionTrait>(
    db: &C,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Model>, DbErr> {
    let abandoned =
        Condition::all().add(Column::State.eq(RunState::Running)).add(Column::LeasedUntil.lt(now));
    let waits = Condition::any().add(Column::State.eq(RunState::Queued)).add(abandoned);
    let Some(run) = Entity::find().filter(waits).order_by_asc(Column::Id).limit(1).one(db).await? else {
        return Ok(None);
    };
    let claimed = Entity::update_many()
        .col_expr(Column::State, Expr::value(RunState::Running))
        .col_expr(Column::StartedAt, Expr::value(now))
        .col_expr(Column::LeasedUntil, Expr::value(until))
        .col_expr(Column::Fence, Expr::value(run.fence + 1))
        .filter(Column::Id.eq(run.id))
        .filter(Column::Fence.eq(run.fence))
        .exec(db)
        .await?;
    let taken = claimed.rows_affected == 1;
    Ok(taken.then_some(Model {
        state: RunState::Running,
        started_at: Some(now),
        fence: run.fence + 1,
        ..run
    }))
}

/// Whether too many workers have died over a run.
pub(crate) fn is_hopeless(run: &Model) -> bool {
    run.fence > MAX_WORKERS
}

/// Ends a run. False: it was taken for abandoned meanwhile, and nothing of it may be applied.
pub(crate) async fn finish<C: ConnectionTrait>(
    db: &C,
    run: &Model,
    outcome: &Outcome,
    failed: bool,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let count = |rows: usize| Expr::value(i64::try_from(rows).unwrap_or(i64::MAX));
    let state = if failed { RunState::Failed } else { RunState::Succeeded };
    let finished = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::EndedAt, Expr::value(now))
        .col_expr(Column::LeasedUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::Added, count(outcome.added))
        .col_expr(Column::Updated, count(outcome.updated))
        .col_expr(Column::Deactivated, count(outcome.deactivated))
        .col_expr(Column::Unchanged, count(outcome.unchanged))
        .col_expr(Column::Refused, count(outcome.refused))
        .col_expr(Column::Error, Expr::value(outcome.error.clone()))
        .filter(Column::Id.eq(run.id))
        .filter(Column::Fence.eq(run.fence))
        .filter(Column::State.eq(RunState::Running))
        .exec(db)
        .await?;
    Ok(finished.rows_affected == 1)
}

/// A supplier's runs, newest first, before one of them.
pub(crate) async fn list<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    before: Option<Uuid>,
    limit: u64,
    offset: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::SupplierId.eq(supplier_id))
        .order_by_desc(Column::Id)
        .limit(limit)
        .offset(offset);
    if let Some(before) = before {
        query = query.filter(Column::Id.lt(before));
    }
    query.all(db).await
}

/// When a supplier was last synced with success.
pub(crate) async fn last_success<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let last = Entity::find()
        .filter(Column::SupplierId.eq(supplier_id))
        .filter(Column::State.eq(RunState::Succeeded))
        .order_by_desc(Column::Id)
        .one(db)
        .await?;
    Ok(last.and_then(|run| run.ended_at))
}

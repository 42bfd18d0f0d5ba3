//! The table `sync_runs`: a queue that replicas share, and the record of what ran.
//!
//! **Invariants.** One open run a supplier and one run a tick, by unique indexes. Times are the database's. A run ends
//! once: [`end`] asks for the worker's fence and for the state, [`claim`] for the state that it saw.

use super::entities::run::{Column, Entity, Model, RunCause, RunState};
use super::entities::supplier;
use crate::diff::Counts;
use chrono::{DateTime, Utc};
use platform::db;
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, LockBehavior, LockType, OnConflict, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

/// How many workers may die over a run before it counts as failed: a run that kills its worker must not do so
/// for ever.
const MAX_WORKERS: i32 = 3;
/// How often a run is tried to be queued while the ones in its way end in between: each try means that one has.
const QUEUE_TRIES: usize = 5;
/// Runs deleted by a statement: short enough to be in nobody's way.
const PURGE_BATCH: u64 = 500;

/// What a run is asked to be.
pub(crate) struct Wanted {
    pub(crate) cause: RunCause,
    pub(crate) override_brake: bool,
    pub(crate) due_at: Option<DateTime<Utc>>,
    pub(crate) approved_digest: Option<String>,
}

impl Wanted {
    /// Without anything special.
    pub(crate) fn because_of(cause: RunCause) -> Wanted {
        Wanted { cause, override_brake: false, due_at: None, approved_digest: None }
    }
}

/// What came of queueing.
pub(crate) enum Queued {
    /// There is a new run.
    New(Uuid),
    /// One of the same supplier is open, and there is no new one.
    Open(Box<Model>),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End<'a> {
    /// What changed is applied.
    Succeeded,
    /// Nothing is changed.
    Failed,
    /// Nothing is changed yet; the digest is of what would be.
    Held(&'a str),
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) error: Option<String>,
    pub(crate) refusals: Vec<String>,
}

/// Queues a run, unless one of the same supplier is open.
pub(crate) async fn queue<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    wanted: &Wanted,
    now: DateTime<Utc>,
) -> Result<Queued, DbErr> {
    for _ in 0..QUEUE_TRIES {
        if let Some(id) = insert(db, supplier_id, wanted, now).await? {
            return Ok(Queued::New(id));
        }
        if let Some(open) = open(db, supplier_id).await? {
            return Ok(Queued::Open(Box::new(open)));
        }
    }
    Err(DbErr::Custom(format!("no run of {supplier_id} could be queued, and none is open")))
}

/// Records a run that waits. `None`: one of the same supplier is open, or its tick has had its run.
pub(crate) async fn insert<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    wanted: &Wanted,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, DbErr> {
    let run = Model {
        id: Uuid::now_v7(),
        supplier_id: supplier_id.to_owned(),
        state: RunState::Queued,
        cause: wanted.cause,
        override_brake: wanted.override_brake,
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
        due_at: wanted.due_at,
        worker: None,
        refusals: None,
        held_digest: None,
        approved_digest: wanted.approved_digest.clone(),
        approved_at: None,
    };
    let id = run.id;
    let insert =
        Entity::insert(run.into_active_model()).on_conflict(OnConflict::new().do_nothing().to_owned());
    Ok((insert.exec_without_returning(db).await? == 1).then_some(id))
}

/// A supplier's run that has not ended.
pub(crate) async fn open<C: ConnectionTrait>(db: &C, supplier_id: &str) -> Result<Option<Model>, DbErr> {
    let open = Entity::find().filter(Column::SupplierId.eq(supplier_id));
    open.filter(Column::State.is_in(RunState::OPEN)).one(db).await
}

/// One run.
pub(crate) async fn find<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// One run, locked until the transaction ends (SQLite has one writer anyway).
pub(crate) async fn lock<C: ConnectionTrait>(tx: &C, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(tx).await
}

/// Whether a later run of the same supplier came to know better: it succeeded, or is held itself.
pub(crate) async fn is_superseded<C: ConnectionTrait>(db: &C, run: &Model) -> Result<bool, DbErr> {
    let later = Entity::find()
        .filter(Column::SupplierId.eq(&run.supplier_id))
        .filter(Column::State.is_in([RunState::Succeeded, RunState::Held]))
        .filter(Column::EndedAt.gt(run.ended_at));
    Ok(later.one(db).await?.is_some())
}

/// Writes down that somebody approved of what a run would have changed.
pub(crate) async fn approved<C: ConnectionTrait>(tx: &C, id: Uuid, now: DateTime<Utc>) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::ApprovedAt, Expr::value(now));
    update.filter(Column::Id.eq(id)).exec(tx).await?;
    Ok(())
}

/// Lets a run that waits change what was approved. False: a worker has it already.
pub(crate) async fn let_pass<C: ConnectionTrait>(tx: &C, id: Uuid, digest: &str) -> Result<bool, DbErr> {
    let update = Entity::update_many().col_expr(Column::ApprovedDigest, Expr::value(digest));
    let update = update.filter(Column::Id.eq(id)).filter(Column::State.eq(RunState::Queued));
    Ok(update.exec(tx).await?.rows_affected == 1)
}

/// The runs that a worker may take: those that wait, and those whose worker let its lease run out.
fn waiting(now: DateTime<Utc>) -> Condition {
    let abandoned =
        Condition::all().add(Column::State.eq(RunState::Running)).add(Column::LeasedUntil.lt(now));
    Condition::any().add(Column::State.eq(RunState::Queued)).add(abandoned)
}

/// Takes the oldest run that waits, or that a worker left behind. Of many workers one gets it. A run that somebody
/// is just ending is passed over, and keeps nobody waiting.
pub(crate) async fn claim(
    db: &DatabaseConnection,
    worker: &str,
    lease: chrono::TimeDelta,
) -> Result<Option<Model>, DbErr> {
    let now = db::now(db).await?;
    if Entity::find().filter(waiting(now)).one(db).await?.is_none() {
        return Ok(None);
    }
    let tx = db::begin(db).await?;
    let oldest = Entity::find()
        .filter(waiting(now))
        .order_by_asc(Column::Id)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .one(&tx)
        .await?;
    let Some(run) = oldest else {
        tx.rollback().await?;
        return Ok(None);
    };
    let claimed = Entity::update_many()
        .col_expr(Column::State, Expr::value(RunState::Running))
        .col_expr(Column::StartedAt, Expr::value(now))
        .col_expr(Column::LeasedUntil, Expr::value(now + lease))
        .col_expr(Column::Fence, Expr::value(run.fence + 1))
        .col_expr(Column::Worker, Expr::value(worker))
        .filter(Column::Id.eq(run.id))
        .filter(Column::Fence.eq(run.fence))
        .filter(waiting(now))
        .exec(&tx)
        .await?;
    tx.commit().await?;
    let taken = claimed.rows_affected == 1;
    Ok(taken.then_some(Model {
        state: RunState::Running,
        started_at: Some(now),
        fence: run.fence + 1,
        worker: Some(worker.to_owned()),
        ..run
    }))
}

/// Whether too many workers have died over a run.
pub(crate) fn is_hopeless(run: &Model) -> bool {
    run.fence > MAX_WORKERS
}

/// The run as the worker that claimed it may still write to it.
fn held_by(run: &Model) -> Condition {
    Condition::all()
        .add(Column::Id.eq(run.id))
        .add(Column::Fence.eq(run.fence))
        .add(Column::State.eq(RunState::Running))
}

/// Makes a worker's claim last longer. False: another one has it, or it has ended.
pub(crate) async fn renew(
    db: &DatabaseConnection,
    run: &Model,
    lease: chrono::TimeDelta,
) -> Result<bool, DbErr> {
    let until = db::now(db).await? + lease;
    let update = Entity::update_many().col_expr(Column::LeasedUntil, Expr::value(until));
    Ok(update.filter(held_by(run)).exec(db).await?.rows_affected == 1)
}

/// Ends a run. False: it was taken for abandoned meanwhile, and nothing of it may be applied.
pub(crate) async fn end<C: ConnectionTrait>(
    db: &C,
    run: &Model,
    outcome: &Outcome,
    how: End<'_>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let count = |rows: usize| Expr::value(i64::try_from(rows).unwrap_or(i64::MAX));
    let (state, digest) = match how {
        End::Succeeded => (RunState::Succeeded, None),
        End::Failed => (RunState::Failed, None),
        End::Held(digest) => (RunState::Held, Some(digest)),
    };
    let refusals = match outcome.refusals.is_empty() {
        true => None,
        false => Some(serde_json::to_string(&outcome.refusals).map_err(|e| DbErr::Json(e.to_string()))?),
    };
    let ended = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::EndedAt, Expr::value(now))
        .col_expr(Column::LeasedUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::Added, count(outcome.counts.added))
        .col_expr(Column::Updated, count(outcome.counts.updated))
        .col_expr(Column::Deactivated, count(outcome.counts.deactivated))
        .col_expr(Column::Unchanged, count(outcome.counts.unchanged))
        .col_expr(Column::Refused, count(outcome.counts.refused))
        .col_expr(Column::Error, Expr::value(outcome.error.clone()))
        .col_expr(Column::Refusals, Expr::value(refusals))
        .col_expr(Column::HeldDigest, Expr::value(digest))
        .filter(held_by(run))
        .exec(db)
        .await?;
    Ok(ended.rows_affected == 1)
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
        .order_by_desc(Column::EndedAt)
        .one(db)
        .await?;
    Ok(last.and_then(|run| run.ended_at))
}

/// How many runs are in a state that is still to end.
pub(crate) async fn count_open<C: ConnectionTrait>(db: &C) -> Result<[(RunState, u64); 2], DbErr> {
    let open = Entity::find().filter(Column::State.is_in(RunState::OPEN)).select_only();
    let states: Vec<RunState> = open.column(Column::State).into_tuple().all(db).await?;
    Ok(RunState::OPEN.map(|state| (state, states.iter().filter(|open| **open == state).count() as u64)))
}

/// Since when the catalogs of active suppliers that can be asked are what they are: the last success, or when there
/// was none, when the supplier was registered.
pub(crate) async fn fresh_since<C: ConnectionTrait>(
    db: &C,
    limit: u64,
) -> Result<Vec<(String, DateTime<Utc>)>, DbErr> {
    let of_supplier =
        Expr::col((Entity, Column::SupplierId)).equals((supplier::Entity, supplier::Column::Id));
    let last = Query::select()
        .expr(Expr::col((Entity, Column::EndedAt)).max())
        .from(Entity)
        .and_where(of_supplier)
        .and_where(Column::State.eq(RunState::Succeeded))
        .to_owned();
    let since: Vec<(String, DateTime<Utc>, Option<DateTime<Utc>>)> = supplier::Entity::find()
        .select_only()
        .columns([supplier::Column::Id, supplier::Column::CreatedAt])
        .expr_as(Expr::SubQuery(None, Box::new(last.into())), "last_success")
        .filter(supplier::Column::Active.eq(true))
        .filter(supplier::Column::Adapter.is_not_null())
        .order_by_asc(supplier::Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    Ok(since.into_iter().map(|(id, created, last)| (id, last.unwrap_or(created))).collect())
}

/// Deletes runs that ended before a time, some of them; says how many. A supplier's last success stays.
pub(crate) async fn purge(db: &DatabaseConnection, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let later = Alias::new("later");
    let better = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, later.clone())
        .and_where(Expr::col((later.clone(), Column::SupplierId)).equals((Entity, Column::SupplierId)))
        .and_where(Expr::col((later.clone(), Column::State)).eq("succeeded"))
        .and_where(Expr::col((later, Column::EndedAt)).gt(Expr::col((Entity, Column::EndedAt))))
        .to_owned();
    let may_go = Condition::any().add(Column::State.ne(RunState::Succeeded)).add(Expr::exists(better));
    let old: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::EndedAt.lt(before))
        .filter(may_go)
        .order_by_asc(Column::EndedAt)
        .limit(PURGE_BATCH)
        .into_tuple()
        .all(db)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    // An id is never used again, and what has ended stays so.
    Ok(Entity::delete_many().filter(Column::Id.is_in(old)).exec(db).await?.rows_affected)
}

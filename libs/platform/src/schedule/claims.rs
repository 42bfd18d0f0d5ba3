//! Claims on ticks, in the table `schedule_claims`: one row a tick, written by whoever runs it.

use chrono::{DateTime, Duration, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, DeriveIden, Order};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::schema::{string, timestamp_with_time_zone};
use sea_orm_migration::sea_query::{Index, Table};

use super::Schedule;

/// Claims are kept this long, to look at; only the last is needed.
const KEEP_CLAIMS: Duration = Duration::days(7);

#[derive(DeriveIden)]
enum ScheduleClaims {
    Table,
    Schedule,
    DueAt,
    ClaimedAt,
}

/// Creates `schedule_claims`; called from a service's migrations.
pub async fn create_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use ScheduleClaims as C;
    let table = Table::create()
        .table(C::Table)
        .col(string(C::Schedule))
        .col(timestamp_with_time_zone(C::DueAt))
        .col(timestamp_with_time_zone(C::ClaimedAt))
        .primary_key(Index::create().col(C::Schedule).col(C::DueAt))
        .to_owned();
    manager.create_table(table).await
}

/// Claims the tick of the schedule `name` that is due at `now`, if one is: whoever gets it runs it.
/// Ticks up to `since` (when the schedule was made) are nobody's.
pub async fn claim_due(
    db: &DatabaseConnection,
    name: &str,
    schedule: &Schedule,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    use ScheduleClaims as C;
    let select = Query::select()
        .column(C::DueAt)
        .from(C::Table)
        .and_where(Expr::col(C::Schedule).eq(name))
        .order_by(C::DueAt, Order::Desc)
        .limit(1)
        .to_owned();
    let last: Option<DateTime<Utc>> = match db.query_one(&select).await? {
        Some(row) => Some(row.try_get("", "due_at")?),
        None => None,
    };
    let Some(due_at) = schedule.due(last.filter(|last| *last > since).unwrap_or(since), now) else {
        return Ok(None);
    };
    Ok(claim(db, name, due_at).await?.then_some(due_at))
}

/// Claims one tick; of any number who try, one gets it.
pub async fn claim(db: &DatabaseConnection, name: &str, due_at: DateTime<Utc>) -> Result<bool, DbErr> {
    use ScheduleClaims as C;
    let insert = Query::insert()
        .into_table(C::Table)
        .columns([C::Schedule, C::DueAt, C::ClaimedAt])
        .values_panic([name.into(), due_at.into(), Utc::now().into()])
        .on_conflict(OnConflict::columns([C::Schedule, C::DueAt]).do_nothing().to_owned())
        .to_owned();
    if db.execute(&insert).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let delete = Query::delete()
        .from_table(C::Table)
        .and_where(Expr::col(C::Schedule).eq(name))
        .and_where(Expr::col(C::DueAt).lt(due_at - KEEP_CLAIMS))
        .to_owned();
    if let Err(error) = db.execute(&delete).await {
        // The tick is ours all the same, and the next one deletes more.
        tracing::warn!(%error, name, "old schedule claims could not be deleted");
    }
    Ok(true)
}

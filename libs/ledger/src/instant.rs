//! One instant of the database, for questions of several statements: what is written meanwhile is not seen.

use domain::Timestamp;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    Statement, TransactionTrait,
};

/// Begins a transaction that only reads, and sees the database as it is at its first statement.
pub(crate) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let postgres = db.get_database_backend() == DbBackend::Postgres;
    let isolation = postgres.then_some(IsolationLevel::RepeatableRead);
    db.begin_with_config(isolation, postgres.then_some(AccessMode::ReadOnly)).await
}

/// The SQL for what time it is by the database's clock.
pub(crate) fn clock(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "clock_timestamp()",
        _ => "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')",
    }
}

/// What time it is by the database's clock.
pub(crate) async fn now<C: ConnectionTrait>(db: &C) -> Result<Timestamp, DbErr> {
    let backend = db.get_database_backend();
    let sql = format!("SELECT {} AS now", clock(backend));
    let row = db.query_one_raw(Statement::from_string(backend, sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the clock gave no time".to_owned()))?.try_get("", "now")
}

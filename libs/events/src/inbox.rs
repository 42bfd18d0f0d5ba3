//! The inbox: a consumer writes down what it has processed, in the transaction of the effect.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use tokio_util::sync::CancellationToken;

/// How long an id is remembered, in days. A broker redelivers within hours; a person who requeues dead
/// letters requeues what had no effect.
const REMEMBERED_DAYS: u32 = 30;

/// Rows a purge deletes at once: few enough that nobody waits for its locks.
const PURGE_BATCH: u64 = 1000;

/// How often old rows are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(15 * 60);

/// Whether this consumer sees this message for the first time. If so it is written down, and is remembered
/// once `tx` commits; if not, the effect has been had and the message is done.
///
/// Of two transactions that ask at the same time the second waits for the first.
pub async fn first_time<C: ConnectionTrait>(tx: &C, consumer: &str, id: &str) -> Result<bool, DbErr> {
    const INSERT: &str = "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let insert =
        Statement::from_sql_and_values(tx.get_database_backend(), INSERT, [consumer.into(), id.into()]);
    Ok(tx.execute_raw(insert).await?.rows_affected() == 1)
}

/// Forgets at most [`PURGE_BATCH`] ids that are older than `days`. Answers how many.
async fn purge(db: &DatabaseConnection, days: u32) -> Result<u64, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => {
            "DELETE FROM inbox WHERE ctid IN (SELECT ctid FROM inbox \
             WHERE seen_at < now() - make_interval(days => $1) LIMIT $2)"
        }
        _ => {
            "DELETE FROM inbox WHERE rowid IN (SELECT rowid FROM inbox \
             WHERE seen_at < datetime('now', '-' || $1 || ' days') LIMIT $2)"
        }
    };
    let values =
        [i32::try_from(days).unwrap_or(i32::MAX).into(), i64::try_from(PURGE_BATCH).unwrap_or(1).into()];
    let delete = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(db.execute_raw(delete).await?.rows_affected())
}

/// Keeps the inbox small until `stop` fires: forgets what is too old to come again.
pub async fn keep_tidy(db: DatabaseConnection, stop: CancellationToken) {
    loop {
        match purge(&db, REMEMBERED_DAYS).await {
            Ok(PURGE_BATCH) if !stop.is_cancelled() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old inbox rows could not be deleted"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PURGE_EVERY) => {}
        }
    }
}

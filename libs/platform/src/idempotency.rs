//! Idempotency of a caller's key: a request that comes twice has one effect and one answer.
//!
//! For writes of low volume, of any service. The answer is kept in the transaction of the effect: there is
//! never one without the other.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Duration, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, DeriveIden};
use sea_orm_migration::SchemaManager;
use sea_orm_migration::schema::{string, text, text_null, timestamp_with_time_zone, uuid};
use sea_orm_migration::sea_query::{Index, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::auth::Caller;
use crate::db;
use crate::hosting::Task;
use crate::problem::{self, Problem};

/// How often old keys are looked for.
const PURGE_PERIOD: std::time::Duration = std::time::Duration::from_secs(600);

/// Keys deleted by one statement: few enough to hold no lock for long.
const PURGE_BATCH: u64 = 5_000;

#[derive(DeriveIden)]
enum IdempotencyKeys {
    Table,
    Scope,
    Key,
    Fingerprint,
    CommandId,
    Answer,
    CreatedAt,
}

/// Creates `idempotency_keys`; called from a service's migrations.
pub async fn create_table(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    use IdempotencyKeys as K;
    let table = Table::create()
        .table(K::Table)
        .col(string(K::Scope))
        .col(string(K::Key))
        .col(text_null(K::Fingerprint))
        .col(uuid(K::CommandId))
        .col(text(K::Answer))
        .col(timestamp_with_time_zone(K::CreatedAt))
        .primary_key(Index::create().col(K::Scope).col(K::Key))
        .to_owned();
    manager.create_table(table).await?;
    let by_age =
        Index::create().name("idempotency_keys_created_at").table(K::Table).col(K::CreatedAt).to_owned();
    manager.create_index(by_age).await
}

/// Whose request it is, and what it says.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Who asks: keys of different callers have nothing to do with each other.
    pub actor: String,
    /// The caller's key; without one each request is a new one.
    pub key: Option<String>,
    /// What is asked, from [`fingerprint`].
    pub fingerprint: String,
}

/// What a request was answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON, byte for byte.
    pub body: String,
}

/// An answer, and whether it is an old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayable {
    /// The answer.
    pub answer: Answer,
    /// Whether it was given before, and nothing was done now.
    pub replayed: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// The key was used before, for something else.
    #[error("the idempotency key was used before, for another request")]
    Reused,
    /// The database failed. Whether the effect took place is open: repeating it with its key tells.
    #[error(transparent)]
    Db(#[from] DbErr),
    /// The work was refused; nothing was changed and the key is free.
    #[error("{0}")]
    Refused(E),
}

impl<E> Error<E> {
    /// The problem to answer with; `refused` says what the work's own refusals are.
    pub fn into_problem(self, refused: impl FnOnce(E) -> Problem) -> Problem {
        match self {
            Self::Reused => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key was used before, for another request",
            ),
            Self::Db(error) => {
                tracing::error!(%error, "a write failed in the database");
                Problem::unavailable("the database did not answer as it should")
            }
            Self::Refused(error) => refused(error),
        }
    }
}

/// What identifies a request's content: its route (with the method and every id in it) and its body.
pub fn fingerprint(route: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    // The length keeps the two apart.
    hash.update((route.len() as u64).to_be_bytes());
    hash.update(route);
    hash.update(body);
    hex::encode(hash.finalize())
}

impl Scope {
    /// A caller's request.
    pub fn new(caller: &Caller, key: Option<String>, fingerprint: String) -> Self {
        // The role stands in front, so that no token's subject can pass for a scope of our own.
        Self { actor: format!("{}:{}", caller.role.as_str(), caller.actor), key, fingerprint }
    }
}

/// Does `work` and keeps its answer, in one transaction; or gives the answer that is kept.
///
/// What is asked twice at once is done once: the second waits for the first.
pub async fn once<E>(
    db: &DatabaseConnection,
    scope: Scope,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<Answer, E>,
) -> Result<Replayable, Error<E>> {
    let tx = db::begin(db).await?;
    if let Some(key) = &scope.key
        && !claim(&tx, &scope, key).await?
    {
        let (fingerprint, answer) = stored(&tx, &scope.actor, key).await?;
        tx.rollback().await?;
        // What was kept for another request, with or without a fingerprint, may be of another shape.
        if fingerprint.as_deref() != Some(&scope.fingerprint) {
            return Err(Error::Reused);
        }
        let kept = |error| DbErr::Type(format!("kept answer: {error}"));
        let answer = serde_json::from_str(&answer).map_err(kept)?;
        return Ok(Replayable { answer, replayed: true });
    }
    match work(&tx).await {
        Ok(answer) => {
            if let Some(key) = &scope.key {
                keep(&tx, &scope.actor, key, &answer).await?;
            }
            tx.commit().await?;
            Ok(Replayable { answer, replayed: false })
        }
        Err(refusal) => {
            tx.rollback().await?;
            Err(Error::Refused(refusal))
        }
    }
}

/// Whether the key is new. One that is being used at this moment is waited for.
async fn claim(tx: &DatabaseTransaction, scope: &Scope, key: &str) -> Result<bool, DbErr> {
    use IdempotencyKeys as K;
    let insert = Query::insert()
        .into_table(K::Table)
        .columns([K::Scope, K::Key, K::Fingerprint, K::CommandId, K::Answer, K::CreatedAt])
        .values_panic([
            scope.actor.clone().into(),
            key.into(),
            scope.fingerprint.clone().into(),
            Uuid::now_v7().into(),
            "".into(),
            Utc::now().into(),
        ])
        .on_conflict(OnConflict::columns([K::Scope, K::Key]).do_nothing().to_owned())
        .to_owned();
    Ok(tx.execute(&insert).await?.rows_affected() == 1)
}

async fn stored(tx: &DatabaseTransaction, actor: &str, key: &str) -> Result<(Option<String>, String), DbErr> {
    use IdempotencyKeys as K;
    let select = Query::select()
        .columns([K::Fingerprint, K::Answer])
        .from(K::Table)
        .and_where(Expr::col(K::Scope).eq(actor))
        .and_where(Expr::col(K::Key).eq(key))
        .to_owned();
    let row = tx
        .query_one(&select)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("an idempotency key went away while it was read".to_owned()))?;
    Ok((row.try_get("", "fingerprint")?, row.try_get("", "answer")?))
}

async fn keep(tx: &DatabaseTransaction, actor: &str, key: &str, answer: &Answer) -> Result<(), DbErr> {
    use IdempotencyKeys as K;
    let text = serde_json::to_string(answer).map_err(|error| DbErr::Type(error.to_string()))?;
    let update = Query::update()
        .table(K::Table)
        .value(K::Answer, text)
        .and_where(Expr::col(K::Scope).eq(actor))
        .and_where(Expr::col(K::Key).eq(key))
        .to_owned();
    tx.execute(&update).await.map(|_| ())
}

/// How long keys are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Callers' keys: at least as long as a client may take to ask again.
    pub callers: Duration,
    /// A scope of the service's own whose keys are kept for 400 days: for stories that take so long.
    pub long_kept: Option<&'static str>,
}

/// How long keys of the long-kept scope are kept: longer than any order stays open.
const LONG_KEPT: Duration = Duration::days(400);

/// Deletes keys that are older than they need to be at `now`, some thousands at most; says how many.
pub async fn purge(db: &DatabaseConnection, retention: Retention, now: DateTime<Utc>) -> Result<u64, DbErr> {
    use IdempotencyKeys as K;
    let old = |kept: Duration| Expr::col(K::CreatedAt).lt(now - kept);
    let due = match retention.long_kept {
        None => old(retention.callers),
        Some(scope) => old(retention.callers).and(Expr::col(K::Scope).ne(scope)).or(old(LONG_KEPT)),
    };
    let old = Query::select()
        .columns([K::Scope, K::Key])
        .from(K::Table)
        .and_where(due)
        .limit(PURGE_BATCH)
        .to_owned();
    let delete = Query::delete()
        .from_table(K::Table)
        .and_where(Expr::tuple([Expr::col(K::Scope), Expr::col(K::Key)]).in_subquery(old))
        .to_owned();
    Ok(db.execute(&delete).await?.rows_affected())
}

/// A task that deletes keys when they are old enough.
pub fn purge_task(db: DatabaseConnection, retention: Retention) -> Task {
    Task::new("idempotency keys purge", move |stop: CancellationToken| async move {
        while stop.run_until_cancelled(tokio::time::sleep(PURGE_PERIOD)).await.is_some() {
            let mut purged = purge(&db, retention, Utc::now()).await;
            while matches!(purged, Ok(PURGE_BATCH)) && !stop.is_cancelled() {
                purged = purge(&db, retention, Utc::now()).await;
            }
            if let Err(error) = purged {
                tracing::warn!(%error, "old idempotency keys could not be deleted");
            }
        }
    })
}

impl IntoResponse for Replayable {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let failed = status.is_client_error() || status.is_server_error();
        let media_type = if failed { problem::MEDIA_TYPE } else { "application/json" };
        let mut response = (status, [(header::CONTENT_TYPE, media_type)], self.answer.body).into_response();
        if self.replayed {
            let name = HeaderName::from_static("idempotent-replayed");
            response.headers_mut().insert(name, HeaderValue::from_static("true"));
        }
        response
    }
}

//! `/v1/suppliers/{id}/sync`, `/v1/sync-runs`: syncs, and what the brake held.

use super::{Reader, Write, Writer, page};
use crate::App;
use crate::error::Error;
use crate::store::entities::run::{self, RunCause, RunState};
use crate::store::runs;
use crate::suppliers;
use crate::sync;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use platform::http::{IdempotencyKey, Json, Path, Query};
use platform::idempotency::Replayable;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(request_sync))
        .routes(routes!(sync_runs))
        .routes(routes!(sync_run))
        .routes(routes!(approve))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct SyncQuery {
    /// Take the feed even when most of it is gone, renamed or without prices. Never an empty one.
    #[serde(default)]
    override_brake: bool,
}

/// A sync that is on its way.
#[derive(Serialize, ToSchema)]
pub(super) struct Started {
    /// The sync run's id.
    pub(super) task_id: Uuid,
    #[schema(value_type = String)]
    pub(super) status: &'static str,
    pub(super) message: String,
}

/// Sync a supplier's catalog now.
#[utoipa::path(post, path = "/v1/suppliers/{id}/sync", tag = "suppliers", params(("id" = String, Path), SyncQuery),
    responses((status = 202, description = "Queued, or under way already", body = Started),
    (status = 404, description = "There is no such supplier"),
    (status = 409, description = "It is inactive or not set up, or a sync is open that cannot be told to override")))]
async fn request_sync(
    Writer(caller): Writer,
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<SyncQuery>,
    key: IdempotencyKey,
) -> Result<Replayable, Problem> {
    let route = format!("POST /v1/suppliers/{id}/sync {}", query.override_brake);
    start(&app, Write { app: &app, caller, key, route }, &id, query.override_brake).await
}

/// Queues a sync and wakes a worker.
pub(super) async fn start(
    app: &App,
    write: Write<'_>,
    id: &str,
    override_brake: bool,
) -> Result<Replayable, Problem> {
    let started = write.once(&(), StatusCode::ACCEPTED, async |tx| {
        let (task_id, new) = sync::request(tx, id, override_brake).await?;
        let word = if new { "started" } else { "is under way already" };
        Ok(Started {
            task_id,
            status: "started",
            message: format!("Synchronization of supplier {id} {word}"),
        })
    });
    let started = started.await?;
    app.syncs_wake.notify_one();
    Ok(started)
}

/// Let a held sync's changes pass: the supplier is asked again, and what it lists is applied if that is still what was
/// held.
#[utoipa::path(post, path = "/v1/sync-runs/{id}/approve", tag = "suppliers", params(("id" = Uuid, Path)), responses(
    (status = 202, description = "The sync that will apply it is queued", body = Started),
    (status = 404, description = "There is no such sync"),
    (status = 409, description = "It is not held, a later one came to know better, or one is under way")))]
async fn approve(
    Writer(caller): Writer,
    State(app): State<App>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
) -> Result<Replayable, Problem> {
    let write = Write { app: &app, caller, key, route: format!("POST /v1/sync-runs/{id}/approve") };
    let started = write.once(&(), StatusCode::ACCEPTED, async |tx| {
        let (task_id, supplier) = sync::approve(tx, id).await?;
        let message = format!("Supplier {supplier} is asked again, and what was held may pass");
        Ok(Started { task_id, status: "started", message })
    });
    let started = started.await?;
    app.syncs_wake.notify_one();
    Ok(started)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct Page {
    /// 1 to 500.
    limit: Option<u64>,
    cursor: Option<String>,
}

/// One sync of a supplier. The counts of a held one say what it would have done.
#[derive(Serialize, ToSchema)]
struct SyncRun {
    id: Uuid,
    supplier_id: String,
    state: RunState,
    cause: RunCause,
    /// The tick of the schedule that it is for.
    due_at: Option<DateTime<Utc>>,
    queued_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    /// The process that had it last.
    worker: Option<String>,
    added: i64,
    updated: i64,
    deactivated: i64,
    unchanged: i64,
    refused: i64,
    /// Why it failed or is held, or why the first refused row was.
    error: Option<String>,
    /// Why the first ten refused rows were.
    refusals: Vec<String>,
    /// When somebody approved of what was held.
    approved_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
struct SyncRunPage {
    sync_runs: Vec<SyncRun>,
    next_cursor: Option<String>,
}

/// List a supplier's syncs, newest first.
#[utoipa::path(get, path = "/v1/suppliers/{id}/sync-runs", tag = "suppliers",
    params(("id" = String, Path), Page), responses(
    (status = 200, description = "A page of syncs", body = SyncRunPage),
    (status = 404, description = "There is no such supplier")))]
async fn sync_runs(
    _: Reader,
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<Page>,
) -> Result<Json<SyncRunPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let before = page::after_id("sync-runs", query.cursor.as_deref())?;
    suppliers::find(&app.db, &id).await?;
    let found = runs::list(&app.db, &id, before, limit, 0).await.map_err(Error::from)?;
    let full = found.len() as u64 == limit;
    let next_cursor =
        found.last().filter(|_| full).map(|last| page::cursor("sync-runs", &last.id.to_string()));
    let sync_runs = found.into_iter().map(shown).collect::<Result<_, _>>()?;
    Ok(Json(SyncRunPage { sync_runs, next_cursor }))
}

/// Get a sync.
#[utoipa::path(get, path = "/v1/sync-runs/{id}", tag = "suppliers", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The sync", body = SyncRun),
    (status = 404, description = "There is no such sync")))]
async fn sync_run(_: Reader, State(app): State<App>, Path(id): Path<Uuid>) -> Result<Json<SyncRun>, Problem> {
    let found = runs::find(&app.db, id).await.map_err(Error::from)?;
    Ok(Json(shown(found.ok_or(Error::RunUnknown(id))?)?))
}

fn shown(run: run::Model) -> Result<SyncRun, Error> {
    let refusals = run.refusals.as_deref().map(serde_json::from_str).transpose()?;
    Ok(SyncRun {
        id: run.id,
        supplier_id: run.supplier_id,
        state: run.state,
        cause: run.cause,
        due_at: run.due_at,
        queued_at: run.queued_at,
        started_at: run.started_at,
        ended_at: run.ended_at,
        worker: run.worker,
        added: run.added,
        updated: run.updated,
        deactivated: run.deactivated,
        unchanged: run.unchanged,
        refused: run.refused,
        error: run.error,
        refusals: refusals.unwrap_or_default(),
        approved_at: run.approved_at,
    })
}

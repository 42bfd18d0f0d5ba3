//! The routes of older clients: `/suppliers`, without a version, with and without a trailing slash.
//!
//! Thin: the same functions as `/v1`, other words. Errors are `{"detail": "…"}`, unknown query parameters are
//! passed over, and booleans are read as those clients write them.

use super::runs::{Started, start};
use super::{Reader, Write, Writer};
use crate::App;
use crate::adapters::AdapterKind;
use crate::error::Error;
use crate::store::entities::run::{self, RunState};
use crate::store::entities::supplier;
use crate::store::{self, catalog, runs};
use crate::{suppliers, sync};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use platform::http::{IdempotencyKey, Json, Path, Query};
use platform::problem::Problem;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// These lists have no cursor; nobody who speaks this dialect has more suppliers.
const MAX_SUPPLIERS: u64 = 10_000;
/// The most runs at once.
const MAX_LOGS: u64 = 500;
/// How far back runs can be paged.
const MAX_OFFSET: u64 = 1_000_000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(sync_one))
        .routes(routes!(sync_all))
        .routes(routes!(sync_logs))
        .route("/suppliers", get(list))
        .route("/suppliers/{id}/", get(one))
        .route("/suppliers/{id}/sync/", post(sync_one))
        .route("/suppliers/sync/all/", post(sync_all))
        .route("/suppliers/{id}/sync-logs/", get(sync_logs))
}

/// An error in the old words.
struct Detail(Problem);

impl IntoResponse for Detail {
    fn into_response(self) -> Response {
        let body: Value = serde_json::from_str(&self.0.body()).unwrap_or_default();
        let (status, detail) = match self.0.code() {
            "supplier-unknown" => (StatusCode::NOT_FOUND, json!("Supplier not found")),
            "supplier-inactive" | "supplier-incomplete" => {
                (StatusCode::BAD_REQUEST, json!("Supplier is not active"))
            }
            _ => (self.0.status(), body["detail"].clone()),
        };
        // Headers, such as Retry-After, are the problem's.
        let mut response = self.0.into_response();
        *response.status_mut() = status;
        *response.body_mut() = json!({ "detail": detail }).to_string().into();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl From<Problem> for Detail {
    fn from(problem: Problem) -> Detail {
        Detail(problem)
    }
}

impl From<Error> for Detail {
    fn from(error: Error) -> Detail {
        Problem::from(error).into()
    }
}

impl From<sea_orm::DbErr> for Detail {
    fn from(error: sea_orm::DbErr) -> Detail {
        Error::from(error).into()
    }
}

#[derive(Serialize, ToSchema)]
struct OldSupplier {
    id: String,
    name: String,
    contact_email: Option<String>,
    api_url: Option<String>,
    api_type: Option<AdapterKind>,
    active: bool,
}

#[derive(Serialize, ToSchema)]
struct OldSupplierDetail {
    #[serde(flatten)]
    supplier: OldSupplier,
    products_count: u64,
    last_sync: Option<DateTime<Utc>>,
}

impl From<supplier::Model> for OldSupplier {
    fn from(supplier: supplier::Model) -> OldSupplier {
        OldSupplier {
            id: supplier.id,
            name: supplier.name,
            contact_email: supplier.contact_email,
            api_url: supplier.base_url,
            api_type: supplier.adapter,
            active: supplier.active,
        }
    }
}

#[derive(Deserialize, IntoParams)]
struct ListQuery {
    #[serde(default = "yes", deserialize_with = "flag")]
    active_only: bool,
}

fn yes() -> bool {
    true
}

/// As Python's clients write it.
fn flag<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    match String::deserialize(value)?.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        other => Err(serde::de::Error::custom(format!("`{other}` is not true or false"))),
    }
}

/// List suppliers.
#[utoipa::path(get, path = "/suppliers/", tag = "suppliers (older clients)", params(ListQuery), responses(
    (status = 200, description = "The suppliers", body = Vec<OldSupplier>)))]
async fn list(
    caller: Result<Reader, Problem>,
    State(app): State<App>,
    query: Result<Query<ListQuery>, Problem>,
) -> Result<Json<Vec<OldSupplier>>, Detail> {
    caller?;
    let active = query?.0.active_only.then_some(true);
    let found = store::suppliers::list(&app.db, active, None, MAX_SUPPLIERS).await?;
    Ok(Json(found.into_iter().map(OldSupplier::from).collect()))
}

/// Get a supplier.
#[utoipa::path(get, path = "/suppliers/{id}", tag = "suppliers (older clients)", params(("id" = String, Path)),
    responses((status = 200, description = "The supplier", body = OldSupplierDetail),
    (status = 404, description = "There is no such supplier")))]
async fn one(
    caller: Result<Reader, Problem>,
    State(app): State<App>,
    path: Result<Path<String>, Problem>,
) -> Result<Json<OldSupplierDetail>, Detail> {
    caller?;
    let supplier = suppliers::find(&app.db, &path?.0).await?;
    let products_count = catalog::count(&app.db, &supplier.id).await?;
    let last_sync = runs::last_success(&app.db, &supplier.id).await?;
    Ok(Json(OldSupplierDetail { supplier: supplier.into(), products_count, last_sync }))
}

/// Sync a supplier's catalog now.
#[utoipa::path(post, path = "/suppliers/{id}/sync", tag = "suppliers (older clients)",
    params(("id" = String, Path)), responses(
    (status = 202, description = "Started", body = Started),
    (status = 400, description = "It is inactive"),
    (status = 404, description = "There is no such supplier")))]
async fn sync_one(
    caller: Result<Writer, Problem>,
    State(app): State<App>,
    path: Result<Path<String>, Problem>,
    key: Result<IdempotencyKey, Problem>,
) -> Result<Response, Detail> {
    let (caller, id, key) = (caller?.0, path?.0, key?);
    let route = format!("POST /suppliers/{id}/sync");
    Ok(start(&app, Write { app: &app, caller, key, route }, &id, false).await?.into_response())
}

/// Sync all active suppliers now.
#[utoipa::path(post, path = "/suppliers/sync/all", tag = "suppliers (older clients)", responses(
    (status = 202, description = "Started", body = Started)))]
async fn sync_all(
    caller: Result<Writer, Problem>,
    State(app): State<App>,
    key: Result<IdempotencyKey, Problem>,
) -> Result<Response, Detail> {
    let (caller, key) = (caller?.0, key?);
    let write = Write { app: &app, caller, key, route: "POST /suppliers/sync/all".to_owned() };
    let started = write.once(&(), StatusCode::ACCEPTED, async |tx| {
        let count = sync::request_all(tx, MAX_SUPPLIERS).await?;
        let message = format!("Synchronization started for {count} suppliers");
        Ok(Started { task_id: Uuid::now_v7(), status: "started", message })
    });
    let started = started.await?;
    app.syncs_wake.notify_one();
    Ok(started.into_response())
}

#[derive(Deserialize, IntoParams)]
struct LogsQuery {
    /// 1 to 500.
    #[serde(default = "ten")]
    limit: u64,
    #[serde(default)]
    offset: u64,
}

fn ten() -> u64 {
    10
}

#[derive(Serialize, ToSchema)]
struct SyncLog {
    id: Uuid,
    supplier_id: String,
    start_time: DateTime<Utc>,
    end_time: Option<DateTime<Utc>>,
    status: RunState,
    products_added: i64,
    products_updated: i64,
    products_deactivated: i64,
    error_message: Option<String>,
}

impl From<run::Model> for SyncLog {
    fn from(run: run::Model) -> SyncLog {
        SyncLog {
            id: run.id,
            supplier_id: run.supplier_id,
            start_time: run.started_at.unwrap_or(run.queued_at),
            end_time: run.ended_at,
            // They know of no brake; nothing is changed in either case, and the message says why.
            status: if run.state == RunState::Held { RunState::Failed } else { run.state },
            products_added: run.added,
            products_updated: run.updated,
            products_deactivated: run.deactivated,
            error_message: run.error,
        }
    }
}

/// List a supplier's syncs, newest first.
#[utoipa::path(get, path = "/suppliers/{id}/sync-logs", tag = "suppliers (older clients)",
    params(("id" = String, Path), LogsQuery), responses(
    (status = 200, description = "The syncs", body = Vec<SyncLog>),
    (status = 404, description = "There is no such supplier")))]
async fn sync_logs(
    caller: Result<Reader, Problem>,
    State(app): State<App>,
    path: Result<Path<String>, Problem>,
    query: Result<Query<LogsQuery>, Problem>,
) -> Result<Json<Vec<SyncLog>>, Detail> {
    caller?;
    let (id, query) = (path?.0, query?.0);
    if !(1..=MAX_LOGS).contains(&query.limit) || query.offset > MAX_OFFSET {
        let detail = format!("limit must be 1 to {MAX_LOGS}, offset at most {MAX_OFFSET}");
        let problem = Problem::new(StatusCode::BAD_REQUEST, "malformed-query", "The query cannot be");
        return Err(problem.detail(detail).into());
    }
    suppliers::find(&app.db, &id).await?;
    let found = runs::list(&app.db, &id, None, query.limit, query.offset).await?;
    Ok(Json(found.into_iter().map(SyncLog::from).collect()))
}

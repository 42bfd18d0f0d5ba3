//! Routes that every process has, around those of its services.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router, routing::get};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::readiness::{Answer, Readiness};
use super::serve::HttpConfig;
use super::{Service, Stopping, Task, grpc, layers};
use crate::auth::Verifier;
use crate::measure;
use crate::problem::Problem;
use crate::telemetry;

/// What Prometheus expects its text format to be called.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a process answers on its two addresses, and what it does besides.
pub(super) struct Assembled {
    /// Requests.
    pub(super) http: Router,
    /// Calls.
    pub(super) grpc: Router,
    pub(super) tasks: Vec<Task>,
}

/// Merges the services into one application of each kind with all layers, and their tasks into one list.
///
/// An error when a gRPC service is described wrongly.
pub(super) fn assemble(
    services: Vec<Service>,
    config: &HttpConfig,
    verifier: Verifier,
    requests: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Assembled> {
    let (mut routes, mut tasks, mut checks) = (OpenApiRouter::default(), vec![], vec![]);
    let (mut calls, mut names) = (vec![], vec![]);
    for service in services {
        routes = routes.merge(service.routes);
        calls.extend(service.grpc);
        tasks.extend(service.tasks);
        checks.extend(
            service.checks.into_iter().map(|check| (format!("{}/{}", service.name, check.name), check)),
        );
        names.push(service.name);
    }
    let verifier = Arc::new(verifier);
    let detached = layers::Detached {
        requests: requests.clone(),
        slots: Arc::new(Semaphore::new(config.max_in_flight)),
        limit: Duration::from_millis(config.request_timeout_ms),
        body_limit: Duration::from_millis(config.body_read_timeout_ms),
    };
    let work = Work { slots: Arc::clone(&detached.slots), limit: config.max_in_flight };
    let readiness = Readiness::new(checks, stop.clone());
    let host = grpc::Host {
        verifier: Arc::clone(&verifier),
        detached: detached.clone(),
        body_limit_bytes: config.body_limit_bytes,
        readiness: readiness.clone(),
    };
    let grpc = grpc::assemble(calls, host)?;
    let (routes, api) = routes.split_for_parts();
    // In the order in which a request meets them. As one: each layer of a router's own is another box to clone.
    let layers = ServiceBuilder::new()
        .layer(from_fn(layers::observe))
        .layer(from_fn_with_state(detached, layers::detach))
        .layer(DefaultBodyLimit::max(config.body_limit_bytes))
        .layer(from_fn_with_state(verifier, layers::authenticate))
        .layer(Extension(Stopping(stop.clone())));
    let guarded = routes.method_not_allowed_fallback(no_method).fallback(no_route).layer(layers);
    let open = Router::new()
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route("/ready", get(ready).with_state(readiness))
        .route("/metrics", get(metrics).with_state(work))
        .method_not_allowed_fallback(no_method)
        .merge(SwaggerUi::new("/docs").url("/openapi.json", describe(api, &names)));
    Ok(Assembled { http: guarded.merge(open), grpc, tasks })
}

async fn no_route(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-route", "There is nothing here")
        .detail(format!("there is no route {}", uri.path()))
}

async fn no_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This route does not take this method")
}

/// `GET /ready`: whether to send requests here. Says what is not well; why is in the log.
async fn ready(State(readiness): State<Readiness>) -> Response {
    let Answer { well, checks } = readiness.ask().await;
    let checks: Map<String, Value> = checks
        .into_iter()
        .map(|(name, well)| (name, if well { "ok" } else { "unavailable" }.into()))
        .collect();
    let status = if readiness.stop.is_cancelled() {
        "stopping"
    } else if well {
        "ready"
    } else {
        "unavailable"
    };
    let code = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({ "status": status, "checks": checks }))).into_response()
}

/// What is being worked on.
#[derive(Clone)]
struct Work {
    /// Free places.
    slots: Arc<Semaphore>,
    /// All places.
    limit: usize,
}

/// `GET /metrics`: for Prometheus.
async fn metrics(State(work): State<Work>) -> impl IntoResponse {
    measure::active(work.limit.saturating_sub(work.slots.available_permits()), work.limit);
    let text = telemetry::metrics().render() + &measure::process();
    ([(header::CONTENT_TYPE, METRICS_TYPE)], text)
}

fn describe(mut api: OpenApi, names: &[&str]) -> OpenApi {
    api.info = InfoBuilder::new()
        .title(names.join(", "))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Errors are problems (RFC 9457), application/problem+json, with a stable `type`."))
        .build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    api.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(bearer));
    api.security = Some(vec![SecurityRequirement::new("bearer", Vec::<String>::new())]);
    api
}

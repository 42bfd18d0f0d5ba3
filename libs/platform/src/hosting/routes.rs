//! Routes that every process has, around those of its services.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::serve::HttpConfig;
use super::{Check, Service, Task, layers};
use crate::auth::Verifier;
use crate::problem::Problem;
use crate::telemetry;

/// A dependency that takes longer to say that it is well is not.
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// What Prometheus expects its text format to be called.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Merges the services into one application with all its layers, and their tasks into one list.
pub(super) fn assemble(
    services: Vec<Service>,
    http: &HttpConfig,
    verifier: Verifier,
    requests: &TaskTracker,
    stop: &CancellationToken,
) -> (Router, Vec<Task>) {
    let (mut routes, mut tasks, mut checks, mut names) = (OpenApiRouter::default(), vec![], vec![], vec![]);
    for service in services {
        routes = routes.merge(service.routes);
        tasks.extend(service.tasks);
        checks.extend(
            service.checks.into_iter().map(|check| (format!("{}/{}", service.name, check.name), check)),
        );
        names.push(service.name);
    }
    let (routes, api) = routes.split_for_parts();
    let detached = layers::Detached {
        requests: requests.clone(),
        slots: Arc::new(Semaphore::new(http.max_in_flight)),
        limit: Duration::from_millis(http.request_timeout_ms),
        body_limit: Duration::from_millis(http.body_read_timeout_ms),
    };
    // The last layer added is the first that a request meets.
    let guarded = routes
        .method_not_allowed_fallback(no_method)
        .fallback(no_route)
        .layer(from_fn_with_state(Arc::new(verifier), layers::authenticate))
        .layer(DefaultBodyLimit::max(http.body_limit_bytes))
        .layer(from_fn_with_state(detached, layers::detach))
        .layer(from_fn(layers::measure))
        .layer(from_fn(layers::trace));
    let readiness = Readiness { checks: Arc::new(checks), stop: stop.clone() };
    let open = Router::new()
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route("/ready", get(ready).with_state(readiness))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(no_method)
        .merge(SwaggerUi::new("/docs").url("/openapi.json", describe(api, &names)));
    (guarded.merge(open), tasks)
}

async fn no_route(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-route", "There is nothing here")
        .detail(format!("there is no route {}", uri.path()))
}

async fn no_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This route does not take this method")
}

#[derive(Clone)]
struct Readiness {
    /// By service and name: `stock-updater/database`.
    checks: Arc<Vec<(String, Check)>>,
    stop: CancellationToken,
}

/// `GET /ready`: whether to send requests here. Says what is not well; why is in the log.
async fn ready(State(readiness): State<Readiness>) -> Response {
    let asked = readiness.checks.iter().map(async |(name, check)| {
        let answer = match tokio::time::timeout(CHECK_LIMIT, (check.ask)()).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {CHECK_LIMIT:?}")),
        };
        if let Err(reason) = &answer {
            tracing::warn!(check = name, reason, "not ready");
        }
        (name, answer.is_ok())
    });
    let answers = futures::future::join_all(asked).await;
    let well = answers.iter().all(|(_, well)| *well) && !readiness.stop.is_cancelled();
    let checks: Map<String, Value> = answers
        .into_iter()
        .map(|(name, well)| (name.clone(), if well { "ok" } else { "unavailable" }.into()))
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

/// `GET /metrics`: for Prometheus.
async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], telemetry::metrics().render())
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

//! Layers: what every request passes on its way to a handler, outermost first.
//!
//! [`observe`] → [`detach`] → body limit → [`authenticate`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower_http::timeout::DeadlineBody;
use tracing::{Instrument, Span, field};

use super::leaving::Leaving;

use crate::auth::Verifier;
use crate::problem::Problem;
use crate::telemetry::{self, TRACEPARENT};

/// Stands for every path that no route has: a stranger's paths must not become labels.
const UNMATCHED: &str = "unmatched";

/// What a request is answered with whose client has left: nobody reads it, but logs and metrics tell of it.
const CLIENT_LEFT: u16 = 499;

/// Opens the request's span, as part of the trace that it came with; logs, counts and times what became of it.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let route = route(&request);
    let method = request.method();
    let span = tracing::info_span!(
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = %method,
        http.route = %route,
        url.path = request.uri().path(),
        http.response.status_code = field::Empty,
        trace_id = field::Empty,
        actor = field::Empty,
    );
    let traceparent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    telemetry::continue_from(&span, traceparent);
    let (start, method, uri) = (Instant::now(), method.clone(), request.uri().clone());
    let told = span.clone();
    let leaving = Leaving::new(CLIENT_LEFT, move |status| {
        let took = start.elapsed();
        metrics::histogram!(
            "http_server_request_duration_seconds",
            "http_request_method" => label(&method),
            "http_route" => route,
            "http_response_status_code" => status.to_string(),
        )
        .record(took);
        told.record("http.response.status_code", status);
        if status >= 500 {
            told.record("otel.status_code", "ERROR");
        }
        told.in_scope(|| access(&method, uri.path(), status, took));
    });
    let response = next.run(request).instrument(span).await;
    leaving.answered(response.status().as_u16());
    response
}

/// The method as a label. Any other is a stranger's invention, and must not become one.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "_OTHER",
    }
}

/// The access log: a line a request. Those that went as they should are many, and only said when asked for.
fn access(method: &Method, path: &str, status: u16, took: Duration) {
    let duration_ms = took.as_micros() as f64 / 1e3;
    match status {
        500.. => tracing::warn!(target: "access", %method, path, status, duration_ms, "answered"),
        CLIENT_LEFT => {
            tracing::info!(target: "access", %method, path, status, duration_ms, "the client left");
        }
        _ => tracing::debug!(target: "access", %method, path, status, duration_ms, "answered"),
    }
}

/// How many requests are worked on at once, and how long each may take.
#[derive(Clone)]
pub(super) struct Detached {
    pub(super) requests: TaskTracker,
    pub(super) slots: Arc<Semaphore>,
    pub(super) limit: Duration,
    pub(super) body_limit: Duration,
}

/// Why [`Detached::run`] has no answer.
pub(super) enum Undone {
    /// It was not begun, because there is too much to do; or it panicked.
    Failed(Problem),
    /// It goes on.
    Late,
}

impl Detached {
    /// Does the work. What has to wait for anything goes on in a task of its own, so that nobody but itself ends it:
    /// database work that is cancelled halfway leaves a connection in an unknown state. What is at hand, as an answer
    /// from the cache is, needs no task. Waits within `limit`.
    pub(super) async fn run(
        &self,
        limit: Duration,
        work: impl Future<Output = Response> + Send + 'static,
    ) -> Result<Response, Undone> {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Err(Undone::Failed(Problem::unavailable("too many requests are being worked on")));
        };
        let mut work = Box::pin(async move {
            // Nothing is used afterwards that a panic could have left half done.
            let response = AssertUnwindSafe(work).catch_unwind().await;
            drop(slot);
            response.map_err(|_| {
                tracing::error!("a handler panicked");
                Undone::Failed(Problem::internal())
            })
        });
        if let Some(answer) = work.as_mut().now_or_never() {
            return answer;
        }
        let task = self.requests.spawn(work.in_current_span());
        match tokio::time::timeout(limit, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!(%error, "a handler was not let finish");
                Err(Undone::Failed(Problem::internal()))
            }
            Err(_) => {
                tracing::warn!("a request took too long; what it began goes on");
                Err(Undone::Late)
            }
        }
    }
}

/// Runs the handler so that no client ends it. What only waits for the client, the body, has a deadline. Turns a panic
/// into a problem.
pub(super) async fn detach(State(state): State<Detached>, request: Request, next: Next) -> Response {
    let request = if request.body().is_end_stream() {
        request
    } else {
        request.map(|body| Body::new(DeadlineBody::new(state.body_limit, body)))
    };
    match state.run(state.limit, next.run(request)).await {
        Ok(response) => response,
        Err(Undone::Failed(problem)) => problem.into_response(),
        Err(Undone::Late) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "timed-out",
            "The request took too long",
        )
        .detail("It may yet have its effect: repeat it with the same Idempotency-Key to learn its outcome")
        .retry_after(1)
        .into_response(),
    }
}

/// Lets in whom the verifier knows, with their `Caller` for the handler to find.
pub(super) async fn authenticate(
    State(verifier): State<Arc<Verifier>>,
    mut request: Request,
    next: Next,
) -> Response {
    match verifier.authenticate(request.headers(), Instant::now()).await {
        Ok(caller) => {
            Span::current().record("actor", &caller.actor);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn route(request: &Request) -> String {
    request.extensions().get::<MatchedPath>().map_or(UNMATCHED, MatchedPath::as_str).to_owned()
}

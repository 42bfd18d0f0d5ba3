//! Layers: what every call passes on its way to a handler, outermost first.
//!
//! [`trace`] → [`measure`] → [`detach`] with the bounds of the message → [`authenticate`]. They are the layers of
//! requests in gRPC's words: a refusal is a status, and a deadline is the caller's to set.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tonic::{Code, Status};
use tower_http::timeout::{DeadlineBody, TimeoutError};
use tracing::{Instrument, Span, field};

use super::calls::{Call, Calls};
use super::refuse;
use crate::auth::Verifier;
use crate::hosting::layers::{Detached, Undone};
use crate::hosting::leaving::Leaving;
use crate::problem::Problem;
use crate::telemetry::{self, TRACEPARENT};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// Stand before each message on the wire: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// The most digits that a `grpc-timeout` may have, by its specification.
const TIMEOUT_DIGITS: usize = 8;

/// How tonic begins to say that a message is none.
const COMPLAINTS: [&str; 4] = [
    "Missing request message",
    "Unexpected EOF decoding stream",
    "failed to decode Protobuf message",
    "protocol error: received message with",
];

/// The status of a call whose client has left: cancelled.
const CLIENT_LEFT: u16 = 1;

/// Opens the call's span, as part of the trace that it came with, and logs what became of it.
pub(super) async fn trace(State(calls): State<Arc<Calls>>, mut request: Request, next: Next) -> Response {
    let call = calls.at(request.uri().path());
    let span = tracing::info_span!(
        "call",
        otel.name = %format_args!("{}/{}", call.service, call.method),
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system = "grpc",
        rpc.service = %call.service,
        rpc.method = %call.method,
        rpc.grpc.status_code = field::Empty,
        trace_id = field::Empty,
        actor = field::Empty,
    );
    let traceparent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    telemetry::continue_from(&span, traceparent);
    request.extensions_mut().insert(call.clone());
    let (start, told) = (Instant::now(), span.clone());
    let leaving = Leaving::new(CLIENT_LEFT, move |code| {
        told.record("rpc.grpc.status_code", code);
        let code = Code::from_i32(i32::from(code));
        if is_ours(code) {
            told.record("otel.status_code", "ERROR");
        }
        told.in_scope(|| access(&call, code, start.elapsed()));
    });
    let response = next.run(request).instrument(span).await;
    when_answered(response, leaving)
}

/// Whether it is no fault of the caller's.
fn is_ours(status: Code) -> bool {
    matches!(status, Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable)
}

/// The access log, as for requests.
fn access(call: &Call, code: Code, took: Duration) {
    let Call { service: rpc_service, method: rpc_method } = call;
    let duration_ms = took.as_micros() as f64 / 1e3;
    match code {
        code if is_ours(code) => {
            tracing::warn!(target: "access", rpc_service, rpc_method, ?code, duration_ms, "answered");
        }
        Code::Cancelled => {
            tracing::info!(target: "access", rpc_service, rpc_method, ?code, duration_ms, "the client left");
        }
        _ => tracing::debug!(target: "access", rpc_service, rpc_method, ?code, duration_ms, "answered"),
    }
}

/// Counts and times, by service, method and status.
pub(super) async fn measure(request: Request, next: Next) -> Response {
    let call = request.extensions().get::<Call>().cloned().unwrap_or_else(Call::unmatched);
    let start = Instant::now();
    let leaving = Leaving::new(CLIENT_LEFT, move |code| {
        metrics::histogram!(
            "rpc_server_duration_seconds",
            "rpc_service" => call.service,
            "rpc_method" => call.method,
            "rpc_grpc_status_code" => code.to_string(),
        )
        .record(start.elapsed());
    });
    let response = next.run(request).await;
    when_answered(response, leaving)
}

/// What [`detach`] needs.
#[derive(Clone)]
pub(super) struct Bounds {
    pub(super) detached: Detached,
    /// Of a message, or of all messages of one call.
    pub(super) bytes: usize,
}

/// Runs the handler in a task of its own, as for requests: neither a client that leaves nor a deadline cancels
/// what it began. The caller's deadline is kept to if it is sooner than ours.
pub(super) async fn detach(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let limit = match asked_limit(request.headers()) {
        Ok(Some(asked)) => asked.min(bounds.detached.limit),
        Ok(None) => bounds.detached.limit,
        Err(status) => return refuse(status),
    };
    if limit.is_zero() {
        return refuse(Status::deadline_exceeded("the deadline has passed: nothing was done"));
    }
    let Bounds { detached, bytes } = bounds;
    let request = request.map(|body| {
        let body =
            DeadlineBody::new(detached.body_limit, Limited::new(body, bytes.saturating_add(PREFIX_BYTES)));
        Body::new(body.map_err(move |error| unreadable(error, bytes)))
    });
    match detached.run(limit, next.run(request)).await {
        Ok(response) => blame_the_sender(response),
        Err(Undone::Failed(problem)) => refuse(problem.into()),
        Err(Undone::Late) => refuse(Status::deadline_exceeded(
            "the call took too long. It may yet have its effect: repeat it with the same idempotency-key to learn \
             its outcome",
        )),
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
        Err(problem) => refuse(problem.into()),
    }
}

/// Tells the status, when the answer is complete: a refusal has it in its head, a success at its very end. Who does not
/// stay for that has left.
fn when_answered(response: Response, leaving: Leaving<impl FnOnce(u16) + Send + 'static>) -> Response {
    fn code(headers: &HeaderMap) -> Option<u16> {
        headers.get(GRPC_STATUS)?.to_str().ok()?.parse().ok()
    }
    if let Some(code) = code(response.headers()) {
        leaving.answered(code);
        return response;
    }
    let mut leaving = Some(leaving);
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            if let Some(code) = frame.trailers_ref().and_then(code)
                && let Some(leaving) = leaving.take()
            {
                leaving.answered(code);
            }
            frame
        }))
    })
}

/// How long the caller lets us take: `grpc-timeout: 100m`.
fn asked_limit(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    let invalid = || Status::from(bad_timeout());
    let text = value.to_str().map_err(|_| invalid())?;
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(invalid)?;
    if digits.len() > TIMEOUT_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let number: u64 = digits.parse().map_err(|_| invalid())?;
    Ok(Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return Err(invalid()),
    }))
}

fn bad_timeout() -> Problem {
    let title = "grpc-timeout must be 1 to 8 digits and a unit: H, M, S, m, u or n";
    Problem::new(StatusCode::BAD_REQUEST, "grpc-timeout-invalid", title)
}

/// A message that is none is an internal error to tonic. Whoever sent it should know that it is theirs.
fn blame_the_sender(response: Response) -> Response {
    let theirs = response.extensions().get::<Status>().filter(|status| {
        status.code() == Code::Internal && COMPLAINTS.iter().any(|words| status.message().starts_with(words))
    });
    match theirs {
        Some(status) => {
            let problem =
                Problem::new(StatusCode::BAD_REQUEST, "malformed-message", "The message is not right");
            refuse(problem.detail(status.message()).into())
        }
        None => response,
    }
}

/// Why a message did not come, for the server that waits for it.
fn unreadable(error: Box<dyn Error + Send + Sync>, bytes: usize) -> Status {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return Status::resource_exhausted(format!(
                "the message is too large: {bytes} bytes are allowed"
            ));
        }
        if error.is::<TimeoutError>() {
            return Status::deadline_exceeded("the message did not come in time");
        }
        cause = error.source();
    }
    Status::from_error(error)
}

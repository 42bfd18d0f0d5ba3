//! gRPC: the refusals and the metadata of calls, with the meaning that they have over HTTP.
//!
//! How calls are served is in [`hosting`](crate::hosting).

use axum::http::{HeaderName, HeaderValue, StatusCode};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};

use crate::auth::{Caller, unauthenticated};
use crate::http::{IdempotencyKey, IfMatch};
use crate::problem::Problem;

/// The metadata that names a refusal, as a problem's `type` does.
const PROBLEM_TYPE: HeaderName = HeaderName::from_static("problem-type");

/// Who calls.
pub fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get().cloned();
    caller.ok_or_else(|| unauthenticated("there is no bearer token", None).into())
}

/// The call's `idempotency-key`, if it has one: 1 to 255 visible ASCII characters.
pub fn idempotency_key<T>(request: &Request<T>) -> Result<IdempotencyKey, Status> {
    Ok(IdempotencyKey::of(request.metadata().as_ref())?)
}

/// The version that `if-match` asks for, in quotes: `"12"`.
pub fn if_match<T>(request: &Request<T>) -> Result<IfMatch, Status> {
    Ok(IfMatch::of(request.metadata().as_ref())?)
}

/// The problem as a status of another code than its own. Its `type` is metadata, and so are its headers, such as
/// `retry-after`.
pub fn status(problem: Problem, code: Code) -> Status {
    let (problem_type, message) = (problem.problem_type(), problem.message().to_owned());
    let mut headers = problem.into_headers();
    if let Ok(value) = HeaderValue::from_str(&problem_type) {
        headers.insert(PROBLEM_TYPE, value);
    }
    Status::with_metadata(code, message, MetadataMap::from_headers(headers))
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let code = code(problem.status());
        status(problem, code)
    }
}

fn code(status: StatusCode) -> Code {
    use StatusCode as S;
    match status {
        S::UNAUTHORIZED => Code::Unauthenticated,
        S::FORBIDDEN => Code::PermissionDenied,
        S::NOT_FOUND => Code::NotFound,
        S::METHOD_NOT_ALLOWED | S::NOT_IMPLEMENTED => Code::Unimplemented,
        S::REQUEST_TIMEOUT | S::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
        S::CONFLICT => Code::FailedPrecondition,
        // Read it again, and try again with what you find.
        S::PRECONDITION_FAILED => Code::Aborted,
        S::PAYLOAD_TOO_LARGE | S::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        S::SERVICE_UNAVAILABLE => Code::Unavailable,
        other if other.is_client_error() => Code::InvalidArgument,
        _ => Code::Internal,
    }
}

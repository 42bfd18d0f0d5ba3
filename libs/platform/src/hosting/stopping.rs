//! Word of the stop, for answers that would never end by themselves.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio_util::sync::CancellationToken;

use crate::problem::Problem;

/// Fires when the process begins to stop. In every request and call: an answer that goes on for as long as its client
/// listens ends then, or the stop would wait for it and cut it off.
#[derive(Clone, Debug)]
pub struct Stopping(pub CancellationToken);

impl Stopping {
    /// That of a call.
    pub fn of<T>(call: &tonic::Request<T>) -> Result<Self, Problem> {
        call.extensions().get().cloned().ok_or_else(Problem::internal)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Stopping {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::internal)
    }
}

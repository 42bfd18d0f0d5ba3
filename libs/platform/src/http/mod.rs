//! Extractors that refuse what is not exactly right, and say what is wrong.
//!
//! **Invariants.** A body is read only as JSON that says it is JSON: no other media type, no encoding, no
//! byte before or after the one value. Types that derive `Deserialize` refuse a key that comes twice;
//! unknown keys are refused by `#[serde(deny_unknown_fields)]` on the type. No text that PostgreSQL could
//! not store (NUL) passes.

mod headers;

use std::error::Error;

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, de::DeserializeOwned};
use tower_http::timeout::TimeoutError;

pub use headers::{ETag, IdempotencyKey, IfMatch};

use crate::problem::Problem;

/// A JSON body, coming or going.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

/// The values in a path.
#[derive(Clone, Debug)]
pub struct Path<T>(pub T);

/// The values in a query.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let body: Bytes = request.extract().await.map_err(unreadable)?;
        parse(&body).map(Json)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        refuse_nul(parts.uri.path(), "malformed-path", "The path is not right")?;
        axum::extract::Path::from_request_parts(parts, state).await.map(|path| Self(path.0)).map_err(
            |rejection| {
                Problem::new(StatusCode::BAD_REQUEST, "malformed-path", "The path is not right")
                    .detail(rejection.body_text())
            },
        )
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        refuse_nul(query, "malformed-query", "The query is not right")?;
        axum::extract::Query::from_request_parts(parts, state).await.map(|query| Self(query.0)).map_err(
            |rejection| {
                Problem::new(StatusCode::BAD_REQUEST, "malformed-query", "The query is not right")
                    .detail(rejection.body_text())
            },
        )
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if let Some(at) = find_nul(body) {
        return Err(malformed(format!("byte {at}: NUL is not allowed in a text")));
    }
    serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))
}

fn malformed(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body is not right").detail(detail)
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |detail: &str| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be plain JSON",
        )
        .detail(detail)
    };
    // Nothing is decompressed, so a small body cannot turn into a large one.
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(unsupported("Content-Encoding is not supported"));
    }
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = media_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    if parts.next().as_deref() != Some("application/json") {
        return Err(unsupported("Content-Type must be application/json"));
    }
    let is_utf8 = |part: &String| part.is_empty() || part.replace('"', "") == "charset=utf-8";
    if parts.all(|part| is_utf8(&part)) { Ok(()) } else { Err(unsupported("the charset must be utf-8")) }
}

fn unreadable(rejection: BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large")
    } else if is_late(&rejection) {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "The body did not come in time")
    } else {
        malformed(rejection.body_text())
    }
}

/// Whether the body met the deadline that hosting sets it.
fn is_late(rejection: &BytesRejection) -> bool {
    let mut error: Option<&dyn Error> = Some(rejection);
    while let Some(cause) = error {
        if cause.is::<TimeoutError>() {
            return true;
        }
        error = cause.source();
    }
    false
}

fn refuse_nul(raw: &str, code: &'static str, title: &'static str) -> Result<(), Problem> {
    if raw.contains("%00") {
        return Err(Problem::new(StatusCode::BAD_REQUEST, code, title).detail("NUL is not allowed in a text"));
    }
    Ok(())
}

/// Where a JSON text has the escape `\u0000`. (A raw NUL byte is no JSON.)
fn find_nul(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'\\' if body[at..].starts_with(b"\\u0000") => return Some(at),
            // Whatever is escaped, a backslash above all, does not itself start an escape.
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

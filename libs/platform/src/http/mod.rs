//! Extractors that refuse what is not exactly right, and say what is wrong.
//!
//! **Invariants.** A body is read only as what it says it is, and only if the route takes that: no other media type, no
//! encoding. JSON has no byte before or after the one value. Types that derive `Deserialize` refuse a key that comes twice;
//! unknown keys are refused by `#[serde(deny_unknown_fields)]` on the type. No text that PostgreSQL could
//! not store (NUL) passes.

mod headers;

use std::error::Error;

use axum::RequestExt;
use axum::body::{Bytes, HttpBody};
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tower_http::timeout::TimeoutError;

pub use headers::{ETag, IdempotencyKey, IfMatch, IfNoneMatch};

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
        let (_, body) = read(request, &[JSON]).await?;
        parse(&body).map(Json)
    }
}

/// None when there is no body, or one that says `null`.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        let Json(body) = <Json<Option<T>> as FromRequest<S>>::from_request(request, state).await?;
        Ok(body.map(Json))
    }
}

/// The media type of JSON.
pub const JSON: &str = "application/json";

/// Reads a body that says that it is of one of the media types `accepted`, and says of which.
pub async fn read(request: Request, accepted: &[&'static str]) -> Result<(&'static str, Bytes), Problem> {
    let media_type = media_type(request.headers(), accepted)?;
    let body = request.extract().await.map_err(unreadable)?;
    Ok((media_type, body))
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

/// Reads one JSON value and nothing besides, as the body of [`Json`] is read.
pub fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Problem> {
    if let Some(at) = find_nul(body) {
        return Err(malformed(format!("byte {at}: NUL is not allowed in a text")));
    }
    serde_json::from_slice(body).map_err(|error| malformed(explained::<T>(body, &error)))
}

/// What is wrong, after the place where it is: `lines[0].quantity: …`. Read once more for that, which only a refusal costs.
fn explained<'de, T: Deserialize<'de>>(body: &'de [u8], error: &serde_json::Error) -> String {
    let mut again = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut again) {
        Err(placed) if placed.path().iter().next().is_some() => format!("{}: {error}", placed.path()),
        _ => error.to_string(),
    }
}

/// 400: a body, or a part of it, that is not what it should be.
pub fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body is not right").detail(detail)
}

fn media_type(headers: &HeaderMap, accepted: &[&'static str]) -> Result<&'static str, Problem> {
    let unsupported = |detail: String| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body is not of a kind that this route takes",
        )
        .detail(detail)
    };
    // Nothing is decompressed, so a small body cannot turn into a large one.
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(unsupported("Content-Encoding is not supported".to_owned()));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = given.split(';').map(|part| part.trim().to_ascii_lowercase());
    let named = parts.next().unwrap_or_default();
    let Some(media_type) = accepted.iter().find(|accepted| **accepted == named) else {
        return Err(unsupported(format!("Content-Type must be {}", accepted.join(" or "))));
    };
    let is_utf8 = |part: &String| part.is_empty() || part.replace('"', "") == "charset=utf-8";
    let others = parts.find(|part| !is_utf8(part));
    match others {
        None => Ok(media_type),
        Some(_) => Err(unsupported("the charset must be utf-8".to_owned())),
    }
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

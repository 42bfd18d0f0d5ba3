//! The request and response headers that carry meaning of ours.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponseParts, ResponseParts};

use crate::problem::Problem;

/// Longest idempotency key: room for any id, none for a document.
const MAX_KEY_BYTES: usize = 255;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The request's `Idempotency-Key`, if it has one: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

/// The version that `If-Match` asks for: `If-Match: "12"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

/// A version, answered as `ETag: "12"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag(pub i64);

impl IdempotencyKey {
    /// The one in these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let invalid = || {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency-key-invalid",
                "Idempotency-Key must be one value of 1 to 255 visible ASCII characters",
            )
        };
        let Some(value) = only(headers, IDEMPOTENCY_KEY).map_err(|()| invalid())? else {
            return Ok(Self(None));
        };
        let visible = value.as_bytes().iter().all(u8::is_ascii_graphic);
        if !visible || value.is_empty() || value.len() > MAX_KEY_BYTES {
            return Err(invalid());
        }
        Ok(Self(Some(String::from_utf8_lossy(value.as_bytes()).into_owned())))
    }
}

impl IfMatch {
    /// The one in these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let invalid = || {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "if-match-invalid",
                "If-Match must be one version in quotes, as an ETag gives it: \"12\"",
            )
        };
        let Some(value) = only(headers, header::IF_MATCH).map_err(|()| invalid())? else {
            return Ok(Self(None));
        };
        let text = value.to_str().map_err(|_| invalid())?;
        let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(invalid)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        digits.parse().map(|version| Self(Some(version))).map_err(|_| invalid())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
    }
}

impl IntoResponseParts for ETag {
    type Error = Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, value);
        }
        Ok(response)
    }
}

/// The header's value; sent twice, nobody can say which one was meant.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(()),
    }
}

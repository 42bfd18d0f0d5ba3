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

/// The versions that `If-None-Match` says the client has: `If-None-Match: "12", W/"13"`, or any with `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IfNoneMatch {
    any: bool,
    versions: Vec<i64>,
}

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

impl IfNoneMatch {
    /// Whether the client has this version.
    pub fn version(&self, version: i64) -> bool {
        self.any || self.versions.contains(&version)
    }

    /// The ones in these headers. A tag that is no version is none of ours, and nobody has it.
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut found = Self::default();
        for value in headers.get_all(header::IF_NONE_MATCH) {
            let mut rest = value.to_str().unwrap_or("?").trim();
            found.any |= rest == "*";
            while !rest.is_empty() && rest != "*" {
                let (tag, after) = next_tag(rest).ok_or_else(|| {
                    Problem::new(
                        StatusCode::BAD_REQUEST,
                        "if-none-match-invalid",
                        "If-None-Match must be * or tags in quotes, as an ETag gives them: \"12\", \"13\"",
                    )
                })?;
                found.versions.extend(tag.parse::<i64>());
                rest = after;
            }
        }
        Ok(found)
    }
}

/// The first of several tags without its quotes, and what comes after the comma behind it.
fn next_tag(list: &str) -> Option<(&str, &str)> {
    let quoted = list.strip_prefix("W/").unwrap_or(list).strip_prefix('"')?;
    let (tag, after) = quoted.split_once('"')?;
    match after.trim_start() {
        "" => Some((tag, "")),
        after => Some((tag, after.strip_prefix(',')?.trim_start())),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers)
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

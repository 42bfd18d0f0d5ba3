//! Problems: the one shape in which a request is refused (RFC 9457).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request came to nothing, told to its sender.
///
/// `type` is stable, one per refusal: `urn:onhand:problem:<code>`. There is always a `detail`.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Option<String>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of the kind `code`; `title` says in general what `detail` says of this one.
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, detail: None, members: Map::new(), headers: Vec::new() }
    }

    /// What is wrong with this request in particular.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A member of its own, so that a program need not parse `detail`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// A header to answer with.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// When it is worth trying again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 500: a fault of ours. What it was is in the log and none of the sender's business.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something failed on our side")
    }

    /// 503: what is needed to answer is not there at the moment.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available at the moment")
            .detail(detail)
            .retry_after(RETRY_SOON_S)
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its stable code, the last part of its `type`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Its stable type: `urn:onhand:problem:item-unknown`.
    pub fn problem_type(&self) -> String {
        format!("urn:onhand:problem:{}", self.code)
    }

    /// What is wrong, for a person.
    pub fn message(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.title)
    }

    /// The headers to answer with.
    pub(crate) fn into_headers(self) -> HeaderMap {
        self.headers.into_iter().collect()
    }

    /// The body it is answered with, as JSON text.
    pub fn body(&self) -> String {
        let mut body = self.members.clone();
        body.insert("type".to_owned(), json!(self.problem_type()));
        body.insert("title".to_owned(), json!(self.title));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("detail".to_owned(), json!(self.message()));
        Value::Object(body).to_string()
    }
}

/// Long enough for a lost connection to be made again, short enough for a person to wait.
const RETRY_SOON_S: u32 = 1;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, MEDIA_TYPE)], self.body()).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

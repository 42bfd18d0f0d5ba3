//! Our own requests to others, as part of the trace that they are made in.

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Response, Result};
use tracing::{Instrument, Span, field};

use super::{TRACEPARENT, context};

/// Sends a request, with the `traceparent` of its span. The span does not tell the path, in which there may be a key.
pub async fn send(request: RequestBuilder) -> Result<Response> {
    let (client, request) = request.build_split();
    let mut request = request?;
    let span = if context::recorded() { span(&request) } else { Span::none() };
    if let Some(traceparent) = span.in_scope(context::current_traceparent)
        && let Ok(value) = HeaderValue::from_str(&traceparent)
    {
        request.headers_mut().insert(HeaderName::from_static(TRACEPARENT), value);
    }
    let answer = client.execute(request).instrument(span.clone()).await;
    match &answer {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.record("error.type", status.as_str());
                span.record("otel.status_code", "ERROR");
            }
        }
        Err(error) => {
            span.record("error.type", if error.is_timeout() { "timeout" } else { "unreachable" });
            span.record("otel.status_code", "ERROR");
        }
    }
    answer
}

fn span(request: &reqwest::Request) -> Span {
    let (method, url) = (request.method(), request.url());
    tracing::debug_span!(
        target: "trace",
        "request to another",
        otel.name = %method,
        otel.kind = "client",
        otel.status_code = field::Empty,
        http.request.method = %method,
        server.address = url.host_str(),
        server.port = url.port_or_known_default(),
        http.response.status_code = field::Empty,
        error.type = field::Empty,
    )
}

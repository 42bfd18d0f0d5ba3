//! The one HTTP client towards suppliers: every wait, size and retry bounded, no redirects, no proxies.
//!
//! A catalog is fetched with retries, since asking twice does no harm. An order is asked about or placed once a
//! call: its retries are recorded with the order. No error names a URL, which may carry a key.

use crate::adapters::{SupplierAdapter, Target, below};
use crate::guard::{Guard, Refused};
use crate::settings::Settings;
use anyhow::Context;
use backon::{ExponentialBuilder, Retryable};
use platform::breaker::{Breakers, Open};
use platform::telemetry::outgoing;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// An answer about an order is a few fields; this is generous.
const MAX_ORDER_ANSWER_BYTES: usize = 64 * 1024;
/// Idle connections kept per supplier: syncs and orders are far apart.
const IDLE_PER_HOST: usize = 2;
/// The longest text of a supplier's own that is kept, in characters.
const MAX_REASON: usize = 300;
/// Shorter parts of a credential would blot out common words, and are no secrets.
const MIN_REDACTED: usize = 4;

/// Asks suppliers.
pub(crate) struct Fetcher {
    client: Client,
    guard: Guard,
    breakers: Breakers,
    attempts: usize,
    retry_pause: Duration,
    longest_retry_pause: Duration,
    max_feed_bytes: usize,
}

/// Who is asked, and how.
pub(crate) struct Peer {
    pub(crate) supplier_id: String,
    pub(crate) adapter: Arc<dyn SupplierAdapter>,
    pub(crate) target: Target,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// An address that suppliers may not have.
    #[error("the supplier's address is refused: {0}")]
    Address(#[from] Refused),
    /// It failed too often.
    #[error("the supplier is not asked: {0}")]
    Open(#[from] Open),
    /// No answer in time, in whole.
    #[error("the supplier did not answer in time")]
    Timeout,
    /// No connection, or it broke.
    #[error("the supplier cannot be reached: {0}")]
    Unreachable(String),
    /// An answer that is no success.
    #[error("the supplier answered {status}{}", reason.as_deref().map(|r| format!(": {r}")).unwrap_or_default())]
    Status { status: StatusCode, reason: Option<String>, retry_after: Option<Duration> },
    /// A redirect, which is never followed.
    #[error("the supplier answered with a redirect, which is not followed")]
    Redirected,
    /// More than we take.
    #[error("the supplier's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// Not what it should be.
    #[error("the supplier's answer cannot be read: {0}")]
    Unreadable(String),
}

/// What a supplier says of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OrderAnswer {
    /// It has the order and has not decided yet.
    Taken,
    /// It will deliver.
    Confirmed,
    /// It will not, for this reason.
    Rejected(String),
}

#[derive(Deserialize)]
struct OrderBody {
    status: String,
    #[serde(default)]
    reason: Option<String>,
}

impl FetchError {
    /// Whether asking again at once may help.
    fn is_passing(&self) -> bool {
        match self {
            FetchError::Timeout | FetchError::Unreachable(_) => true,
            FetchError::Status { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            FetchError::Address(_)
            | FetchError::Open(_)
            | FetchError::Redirected
            | FetchError::TooLarge(_)
            | FetchError::Unreadable(_) => false,
        }
    }
}

impl Fetcher {
    /// Builds the client. The process's rustls provider must be installed.
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Fetcher> {
        let guard = Guard { allow_private: settings.allow_private_addresses };
        Ok(Fetcher {
            client: client(settings, guard)?,
            guard,
            breakers: Breakers::new(
                settings.breaker_failures,
                Duration::from_millis(settings.breaker_pause_ms),
            ),
            attempts: settings.fetch_attempts,
            retry_pause: Duration::from_millis(settings.retry_pause_ms),
            longest_retry_pause: Duration::from_millis(settings.request_timeout_ms),
            max_feed_bytes: settings.max_feed_bytes,
        })
    }

    /// The addresses that suppliers may have.
    pub(crate) fn guard(&self) -> Guard {
        self.guard
    }

    /// The supplier's catalog as it sends it.
    pub(crate) async fn catalog(&self, peer: &Peer) -> Result<Vec<u8>, FetchError> {
        self.breakers.may_ask(&peer.supplier_id, Instant::now())?;
        let url = peer.adapter.catalog_url(&peer.target);
        let backoff = ExponentialBuilder::default()
            .with_min_delay(self.retry_pause)
            .with_max_delay(self.longest_retry_pause)
            .with_max_times(self.attempts - 1)
            .with_jitter();
        let ask = || async {
            let request = self.client.get(url.clone()).header(reqwest::header::ACCEPT, "application/json");
            read(self.send(peer, &url, request).await?, self.max_feed_bytes).await
        };
        let retried =
            ask.retry(backoff).when(FetchError::is_passing).adjust(|error, pause| self.pause(error, pause));
        self.judged(peer, retried.await)
    }

    /// What the supplier knows of the order with our reference; `None` when it does not know it.
    pub(crate) async fn order(
        &self,
        peer: &Peer,
        reference: Uuid,
    ) -> Result<Option<OrderAnswer>, FetchError> {
        let url = below(&peer.target.base, &format!("orders/{reference}"));
        match self.ask_about_order(peer, &url, self.client.get(url.clone())).await {
            Err(FetchError::Status { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Places an order under our reference. An error leaves open whether the supplier has it.
    pub(crate) async fn place(
        &self,
        peer: &Peer,
        reference: Uuid,
        supplier_sku: &str,
        quantity: i64,
    ) -> Result<OrderAnswer, FetchError> {
        let url = below(&peer.target.base, "orders");
        let body = serde_json::json!({ "reference": reference, "sku": supplier_sku, "quantity": quantity });
        let request =
            self.client.post(url.clone()).header("Idempotency-Key", reference.to_string()).json(&body);
        match self.ask_about_order(peer, &url, request).await {
            Err(FetchError::Status { status, reason, .. }) if is_refusal(status) => {
                Ok(OrderAnswer::Rejected(reason.unwrap_or_else(|| format!("the supplier answered {status}"))))
            }
            other => other,
        }
    }

    async fn ask_about_order(
        &self,
        peer: &Peer,
        url: &Url,
        request: RequestBuilder,
    ) -> Result<OrderAnswer, FetchError> {
        self.breakers.may_ask(&peer.supplier_id, Instant::now())?;
        let body = match self.send(peer, url, request).await {
            Ok(response) => read(response, MAX_ORDER_ANSWER_BYTES).await,
            Err(error) => Err(error),
        };
        order_answer(&peer.target, &self.judged(peer, body)?)
    }

    /// One operation, with its retries, is one success or failure of the supplier's breaker. An answer that says
    /// no is an answer.
    fn judged<T>(&self, peer: &Peer, outcome: Result<T, FetchError>) -> Result<T, FetchError> {
        match &outcome {
            Err(error) if error.is_passing() => self.breakers.failed(&peer.supplier_id, Instant::now()),
            _ => self.breakers.worked(&peer.supplier_id),
        }
        outcome
    }

    async fn send(&self, peer: &Peer, url: &Url, request: RequestBuilder) -> Result<Response, FetchError> {
        self.guard.literal(url)?;
        let request = peer.adapter.authenticate(&peer.target, request);
        let response = outgoing::send(request).await.map_err(broken)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(FetchError::Redirected);
        }
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(reqwest::header::RETRY_AFTER);
        let retry_after =
            retry_after.and_then(|value| value.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let reason =
            read(response, MAX_ORDER_ANSWER_BYTES).await.ok().and_then(|body| reason(&peer.target, &body));
        Err(FetchError::Status { status, reason, retry_after })
    }

    /// A supplier that says when to come back is heeded, within what we wait at most.
    fn pause(&self, error: &FetchError, pause: Option<Duration>) -> Option<Duration> {
        let asked = match error {
            FetchError::Status { retry_after: Some(asked), .. } => *asked,
            _ => Duration::ZERO,
        };
        pause.map(|pause| pause.max(asked.min(self.longest_retry_pause)))
    }
}

fn client(settings: &Settings, guard: Guard) -> anyhow::Result<Client> {
    let builder = || {
        Client::builder()
            .user_agent(concat!("onhand/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(guard)
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .timeout(Duration::from_millis(settings.request_timeout_ms))
            .pool_max_idle_per_host(IDLE_PER_HOST)
    };
    builder().build().or_else(|error| {
        // A machine without root certificates can still speak to suppliers in its own network without TLS.
        tracing::warn!(%error, "no root certificates: suppliers with https addresses cannot be reached");
        builder().tls_certs_only([]).build().context("cannot build the HTTP client for suppliers")
    })
}

async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > limit {
            return Err(FetchError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn broken(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    let mut causes = Vec::new();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(refused) = inner.downcast_ref::<Refused>() {
            return FetchError::Address(refused.clone());
        }
        causes.push(inner.to_string());
        cause = inner.source();
    }
    // The last cause says what happened; the first ones name the URL.
    let text = causes.pop().unwrap_or_else(|| error.without_url().to_string());
    FetchError::Unreachable(text)
}

/// Statuses by which a supplier says no to an order for good. 409 is not one: it may mean that it has the order
/// already, which the next attempt asks.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 410 | 413 | 422)
}

fn order_answer(target: &Target, body: &[u8]) -> Result<OrderAnswer, FetchError> {
    let body: OrderBody = serde_json::from_slice(body).map_err(|e| FetchError::Unreadable(e.to_string()))?;
    Ok(match body.status.to_ascii_lowercase().as_str() {
        "confirmed" | "shipped" | "delivered" => OrderAnswer::Confirmed,
        "rejected" | "refused" | "cancelled" | "canceled" => OrderAnswer::Rejected(
            body.reason.map_or_else(|| "the supplier gave no reason".to_owned(), |text| said(target, &text)),
        ),
        // Whatever else it calls it: it has the order.
        _ => OrderAnswer::Taken,
    })
}

/// What an error answer says, if it says it in one of the usual fields.
fn reason(target: &Target, body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = ["reason", "detail", "message", "error"].iter().find_map(|field| body.get(field)?.as_str());
    text.map(|text| said(target, text))
}

/// A supplier's text goes into rows, events, answers and logs: bounded, on one line, and without the credential,
/// which some systems repeat to whoever shows a wrong one.
fn said(target: &Target, text: &str) -> String {
    let credential = target.credential.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
    let parts = credential.split(':').filter(|part| part.len() >= MIN_REDACTED);
    let redacted = parts.fold(text.to_owned(), |text, part| text.replace(part, "[credential]"));
    redacted.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_supplier_says_is_kept_short_and_without_the_credential() {
        let target = Target {
            base: Url::parse("http://supplier.example").expect("a URL"),
            options: crate::adapters::GenericOptions::default(),
            credential: Some("buyer:hunter22".to_owned().into()),
        };
        let body = br#"{"detail":"buyer:hunter22\n(hunter22) is wrong"}"#;
        let reason = reason(&target, body).expect("a reason");
        assert_eq!(reason, "[credential]:[credential] ([credential]) is wrong");
        assert_eq!(said(&target, &"x".repeat(1_000)).len(), MAX_REASON);
    }
}

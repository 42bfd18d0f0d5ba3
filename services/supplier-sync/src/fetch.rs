//! The one HTTP client towards suppliers: every wait, size and retry bounded, no redirects, no proxies.
//!
//! A catalog is fetched with retries, since asking twice does no harm. An order is asked about or placed once a
//! call: its retries are recorded with the order. No error names a URL, which may carry a key.

mod body;
mod orders;

use crate::adapters::{SupplierAdapter, Target};
use crate::guard::{Guard, Refused};
use crate::settings::Settings;
use anyhow::Context;
use backon::{ExponentialBuilder, Retryable};
use chrono::{DateTime, Utc};
use platform::breaker::{Asking, Breakers, Open, State};
use platform::telemetry::outgoing;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header, redirect};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use orders::{OrderAnswer, Promise};

use body::{is_packed, read, unpacked};

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
    /// No connection: nothing was sent.
    #[error("the supplier cannot be reached: {0}")]
    Unconnected(String),
    /// The connection broke.
    #[error("the connection to the supplier broke: {0}")]
    Broken(String),
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

impl FetchError {
    /// Whether asking again at once may help.
    fn is_passing(&self) -> bool {
        match self {
            FetchError::Timeout | FetchError::Unconnected(_) | FetchError::Broken(_) => true,
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
        let asking = self.ask(peer)?;
        let url = peer.adapter.catalog_url(&peer.target);
        let backoff = ExponentialBuilder::default()
            .with_min_delay(self.retry_pause)
            .with_max_delay(self.longest_retry_pause)
            .with_max_times(self.attempts - 1);
        let ask = || async {
            let request = self.client.get(url.clone());
            let request =
                request.header(header::ACCEPT, "application/json").header(header::ACCEPT_ENCODING, "gzip");
            let response = self.send(peer, &url, request).await?;
            let packed = is_packed(&response)?;
            let body = read(response, self.max_feed_bytes).await?;
            if packed { unpacked(body, self.max_feed_bytes).await } else { Ok(body) }
        };
        let retried =
            ask.retry(backoff).when(FetchError::is_passing).adjust(|error, pause| self.pause(error, pause));
        self.judged(peer, asking, retried.await)
    }

    fn ask(&self, peer: &Peer) -> Result<Asking<'_>, FetchError> {
        let asking = self.breakers.ask(&peer.supplier_id, Instant::now());
        self.show_breaker(peer);
        Ok(asking?)
    }

    /// One operation, with its retries, is one success or failure of the supplier's breaker. An answer that says
    /// no is an answer.
    fn judged<T>(
        &self,
        peer: &Peer,
        asking: Asking<'_>,
        outcome: Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        match &outcome {
            Err(error) if error.is_passing() => asking.failed(Instant::now()),
            _ => asking.worked(),
        }
        self.show_breaker(peer);
        outcome
    }

    fn show_breaker(&self, peer: &Peer) {
        let state = match self.breakers.state(&peer.supplier_id) {
            State::Closed => 0.0,
            State::HalfOpen => 1.0,
            State::Open => 2.0,
        };
        metrics::gauge!("supplier_breaker_state", "supplier" => peer.supplier_id.clone()).set(state);
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
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| asked_pause(value.to_str().ok()?, Utc::now()));
        let reason =
            read(response, MAX_ORDER_ANSWER_BYTES).await.ok().and_then(|body| reason(&peer.target, &body));
        Err(FetchError::Status { status, reason, retry_after })
    }

    /// Full jitter: anything up to the pause, so that those who failed together do not come back together. A supplier
    /// that says when to come back is heeded; one that wants more than we wait is not asked again by this operation.
    fn pause(&self, error: &FetchError, pause: Option<Duration>) -> Option<Duration> {
        let jittered = pause?.mul_f64(rand::random::<f64>());
        match error {
            FetchError::Status { retry_after: Some(asked), .. } => {
                (*asked <= self.longest_retry_pause).then(|| jittered.max(*asked))
            }
            _ => Some(jittered),
        }
    }
}

/// What `Retry-After` asks for: seconds, or a time.
fn asked_pause(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?;
    Some((at.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

fn client(settings: &Settings, guard: Guard) -> anyhow::Result<Client> {
    let builder = || {
        Client::builder()
            .user_agent(concat!("onhand/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(guard)
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .read_timeout(Duration::from_millis(settings.read_timeout_ms))
            .timeout(Duration::from_millis(settings.request_timeout_ms))
            .pool_max_idle_per_host(IDLE_PER_HOST)
    };
    builder().build().or_else(|error| {
        // A machine without root certificates can still speak to suppliers in its own network without TLS.
        tracing::warn!(%error, "no root certificates: suppliers with https addresses cannot be reached");
        builder().tls_certs_only([]).build().context("cannot build the HTTP client for suppliers")
    })
}

fn broken(error: reqwest::Error) -> FetchError {
    let connected = !error.is_connect();
    if connected && error.is_timeout() {
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
    if connected { FetchError::Broken(text) } else { FetchError::Unconnected(text) }
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
    fn a_supplier_says_when_to_come_back_in_seconds_or_as_a_time() {
        let now = DateTime::from_timestamp(1_445_412_480, 0).expect("a time");
        let seconds = |value: &str| asked_pause(value, now).map(|pause| pause.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:29:00 GMT"), Some(60));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:27:00 GMT"), Some(0), "it has passed");
        assert_eq!((seconds("soon"), seconds("-1")), (None, None));
    }

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

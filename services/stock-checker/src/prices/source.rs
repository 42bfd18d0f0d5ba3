//! The price service, asked over HTTP: every wait and size bounded, no redirects, no proxies, behind a breaker.

use std::time::Instant;

use anyhow::Context;
use chrono::{DateTime, Utc};
use platform::breaker::{Breakers, Open};
use platform::telemetry::outgoing;
use reqwest::{Client, StatusCode, Url, header, redirect};
use rust_decimal::Decimal;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::asked::{Currency, Lang};
use super::settings::Settings;

/// The one peer of the breaker.
const PEER: &str = "prices";

/// The largest amount that is believed: more is a mistake of units.
const LARGEST: Decimal = Decimal::from_parts(0xd4a5_1000, 0xe8, 0, false, 0);

/// Asks for prices.
pub(super) struct Source {
    client: Client,
    base: Url,
    breakers: Breakers,
    turns: Semaphore,
    max_answer_bytes: usize,
}

/// What the price service answers. What else it says is of no interest.
#[derive(Debug, Deserialize)]
pub(super) struct Quoted {
    sku: String,
    pub(super) amount: Decimal,
    currency: String,
    pub(super) lang: Option<String>,
    pub(super) valid_until: Option<DateTime<Utc>>,
}

/// Why it gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("the price service is not asked: {0}")]
    Open(#[from] Open),
    #[error("the price service has enough to do")]
    Busy,
    #[error("the price service cannot be reached, or not in time")]
    Unreachable,
    #[error("the price service answered {0}")]
    Status(StatusCode),
    #[error("the answer of the price service is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer of the price service makes no sense: {0}")]
    Nonsense(String),
}

impl Source {
    /// The configured one, if any. An error names the key.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Option<Source>> {
        if settings.url.is_empty() {
            return Ok(None);
        }
        let base = Url::parse(&settings.url).ok().filter(|url| url.has_host());
        let base = base.filter(|url| ["http", "https"].contains(&url.scheme()));
        let base = base.context("prices.url: is no address of http:// or https://")?;
        let client = Client::builder()
            .user_agent(concat!("onhand/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(settings.connect_timeout())
            .timeout(settings.timeout())
            .pool_max_idle_per_host(settings.asks_at_once);
        // Without TLS no root certificates are needed, and a machine may have none.
        let client = if base.scheme() == "http" { client.tls_certs_only([]) } else { client };
        Ok(Some(Source {
            client: client.build().context("prices.url: cannot build an HTTP client for it")?,
            base,
            breakers: Breakers::new(settings.breaker_failures, settings.breaker_pause()),
            turns: Semaphore::new(settings.asks_at_once),
            max_answer_bytes: settings.max_answer_bytes,
        }))
    }

    /// What an item costs. None: it has no price.
    pub(super) async fn ask(
        &self,
        sku: &str,
        currency: &Currency,
        lang: Option<&Lang>,
    ) -> Result<Option<Quoted>, Failed> {
        let _turn = self.turns.try_acquire().map_err(|_| Failed::Busy)?;
        let asking = self.breakers.ask(PEER, Instant::now())?;
        let answer = self.fetch(sku, currency, lang).await;
        match &answer {
            Ok(_) => asking.worked(),
            Err(_) => asking.failed(Instant::now()),
        }
        answer
    }

    async fn fetch(
        &self,
        sku: &str,
        currency: &Currency,
        lang: Option<&Lang>,
    ) -> Result<Option<Quoted>, Failed> {
        let request =
            self.client.get(self.url(sku, currency, lang)).header(header::ACCEPT, "application/json");
        let mut response = outgoing::send(request).await.map_err(|_| Failed::Unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            other => return Err(Failed::Status(other)),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| Failed::Unreachable)? {
            if body.len() + chunk.len() > self.max_answer_bytes {
                return Err(Failed::TooLarge(self.max_answer_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        let quoted: Quoted =
            serde_json::from_slice(&body).map_err(|error| Failed::Nonsense(error.to_string()))?;
        quoted.believable(sku, currency)?;
        Ok(Some(quoted))
    }

    fn url(&self, sku: &str, currency: &Currency, lang: Option<&Lang>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("prices").push(sku);
        }
        url.query_pairs_mut()
            .append_pair("currency", currency.as_str())
            .extend_pairs(lang.map(|lang| ("lang", lang.as_str())));
        url
    }
}

impl Quoted {
    /// Whether it is an answer to the question.
    fn believable(&self, sku: &str, currency: &Currency) -> Result<(), Failed> {
        let nonsense = |what: &str| Err(Failed::Nonsense(what.to_owned()));
        if self.sku != sku {
            return nonsense("it is about another SKU");
        }
        if self.currency != currency.as_str() {
            return nonsense("it is in another currency");
        }
        if self.amount.is_sign_negative() || self.amount > LARGEST {
            return nonsense("the amount is none");
        }
        Ok(())
    }
}

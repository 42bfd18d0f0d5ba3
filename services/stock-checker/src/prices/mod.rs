//! Prices: cached, and asked of the price service by one caller at a time.
//!
//! Reading order: [`Prices::of`] → `source` (the price service) → `asked` (currencies and languages).
//!
//! **Invariants.** Of those who want to know one price, over all replicas that share a cache, one asks the price
//! service; the others wait for what he puts into the cache, for as long as he may take and no longer. When there is
//! no answer the last known price is told, and marked so, or nobody knows. Nothing here is a rule about prices: an
//! amount is passed on as it came.

mod asked;
mod settings;
mod source;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use ledger::Resolved;
use moka::future::Cache as Flights;
use platform::cache::{Cache, Versioned};
use platform::lock::Lock;
use platform::problem::Problem;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub(crate) use asked::{Currency, Lang};
pub(crate) use settings::Settings;
use source::{Failed, Source};

/// Stands in every key, and changes with the shape of [`Kept`].
const SHAPE: u32 = 1;

/// How soon those who wait for another replica look into the cache again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// When it is worth asking again for a price that nobody knows.
const RETRY_S: u32 = 1;

/// Tells prices.
pub(crate) struct Prices {
    source: Option<Source>,
    cache: Arc<dyn Cache>,
    lock: Arc<dyn Lock>,
    /// Questions under way in this process. Keeps nothing.
    flights: Flights<String, Price>,
    settings: Settings,
    currency: Currency,
}

/// A price, and where it is from.
#[derive(Clone, Debug)]
pub(crate) struct Price {
    pub(crate) amount: Decimal,
    pub(crate) lang: Option<String>,
    pub(crate) valid_until: Option<DateTime<Utc>>,
    /// When the price service said so.
    pub(crate) as_of: DateTime<Utc>,
    /// Whether it may have changed: the price service could not be asked.
    pub(crate) stale: bool,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPrice {
    #[error("this installation has no price service: set prices.url")]
    NotConfigured,
    #[error("{0} has no price in {1}")]
    Unknown(String, String),
    #[error("no price is known of it, and {0}")]
    Unavailable(String),
    #[error(transparent)]
    Shared(#[from] Arc<NoPrice>),
}

/// What the cache holds: a price, or that there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    amount: Option<Decimal>,
    lang: Option<String>,
    valid_until: Option<DateTime<Utc>>,
    as_of: DateTime<Utc>,
}

/// A question.
struct Question<'a> {
    key: String,
    sku: &'a str,
    currency: &'a Currency,
    lang: Option<&'a Lang>,
}

impl Prices {
    /// Prices of the configured price service, if there is one.
    pub(crate) fn new(
        settings: Settings,
        cache: Arc<dyn Cache>,
        lock: Arc<dyn Lock>,
    ) -> anyhow::Result<Prices> {
        Ok(Prices {
            source: Source::new(&settings)?,
            cache,
            lock,
            flights: Flights::builder().time_to_live(Duration::ZERO).build(),
            currency: settings.currency()?,
            settings,
        })
    }

    /// The currency of who names none.
    pub(crate) fn currency(&self) -> &Currency {
        &self.currency
    }

    /// What an item costs.
    pub(crate) async fn of(
        &self,
        item: &Resolved,
        currency: &Currency,
        lang: Option<&Lang>,
    ) -> Result<Price, NoPrice> {
        let source = self.source.as_ref().ok_or(NoPrice::NotConfigured)?;
        let lang_key = lang.map_or("", Lang::as_str);
        let key = format!("price{SHAPE}:{}:{}:{lang_key}", item.id, currency.as_str());
        let question = Question { key, sku: &item.sku, currency, lang };
        if let Some(kept) = self.fresh(&question).await {
            return question.told(kept, false);
        }
        let flight = self.find_out(source, &question);
        Ok(self.flights.try_get_with_by_ref(&question.key, flight).await?)
    }

    /// Asks, or waits for whoever does; of no use either, tells what was last known.
    async fn find_out(&self, source: &Source, question: &Question<'_>) -> Result<Price, NoPrice> {
        let lease = self.settings.timeout() * 2;
        let why = match self.lock.acquire(&question.key, lease).await {
            Ok(None) => match self.wait(question).await {
                Some(kept) => return question.told(kept, false),
                None => "another replica waits for the price service".to_owned(),
            },
            Ok(Some(held)) => {
                let asked = self.ask(source, question).await;
                // It runs out by itself too.
                let _ = self.lock.release(&held).await;
                match asked {
                    Ok(kept) => return question.told(kept, false),
                    Err(failed) => failed.to_string(),
                }
            }
            // Without locks more than one may ask. That is better than nobody.
            Err(_) => match self.ask(source, question).await {
                Ok(kept) => return question.told(kept, false),
                Err(failed) => failed.to_string(),
            },
        };
        match self.held(question).await {
            Some(kept) => question.told(kept, true),
            None => Err(NoPrice::Unavailable(why)),
        }
    }

    /// Asks the price service, and puts what it says into the cache.
    async fn ask(&self, source: &Source, question: &Question<'_>) -> Result<Kept, Failed> {
        // Whoever had the lock before may have just done so.
        if let Some(kept) = self.fresh(question).await {
            return Ok(kept);
        }
        let as_of = Utc::now();
        let quoted = source.ask(question.sku, question.currency, question.lang).await;
        let quoted = quoted.inspect_err(|failed| {
            tracing::warn!(sku = question.sku, error = %failed, "no price");
            counted("failed");
        })?;
        counted("service");
        let kept = match quoted {
            Some(quoted) => Kept {
                amount: Some(quoted.amount),
                lang: quoted.lang,
                valid_until: quoted.valid_until,
                as_of,
            },
            None => Kept { amount: None, lang: None, valid_until: None, as_of },
        };
        if let Ok(json) = serde_json::to_vec(&kept) {
            let value = Versioned { version: as_of.timestamp_micros(), bytes: Bytes::from(json) };
            // Without the cache it is told all the same.
            let _ = self.cache.put(&question.key, value, self.settings.keep()).await;
        }
        Ok(kept)
    }

    /// Waits until the cache has a fresh price, for as long as asking may take.
    async fn wait(&self, question: &Question<'_>) -> Option<Kept> {
        let deadline = Instant::now() + self.settings.timeout();
        while Instant::now() < deadline {
            tokio::time::sleep(LOOK_AGAIN).await;
            if let Some(kept) = self.fresh(question).await {
                return Some(kept);
            }
        }
        None
    }

    /// What the cache holds, if it need not be asked for again.
    async fn fresh(&self, question: &Question<'_>) -> Option<Kept> {
        let now = Utc::now();
        let kept = self.held(question).await?;
        let limit = if kept.amount.is_some() { self.settings.fresh() } else { self.settings.none() };
        let good = now - kept.as_of < limit && kept.valid_until.is_none_or(|until| now < until);
        good.then(|| {
            counted("cache");
            kept
        })
    }

    /// What the cache holds.
    async fn held(&self, question: &Question<'_>) -> Option<Kept> {
        let held = self.cache.get(&question.key).await.ok().flatten()?;
        serde_json::from_slice(&held.bytes).ok()
    }
}

impl Question<'_> {
    fn told(&self, kept: Kept, stale: bool) -> Result<Price, NoPrice> {
        if stale {
            counted("stale");
        }
        let Kept { amount, lang, valid_until, as_of } = kept;
        match amount {
            Some(amount) => Ok(Price { amount, lang, valid_until, as_of, stale }),
            None => Err(NoPrice::Unknown(self.sku.to_owned(), self.currency.as_str().to_owned())),
        }
    }
}

fn counted(source: &'static str) {
    metrics::counter!("stock_prices_total", "source" => source).increment(1);
}

impl From<&NoPrice> for Problem {
    fn from(error: &NoPrice) -> Problem {
        let problem = match error {
            NoPrice::NotConfigured => {
                Problem::new(StatusCode::NOT_IMPLEMENTED, "prices-not-configured", "There are no prices here")
            }
            NoPrice::Unknown(..) => Problem::new(StatusCode::NOT_FOUND, "price-unknown", "It has no price"),
            NoPrice::Unavailable(_) => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "price-unavailable",
                "The price is not known at the moment",
            )
            .retry_after(RETRY_S),
            NoPrice::Shared(error) => return Problem::from(error.as_ref()),
        };
        problem.detail(error.to_string())
    }
}

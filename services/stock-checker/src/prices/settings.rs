//! The section `prices` of the configuration; every key, its default and why are in `default.toml`.

use std::ops::RangeInclusive;
use std::time::Duration;

use platform::config::ConfigError;
use serde::Deserialize;

use super::asked::Currency;

/// Below `http.request_timeout_ms` together with the wait: a caller gets our answer, not that of the timeout.
const LONGEST_WAIT_MS: u64 = 8_000;
const DAY_MS: u64 = 86_400_000;

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(super) url: String,
    default_currency: String,
    connect_timeout_ms: u64,
    timeout_ms: u64,
    pub(super) max_answer_bytes: usize,
    pub(super) asks_at_once: usize,
    fresh_ms: u64,
    none_ms: u64,
    keep_s: u64,
    pub(super) breaker_failures: u32,
    breaker_pause_ms: u64,
}

impl Settings {
    /// Refuses what could not work, naming the key.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let ranges: [(&str, u64, RangeInclusive<u64>); 9] = [
            ("connect_timeout_ms", self.connect_timeout_ms, 1..=LONGEST_WAIT_MS),
            ("timeout_ms", self.timeout_ms, 1..=LONGEST_WAIT_MS / 2),
            ("max_answer_bytes", self.max_answer_bytes as u64, 256..=1_048_576),
            ("asks_at_once", self.asks_at_once as u64, 1..=10_000),
            ("fresh_ms", self.fresh_ms, 0..=DAY_MS),
            ("none_ms", self.none_ms, 0..=DAY_MS),
            ("keep_s", self.keep_s, 1..=30 * DAY_MS / 1_000),
            ("breaker_failures", u64::from(self.breaker_failures), 1..=1_000),
            ("breaker_pause_ms", self.breaker_pause_ms, 1..=DAY_MS),
        ];
        if let Some((key, value, range)) = ranges.iter().find(|(_, value, range)| !range.contains(value)) {
            let problem = format!("must be {} to {}, not {value}", range.start(), range.end());
            return Err(ConfigError::new(format!("prices.{key}"), problem));
        }
        self.currency().map(drop)
    }

    /// The currency of who names none.
    pub(super) fn currency(&self) -> Result<Currency, ConfigError> {
        Currency::of(&self.default_currency)
            .ok_or_else(|| ConfigError::new("prices.default_currency", "must be three capital letters"))
    }

    /// How long connecting may take.
    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How long a question may take, and how long others wait for its answer.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How long a price is used without asking again.
    pub(super) fn fresh(&self) -> chrono::Duration {
        chrono::Duration::milliseconds(i64::try_from(self.fresh_ms).unwrap_or(i64::MAX))
    }

    /// The same of the knowledge that there is none.
    pub(super) fn none(&self) -> chrono::Duration {
        chrono::Duration::milliseconds(i64::try_from(self.none_ms).unwrap_or(i64::MAX))
    }

    /// How long a price is kept for when the price service is away.
    pub(super) fn keep(&self) -> Duration {
        Duration::from_secs(self.keep_s)
    }

    /// How long a service that failed too often is left alone.
    pub(super) fn breaker_pause(&self) -> Duration {
        Duration::from_millis(self.breaker_pause_ms)
    }
}

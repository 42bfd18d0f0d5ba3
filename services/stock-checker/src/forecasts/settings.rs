//! The section `forecast` of the configuration; every key, its default and why are in `default.toml`.

use std::ops::RangeInclusive;
use std::time::Duration;

use forecast::{MAX_DAYS, MAX_SERVICE_LEVEL, MIN_SERVICE_LEVEL};
use platform::config::ConfigError;
use serde::Deserialize;

/// A year: no supplier that is ordered from again and again takes longer.
pub(crate) const LONGEST_DAYS: f64 = 365.0;
/// Shorter than `http.request_timeout_ms`, so that a caller gets our answer.
const LONGEST_WAIT_MS: u64 = 8_000;

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(super) history_days: u32,
    pub(super) service_level: f64,
    pub(super) lead_time_days: f64,
    pub(super) lead_time_sd_days: f64,
    pub(super) lead_time_orders: usize,
    pub(super) cover_days: f64,
    pub(super) waiting: usize,
    wait_ms: u64,
}

impl Settings {
    /// Refuses what could not work, naming the key.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let level = MIN_SERVICE_LEVEL..=MAX_SERVICE_LEVEL;
        let ranges: [(&str, f64, RangeInclusive<f64>); 8] = [
            ("history_days", f64::from(self.history_days), 1.0..=MAX_DAYS as f64),
            ("service_level", self.service_level, level),
            ("lead_time_days", self.lead_time_days, 0.0..=LONGEST_DAYS),
            ("lead_time_sd_days", self.lead_time_sd_days, 0.0..=LONGEST_DAYS),
            ("lead_time_orders", self.lead_time_orders as f64, 1.0..=100.0),
            ("cover_days", self.cover_days, 0.0..=LONGEST_DAYS),
            ("waiting", self.waiting as f64, 0.0..=10_000.0),
            ("wait_ms", self.wait_ms as f64, 0.0..=LONGEST_WAIT_MS as f64),
        ];
        match ranges.iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((key, value, range)) => {
                let problem = format!("must be {} to {}, not {value}", range.start(), range.end());
                Err(ConfigError::new(format!("forecast.{key}"), problem))
            }
        }
    }

    /// How long a question waits for its turn.
    pub(super) fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }
}

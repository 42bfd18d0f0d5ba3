//! The section `feed` of the configuration; every key, its default and why are in `default.toml`.

use std::ops::RangeInclusive;
use std::time::Duration;

use platform::config::ConfigError;
use serde::Deserialize;

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) at_once: usize,
    pub(crate) per_caller: usize,
    pub(crate) buffer_bytes: usize,
    heartbeat_ms: u64,
    max_age_s: u64,
    lifetime_s: u64,
}

impl Settings {
    /// Refuses what could not work, naming the key.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let ranges: [(&str, u64, RangeInclusive<u64>); 6] = [
            ("at_once", self.at_once as u64, 0..=100_000),
            ("per_caller", self.per_caller as u64, 1..=100_000),
            // A page of changes should not push out the one before it.
            ("buffer_bytes", self.buffer_bytes as u64, 1_048_576..=4_294_967_296),
            ("heartbeat_ms", self.heartbeat_ms, 10..=300_000),
            // Numbers of transactions are told apart for two billion of them: a month of any load.
            ("max_age_s", self.max_age_s, 60..=2_592_000),
            ("lifetime_s", self.lifetime_s, 1..=86_400),
        ];
        match ranges.iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((key, value, range)) => {
                let problem = format!("must be {} to {}, not {value}", range.start(), range.end());
                Err(ConfigError::new(format!("feed.{key}"), problem))
            }
        }
    }

    /// How long a feed is silent at most.
    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }

    /// How old a position may be that is resumed from.
    pub(crate) fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_s)
    }

    /// How long a feed lasts.
    pub(crate) fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_s)
    }
}

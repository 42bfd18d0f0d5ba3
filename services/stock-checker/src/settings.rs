//! The section `stock_checker` of the configuration; every key, its default and why are in `default.toml`.

use std::ops::RangeInclusive;
use std::time::Duration;

use platform::config::ConfigError;
use serde::Deserialize;

/// A day, in milliseconds: nothing here may be older.
const DAY_MS: u64 = 86_400_000;
/// The longest that a request may be kept waiting: more is a fault to be told, not waited out.
const LONGEST_WAIT_MS: u64 = 60_000;
/// The most questions at once. More than any database has connections for.
const MOST_AT_ONCE: u64 = 10_000;

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Read by `main`, which listens; named here because nothing else may stand in the section.
    #[serde(rename = "listen")]
    _listen: String,
    /// Likewise.
    #[serde(rename = "grpc_listen")]
    _grpc_listen: String,
    pub(crate) database_url: String,
    primary_url: String,
    cache_ttl_ms: u64,
    unknown_ttl_ms: u64,
    fill_lease_ms: u64,
    aggregate_ttl_ms: u64,
    pub(crate) database_reads_at_once: usize,
    pub(crate) database_scans_at_once: usize,
    database_wait_ms: u64,
    version_wait_ms: u64,
    replica_wait_ms: u64,
    pub(crate) redis_projection: bool,
}

impl Settings {
    /// Refuses what could not work, naming the key.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let ranges: [(&str, u64, RangeInclusive<u64>); 9] = [
            ("cache_ttl_ms", self.cache_ttl_ms, 1..=DAY_MS),
            ("unknown_ttl_ms", self.unknown_ttl_ms, 0..=LONGEST_WAIT_MS),
            ("fill_lease_ms", self.fill_lease_ms, 1..=LONGEST_WAIT_MS),
            ("aggregate_ttl_ms", self.aggregate_ttl_ms, 0..=DAY_MS),
            ("database_reads_at_once", self.database_reads_at_once as u64, 1..=MOST_AT_ONCE),
            ("database_scans_at_once", self.database_scans_at_once as u64, 1..=MOST_AT_ONCE),
            ("database_wait_ms", self.database_wait_ms, 0..=LONGEST_WAIT_MS),
            ("version_wait_ms", self.version_wait_ms, 0..=LONGEST_WAIT_MS),
            ("replica_wait_ms", self.replica_wait_ms, 0..=LONGEST_WAIT_MS),
        ];
        match ranges.iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((key, value, range)) => {
                let problem = format!("must be {} to {}, not {value}", range.start(), range.end());
                Err(ConfigError::new(format!("stock_checker.{key}"), problem))
            }
        }
    }

    /// The database that `database_url` is a copy of, if it is one.
    pub(crate) fn primary_url(&self) -> Option<&str> {
        Some(self.primary_url.as_str()).filter(|url| !url.is_empty())
    }

    /// How long a name is remembered to stand for nothing.
    pub(crate) fn unknown_ttl(&self) -> Duration {
        Duration::from_millis(self.unknown_ttl_ms)
    }

    /// How long one replica may keep the others from asking the database for an item.
    pub(crate) fn fill_lease(&self) -> Duration {
        Duration::from_millis(self.fill_lease_ms)
    }

    /// How long an entry of the cache is used at most.
    pub(crate) fn cache_ttl(&self) -> Duration {
        Duration::from_millis(self.cache_ttl_ms)
    }

    /// How long an overview is used.
    pub(crate) fn aggregate_ttl(&self) -> Duration {
        Duration::from_millis(self.aggregate_ttl_ms)
    }

    /// How long a question waits for its turn at the database.
    pub(crate) fn database_wait(&self) -> Duration {
        Duration::from_millis(self.database_wait_ms)
    }

    /// How long a read waits for a version that the database does not have yet; with a primary to turn to, less.
    pub(crate) fn version_wait(&self) -> Duration {
        let shortest = self.primary_url().map_or(self.version_wait_ms, |_| self.replica_wait_ms);
        Duration::from_millis(self.version_wait_ms.min(shortest))
    }
}

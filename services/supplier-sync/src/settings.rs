//! The section `supplier_sync` of the configuration; every key, its default and why are in `default.toml`.

use anyhow::bail;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde::Deserialize;
use std::time::Duration;

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Read by `main`, which listens; named here because nothing else may stand in the section.
    #[serde(rename = "listen")]
    _listen: String,
    pub(crate) database_url: String,
    pub(crate) secret_key: SecretString,
    pub(crate) previous_secret_key: SecretString,
    pub(crate) allow_private_addresses: bool,
    pub(crate) connect_timeout_ms: u64,
    pub(crate) read_timeout_ms: u64,
    pub(crate) request_timeout_ms: u64,
    pub(crate) max_feed_bytes: usize,
    pub(crate) max_feed_rows: usize,
    pub(crate) fetch_attempts: usize,
    pub(crate) retry_pause_ms: u64,
    pub(crate) breaker_failures: u32,
    pub(crate) breaker_pause_ms: u64,
    pub(crate) concurrent_syncs: usize,
    pub(crate) run_lease_ms: u64,
    pub(crate) runs_kept_days: u32,
    pub(crate) concurrent_order_lanes: usize,
    pub(crate) brake_share: f64,
    pub(crate) poll_interval_ms: u64,
    pub(crate) schedule_interval_s: u64,
    pub(crate) sweep_interval_s: u64,
    pub(crate) order_attempts: i32,
    pub(crate) order_pause_ms: u64,
    pub(crate) order_longest_pause_ms: u64,
    pub(crate) order_follow_up_ms: u64,
    pub(crate) order_settle_ms: u64,
    pub(crate) pause_after_refusal_ms: u64,
}

impl Settings {
    /// Refuses what could not work, naming the key.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let at_least_one = [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("read_timeout_ms", self.read_timeout_ms),
            ("request_timeout_ms", self.request_timeout_ms),
            ("max_feed_bytes", self.max_feed_bytes as u64),
            ("max_feed_rows", self.max_feed_rows as u64),
            ("fetch_attempts", self.fetch_attempts as u64),
            ("breaker_failures", u64::from(self.breaker_failures)),
            ("concurrent_syncs", self.concurrent_syncs as u64),
            ("run_lease_ms", self.run_lease_ms),
            ("runs_kept_days", u64::from(self.runs_kept_days)),
            ("concurrent_order_lanes", self.concurrent_order_lanes as u64),
            ("poll_interval_ms", self.poll_interval_ms),
            ("schedule_interval_s", self.schedule_interval_s),
            ("sweep_interval_s", self.sweep_interval_s),
            ("order_attempts", u64::try_from(self.order_attempts).unwrap_or(0)),
            ("order_pause_ms", self.order_pause_ms),
            ("order_follow_up_ms", self.order_follow_up_ms),
        ];
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            bail!("supplier_sync.{key} must be at least 1");
        }
        if !(self.brake_share > 0.0 && self.brake_share <= 1.0) {
            bail!("supplier_sync.brake_share must be above 0 and at most 1");
        }
        if self.order_longest_pause_ms < self.order_pause_ms {
            bail!("supplier_sync.order_longest_pause_ms must be at least order_pause_ms");
        }
        Ok(())
    }

    /// How long one run may take in all: every attempt timing out, with the longest pauses between, and as long
    /// again for the rows. Past it it fails.
    pub(crate) fn run_limit(&self) -> Duration {
        let attempt = self.request_timeout_ms.saturating_mul(2);
        Duration::from_millis(
            attempt.saturating_mul(self.fetch_attempts as u64 + 1).saturating_add(RUN_MARGIN_MS),
        )
    }

    /// How long a worker's claim on a run holds before it has to be renewed.
    pub(crate) fn run_lease(&self) -> TimeDelta {
        TimeDelta::milliseconds(i64::try_from(self.run_lease_ms).unwrap_or(i64::MAX / 2))
    }

    /// How long a claim on an order holds: twice what two requests that time out, and the rows, can take, so that who
    /// is halfway through it may still begin a request.
    pub(crate) fn order_limit(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms.saturating_mul(4).saturating_add(RUN_MARGIN_MS))
    }
}

/// For the database's part of a run or an order: well above its statement timeout.
const RUN_MARGIN_MS: u64 = 30_000;

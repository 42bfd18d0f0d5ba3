//! Logs, traces and metrics of a process.
//!
//! Logs go to standard output (`json`); traces by OTLP when `telemetry.otlp_endpoint` says where (`export`); metrics
//! are scraped from `/metrics`. A trace's context (W3C `traceparent`) travels whether or not it is recorded
//! (`context`), also with our own requests (`outgoing`).
//!
//! **Invariants.** What waits to be sent is bounded, and what is left out is counted. Nobody waits for a collector
//! but the end of the process, and that not for long. A span below a request, a call or a message is made only where
//! its trace is recorded.

mod context;
mod export;
mod json;
pub mod outgoing;

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use context::{continue_from, current, current_traceparent, job, join, recorded, traceparent};
pub use opentelemetry::trace::SpanContext;

use crate::config::{Config, ConfigError, none_if_empty};
use crate::measure;

/// The header, over HTTP and over the bus.
pub const TRACEPARENT: &str = "traceparent";

/// The target of spans that are for traces only: logs do not name them, and without a collector they do not exist.
/// `tracing` wants a literal in its macros, so it is written out there, also in crates that do not know this one.
const ONLY_TRACED: &str = "trace";

/// How long the last spans may take to be sent when the process stops.
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// Upper bounds for durations: from a cached read to the longest request that is let run, and on to what waits for
/// somebody else, as events do for a broker and a sync for its supplier.
const SECONDS: [f64; 17] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0,
];

/// Upper bounds for counts of things taken together, such as a batch.
const SIZES: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    format: Format,
    filter: String,
    #[serde(deserialize_with = "none_if_empty")]
    otlp_endpoint: Option<String>,
    sample_ratio: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Pretty,
    Json,
}

/// Keeps traces going; sends what is left when dropped. Drop it inside the runtime.
#[must_use]
pub struct Guard(SdkTracerProvider);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(FLUSH_LIMIT) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Starts logs and traces for the whole process. Once a process; call it inside the runtime.
pub fn init(config: &Config, service: &'static str) -> anyhow::Result<Guard> {
    // Before anything is measured: what is recorded without a recorder is lost.
    metrics();
    let settings: Settings = config.section("telemetry")?;
    let filter =
        EnvFilter::try_new(&settings.filter).map_err(|error| ConfigError::new("telemetry.filter", error))?;
    let provider = export::provider(settings.otlp_endpoint.as_deref(), settings.sample_ratio, service)?;
    let log = match settings.format {
        Format::Pretty => {
            tracing_subscriber::fmt::layer().compact().with_ansi(std::io::stdout().is_terminal()).boxed()
        }
        Format::Json => {
            let lines = json::Lines { service };
            tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(lines).boxed()
        }
    };
    let recording = settings.otlp_endpoint.is_some();
    // Without a hint every line of every library would be asked about.
    let finest = if recording { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let traced = filter_fn(move |metadata| {
        let only_traced = metadata.target() == ONLY_TRACED && metadata.is_span();
        *metadata.level() <= LevelFilter::INFO || (recording && only_traced)
    })
    .with_max_level_hint(finest);
    // Whatever is not needed is left away: it would be done again each time a future is polled.
    let traces = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("onhand"))
        .with_context_activation(false)
        .with_tracked_inactivity(false)
        .with_location(false)
        .with_threads(false)
        .with_target(false);
    let all = tracing_subscriber::registry().with(log.with_filter(filter)).with(traces.with_filter(traced));
    // Not `try_init`, which also takes what is said through `log`: a library that only asks there whether something
    // would be logged (sqlx does, for each statement) makes filters by layer lose the thread's next span.
    tracing::subscriber::set_global_default(all)?;
    Ok(Guard(provider))
}

/// The process's metrics. The recorder is a process's one global: that is how `metrics` works.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let buckets = |builder: PrometheusBuilder, suffix: &str, bounds: &[f64]| {
            builder.set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), bounds)
        };
        let handle = buckets(PrometheusBuilder::new(), "_seconds", &SECONDS)
            .and_then(|builder| buckets(builder, "_size", &SIZES))
            .and_then(PrometheusBuilder::install_recorder)
            // Somebody else's recorder is installed: ours stays empty rather than the process down.
            .unwrap_or_else(|_| PrometheusBuilder::new().build_recorder().handle());
        measure::describe();
        handle
    })
}

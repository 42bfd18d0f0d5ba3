//! Logs, traces and metrics of a process.
//!
//! Logs go to standard output; traces by OTLP when `telemetry.otlp_endpoint` says where; metrics are
//! scraped from `/metrics`. A trace's context (W3C `traceparent`) travels whether or not it is recorded.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use serde::Deserialize;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Config, ConfigError, none_if_empty};
use crate::measure;

/// The header, over HTTP and over the bus.
pub const TRACEPARENT: &str = "traceparent";

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
    let provider = tracer(&settings, service)?;
    let log = match settings.format {
        Format::Pretty => tracing_subscriber::fmt::layer().compact().boxed(),
        // The list of spans holds the request's, and with it the trace id.
        Format::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(true)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(log.with_filter(filter))
        .with(
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("onhand"))
                .with_filter(LevelFilter::INFO),
        )
        .try_init()?;
    Ok(Guard(provider))
}

fn tracer(settings: &Settings, service: &'static str) -> anyhow::Result<SdkTracerProvider> {
    if !(0.0..=1.0).contains(&settings.sample_ratio) {
        return Err(ConfigError::new("telemetry.sample_ratio", "must be from 0 to 1").into());
    }
    let builder =
        SdkTracerProvider::builder().with_resource(Resource::builder().with_service_name(service).build());
    let Some(endpoint) = &settings.otlp_endpoint else {
        // Ids are made and passed on, nothing is recorded.
        return Ok(builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build());
    };
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| ConfigError::new("telemetry.otlp_endpoint", error))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample_ratio)));
    Ok(builder.with_sampler(sampler).with_batch_exporter(exporter).build())
}

/// The current span as a `traceparent`, to send along with a message. None outside a trace.
pub fn current_traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Makes `span` part of the trace that a message came with. A span with an empty field `trace_id` gets
/// it filled, so that logs can be found by it. A malformed value starts a trace of its own.
pub fn continue_from(span: &Span, traceparent: Option<&str>) {
    if let Some(value) = traceparent {
        let carrier = HashMap::from([(TRACEPARENT.to_owned(), value.to_owned())]);
        // It fails only when nobody records traces: then there is nothing to continue.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
    }
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    if trace != opentelemetry::TraceId::INVALID {
        span.record("trace_id", tracing::field::display(trace));
    }
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

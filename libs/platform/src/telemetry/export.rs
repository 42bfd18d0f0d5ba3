//! Where spans go: sampled, queued within a bound, and sent by a thread of its own.
//!
//! [`provider`] → [`Bounded`] (counts what waits, leaves out what is too much) → the SDK's batches → [`Counted`] (sends,
//! counts, and says once when that stops working).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::{WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData, SpanExporter,
    SpanLimits, SpanProcessor,
};
use tonic::transport::Channel;

use crate::config::ConfigError;

/// Spans that may wait to be sent, those that are being sent included: some seconds of a busy process, some
/// megabytes.
const WAITING_MAX: usize = 8_192;
/// Spans in one message: far below the 4 MB that a collector takes.
const BATCH_MAX: usize = 512;
/// How often what waits is sent, when less than a batch does.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// How long one message may take. A collector that is silent costs spans, and nothing else.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// Commands that a transaction's span is linked to at most: as many as it takes with the default configuration.
/// What is beyond is counted in the span.
const LINKS_MAX: u32 = 1_000;

/// Makes and samples spans, and sends them to `endpoint` if there is one. An error names the key.
pub(super) fn provider(
    endpoint: Option<&str>,
    sample_ratio: f64,
    service: &'static str,
) -> anyhow::Result<SdkTracerProvider> {
    if !(0.0..=1.0).contains(&sample_ratio) {
        return Err(ConfigError::new("telemetry.sample_ratio", "must be from 0 to 1").into());
    }
    let limits = SpanLimits { max_links_per_span: LINKS_MAX, ..SpanLimits::default() };
    let builder = SdkTracerProvider::builder()
        .with_resource(
            Resource::builder()
                .with_service_name(service)
                .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
                .build(),
        )
        .with_span_limits(limits);
    let Some(endpoint) = endpoint else {
        // Ids are made and passed on, nothing is recorded.
        return Ok(builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build());
    };
    let wrong = |error: &dyn std::fmt::Display| ConfigError::new("telemetry.otlp_endpoint", error);
    if !endpoint.starts_with("http://") {
        return Err(wrong(&"must be http://host:port").into());
    }
    let channel = Channel::from_shared(endpoint.to_owned()).map_err(|error| wrong(&error))?;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        // It connects when there is something to send, and again whenever that is needed.
        .with_channel(channel.connect_timeout(SEND_LIMIT).timeout(SEND_LIMIT).connect_lazy())
        .with_timeout(SEND_LIMIT)
        .build()
        .map_err(|error| wrong(&error))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio)));
    Ok(builder.with_sampler(sampler).with_span_processor(bounded(exporter, WAITING_MAX)).build())
}

/// Queues spans for an exporter, `most` at a time.
fn bounded<E: SpanExporter + 'static>(exporter: E, most: usize) -> Bounded<BatchSpanProcessor> {
    let waiting = Arc::new(AtomicUsize::new(0));
    let config = BatchConfigBuilder::default()
        // One that leaves out spans by itself would not say how many.
        .with_max_queue_size(most)
        .with_max_export_batch_size(BATCH_MAX)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    let counted = Counted { exporter, waiting: Arc::clone(&waiting), failing: AtomicBool::new(false) };
    let queue = BatchSpanProcessor::builder(counted).with_batch_config(config).build();
    Bounded { queue, waiting, most }
}

/// A queue that takes no more than so many spans.
#[derive(Debug)]
struct Bounded<P> {
    queue: P,
    waiting: Arc<AtomicUsize>,
    most: usize,
}

impl<P: SpanProcessor> SpanProcessor for Bounded<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.queue.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let room = |waiting| (waiting < self.most).then_some(waiting + 1);
        if self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_ok() {
            self.queue.on_end(span);
        } else {
            spans("dropped", 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.queue.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.queue.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.queue.set_resource(resource);
    }
}

/// An exporter that tells what became of spans.
#[derive(Debug)]
struct Counted<E> {
    exporter: E,
    waiting: Arc<AtomicUsize>,
    /// Whether the last message failed. Said once, not each time.
    failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        let sent = self.exporter.export(batch).await;
        self.waiting.fetch_sub(count, Ordering::AcqRel);
        spans(if sent.is_ok() { "sent" } else { "failed" }, count);
        match (&sent, self.failing.swap(sent.is_err(), Ordering::AcqRel)) {
            (Err(error), false) => tracing::warn!(%error, "traces cannot be sent"),
            (Ok(()), true) => tracing::info!("traces are sent again"),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

fn spans(outcome: &'static str, count: usize) {
    metrics::counter!("telemetry_spans_total", "outcome" => outcome).increment(count as u64);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::sync::{Condvar, Mutex};

    use opentelemetry::trace::{Tracer, TracerProvider};

    use super::*;

    /// Takes nothing until it is let go on.
    #[derive(Clone, Debug, Default)]
    struct Stuck(Arc<(Mutex<State>, Condvar)>);

    #[derive(Debug, Default)]
    struct State {
        free: bool,
        taken: usize,
    }

    impl Stuck {
        fn free(&self) {
            self.0.0.lock().unwrap().free = true;
            self.0.1.notify_all();
        }

        fn taken(&self) -> usize {
            self.0.0.lock().unwrap().taken
        }
    }

    impl SpanExporter for Stuck {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            let state = self.0.0.lock().unwrap();
            self.0.1.wait_while(state, |state| !state.free).unwrap().taken += batch.len();
            Ok(())
        }
    }

    #[test]
    fn who_ends_a_span_never_waits_and_what_is_too_much_is_left_out() {
        let exporter = Stuck::default();
        let queue = bounded(exporter.clone(), 10);
        let waiting = Arc::clone(&queue.waiting);
        let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
        let tracer = provider.tracer("test");
        // The exporter is stuck: if anybody waited for it, this would never end.
        for _ in 0..1_000 {
            drop(tracer.start("span"));
        }
        assert_eq!(waiting.load(Ordering::Acquire), 10);
        exporter.free();
        provider.force_flush().unwrap();
        assert_eq!((exporter.taken(), waiting.load(Ordering::Acquire)), (10, 0), "there is room again");
        drop(tracer.start("span"));
        provider.force_flush().unwrap();
        assert_eq!(exporter.taken(), 11);
    }

    #[test]
    fn what_is_not_recorded_is_not_queued() {
        let exporter = Stuck::default();
        let queue = bounded(exporter, 10);
        let waiting = Arc::clone(&queue.waiting);
        let sampler = Sampler::TraceIdRatioBased(0.0);
        let provider = SdkTracerProvider::builder().with_sampler(sampler).with_span_processor(queue).build();
        drop(provider.tracer("test").start("span"));
        assert_eq!(waiting.load(Ordering::Acquire), 0);
    }
}

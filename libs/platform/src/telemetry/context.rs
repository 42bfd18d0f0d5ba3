//! The context of a trace: what a span belongs to, and how that is passed on.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, TraceId};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::TRACEPARENT;

/// The current span, for whoever continues its trace later. None outside a trace. Cheap: nothing is written out.
pub fn current() -> Option<SpanContext> {
    let context = Span::current().context();
    let span = context.span();
    let current = span.span_context();
    current.is_valid().then(|| current.clone())
}

/// Whether the current span is recorded: only then are spans below it worth making.
pub fn recorded() -> bool {
    let context = Span::current().context();
    context.span().span_context().is_sampled()
}

/// A context as a `traceparent`.
pub fn traceparent(context: &SpanContext) -> String {
    let (trace, span) = (context.trace_id(), context.span_id());
    format!("00-{trace}-{span}-{:02x}", context.trace_flags())
}

/// The current span as a `traceparent`, to send along with a message. None outside a trace.
pub fn current_traceparent() -> Option<String> {
    current().as_ref().map(traceparent)
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
    if trace != TraceId::INVALID {
        span.record("trace_id", field::display(trace));
    }
}

/// Makes `span` what several pieces of work have in common: part of the first one's trace, and linked to each.
pub fn join<'a>(span: &Span, all: impl IntoIterator<Item = &'a SpanContext>) {
    for (place, one) in all.into_iter().enumerate() {
        if place == 0 {
            // As above.
            let _ = span.set_parent(Context::new().with_remote_span_context(one.clone()));
        }
        span.add_link(one.clone());
    }
}

/// The span of something that nobody asked for: it begins a trace of its own.
pub fn job(name: &'static str) -> Span {
    let span =
        tracing::info_span!(parent: None, "job", otel.name = name, job = name, trace_id = field::Empty);
    continue_from(&span, None);
    span
}

//! The spans of messages: one for each that is published, one for each that is processed.
//!
//! Whoever published is the parent of whoever processes: a message goes out with the context of its own publishing in
//! place of its cause's. Where nobody records the trace, it goes out with the context that it came with, and nothing is
//! made for it.

use opentelemetry::trace::{SpanContext, Status, TraceContextExt, TraceState};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::bus::{Delivery, Message, PublishError};

/// What carries messages, in the words of OpenTelemetry's conventions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum System {
    RabbitMq,
    Memory,
}

impl System {
    fn word(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq",
            Self::Memory => "memory",
        }
    }
}

/// Messages that are being published, in traces that are recorded.
pub(crate) struct Publishing(Vec<(usize, Span)>);

impl Publishing {
    /// Opens a span for each message whose trace is recorded, and gives it to the message as its context.
    pub(crate) fn begin(system: System, exchange: &str, messages: &mut [Message]) -> Self {
        let mut spans = Vec::new();
        for (place, message) in messages.iter_mut().enumerate() {
            let cause = message.traceparent.as_deref().and_then(parse).filter(SpanContext::is_sampled);
            let Some(cause) = cause else { continue };
            let span = tracing::debug_span!(
                target: "trace",
                parent: None,
                "publish",
                otel.name = %format_args!("{exchange} publish"),
                otel.kind = "producer",
                messaging.system = system.word(),
                messaging.operation.type = "send",
                messaging.operation.name = "publish",
                messaging.destination.name = exchange,
                messaging.rabbitmq.destination.routing_key = message.routing_key,
                messaging.message.id = message.id,
                messaging.message.body.size = message.body.len(),
            );
            // It fails only when nobody records traces: then the message keeps its cause's context.
            let _ = span.set_parent(Context::new().with_remote_span_context(cause));
            if let Some(own) = context(&span) {
                message.traceparent = Some(write(&own));
                spans.push((place, span));
            }
        }
        Self(spans)
    }

    /// Closes them, with what came of each.
    pub(crate) fn end(self, results: &[Result<(), PublishError>]) {
        for (place, span) in self.0 {
            if let Some(Err(error)) = results.get(place) {
                span.set_status(Status::error(error.to_string()));
            }
        }
    }
}

/// The span of a delivery, in the trace of whoever published it. Logs name it, recorded or not.
pub(crate) fn process(system: System, queue: &str, delivery: &Delivery) -> Span {
    let Delivery { message, attempt, .. } = delivery;
    let span = tracing::info_span!(
        "process",
        otel.name = %format_args!("{queue} process"),
        otel.kind = "consumer",
        queue,
        event = message.kind(),
        id = message.id,
        trace_id = field::Empty,
    );
    if let Some(cause) = message.traceparent.as_deref().and_then(parse) {
        // As above.
        let _ = span.set_parent(Context::new().with_remote_span_context(cause));
    }
    let Some(own) = context(&span) else { return span };
    span.record("trace_id", field::display(own.trace_id()));
    if own.is_sampled() {
        span.set_attribute("messaging.system", system.word());
        span.set_attribute("messaging.operation.type", "process");
        span.set_attribute("messaging.operation.name", "process");
        span.set_attribute("messaging.destination.name", queue.to_owned());
        span.set_attribute("messaging.message.id", message.id.clone());
        span.set_attribute("messaging.rabbitmq.destination.routing_key", message.routing_key.clone());
        span.set_attribute("messaging.delivery.attempt", i64::from(*attempt));
    }
    span
}

/// Marks a delivery that had no effect.
pub(crate) fn failed(span: &Span, reason: &str) {
    span.set_status(Status::error(reason.to_owned()));
}

fn context(span: &Span) -> Option<SpanContext> {
    let context = span.context();
    let span = context.span();
    let own = span.span_context();
    own.is_valid().then(|| own.clone())
}

/// A `traceparent`: `00-<trace>-<span>-<flags>`. Later versions may have more behind it.
fn parse(traceparent: &str) -> Option<SpanContext> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let more = parts.next().is_some();
    let sound = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    if !sound || (version == "00" && more) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::NONE)).filter(SpanContext::is_valid)
}

fn write(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_is_read_as_it_is_written() {
        let read = parse(SOUND).expect("it is sound");
        assert!(read.is_sampled() && read.is_remote());
        assert_eq!(write(&read), SOUND);
        let unsampled = format!("{}00", &SOUND[..SOUND.len() - 2]);
        assert!(!parse(&unsampled).expect("it is sound").is_sampled());
        assert!(parse(&SOUND.replacen("00-", "01-", 1).replace("-01", "-01-more")).is_some());
    }

    #[test]
    fn what_is_no_context_is_none() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for wrong in [
            String::new(),
            "00-trace-01".to_owned(),
            SOUND.to_uppercase(),
            SOUND.replacen("00-", "ff-", 1),
            SOUND.replace(trace, &"0".repeat(32)),
            SOUND.replace("b7ad6b7169203331", &"0".repeat(16)),
            format!("{SOUND}-more"),
            SOUND.replace(trace, &trace[1..]),
            SOUND.replace("-01", "-+1"),
        ] {
            assert!(parse(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_nobody_records_keeps_the_context_that_it_came_with() {
        let message = |traceparent: Option<&str>| Message {
            id: "1".to_owned(),
            routing_key: "stock_updated.TEA".to_owned(),
            body: bytes::Bytes::new(),
            traceparent: traceparent.map(str::to_owned),
            message_type: None,
        };
        let mut messages = [message(Some(SOUND)), message(Some("nonsense")), message(None)];
        let before = messages.clone();
        let publishing = Publishing::begin(System::Memory, "events", &mut messages);
        assert!(publishing.0.is_empty());
        assert_eq!(messages, before);
    }
}

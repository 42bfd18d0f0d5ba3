//! Log lines for machines: one JSON object a line.
//!
//! `time`, `level`, `service`, `target`, `message`, inside a trace `trace_id` and `span_id`, what the line itself says,
//! and `spans`: what it is part of, outermost first, with what each of them says.

use std::fmt::{self, Debug, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use opentelemetry::trace::TraceContextExt;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber, dispatcher};
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The names that every line has. A field of the same name is told with an underscore behind it.
const OURS: [&str; 7] = ["time", "level", "service", "target", "trace_id", "span_id", "spans"];

/// Writes log lines. Spans must have their fields written as JSON, too.
pub(super) struct Lines {
    /// Who says so.
    pub(super) service: &'static str,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Line { text: String::with_capacity(512) };
        let now = DateTime::<Utc>::from(std::time::SystemTime::now());
        line.say("time", &now.to_rfc3339_opts(SecondsFormat::Micros, true));
        line.say("level", metadata.level().as_str());
        line.say("service", self.service);
        line.say("target", metadata.target());
        if let Some(span) = context.lookup_current() {
            let traced = dispatcher::get_default(|dispatch| get_otel_context(&span.id(), dispatch));
            if let Some(traced) = traced.filter(TraceContextExt::has_active_span) {
                let span = traced.span();
                line.say("trace_id", &span.span_context().trace_id().to_string());
                line.say("span_id", &span.span_context().span_id().to_string());
            }
        }
        event.record(&mut line);
        if let Some(scope) = context.event_scope() {
            line.text.push_str(",\"spans\":[");
            for (place, span) in scope.from_root().enumerate() {
                line.text.push_str(if place == 0 { "{\"name\":" } else { ",{\"name\":" });
                line.value(span.name());
                let extensions = span.extensions();
                let fields =
                    extensions.get::<FormattedFields<N>>().map_or("", |fields| fields.fields.as_str());
                // An object of its own, of which the braces are ours already.
                let fields = fields.trim_start_matches('{').trim_end_matches('}');
                if !fields.is_empty() {
                    line.text.push(',');
                    line.text.push_str(fields);
                }
                line.text.push('}');
            }
            line.text.push(']');
        }
        writeln!(writer, "{}}}", line.text)
    }
}

/// A line as it is being written.
struct Line {
    text: String,
}

impl Line {
    fn say(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        self.value(name);
        self.text.push(':');
        self.value(value);
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        match serde_json::to_string(value) {
            Ok(json) => self.text.push_str(&json),
            Err(_) => self.text.push_str("null"),
        }
    }

    fn field(&mut self, field: &Field, value: &(impl Serialize + ?Sized)) {
        if OURS.contains(&field.name()) {
            self.say(&format!("{}_", field.name()), value);
        } else {
            self.say(field.name(), value);
        }
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a string does not fail; what a value's own writing left unsaid is left out.
        _ = write!(text, "{value:?}");
        self.field(field, text.as_str());
    }
}

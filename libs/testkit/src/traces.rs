//! A sink for traces: it takes what services send by OTLP over gRPC, as a collector would, and keeps it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::{Request, Response, Status};

/// A running sink. It stops when this is dropped.
pub struct Sink {
    address: SocketAddr,
    seen: Shared,
    /// Aborted when it is dropped.
    _serving: JoinSet<()>,
}

/// A span that came in. Ids are hex, as in logs and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The process that made it: `service.name`.
    pub service: String,
    /// What was done.
    pub name: String,
    /// For whom.
    pub kind: SpanKind,
    /// Of which trace it is a part.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The span that it is part of; none begins a trace.
    pub parent: Option<String>,
    /// Trace and span of what else it belongs to.
    pub links: Vec<(String, String)>,
    /// What it says, as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it is marked as failed.
    pub failed: bool,
}

type Shared = Arc<Mutex<Vec<Seen>>>;

struct Keeper(Shared);

impl Sink {
    /// Starts on a free port.
    pub async fn start() -> Result<Sink> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Shared::default();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&seen)));
        Ok(Sink { address, seen, _serving: serving })
    }

    /// Where traces are to be sent.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }

    /// The spans of a trace so far.
    #[must_use]
    pub fn trace(&self, id: &str) -> Vec<Seen> {
        lock(&self.seen).iter().filter(|span| span.trace == id).cloned().collect()
    }
}

async fn serve(listener: TcpListener, seen: Shared) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(TraceServiceServer::new(Keeper(Arc::clone(&seen))));
        connections.spawn(async move {
            let builder = Builder::new(TokioExecutor::new()).http2_only();
            // A process that is killed ends its connection in its own way.
            _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[tonic::async_trait]
impl TraceService for Keeper {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_process in request.into_inner().resource_spans {
            let resource = of_process.resource.map(|resource| attributes(resource.attributes));
            let service = resource.and_then(|mut said| said.remove("service.name")).unwrap_or_default();
            let spans = of_process.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans);
            lock(&self.0).extend(spans.map(|span| seen(service.clone(), span)));
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn seen(service: String, span: Span) -> Seen {
    Seen {
        service,
        kind: span.kind(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: Some(hex(&span.parent_span_id)).filter(|parent| !parent.is_empty()),
        links: span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        failed: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
        attributes: attributes(span.attributes),
        name: span.name,
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(yes) => yes.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |pair: KeyValue| Some((pair.key, text(pair.value?.value?)));
    pairs.into_iter().filter_map(pair).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A list of plain values is whole whatever panicked while it was locked.
fn lock(seen: &Shared) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

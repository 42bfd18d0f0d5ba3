//! Connections: accepted up to a bound, given up when their first bytes do not come, drained at the end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::serve::HttpConfig;

/// Accepting fails when the process is out of file descriptors: trying again at once would only spin.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// What a listener's clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// HTTP/1 or HTTP/2, told from each other by the first bytes.
    Http,
    /// HTTP/2 alone.
    Grpc,
}

/// Serves until `stop`, then lets the open requests of all connections finish, within the limit.
pub(super) async fn serve(
    listener: TcpListener,
    speaks: Speaks,
    app: Router,
    http: &HttpConfig,
    stop: &CancellationToken,
) {
    let builder = builder(http, speaks);
    let first_byte = Duration::from_millis(http.header_read_timeout_ms);
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(http.max_connections));
    let mut open = JoinSet::new();
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener, &slots)).await {
        let Some((stream, slot)) = accepted else {
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            continue;
        };
        let (builder, watcher, stop) = (builder.clone(), graceful.watcher(), stop.clone());
        let service = TowerToHyperService::new(app.clone());
        open.spawn(async move {
            // The first bytes, which tell HTTP/2 from HTTP/1, have no time limit of their own.
            // Clients open some in advance: at a stop, one that has said nothing is owed nothing.
            let mut byte = [0];
            let first = tokio::time::timeout(first_byte, stream.peek(&mut byte));
            if matches!(stop.run_until_cancelled(first).await, Some(Ok(_))) {
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                // An error here is the client's: it went away, or spoke no HTTP.
                let _ = watcher.watch(connection.into_owned()).await;
            }
            drop(slot);
        });
        while open.try_join_next().is_some() {}
    }
    drop(listener);
    let limit = Duration::from_millis(http.drain_timeout_ms);
    if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
        tracing::warn!(open = open.len(), "connections were cut off by the stop");
    }
}

/// How often an HTTP/2 client that says nothing is asked whether it is still there.
const PING_PERIOD: Duration = Duration::from_secs(30);

type Slot = tokio::sync::OwnedSemaphorePermit;

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, Slot)> {
    // First a slot, then a connection: who finds none waits in the listen queue.
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small and written at once: waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
            Some((stream, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            None
        }
    }
}

fn builder(http: &HttpConfig, speaks: Speaks) -> Builder<TokioExecutor> {
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = match speaks {
        Speaks::Http => builder,
        Speaks::Grpc => builder.http2_only(),
    };
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(http.header_read_timeout_ms));
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_PERIOD);
    builder
}

//! Serving: an address for requests and one for calls, for many services, from the first connection to the last task.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::bail;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::{self, Speaks};
use super::{Service, Task, install_tls, routes};
use crate::auth::Verifier;
use crate::config::Config;
use crate::telemetry;

/// How often finished measurements are folded, so that they do not pile up between two scrapes.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);

/// Section `http` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpConfig {
    pub(crate) request_timeout_ms: u64,
    pub(crate) header_read_timeout_ms: u64,
    pub(crate) body_read_timeout_ms: u64,
    pub(crate) body_limit_bytes: usize,
    pub(crate) max_connections: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) drain_timeout_ms: u64,
}

/// Where a process listens.
pub struct Listeners {
    /// For requests.
    pub http: TcpListener,
    /// For gRPC calls. Without it they are not answered.
    pub grpc: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(http: TcpListener) -> Self {
        Self { http, grpc: None }
    }
}

/// Serves `services` on the listeners until `stop`: then lets open requests and calls finish, then stops the tasks.
///
/// An error when the configuration will not do, or when a task ended on its own.
pub async fn serve(
    listeners: impl Into<Listeners>,
    config: &Config,
    services: Vec<Service>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    install_tls();
    // Before anything is measured: what is recorded without a recorder is lost.
    telemetry::metrics();
    let listeners = listeners.into();
    refuse_strangers(&listeners, config)?;
    let http: HttpConfig = config.section("http")?;
    let verifier = Verifier::new(&config.section("auth")?)?;
    let stop = stop.child_token();
    let requests = TaskTracker::new();
    let names: Vec<_> = services.iter().map(|service| service.name).collect();
    let assembled = routes::assemble(services, &http, verifier, &requests, &stop)?;
    let drain = Duration::from_millis(http.drain_timeout_ms);
    let tasks_stop = CancellationToken::new();
    let mut tasks = Tasks::start(assembled.tasks, &tasks_stop);

    let calls_at = listeners.grpc.as_ref().map(TcpListener::local_addr).transpose()?;
    tracing::info!(address = %listeners.http.local_addr()?, grpc = ?calls_at, services = ?names, "listening");
    let requests_served = connections::serve(listeners.http, Speaks::Http, assembled.http, &http, &stop);
    let calls_served = async {
        if let Some(listener) = listeners.grpc {
            connections::serve(listener, Speaks::Grpc, assembled.grpc, &http, &stop).await;
        }
    };
    let mut serving = std::pin::pin!(futures::future::join(requests_served, calls_served));
    let ended = tokio::select! {
        _ = &mut serving => None,
        ended = tasks.first_to_end() => Some(ended),
    };
    stop.cancel();
    if ended.is_some() {
        serving.await;
    }
    // Requests outlive their connections: they run in tasks of their own.
    requests.close();
    if tokio::time::timeout(drain, requests.wait()).await.is_err() {
        tracing::warn!(open = requests.len(), "requests were cut off by the stop");
    }
    tasks_stop.cancel();
    tasks.finish(drain).await;
    match ended {
        Some(reason) => bail!("{reason}"),
        None => Ok(()),
    }
}

/// Without authentication everybody is an administrator: nobody but this machine may connect then.
pub(super) fn refuse_strangers(listeners: &Listeners, config: &Config) -> anyhow::Result<()> {
    if config.text("auth.mode")? != "off" {
        return Ok(());
    }
    for listener in [Some(&listeners.http), listeners.grpc.as_ref()].into_iter().flatten() {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            bail!("`auth.mode` is off, which is allowed only on a loopback address, not on {address}");
        }
    }
    Ok(())
}

/// The running tasks, by name.
struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    fn start(tasks: Vec<Task>, stop: &CancellationToken) -> Self {
        let mut running = JoinSet::new();
        let upkeep = Task::new("metrics upkeep", upkeep);
        let names = tasks
            .into_iter()
            .chain([upkeep])
            .map(|task| (running.spawn((task.run)(stop.clone())).id(), task.name))
            .collect();
        Self { running, names }
    }

    /// What ended although nobody told it to, and how.
    async fn first_to_end(&mut self) -> String {
        match self.running.join_next_with_id().await {
            Some(Ok((id, ()))) => format!("task `{}` ended on its own", self.name(id)),
            Some(Err(error)) => format!("task `{}` failed: {error}", self.name(error.id())),
            None => std::future::pending().await,
        }
    }

    async fn finish(mut self, limit: Duration) {
        let all = async {
            while let Some(ended) = self.running.join_next_with_id().await {
                match ended {
                    Ok((id, ())) => self.names.remove(&id),
                    Err(error) => {
                        tracing::error!(%error, task = self.names.get(&error.id()), "a task failed while stopping");
                        self.names.remove(&error.id())
                    }
                };
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            // Dropping the set aborts them.
            tracing::warn!(tasks = ?self.names.values(), "tasks were cut off by the stop");
        }
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().unwrap_or("?")
    }
}

async fn upkeep(stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(UPKEEP_PERIOD)).await.is_some() {
        telemetry::metrics().run_upkeep();
    }
}

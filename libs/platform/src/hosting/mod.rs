//! Hosting: how services live in a process, and how it ends.
//!
//! A service is a value; a process is a list of them. Reading order: [`main`] → [`serve`] → `routes`
//! (what every process answers) → `layers` (what every request passes) → `grpc` (the same for calls) → `connections`.
//!
//! **Invariants.** A request's handler that has to wait goes on in a task of its own: neither a client that leaves nor a
//! timeout cancels what it began. A task that ends before it was told to ends the process: nothing
//! important is ever silently absent. A stop is bounded.

mod connections;
mod grpc;
mod layers;
mod leaving;
mod readiness;
mod routes;
mod serve;
mod stopping;

use std::pin::Pin;
use std::process::ExitCode;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

pub use grpc::Grpc;
pub use serve::{Listeners, serve};
pub use stopping::Stopping;

use crate::config::{Alias, Config};
use crate::{db, telemetry};

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A part of the system: what it answers, what it does on its own, and what it needs.
pub struct Service {
    /// As in logs and traces: `stock-updater`.
    pub name: &'static str,
    /// Routes with their descriptions.
    pub routes: OpenApiRouter,
    /// What it answers over gRPC, if anything.
    pub grpc: Option<Grpc>,
    /// What runs besides requests.
    pub tasks: Vec<Task>,
    /// What must work for it to be ready.
    pub checks: Vec<Check>,
}

/// Something that runs until it is told to stop.
pub struct Task {
    pub(crate) name: &'static str,
    pub(crate) run: Box<dyn FnOnce(CancellationToken) -> Later<()> + Send>,
}

impl Task {
    /// A task that ends soon after its token is cancelled, and not before.
    pub fn new<F>(name: &'static str, run: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { name, run: Box::new(move |stop| Box::pin(run(stop))) }
    }

    /// Its work, for a host that is not [`serve`]: a command line tool, a benchmark, a test of one part.
    pub fn run(self, stop: CancellationToken) -> impl Future<Output = ()> + Send {
        (self.run)(stop)
    }
}

/// A question whose answer `/ready` depends on.
pub struct Check {
    pub(crate) name: &'static str,
    pub(crate) ask: Box<dyn Fn() -> Later<Result<(), String>> + Send + Sync>,
}

impl Check {
    /// A check; its `Err` says what is not well, for the log.
    pub fn new<F>(name: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, ask: Box::new(move || Box::pin(ask())) }
    }
}

/// What a process is called, and where it finds what it has to know.
pub struct Process {
    /// As in logs and traces: `stock-updater`.
    pub name: &'static str,
    /// The key with its address: `stock_updater.listen`.
    pub listen_key: &'static str,
    /// The key with its address for gRPC: `stock_updater.grpc_listen`.
    pub grpc_listen_key: Option<&'static str>,
    /// The keys with the URLs of its databases. On SQLite it is alone on them.
    pub database_keys: &'static [&'static str],
    /// Variables by other names that set keys of ours.
    pub aliases: Vec<Alias>,
}

/// A process from its first line to its exit code: configuration, telemetry, the services that `build`
/// makes, and a stop at SIGINT or SIGTERM. A second signal ends it at once.
pub fn main(process: Process, build: impl AsyncFnOnce(Config) -> anyhow::Result<Vec<Service>>) -> ExitCode {
    match run(&process, build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error:#}", process.name);
            ExitCode::FAILURE
        }
    }
}

fn run(
    process: &Process,
    build: impl AsyncFnOnce(Config) -> anyhow::Result<Vec<Service>>,
) -> anyhow::Result<()> {
    let config = Config::load_with(&process.aliases)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let telemetry = {
        let _inside = runtime.enter();
        telemetry::init(&config, process.name)?
    };
    let stop = CancellationToken::new();
    let result = runtime.block_on(async {
        tokio::select! {
            result = live(&config, process, build, &stop) => result,
            () = signals(stop.clone()) => Err(anyhow::anyhow!("told twice to stop")),
        }
    });
    if let Err(error) = &result {
        tracing::error!("{error:#}");
    }
    {
        let _inside = runtime.enter();
        drop(telemetry);
    }
    // Everything was told to stop and had its time: what a library still runs has nothing to finish.
    runtime.shutdown_background();
    result
}

async fn live(
    config: &Config,
    process: &Process,
    build: impl AsyncFnOnce(Config) -> anyhow::Result<Vec<Service>>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    install_tls();
    // Before the services: a port that is taken should not cost a migration.
    let http = listen(config, process.listen_key).await?;
    let grpc = match process.grpc_listen_key {
        Some(key) => Some(listen(config, key).await?),
        None => None,
    };
    let listeners = Listeners { http, grpc };
    serve::refuse_strangers(&listeners, config)?;
    let _alone = db::alone(config, process.database_keys)?;
    let services = tokio::select! {
        services = build(config.clone()) => services?,
        () = stop.cancelled() => return Ok(()),
    };
    serve(listeners, config, services, stop.clone()).await
}

async fn listen(config: &Config, key: &str) -> anyhow::Result<TcpListener> {
    let address = config.text(key)?;
    TcpListener::bind(&address).await.with_context(|| format!("`{key}`: {address}"))
}

/// Cancels `stop` at the first signal; returns at the second.
async fn signals(stop: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::warn!("signals cannot be listened to: this process stops only when killed");
        return std::future::pending().await;
    };
    for _ in 0..2 {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    }
}

/// Makes TLS work in this process, by rustls with ring. To be called before the first HTTP client is
/// built; more than once does no harm.
pub fn install_tls() {
    // It fails when one is installed already: good as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

//! The repository's own commands: `cargo xtask test`, `check`, `deploy-check`, `up`, `services`,
//! `bench`, `release-notes`.
//!
//! Reading order: [`backends`] (which PostgreSQL, Redis and RabbitMQ), [`prometheus`] (which Prometheus), [`step`] (running programs so
//! that Ctrl-C ends all of them), then a module a command.
//!
//! **Invariant**: whatever way a command ends, every server and service it started ends with it.

mod backends;
mod check;
mod compose;
mod deploy;
mod prometheus;
mod release;
mod step;
mod test;
mod up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use testkit::servers::Postgres;

use backends::Backends;
use step::{Stop, cargo};

/// Builds, tests and runs Onhand.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test, on the embedded and on the real back ends
    ///
    /// PostgreSQL, Redis and RabbitMQ are those of `DATABASE_URL`, `REDIS_URL` and `AMQP_URL`; else
    /// private throw-away instances of this machine's binaries; else of Debian packages, installed when
    /// run as root; else containers by `docker compose`. It says which it chose. Prometheus, which the dashboards are
    /// tested with, is found the same way.
    Test {
        /// Handed to the test runner: names of tests, or its options
        #[arg(last = true)]
        filter: Vec<String>,
    },
    /// Run what CI runs: format, tidy, spelling, licences and advisories, lints, docs, tests
    Check {
        /// Leave the tests to `cargo xtask test`
        #[arg(long)]
        without_tests: bool,
    },
    /// Check what deploys Onhand: images, compose, workflows, Kubernetes, Terraform, observability
    ///
    /// Validators are installed into `target/deploy-tools`, by version and hash. It needs no Docker, no
    /// cluster and no cloud, and no network once they are there.
    DeployCheck {
        /// Also plant faults in copies of the files, one after the other, and see that each is found
        #[arg(long)]
        plant: bool,
        /// Only the check of this name
        #[arg(long)]
        only: Vec<String>,
    },
    /// Print what CHANGELOG.md says of a version
    ReleaseNotes {
        /// The version, with or without a `v`: a tag's name
        version: String,
    },
    /// Run the services as separate processes on real back ends, until Ctrl-C
    Up,
    /// Start the back ends alone and print what to export, until Ctrl-C
    Services,
    /// Run a benchmark on a private PostgreSQL with fsync on
    Bench {
        /// Which one
        name: Bench,
        /// Where to write the figures, as JSON
        #[arg(long)]
        json: Option<PathBuf>,
        /// Only see that it runs: small, short, and its figures mean nothing
        #[arg(long)]
        quick: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Bench {
    /// The batched writer against one transaction a command, and what a command costs the database
    Engine,
    /// Commands over HTTP, one by one and in batches, against the same over HTTP
    Http,
    /// The engine with ten million ledger rows, and with a million items, against a small one
    Growth,
    /// Items over HTTP, from the cache and from the database, against a bare server and pgbench
    Reads,
    /// Pages of lists among a million items, against the same among a thousand
    Lists,
    /// A supplier's catalog of 100,000 products, and nine suppliers beside a dead one
    Sync,
}

impl Bench {
    /// Of the package `bench`.
    fn target(self) -> &'static str {
        match self {
            Bench::Engine => "engine",
            Bench::Http => "http",
            Bench::Growth => "growth",
            Bench::Reads => "reads",
            Bench::Lists => "lists",
            Bench::Sync => "sync",
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(arguments.command)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    let mut stop = Stop::listen()?;
    match command {
        Command::Test { filter } => test::run(&filter, &mut stop).await,
        Command::Check { without_tests } => {
            check::run(&mut stop).await?;
            if without_tests { Ok(()) } else { test::run(&[], &mut stop).await }
        }
        Command::DeployCheck { plant, only } => {
            deploy::run(&deploy::Options { only, plant }, &mut stop).await
        }
        Command::ReleaseNotes { version } => release::notes(&version),
        Command::Up => up::run(&mut stop).await,
        Command::Services => services(&mut stop).await,
        Command::Bench { name, json, quick } => bench(name, json.as_deref(), quick, &mut stop).await,
    }
}

async fn services(stop: &mut Stop) -> Result<()> {
    let backends = Backends::start(stop).await?;
    for (variable, url) in backends.variables() {
        println!("export {variable}={url}");
    }
    eprintln!("ready; Ctrl-C stops them");
    stop.wait().await;
    Ok(())
}

/// What a server for much writing is set to, for us and for what we are measured against: PostgreSQL's defaults are for
/// a machine with very little memory. Durability is as by default: `fsync` and `synchronous_commit` on.
const MEASURED_WITH: [(&str, &str); 4] = [
    ("shared_buffers", "1GB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "15min"),
    ("wal_buffers", "64MB"),
];

async fn bench(name: Bench, json: Option<&Path>, quick: bool, stop: &mut Stop) -> Result<()> {
    let mut server = Postgres::start()?;
    server.configure(&MEASURED_WITH)?;
    let mut command = cargo(["bench", "--package", "bench", "--bench", name.target(), "--"]);
    if quick {
        command.arg("--quick");
    }
    if let Some(file) = json {
        // cargo runs a benchmark in its crate's folder, not in ours.
        command.arg("--json").arg(std::path::absolute(file)?);
    }
    command.env("DATABASE_URL", server.url());
    step::run(command, stop).await
}

/// The repository's root.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

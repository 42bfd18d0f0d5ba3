//! Onhand in one process: `onhand` serves all of it, and its commands look after it.
//!
//! Reading order: [`main`] → `system` (which services) → `demo` (what they do together).

mod audit;
mod backtest;
mod demo;
mod export;
mod history;
mod import;
mod keys;
mod rebuild;
mod remote;
mod simulate;
mod supplier;
mod system;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use platform::config::{Config, ConfigError};
use remote::{Server, What};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An inventory system: what is on hand, where, what is promised; it orders more before it runs out.
///
/// Without a command it serves everything: REST on one port, gRPC on another. Settings are read from ONHAND_CONFIG and ONHAND__SECTION__KEY;
/// config/default.toml names them all.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Play the main job on throw-away data: a sale becomes a restock order, and stock comes back.
    Demo,
    /// Check every item against its ledger; exits with 1 if anything does not agree.
    Audit {
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make items, levels, holds, transfers and snapshots again from the ledger. Only rows that differ are written.
    Rebuild {
        /// Change nothing, only say what would be changed.
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring the databases up to date and stop.
    Migrate,
    /// Bring items or levels from a CSV file into a running server; exits with 1 if rows were refused.
    ///
    /// A file that is given again, or whose import was interrupted, goes on where it was.
    Import {
        /// What the file is about.
        what: What,
        /// A CSV file, as `onhand export` writes it.
        file: PathBuf,
        #[command(flatten)]
        server: Server,
    },
    /// Write the items or levels of a running server as CSV.
    Export {
        /// What to write.
        what: What,
        /// To which file; to standard output without one.
        file: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// Look after the key that seals suppliers' credentials.
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Show how wrong the forecasts would have been, beside naive ones: of generated series, a file's, or an item's sales.
    Backtest(backtest::Options),
    /// Replay a history against restock policies: how often something was missing, what lay there, what it cost.
    Simulate(simulate::Options),
    /// Run a simulated supplier with a small catalog, to try restocking against.
    Supplier {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.1:9100")]
        listen: SocketAddr,
    },
}

#[derive(Subcommand)]
enum Keys {
    /// Seal every credential anew under supplier_sync.secret_key, all or none; exits with 1 if one opens neither with it
    /// nor with supplier_sync.previous_secret_key.
    Rotate {
        /// Change nothing, only say what would be changed.
        #[arg(long)]
        dry_run: bool,
    },
}

fn main() -> ExitCode {
    let Some(command) = Arguments::parse().command else {
        return platform::hosting::main(system::process(), system::started);
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("onhand: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The settings that the process has too.
fn config() -> Result<Config, ConfigError> {
    Config::load_with(&system::process().aliases)
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Demo => demo::play().await,
            Command::Audit { json } => audit::run(&config()?, json).await,
            Command::Rebuild { dry_run } => rebuild::run(&config()?, dry_run).await,
            Command::Migrate => system::migrate(&config()?).await,
            Command::Import { what, file, server } => import::run(what, file, server).await,
            Command::Export { what, file, server } => export::run(what, file, server).await,
            Command::Keys { command: Keys::Rotate { dry_run } } => keys::rotate(&config()?, dry_run).await,
            Command::Backtest(options) => backtest::run(&config()?, options).await,
            Command::Simulate(options) => simulate::run(&config()?, options).await,
            Command::Supplier { listen } => supplier::run(listen).await,
        }
    })
}

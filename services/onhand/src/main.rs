//! Onhand in one process: `onhand` serves all of it, and its commands look after it.
//!
//! Reading order: [`main`] → `system` (which services) → `demo` (what they do together).

mod audit;
mod demo;
mod supplier;
mod system;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use platform::config::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An inventory system: what is on hand, where, what is promised; it orders more before it runs out.
///
/// Without a command it serves everything on one port. Settings are read from ONHAND_CONFIG and ONHAND__SECTION__KEY;
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
    /// Bring the databases up to date and stop.
    Migrate,
    /// Run a simulated supplier with a small catalog, to try restocking against.
    Supplier {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.1:9100")]
        listen: SocketAddr,
    },
}

fn main() -> ExitCode {
    let Some(command) = Arguments::parse().command else {
        return platform::hosting::main("onhand", "onhand.listen", system::started);
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("onhand: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Demo => demo::play().await,
            Command::Audit { json } => audit::run(&Config::load()?, json).await,
            Command::Migrate => system::migrate(&Config::load()?).await,
            Command::Supplier { listen } => supplier::run(listen).await,
        }
    })
}

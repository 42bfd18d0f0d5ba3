//! Which services there are, and what they share when they are one process.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use events::{Bus, Topology};
use platform::config::Config;
use platform::db;
use platform::hosting::{Process, Service};
use sea_orm::DatabaseConnection;
use tokio_util::sync::CancellationToken;

const GRPC_LISTEN: &str = "onhand.grpc_listen";

/// The process that is all of it.
pub(crate) fn process() -> Process {
    // Those who change stock and those who ask for it are on one database.
    let databases = vec!["stock_updater.database_url", "stock_checker.database_url"];
    Process {
        name: "onhand",
        listen_key: "onhand.listen",
        grpc_listen_key: Some(GRPC_LISTEN),
        database_keys: &[
            "stock_updater.database_url",
            "stock_checker.database_url",
            "supplier_sync.database_url",
        ],
        aliases: stock_updater::aliases(databases, GRPC_LISTEN),
    }
}

/// All services, for the host that [`platform::hosting::main`] is; says where to go.
pub(crate) async fn started(config: Config) -> anyhow::Result<Vec<Service>> {
    let (address, calls) = (config.text("onhand.listen")?, config.text(GRPC_LISTEN)?);
    let services = services(&config).await?;
    // Whoever reads JSON reads nothing else.
    if config.text("telemetry.format")? == "json" {
        return Ok(services);
    }
    println!("Onhand is at http://{address}");
    println!("  API docs    http://{address}/docs");
    println!("  ready?      http://{address}/ready");
    println!("  metrics     http://{address}/metrics");
    println!("  gRPC        {calls}");
    println!("Try it: cargo run -- demo. Ctrl-C stops.");
    Ok(services)
}

/// All services, on one bus. The bus lives as long as the process: whoever consumes is stopped first.
pub(crate) async fn services(config: &Config) -> anyhow::Result<Vec<Service>> {
    let topology = Topology::standard(&config.text("bus.exchange")?, &config.text("bus.queue_prefix")?);
    let bus: Arc<dyn Bus> = events::connect(&config.text("bus.url")?, topology, CancellationToken::new())?;
    Ok(vec![
        // First: it makes the tables that the checker reads.
        stock_updater::service(config, Arc::clone(&bus)).await?,
        stock_checker::service(config, Arc::clone(&bus)).await?,
        supplier_sync::service(config, bus).await?,
    ])
}

/// The stock database, for a command that looks after one that is there.
pub(crate) async fn stock(config: &Config) -> anyhow::Result<DatabaseConnection> {
    let key = "stock_updater.database_url";
    let database = config.section("database")?;
    db::connect_existing(&config.text(key)?, &database).await.with_context(|| format!("`{key}`"))
}

/// Brings the databases up to date.
pub(crate) async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    stock_updater::migrate(config).await?;
    println!("the stock database is up to date");
    supplier_sync::migrate(config).await?;
    println!("the suppliers' database is up to date");
    Ok(ExitCode::SUCCESS)
}

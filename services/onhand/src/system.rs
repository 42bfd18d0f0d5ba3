//! Which services there are, and what they share when they are one process.

use std::process::ExitCode;
use std::sync::Arc;

use events::{Bus, Topology};
use platform::config::Config;
use platform::hosting::Service;
use tokio_util::sync::CancellationToken;

/// All services, for the host that [`platform::hosting::main`] is; says where to go.
pub(crate) async fn started(config: Config) -> anyhow::Result<Vec<Service>> {
    let address = config.text("onhand.listen")?;
    let services = services(&config).await?;
    println!("Onhand is at http://{address}");
    println!("  API docs    http://{address}/docs");
    println!("  ready?      http://{address}/ready");
    println!("  metrics     http://{address}/metrics");
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

/// Brings the databases up to date.
pub(crate) async fn migrate(config: &Config) -> anyhow::Result<ExitCode> {
    stock_updater::migrate(config).await?;
    println!("the stock database is up to date");
    supplier_sync::migrate(config).await?;
    println!("the suppliers' database is up to date");
    Ok(ExitCode::SUCCESS)
}

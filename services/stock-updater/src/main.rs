//! The process of stock-updater alone.

use std::process::ExitCode;

use events::Topology;
use platform::hosting::Process;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GRPC_LISTEN: &str = "stock_updater.grpc_listen";

fn main() -> ExitCode {
    let process = Process {
        name: "stock-updater",
        listen_key: "stock_updater.listen",
        grpc_listen_key: Some(GRPC_LISTEN),
        database_keys: &["stock_updater.database_url"],
        aliases: stock_updater::aliases(vec!["stock_updater.database_url"], GRPC_LISTEN),
    };
    platform::hosting::main(process, async |config| {
        let topology = Topology::standard(&config.text("bus.exchange")?, &config.text("bus.queue_prefix")?);
        let bus = events::connect(&config.text("bus.url")?, topology, CancellationToken::new())?;
        Ok(vec![stock_updater::service(&config, bus).await?])
    })
}

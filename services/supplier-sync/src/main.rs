//! The process of supplier-sync alone.

use events::Topology;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    platform::hosting::main("supplier-sync", "supplier_sync.listen", async |config| {
        let topology = Topology::standard(&config.text("bus.exchange")?, &config.text("bus.queue_prefix")?);
        let bus = events::connect(&config.text("bus.url")?, topology, CancellationToken::new())?;
        Ok(vec![supplier_sync::service(&config, bus).await?])
    })
}

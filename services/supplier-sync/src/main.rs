//! The process of supplier-sync alone.

use events::Topology;
use platform::hosting::Process;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let process = Process {
        name: "supplier-sync",
        listen_key: "supplier_sync.listen",
        grpc_listen_key: None,
        database_keys: &["supplier_sync.database_url"],
        aliases: vec![],
    };
    platform::hosting::main(process, async |config| {
        let topology = Topology::standard(&config.text("bus.exchange")?, &config.text("bus.queue_prefix")?);
        let bus = events::connect(&config.text("bus.url")?, topology, CancellationToken::new())?;
        Ok(vec![supplier_sync::service(&config, bus).await?])
    })
}

//! The process of stock-checker alone.

use std::process::ExitCode;

use events::Topology;
use platform::hosting::Process;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let process = Process {
        name: "stock-checker",
        listen_key: "stock_checker.listen",
        grpc_listen_key: Some("stock_checker.grpc_listen"),
        database_keys: &["stock_checker.database_url"],
        aliases: vec![],
    };
    platform::hosting::main(process, async |config| {
        let topology = Topology::standard(&config.text("bus.exchange")?, &config.text("bus.queue_prefix")?);
        let bus = events::connect(&config.text("bus.url")?, topology, CancellationToken::new())?;
        Ok(vec![stock_checker::service(&config, bus).await?])
    })
}

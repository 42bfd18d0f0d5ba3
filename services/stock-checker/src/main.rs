//! The process of stock-checker alone.

use std::process::ExitCode;

use events::Topology;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    platform::hosting::main("stock-checker", "stock_checker.listen", async |config| {
        let topology = Topology::standard(&config.text("bus.exchange")?, &config.text("bus.queue_prefix")?);
        let bus = events::connect(&config.text("bus.url")?, topology, CancellationToken::new())?;
        Ok(vec![stock_checker::service(&config, bus).await?])
    })
}

//! `onhand demo`: the main job, end to end, on real traffic and throw-away data.
//!
//! A real HTTP supplier, the whole system on a free port, and clients that only speak HTTP. It ends well only if
//! every step did what it should.

mod client;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use platform::config::Config;
use supplier_sync::simulator::Simulator;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use client::Client;

/// The whole play is a matter of seconds; if it hangs, it says so.
const LIMIT: Duration = Duration::from_secs(60);

/// Throw-away data, gone when this is dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) async fn play() -> anyhow::Result<ExitCode> {
    platform::hosting::install_tls();
    let folder = Folder(std::env::temp_dir().join(format!("onhand-demo-{}", Uuid::new_v4().simple())));
    std::fs::create_dir_all(&folder.0)?;
    let file = |name: &str| format!("sqlite:{}", folder.0.join(name).display());
    let config = Config::load()?
        .set("stock_updater.database_url", file("stock.db"))
        .set("stock_checker.database_url", file("stock.db"))
        .set("supplier_sync.database_url", file("suppliers.db"))
        .set("supplier_sync.allow_private_addresses", true)
        .set("bus.url", "memory:")
        .set("cache.url", "memory:")
        .set("auth.mode", "off")
        // The play is told by its steps; a warning would be part of the story.
        .set("telemetry.filter", "warn");
    let _telemetry = platform::telemetry::init(&config, "onhand-demo")?;
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let supplier = Simulator::start(loopback).await?;
    supplier.set_catalog(crate::supplier::catalog());
    let listener = TcpListener::bind(loopback).await?;
    let client = Client::new(&format!("http://{}", listener.local_addr()?))?;
    let stop = CancellationToken::new();
    let services = crate::system::services(&config).await?;
    let serving = platform::hosting::serve(listener, &config, services, stop.clone());
    let telling = async {
        let told = tokio::time::timeout(LIMIT, story::tell(&client, &supplier)).await;
        stop.cancel();
        told.context("the demo did not end within a minute")?
    };
    let (served, told) = tokio::join!(serving, telling);
    told?;
    served?;
    println!("\nAll of it held. Start the system for good with: cargo run");
    Ok(ExitCode::SUCCESS)
}

//! `onhand supplier`: a simulated supplier to try things against.

use std::net::SocketAddr;
use std::process::ExitCode;

use chrono::Utc;
use supplier_sync::simulator::{SimProduct, Simulator};

pub(crate) async fn run(listen: SocketAddr) -> anyhow::Result<ExitCode> {
    let simulator = Simulator::start(listen).await?;
    simulator.set_catalog(catalog());
    println!("A simulated supplier sells {} products at {}", catalog().len(), simulator.url());
    println!("It speaks the dialect `abc`: GET {}/catalog. Ctrl-C stops it.", simulator.url());
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}

/// What the simulated supplier sells, here and in the demo.
pub(crate) fn catalog() -> Vec<SimProduct> {
    let product = |id: &str, sku: &str, name: &str, price: &str| SimProduct {
        id: id.to_owned(),
        name: name.to_owned(),
        sku: sku.to_owned(),
        stock: 10_000,
        price: price.to_owned(),
        updated_at: Utc::now(),
    };
    vec![
        product("P-100", "TEA-GREEN-100", "Green tea, 100 g", "3.20"),
        product("P-101", "TEA-BLACK-100", "Black tea, 100 g", "2.90"),
        product("P-200", "CUP-WHITE", "Cup, white", "4.50"),
        product("P-201", "CUP-BLUE", "Cup, blue", "4.75"),
        product("P-300", "POT-GLASS", "Glass pot, 1 l", "11.00"),
    ]
}

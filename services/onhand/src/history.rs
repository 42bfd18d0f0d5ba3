//! What an item sold by day, as its forecasts see it.

use anyhow::{Context, bail};
use forecast::{MAX_DAYS, Series};
use ledger::Reader;
use platform::config::Config;
use platform::db;

/// What an item sold on each day that is over, of the last [`MAX_DAYS`], as far as its ledger is summed up.
pub(crate) async fn of(config: &Config, sku: &str) -> anyhow::Result<Series> {
    let url = config.text("stock_updater.database_url")?;
    let db = db::connect(&url, &config.section("database")?).await.context("stock_updater.database_url")?;
    let reader = Reader::new(db);
    let tables = "the stock database cannot be read: `onhand migrate` brings it up to date";
    let Some(item) = reader.resolve(sku, None).await.context(tables)? else {
        bail!("there is no item {sku}");
    };
    let mut demands = reader.demand(&[item.id], None, MAX_DAYS as u32).await.context(tables)?;
    let demand = demands.items.remove(&item.id);
    let summed = demand.as_ref().map_or(0, |demand| demand.version);
    let version = reader.item(item.id).await.context(tables)?.map_or(0, |item| item.version);
    if summed < version {
        eprintln!(
            "{sku} is summed up to version {summed} of {version}: a running stock-updater sums up the rest"
        );
    }
    let nothing = || Series { first_day: demands.as_of.date_naive(), units: vec![] };
    Ok(demand.as_ref().map_or_else(nothing, stock_checker::demand_series))
}

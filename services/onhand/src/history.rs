//! What an item sold by day, from the ledger.

use anyhow::{Context, bail};
use chrono::{Days, NaiveDate, Utc};
use forecast::{MAX_DAYS, Series};
use ledger::{Cursor, Reader, TransactionFilter, TransactionView};
use platform::config::Config;
use platform::db;

/// Rows that are read at once.
const PAGE: u64 = 5_000;

/// The most pages: ten million sales of one item in two years.
const MAX_PAGES: usize = 2_000;

/// The kinds of rows that units can leave to a customer by.
const LEAVING: [&str; 2] = ["confirmed", "decreased"];

/// What an item sold on each day that is over, of the last [`MAX_DAYS`].
pub(crate) async fn of(config: &Config, sku: &str) -> anyhow::Result<Series> {
    let url = config.text("stock_updater.database_url")?;
    let db = db::connect(&url, &config.section("database")?).await.context("stock_updater.database_url")?;
    let reader = Reader::new(db);
    let tables = "the stock database cannot be read: `onhand migrate` brings it up to date";
    let Some(item) = reader.resolve(sku, None).await.context(tables)? else {
        bail!("there is no item {sku}");
    };
    let today = Utc::now().date_naive();
    let (first, last) = (today - Days::new(MAX_DAYS as u64), today - Days::new(1));
    let midnight = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
    let mut filter = TransactionFilter {
        item: Some(item.id),
        kinds: LEAVING.map(str::to_owned).to_vec(),
        from: Some(midnight(first)),
        until: Some(midnight(today)),
        ..TransactionFilter::default()
    };
    let mut sold = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = reader.transactions(&filter, PAGE).await.context(tables)?;
        sold.extend(page.transactions.iter().filter_map(left_to_a_customer));
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    if let Some(Cursor { recorded_at, .. }) = filter.after {
        bail!("{sku} sold more often than can be read: all that is since {recorded_at}");
    }
    // Before the first sale there may have been nothing to sell.
    let first = sold.iter().map(|(day, _)| *day).min().unwrap_or(today);
    Ok(Series::counted(first, last, sold))
}

fn left_to_a_customer(row: &TransactionView) -> Option<(NaiveDate, f64)> {
    let to = row.to.as_ref()?;
    (to.place == "customer").then(|| (row.recorded_at.date_naive(), row.quantity as f64))
}

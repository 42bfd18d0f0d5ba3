//! `onhand rebuild`: everything that follows from the ledger, made again.

use std::process::ExitCode;

use anyhow::Context;
use ledger::rebuild::{How, Rebuilt, SETTLED};
use platform::config::Config;

use crate::system;

/// How many items lie between two lines of progress.
const PROGRESS: u64 = 10_000;

pub(crate) async fn run(config: &Config, dry_run: bool) -> anyhow::Result<ExitCode> {
    let db = system::stock(config).await?;
    let mut told = 0;
    let how = How { dry_run, settled: SETTLED };
    let rebuilt = ledger::rebuild::rebuild(&db, how, |rebuilt| {
        if rebuilt.items >= told + PROGRESS {
            told = rebuilt.items;
            eprintln!("{} items, {} ledger rows so far", rebuilt.items, rebuilt.transactions);
        }
    });
    let rebuilt =
        rebuilt.await.context("the stock database cannot be read: `onhand migrate` brings it up to date")?;
    print(&rebuilt, dry_run);
    Ok(if rebuilt.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(rebuilt: &Rebuilt, dry_run: bool) {
    for row in &rebuilt.changed {
        println!("{}: SKU {}, {}", row.table, row.sku.as_deref().unwrap_or("-"), row.row);
    }
    for broken in &rebuilt.broken {
        println!("item {} was left alone: {}", broken.item, broken.why);
    }
    println!("read {} ledger rows of {} items", rebuilt.transactions, rebuilt.items);
    let [written, removed] =
        if dry_run { ["would be written", "removed"] } else { ["were written", "removed"] };
    for (table, count) in &rebuilt.tables {
        println!("{table}: {} rows {written}, {} {removed}", count.written, count.removed);
    }
    if rebuilt.is_clean() {
        println!("clean: everything is as the ledger says");
    }
}

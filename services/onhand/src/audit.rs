//! `onhand audit`: whether the books agree.

use std::process::ExitCode;

use anyhow::Context;
use ledger::audit::{Difference, Report};
use platform::config::Config;

use crate::system;

pub(crate) async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let db = system::stock(config).await?;
    let report = ledger::audit::audit(&db)
        .await
        .context("the stock database cannot be read: `onhand migrate` brings it up to date")?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report);
    }
    Ok(if report.clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(report: &Report) {
    println!("looked at {} items and {} ledger rows", report.items, report.transactions);
    for difference in &report.differences {
        println!("{}", line(difference));
    }
    match report.differences.len() {
        0 => println!("clean: everything agrees"),
        number if report.truncated => println!("{number} differences, and there are more"),
        number => println!("{number} differences"),
    }
}

fn line(difference: &Difference) -> String {
    let number = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
    format!(
        "{}: SKU {}, location {}, version {}: should be {} and is {}",
        difference.rule,
        difference.sku.as_deref().unwrap_or("-"),
        difference.location.as_deref().unwrap_or("-"),
        number(difference.version),
        number(difference.expected),
        number(difference.actual),
    )
}

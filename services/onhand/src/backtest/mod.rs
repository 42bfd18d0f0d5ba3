//! `onhand backtest`: how wrong forecasts would have been.

mod file;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use forecast::backtest::{Backtest, Errors, backtest};
use forecast::generated::{self, Kind};
use forecast::{Method, Pattern, Series, forecast};
use platform::config::Config;
use serde::Serialize;

use crate::history;

/// The most series of one run: each takes up to twenty-six forecasts.
const MAX_SERIES: usize = 1_000;

/// What is tested.
#[derive(Args)]
pub(crate) struct Options {
    /// A CSV file with the columns `day` and `units`, and `series` where it holds several. No units: that day says
    /// nothing. A day that is left out sold nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["item", "seed"])]
    series: Option<PathBuf>,
    /// An item's own sales, from the stock database of the configuration; may be given several times.
    #[arg(long, value_name = "SKU", conflicts_with = "seed")]
    item: Vec<String>,
    /// What the series are generated from that are taken without a file and an item.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the figures to a file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// How it went with one series.
#[derive(Serialize)]
struct Tested {
    series: String,
    days: usize,
    pattern: Pattern,
    /// What forecasts the days after its end.
    method: Method,
    #[serde(flatten)]
    errors: Backtest,
}

pub(crate) async fn run(config: &Config, options: Options) -> anyhow::Result<ExitCode> {
    let series = chosen(config, &options).await?;
    anyhow::ensure!(series.len() <= MAX_SERIES, "these are {} series: at most {MAX_SERIES}", series.len());
    let mut tested = Vec::new();
    let mut short = Vec::new();
    for (name, series) in series {
        match backtest(&series) {
            Some(errors) => {
                let now = forecast(&series);
                let days = series.units.len();
                tested.push(Tested { series: name, days, pattern: now.pattern, method: now.method, errors });
            }
            None => short.push(name),
        }
    }
    print(&tested);
    for name in &short {
        eprintln!("{name}: fewer than six weeks of history say too little to test anything on");
    }
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&tested)? + "\n";
        tokio::fs::write(file, text).await.with_context(|| file.display().to_string())?;
    }
    Ok(if tested.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn chosen(config: &Config, options: &Options) -> anyhow::Result<Vec<(String, Series)>> {
    if let Some(file) = &options.series {
        return file::read(file).with_context(|| file.display().to_string());
    }
    let mut series = Vec::new();
    for sku in &options.item {
        series.push((sku.clone(), history::of(config, sku).await?));
    }
    if series.is_empty() {
        let made =
            |kind: Kind| (kind.as_str().to_owned(), generated::series(kind, options.seed, generated::DAYS));
        series.extend(Kind::ALL.map(made));
    }
    Ok(series)
}

fn print(tested: &[Tested]) {
    println!("{:<20} {:<13} {:<22} {:>24} {:>33}", "", "", "", "MASE (below 1 is good)", "RMSE in units");
    let heads = ["ours", "naive", "seasonal", "ours", "naive", "seasonal"].map(|head| format!("{head:>10}"));
    println!("{:<20} {:<13} {:<22}{}", "series", "pattern", "method", heads.concat());
    for Tested { series, pattern, method, errors, .. } in tested {
        let all = [errors.ours, errors.naive, errors.seasonal_naive];
        let mase = all.map(|Errors { mase, .. }| mase.map_or("-".to_owned(), |mase| format!("{mase:.3}")));
        let rmse = all.map(|errors| format!("{:.3}", errors.rmse));
        let figures: String = mase.iter().chain(&rmse).map(|figure| format!("{figure:>10}")).collect();
        println!("{series:<20} {:<13} {:<22}{figures}", pattern.as_str(), method.as_str());
    }
}

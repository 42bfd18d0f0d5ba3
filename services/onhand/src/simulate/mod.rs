//! `onhand simulate`: what policies would have done with a history.
//!
//! Reading order: [`run`] → `policy` (what is asked for) → `world` (day after day) → `told` (what came of it).

mod policy;
mod told;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use forecast::generated::{self, Kind};
use forecast::{MAX_DAYS, Series};
use platform::config::Config;
use serde::Serialize;

use crate::history;
use policy::{LeadDays, Policy};
use told::Told;
use world::World;

/// Days of a generated history before those that are played, for policies that learn from it.
const BEFORE: usize = 182;

/// Days that an item's own history needs, at least. The later half of it is played.
const ENOUGH: usize = 56;

/// The most policies of one run.
const MAX_POLICIES: usize = 20;

/// What is played.
#[derive(Args)]
pub(crate) struct Options {
    /// point:20,quantity:50 (order 50 at 20 or fewer), min-max:20,80 (at 20 or fewer, order up to 80) or suggested:0.95
    /// (as the forecast suggests for that service level, anew each week). May be given several times.
    #[arg(long, required = true)]
    policy: Vec<Policy>,
    /// What chance follows from: the same seed, the same output.
    #[arg(long)]
    seed: u64,
    /// How many days are played, the last ones of the history; without it, a year or the later half of it.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=MAX_DAYS as i64))]
    days: Option<u32>,
    /// The item whose sales are replayed, from the stock database of the configuration.
    #[arg(long, value_name = "SKU")]
    item: Option<String>,
    /// What demand is generated where there is no history.
    #[arg(long, value_enum, default_value_t = Demand::Weekly)]
    demand: Demand,
    /// How long a delivery takes, in days, and its standard deviation: 5±2 or 5+-2.
    #[arg(long, default_value = "5±2")]
    lead_time: LeadDays,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    costs: Costs,
    /// Write the figures to a file, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What the supplier sells, and what there is on the first day.
#[derive(Args, Clone, Serialize)]
pub(crate) struct Terms {
    /// Units in a pack; orders are whole packs.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    pack: i64,
    /// The fewest units of an order.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    minimum: i64,
    /// Days that a suggested order lasts beyond its lead time.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=365))]
    cover_days: u32,
    /// Units on hand on the first day; without it, what the policy has when an order has just come.
    #[arg(long, value_parser = clap::value_parser!(i64).range(0..=1_000_000_000))]
    stock: Option<i64>,
}

/// What things cost, in whatever money.
#[derive(Args, Clone, Serialize)]
pub(crate) struct Costs {
    /// Of an order.
    #[arg(long, default_value_t = 10.0, value_parser = amount)]
    order_cost: f64,
    /// Of a unit that lies there for a day.
    #[arg(long, default_value_t = 0.01, value_parser = amount)]
    holding_cost: f64,
    /// Of a unit that was asked for and not there.
    #[arg(long, default_value_t = 2.0, value_parser = amount)]
    lost_cost: f64,
}

/// Kinds of demand, as in `forecast::generated`.
#[derive(Clone, Copy, ValueEnum)]
enum Demand {
    Steady,
    Weekly,
    TrendWeekly,
    LevelShift,
    Walk,
    Intermittent,
    Lumpy,
}

pub(crate) async fn run(config: &Config, options: Options) -> anyhow::Result<ExitCode> {
    ensure!(options.policy.len() <= MAX_POLICIES, "at most {MAX_POLICIES} policies at once");
    let (history, days, whence) = history(config, &options).await?;
    let world = World::new(&history, days, options.seed, &options.lead_time, &options.terms);
    let outcomes = options.policy.iter().map(|policy| (policy, world.play(policy))).collect();
    let told = Told { whence, lead_time: &options.lead_time, world: &world, outcomes };
    print!("{}", told.text(&options.terms, &options.costs));
    if let Some(file) = &options.json {
        let text =
            serde_json::to_string_pretty(&told.json(options.seed, &options.terms, &options.costs))? + "\n";
        tokio::fs::write(file, text).await.with_context(|| file.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The demand, how many of its last days are played, and whence it is.
async fn history(config: &Config, options: &Options) -> anyhow::Result<(Series, usize, String)> {
    let wanted = options.days.map(|days| days as usize);
    let mut why = "because no item was named".to_owned();
    if let Some(sku) = &options.item {
        let own = history::of(config, sku).await?;
        let known = own.units.len();
        if known >= ENOUGH {
            let days = wanted.unwrap_or(known / 2);
            ensure!(days < known, "{sku} has {known} days of history, and some must lie before the {days}");
            return Ok((own, days, format!("What {sku} sold")));
        }
        why = format!("because {sku} has {known} days of history, and {ENOUGH} are needed");
    }
    let (kind, days) = (options.demand.kind(), wanted.unwrap_or(365));
    let made = generated::series(kind, options.seed, BEFORE + days);
    Ok((made, days, format!("Generated demand ({}), {why}", kind.as_str())))
}

impl Demand {
    fn kind(self) -> Kind {
        match self {
            Demand::Steady => Kind::Steady,
            Demand::Weekly => Kind::Weekly,
            Demand::TrendWeekly => Kind::TrendWeekly,
            Demand::LevelShift => Kind::LevelShift,
            Demand::Walk => Kind::Walk,
            Demand::Intermittent => Kind::Intermittent,
            Demand::Lumpy => Kind::Lumpy,
        }
    }
}

/// An amount of money: a number that is not below zero.
fn amount(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(amount) if amount.is_finite() && amount >= 0.0 => Ok(amount),
        _ => Err("an amount is a number from 0 on".to_owned()),
    }
}

//! Stock-checker: every question about stock.
//!
//! Reading order: [`service`] (what it is made of) → `answers` (the shapes) → `levels` (an item and its levels,
//! cached) → `unknown` (names that stand for nothing) → `consumers` (what keeps the cache fresh) → `projection` →
//! `overview` → `availability` (of many lines) → `feed` (changes, live) → `prices` → `forecasts` → `reports` → `database`
//! → `http`, `grpc`.
//!
//! **Invariants.** Nothing here changes stock, and no table is created: the database may be a read replica. The
//! cache may vanish at any time: it costs speed, never a right answer. A read with `min_version` is never answered
//! from before it. What a caller bound to an owner asks is asked of that owner's items alone.

mod answers;
mod availability;
mod brief;
mod consumers;
mod database;
mod error;
mod feed;
mod forecasts;
mod grpc;
mod http;
mod levels;
mod measure;
mod overview;
mod prices;
mod projection;
mod reports;
mod settings;
mod unknown;

use std::ops::Deref;
use std::sync::Arc;

use anyhow::Context;
use events::{Bus, Subscription};
use platform::cache::Layers;
use platform::config::Config;
use platform::hosting::{Service, Task};
use platform::{cache, db, lock};

use crate::consumers::{BINDINGS, Consumer, QUEUE, Replica};
use crate::database::Database;
use crate::feed::Feeds;
use crate::forecasts::Forecasts;
use crate::levels::{Levels, Sources};
use crate::overview::Overviews;
use crate::prices::Prices;
use crate::projection::Projection;
use crate::reports::Reports;
use crate::settings::Settings;

pub use crate::forecasts::demand_series;

/// The service's name, in logs and traces.
const NAME: &str = "stock-checker";

/// What every handler and consumer works with.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) levels: Arc<Levels>,
    pub(crate) overviews: Overviews,
    pub(crate) forecasts: Forecasts,
    pub(crate) reports: Reports,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) prices: Prices,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Makes the service: connects to the stock database and the cache, and lists its routes and tasks.
///
/// The bus is passed in, so that services in one process share one. Errors name the configuration key at fault.
pub async fn service(config: &Config, bus: Arc<dyn Bus>) -> anyhow::Result<Service> {
    let settings: Settings = config.section("stock_checker")?;
    settings.check()?;
    let layers = Layers::connect(&config.section("cache")?, settings.cache_ttl())?;
    service_with(config, bus, layers).await
}

/// The same with these layers of cache.
pub async fn service_with(config: &Config, bus: Arc<dyn Bus>, layers: Layers) -> anyhow::Result<Service> {
    measure::begin();
    let settings: Settings = config.section("stock_checker")?;
    settings.check()?;
    let database = connect(config, &settings, &settings.database_url, "stock_checker.database_url").await?;
    let primary = match settings.primary_url() {
        Some(url) => Some(connect(config, &settings, url, "stock_checker.primary_url").await?),
        None => None,
    };
    let cache_config = config.section("cache")?;
    let lock = lock::connect(&cache_config)?;
    // Other processes have memories of their own; with a bus in this process there is no other.
    let alone = config.text("bus.url")?.starts_with("memory:");
    let board = if settings.redis_projection { cache::Board::connect(&cache_config)? } else { None };
    let projection = board.map(|board| Projection::new(board, database.clone()));
    let asked: prices::Settings = config.section("prices")?;
    asked.check()?;
    let prices = Prices::new(asked, cache::connect(&cache_config)?, Arc::clone(&lock))?;
    let sources = Sources { database: database.clone(), primary, layers, lock };
    let levels = Arc::new(Levels::new(sources, &settings));
    let overviews = Overviews::new(database.clone(), &settings);
    let forecast: forecasts::Settings = config.section("forecast")?;
    forecast.check()?;
    let forecasts = Forecasts::new(database.clone(), forecast);
    let reports = Reports::new(database.clone(), &settings);
    // Not the bus: without it questions are answered, and a cached item grows no older than `cache_ttl_ms`. Nor the
    // primary: what can be answered without it is.
    let checks = vec![database.check()];
    let mut tasks = tasks(&levels, projection, &bus, !alone);
    let feed: feed::Settings = config.section("feed")?;
    feed.check()?;
    let (feeds, asked) = Feeds::new(database.clone(), feed);
    tasks.extend(feed::tasks(&feeds, asked, &bus));
    let app = App(Arc::new(Parts { database, levels, overviews, forecasts, reports, feeds, prices }));
    let grpc = Some(grpc::calls(app.clone()));
    Ok(Service { name: NAME, routes: http::routes(app), grpc, tasks, checks })
}

async fn connect(
    config: &Config,
    settings: &Settings,
    url: &str,
    key: &'static str,
) -> anyhow::Result<Database> {
    let db = db::connect(url, &config.section("database")?).await.context(key)?;
    Ok(Database::new(db, settings))
}

/// The consumers.
///
/// All replicas share the durable queue, so an event in it refreshes the cache that they share. It is consumed
/// also where they share none, for what nobody consumes piles up. Besides, each replica hears every event on a queue of
/// its own, and refreshes what only it has: its own layer of the cache, and names that it takes to stand for nothing.
fn tasks(
    levels: &Arc<Levels>,
    projection: Option<Projection>,
    bus: &Arc<dyn Bus>,
    own_queue: bool,
) -> Vec<Task> {
    let consumer = Arc::new(Consumer { levels: Arc::clone(levels), projection });
    let shared = Arc::clone(bus);
    let mut tasks = vec![Task::new("stock-checker consumer", |stop| async move {
        shared.consume(Subscription::Durable(QUEUE), consumer, stop).await;
    })];
    if own_queue {
        let (own, replica) = (Arc::clone(bus), Arc::new(Replica { levels: Arc::clone(levels) }));
        let bindings = BINDINGS.map(str::to_owned).to_vec();
        let subscription = Subscription::Exclusive { name: "stock-checker-replica".to_owned(), bindings };
        tasks.push(Task::new("stock-checker replica's consumer", |stop| async move {
            own.consume(subscription, replica, stop).await;
        }));
    }
    tasks
}

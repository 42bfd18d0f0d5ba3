//! Stock-checker: every question about stock.
//!
//! Reading order: [`service`] (what it is made of) → `answers` (the shapes) → `levels` (an item and its levels,
//! cached) → `consumers` (what keeps the cache fresh) → `projection` → `overview` → `feed` (changes, live) →
//! `prices` → `database` → `http`, `grpc`.
//!
//! **Invariants.** Nothing here changes stock, and no table is created: the database may be a read replica. The
//! cache may vanish at any time: it costs speed, never a right answer. A read with `min_version` is never answered
//! from before it. What a caller bound to an owner asks is asked of that owner's items alone.

mod answers;
mod consumers;
mod database;
mod error;
mod feed;
mod grpc;
mod http;
mod levels;
mod overview;
mod prices;
mod projection;
mod settings;

use std::ops::Deref;
use std::sync::Arc;

use anyhow::Context;
use events::{Bus, Subscription};
use platform::config::Config;
use platform::hosting::{Service, Task};
use platform::{cache, db, lock};

use crate::consumers::{BINDINGS, Consumer, QUEUE, Replica};
use crate::database::Database;
use crate::feed::Feeds;
use crate::levels::Levels;
use crate::overview::Overviews;
use crate::prices::Prices;
use crate::projection::Projection;
use crate::settings::Settings;

/// The service's name, in logs and traces.
const NAME: &str = "stock-checker";

/// What every handler and consumer works with.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) levels: Arc<Levels>,
    pub(crate) overviews: Overviews,
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
    let db = db::connect(&settings.database_url, &config.section("database")?)
        .await
        .context("stock_checker.database_url")?;
    let cache_config = config.section("cache")?;
    let cache = cache::connect(&cache_config)?;
    // Other processes may have caches of their own; with a bus in this process there is no other.
    let alone = config.text("bus.url")?.starts_with("memory:");
    let own_queue = !alone && !cache.shared();
    let database = Database::new(db, &settings);
    let board = if settings.redis_projection { cache::Board::connect(&cache_config)? } else { None };
    let projection = board.map(|board| Projection::new(board, database.clone()));
    let asked: prices::Settings = config.section("prices")?;
    asked.check()?;
    let prices = Prices::new(asked, Arc::clone(&cache), lock::connect(&cache_config)?)?;
    let levels = Arc::new(Levels::new(database.clone(), cache, &settings));
    let overviews = Overviews::new(database.clone(), &settings);
    // Not the bus: without it questions are answered, and a cached item grows no older than `cache_ttl_ms`.
    let checks = vec![database.check()];
    let mut tasks = tasks(&levels, projection, &bus, own_queue);
    let feed: feed::Settings = config.section("feed")?;
    feed.check()?;
    let (feeds, asked) = Feeds::new(database.clone(), feed);
    tasks.extend(feed::tasks(&feeds, asked, &bus));
    let app = App(Arc::new(Parts { database, levels, overviews, feeds, prices }));
    let grpc = Some(grpc::calls(app.clone()));
    Ok(Service { name: NAME, routes: http::routes(app), grpc, tasks, checks })
}

/// The consumers.
///
/// All replicas share the durable queue, so an event in it refreshes the cache that they share. It is consumed
/// also where they share none, for what nobody consumes piles up. Then each replica besides hears every event on a
/// queue of its own.
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
        let replica = Consumer { levels: Arc::clone(levels), projection: None };
        let (own, replica) = (Arc::clone(bus), Arc::new(Replica(replica)));
        let bindings = BINDINGS.map(str::to_owned).to_vec();
        let subscription = Subscription::Exclusive { name: "stock-checker-replica".to_owned(), bindings };
        tasks.push(Task::new("stock-checker replica's consumer", |stop| async move {
            own.consume(subscription, replica, stop).await;
        }));
    }
    tasks
}

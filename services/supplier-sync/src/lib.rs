//! Supplier-sync: suppliers, their catalogs, and the orders that restock what runs out.
//!
//! Reading order: [`service`] (what it is made of) → `suppliers` → `sync` (a catalog: `adapters`, `fetch`, `guard`,
//! `diff`) → `consumers` → `restock` → `sender` (an order: planned, sent, received) → `jobs` → `http` → `store`.
//! [`simulator`] is a supplier to try it all on.
//!
//! **Invariants.** A supplier's own stock figure never becomes ours. Whatever a supplier answers, what was known
//! stays until something better was read whole. One open order per item; one order at the supplier per order of
//! ours. A credential is sealed in the database and open only while a request is made; no answer and no log has
//! it. Nothing here changes stock: receipts are told as events.

mod adapters;
mod consumers;
mod diff;
mod error;
mod fetch;
mod guard;
mod http;
mod jobs;
pub mod keys;
mod measure;
mod restock;
mod seal;
mod sender;
mod settings;
pub mod simulator;
mod steps;
mod store;
mod suppliers;
mod sync;

use crate::consumers::{Consumer, QUEUE};
use crate::fetch::Fetcher;
use crate::keys::sealer;
use crate::seal::Sealer;
use crate::settings::Settings;
use anyhow::Context;
use events::outbox::Relay;
use events::{Bus, Subscription, inbox};
use platform::config::Config;
use platform::hosting::{Service, Task};
use platform::{db, idempotency, schedule};
use sea_orm::DatabaseConnection;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use uuid::Uuid;

pub use steps::{Step, Watcher};

/// The service's name, in logs and metrics.
const NAME: &str = "supplier-sync";
/// The `source` of its events.
const SOURCE: &str = "/onhand/supplier-sync";
/// Feeds read, compared and applied at once: each takes several times a feed's size in memory. Waiting for a supplier's
/// answer takes no place here.
const READINGS_AT_ONCE: usize = 4;
/// How often old syncs are looked for: a day's worth is nothing.
const PURGE_INTERVAL: Duration = Duration::from_secs(3_600);
/// How often the age of catalogs is looked up, for whoever scrapes it.
const SHOW_INTERVAL: Duration = Duration::from_secs(15);
/// How long an idempotency key's answer is kept, in hours: twice what is promised.
const KEYS_KEPT_HOURS: i64 = 48;

/// What every handler, consumer and job works with.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) db: DatabaseConnection,
    pub(crate) settings: Settings,
    pub(crate) sealer: Sealer,
    pub(crate) fetcher: Fetcher,
    /// This process as others know it: its machine and its number there.
    pub(crate) worker: String,
    /// Feeds that are read and applied at once.
    pub(crate) readings: Semaphore,
    /// There are events to publish.
    pub(crate) outbox_wake: Arc<Notify>,
    /// There are syncs to do.
    pub(crate) syncs_wake: Notify,
    /// There are orders to send.
    pub(crate) orders_wake: Notify,
    watcher: Option<Watcher>,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Parts {
    /// An order was recorded, with its event.
    pub(crate) fn wake_for_order(&self) {
        self.outbox_wake.notify_one();
        self.orders_wake.notify_one();
    }

    /// Says that a step of an order is done.
    pub(crate) async fn reached(&self, step: Step, order_id: Uuid) {
        if let Some(watcher) = &self.watcher {
            watcher(step, order_id).await;
        }
    }
}

/// Makes the service: connects to its database, brings its tables up to date, and lists its routes and tasks.
///
/// The bus is passed in, so that services in one process share one. Errors name the configuration key at fault.
pub async fn service(config: &Config, bus: Arc<dyn Bus>) -> anyhow::Result<Service> {
    watched(config, bus, None).await
}

/// [`service`], with somebody who is told each step that its sender takes.
pub async fn watched(
    config: &Config,
    bus: Arc<dyn Bus>,
    watcher: Option<Watcher>,
) -> anyhow::Result<Service> {
    platform::hosting::install_tls();
    measure::begin();
    let settings: Settings = config.section("supplier_sync")?;
    settings.check()?;
    let sealer = sealer(&settings)?;
    let db = migrate(config).await?;
    let app = App(Arc::new(Parts {
        fetcher: Fetcher::new(&settings)?,
        db,
        settings,
        sealer,
        worker: worker(),
        readings: Semaphore::new(READINGS_AT_ONCE),
        outbox_wake: Arc::default(),
        syncs_wake: Notify::new(),
        orders_wake: Notify::new(),
        watcher,
    }));
    keys::at_start(&app).await?;
    // Not the bus: without it suppliers, syncs and receipts go on, and events wait.
    let checks = vec![db::check(&app.db)];
    Ok(Service { name: NAME, routes: http::routes(app.clone()), grpc: None, tasks: tasks(&app, bus), checks })
}

/// Brings the suppliers' database up to date, as every start does too, and hands it over.
pub async fn migrate(config: &Config) -> anyhow::Result<DatabaseConnection> {
    let url = config.text("supplier_sync.database_url")?;
    let db = db::connect(&url, &config.section("database")?).await.context("supplier_sync.database_url")?;
    db::migrate::<store::Migrator>(&db).await.context("migrating the suppliers' database")?;
    Ok(db)
}

fn tasks(app: &App, bus: Arc<dyn Bus>) -> Vec<Task> {
    let relay = Relay::new(NAME, app.db.clone(), bus.clone(), app.outbox_wake.clone());
    let consumer = Arc::new(Consumer(app.clone()));
    let (schedules, syncs, orders, sweep, gauges) =
        (app.clone(), app.clone(), app.clone(), app.clone(), app.clone());
    let (purge, show) = (app.clone(), app.clone());
    let inbox = app.db.clone();
    // Its consumers have an inbox instead of keys.
    let keys = idempotency::Retention { callers: chrono::Duration::hours(KEYS_KEPT_HOURS), long_kept: None };
    vec![
        Task::new("supplier-sync outbox", |stop| relay.run(stop)),
        Task::new("supplier-sync consumer", |stop| async move {
            bus.consume(Subscription::Durable(QUEUE), consumer, stop).await;
        }),
        Task::new("supplier-sync inbox purge", |stop| inbox::keep_tidy(inbox, stop)),
        idempotency::purge_task(app.db.clone(), keys),
        schedule::ticker(
            "supplier-sync schedules",
            Duration::from_secs(app.settings.schedule_interval_s),
            move |_| jobs::schedules(schedules.clone()),
        ),
        Task::new("supplier-sync syncs", |stop| jobs::syncs(syncs, stop)),
        Task::new("supplier-sync orders", |stop| jobs::orders(orders, stop)),
        schedule::ticker(
            "supplier-sync sweep",
            Duration::from_secs(app.settings.sweep_interval_s),
            move |_| jobs::sweep(sweep.clone()),
        ),
        schedule::ticker(
            "supplier-sync gauges",
            Duration::from_secs(app.settings.sweep_interval_s),
            move |_| jobs::gauges(gauges.clone()),
        ),
        schedule::ticker("supplier-sync purge", PURGE_INTERVAL, move |_| jobs::purge(purge.clone())),
        schedule::ticker("supplier-sync ages", SHOW_INTERVAL, move |_| jobs::show(show.clone())),
    ]
}

/// This process as others know it.
fn worker() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = match machine.trim() {
        "" => "unnamed",
        machine => machine,
    };
    format!("{machine}/{}", std::process::id())
}

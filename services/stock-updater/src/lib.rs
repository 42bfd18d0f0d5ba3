//! Every change to stock: items, receipts, adjustments, reservations and locations.
//!
//! Reading order: [`service`] (what it consists of) → `http` (a request becomes a command) → `grpc` (so does a
//! call) → `consumers` (so does an event) → `error` (what a refusal is to a client). The rules are in `domain`, the
//! transaction in `ledger`.
//!
//! **Invariants.** No rule of stock is decided here. A change goes through [`ledger::Writer`] or it does not
//! happen. Events are told by the outbox of the same commit, never from here.

mod consumers;
mod environment;
mod error;
mod grpc;
mod http;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use domain::Name;
use events::outbox::Relay;
use events::{Bus, Subscription};
use ledger::audit::{Report, Rounds};
use ledger::{Migrator, Reader, Writer};
use platform::config::{Config, ConfigError};
use platform::hosting::{Service, Task};
use platform::{db, idempotency, telemetry};
use sea_orm::{DatabaseConnection, DbErr};
use serde::Deserialize;
use tokio::sync::{Mutex, Notify};
use tracing::Instrument;

pub use environment::aliases;

/// As in logs, metrics and the topology of the bus.
const NAME: &str = "stock-updater";

/// Section `stock_updater` of the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Read by the host.
    #[serde(rename = "listen")]
    _listen: String,
    /// Likewise.
    #[serde(rename = "grpc_listen")]
    _grpc_listen: String,
    database_url: String,
    default_owner: String,
    reservation_ttl_s: i64,
    idempotency_keep_h: i64,
    sweeper: bool,
    audit_period_s: u64,
    demand_period_s: u64,
}

/// What handlers and consumers work with.
#[derive(Clone)]
struct App {
    writer: Writer,
    reader: Reader,
    db: DatabaseConnection,
    /// Whose items are that nobody claims.
    default_owner: Name,
    /// How long a reservation lasts that does not say, in seconds.
    reservation_ttl_s: i64,
    /// How much of the service batches may take.
    batches: http::batch::Share,
    /// Held by the one whole audit that may run: it reads everything.
    auditing: Arc<Mutex<()>>,
}

/// The service, on the configured database and on the bus that the process has.
pub async fn service(config: &Config, bus: Arc<dyn Bus>) -> anyhow::Result<Service> {
    let settings: Settings = config.section("stock_updater")?;
    let database = config.section("database")?;
    let default_owner = Name::try_from(settings.default_owner)
        .map_err(|error| ConfigError::new("stock_updater.default_owner", error))?;
    if !(1..=domain::MAX_HOLD_SECONDS).contains(&settings.reservation_ttl_s) {
        return Err(ConfigError::new("stock_updater.reservation_ttl_s", "must be from 1 s to 90 days").into());
    }
    if settings.idempotency_keep_h < MIN_KEEP_H {
        return Err(ConfigError::new("stock_updater.idempotency_keep_h", "must be 24 at least").into());
    }
    let db = migrate(config).await?;
    let wake = Arc::new(Notify::new());
    let (writer, mut tasks) =
        Writer::new(&settings.database_url, &database, &config.section("ledger")?, &wake);
    let reader = Reader::new(db.clone());
    let reservation_ttl_s = settings.reservation_ttl_s;
    let (batches, auditing) = (http::batch::Share::default(), Arc::default());
    let app = App { writer, reader, db: db.clone(), default_owner, reservation_ttl_s, batches, auditing };
    if settings.sweeper {
        tasks.push(ledger::sweeper::task(db.clone(), app.writer.clone()));
    }
    let callers = chrono::Duration::hours(settings.idempotency_keep_h);
    let retention = idempotency::Retention { callers, long_kept: Some(ledger::RESTOCK_SCOPE) };
    tasks.push(idempotency::purge_task(db.clone(), retention));
    let relay = Relay::new(NAME, db.clone(), Arc::clone(&bus), wake);
    tasks.push(Task::new("stock outbox", move |stop| relay.run(stop)));
    tasks.push(consumer(app.clone(), bus));
    tasks.push(ledger::demand::task(db.clone(), Duration::from_secs(settings.demand_period_s.max(1))));
    tasks.push(audit_task(db.clone(), Duration::from_secs(settings.audit_period_s.max(1))));
    // Not the bus: without it commands go on, and their events wait.
    let checks = vec![db::check(&db)];
    let grpc = Some(grpc::calls(app.clone()));
    Ok(Service { name: NAME, routes: http::routes(app), grpc, tasks, checks })
}

/// Brings the stock database up to date, as every start does too, and hands it over.
pub async fn migrate(config: &Config) -> anyhow::Result<DatabaseConnection> {
    let url = config.text("stock_updater.database_url")?;
    let db = db::connect(&url, &config.section("database")?).await.context("stock_updater.database_url")?;
    db::migrate::<Migrator>(&db).await.context("migrating the stock database")?;
    Ok(db)
}

/// A client that was cut off must find its answer the next day.
const MIN_KEEP_H: i64 = 24;

fn consumer(app: App, bus: Arc<dyn Bus>) -> Task {
    Task::new("stock consumer", move |stop| async move {
        bus.consume(Subscription::Durable(NAME), Arc::new(consumers::Consumer(app)), stop).await;
    })
}

/// Audits the books without end, a part at a time, for the metrics and the log.
fn audit_task(db: DatabaseConnection, period: Duration) -> Task {
    Task::new("audit", move |stop| async move {
        let mut rounds = Rounds::new(db);
        while stop.run_until_cancelled(tokio::time::sleep(period)).await.is_some() {
            let job = telemetry::job("audit");
            let round = rounds.round().instrument(job.clone());
            let Some(report) = stop.run_until_cancelled(round).await else { return };
            job.in_scope(|| match report {
                Ok(report) if report.clean => tracing::debug!(items = report.items, "the audit is clean"),
                Ok(report) => tracing::error!(differences = ?report.differences, "the books do not agree"),
                Err(error) => tracing::warn!(%error, "the audit could not be made"),
            });
        }
    })
}

impl App {
    /// Checks every item against its ledger, after whoever is at it already.
    async fn audit(&self) -> Result<Report, DbErr> {
        let _alone = self.auditing.lock().await;
        ledger::audit::audit(&self.db).await
    }
}

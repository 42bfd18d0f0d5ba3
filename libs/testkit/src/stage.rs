//! A stage: databases, names and a folder that no other test has.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::servers::Port;

/// Cleaning up must not hang a test on a server that it killed.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(10);

/// The queues that the services declare, and the one that tests listen on, without prefix; each has a `.dead`
/// beside it.
const QUEUES: [&str; 4] = ["stock-updater", "stock-checker", "supplier-sync", "ears"];

/// Which kind of back ends a test runs on. Every test of a service runs on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, and bus and cache in the process.
    Embedded,
    /// PostgreSQL, RabbitMQ and Redis, as `DATABASE_URL`, `AMQP_URL` and `REDIS_URL` name them.
    Real,
}

/// Where one test plays. Databases, queues and folder go when it is dropped; what it leaves in Redis
/// expires.
#[derive(Debug)]
pub struct Stage {
    /// What it stands on.
    pub backend: Backend,
    /// The database of stock: an empty one.
    pub stock_url: String,
    /// The database of suppliers: another empty one.
    pub suppliers_url: String,
    /// The bus, shared with other tests but for the names below.
    pub bus_url: String,
    /// The cache, shared with other tests but for the prefix below.
    pub cache_url: String,
    /// The exchange that only this test uses.
    pub exchange: String,
    /// What only this test's queues and cache keys begin with.
    pub prefix: String,
    /// A folder for this test's files.
    pub folder: PathBuf,
    /// Where the databases were created; none when they are files.
    server: Option<PgConnectOptions>,
    databases: [String; 2],
    /// What [`Stage::free_address`] named.
    ports: Mutex<Vec<Port>>,
}

impl Stage {
    /// Sets a stage.
    ///
    /// # Panics
    ///
    /// When it cannot; for [`Backend::Real`] without servers it says what to run.
    pub async fn new(backend: Backend) -> Stage {
        match Stage::set(backend).await {
            Ok(stage) => stage,
            Err(error) => panic!("no stage for a test on {backend:?} back ends: {error:#}"),
        }
    }

    async fn set(backend: Backend) -> Result<Stage> {
        let id = format!("t{}", &Uuid::new_v4().simple().to_string()[..16]);
        let folder = std::env::temp_dir().join(format!("onhand-test-{id}"));
        std::fs::create_dir_all(&folder)?;
        let file = |name: &str| format!("sqlite:{}", folder.join(name).display());
        let mut stage = Stage {
            backend,
            stock_url: file("stock.db"),
            suppliers_url: file("suppliers.db"),
            bus_url: "memory:".to_owned(),
            cache_url: "memory:".to_owned(),
            exchange: format!("{id}_events"),
            prefix: format!("{id}."),
            server: None,
            databases: ["stock", "suppliers"].map(|name| format!("{id}_{name}")),
            ports: Mutex::default(),
            folder,
        };
        if backend == Backend::Real {
            stage.use_servers().await?;
        }
        Ok(stage)
    }

    async fn use_servers(&mut self) -> Result<()> {
        let server: PgConnectOptions = variable("DATABASE_URL")?.parse()?;
        self.bus_url = variable("AMQP_URL")?;
        self.cache_url = variable("REDIS_URL")?;
        let mut connection = server.connect().await.context("PostgreSQL at DATABASE_URL")?;
        for database in &self.databases {
            // template0, because nobody can be connected to it, which would refuse the copy.
            let statement = format!("CREATE DATABASE {database} TEMPLATE template0");
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        connection.close().await?;
        let url = |database: &String| server.clone().database(database).to_url_lossy().to_string();
        (self.stock_url, self.suppliers_url) = (url(&self.databases[0]), url(&self.databases[1]));
        self.server = Some(server);
        Ok(())
    }

    /// An address of loopback for a process of this test to listen on. It is no other test's until the stage goes,
    /// whether or not anybody listens there.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn free_address(&self) -> SocketAddr {
        let port = match Port::free() {
            Ok(port) => port,
            Err(error) => panic!("no address for a test: {error:#}"),
        };
        let address = (Ipv4Addr::LOCALHOST, port.number).into();
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).push(port);
        address
    }

    /// The configuration that puts a service on this stage, as dotted keys and their values.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        // Its keys are the products', without a prefix: tests that share a server would share them too.
        let off = "false".to_owned();
        let settings = [
            ("stock_checker.redis_projection", &off),
            ("stock_updater.database_url", &self.stock_url),
            ("stock_checker.database_url", &self.stock_url),
            ("supplier_sync.database_url", &self.suppliers_url),
            ("bus.url", &self.bus_url),
            ("bus.exchange", &self.exchange),
            ("bus.queue_prefix", &self.prefix),
            ("cache.url", &self.cache_url),
            ("cache.prefix", &self.prefix),
        ];
        settings.map(|(key, value)| (key.to_owned(), value.clone())).to_vec()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            let (databases, bus) = (self.databases.clone(), self.bus_url.clone());
            let (exchange, prefix) = (self.exchange.clone(), self.prefix.clone());
            // A thread of its own, for the test's runtime cannot be blocked on from within.
            let cleaning = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let all = async {
                        // Each on its own: a test may have killed one of the two servers.
                        let outcomes = (
                            drop_databases(&server, &databases).await,
                            drop_queues(&bus, &exchange, &prefix).await,
                        );
                        outcomes.0.and(outcomes.1)
                    };
                    tokio::time::timeout(CLEAN_UP_LIMIT, all).await?
                })
            });
            if let Ok(Err(error)) = cleaning.join() {
                eprintln!("what test {} left behind stays: {error:#}", self.prefix);
            }
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn drop_databases(server: &PgConnectOptions, databases: &[String]) -> Result<()> {
    let mut connection: PgConnection = server.connect().await?;
    for database in databases {
        // Forced, because services of the test may still be connected.
        let statement = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    Ok(())
}

async fn drop_queues(url: &str, exchange: &str, prefix: &str) -> Result<()> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for queue in QUEUES {
        for name in [format!("{prefix}{queue}"), format!("{prefix}{queue}.dead")] {
            channel.queue_delete(name.into(), QueueDeleteOptions::default()).await?;
        }
    }
    for name in [exchange.to_owned(), format!("{exchange}.dead")] {
        channel.exchange_delete(name.into(), ExchangeDeleteOptions::default()).await?;
    }
    connection.close(200, "clean".into()).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "these three name the servers, for tests only")]
fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| {
        format!(
            "{name} is not set. `cargo xtask test` sets up what tests need and runs them; \
             `cargo xtask services` only sets it up and prints what to export"
        )
    })
}

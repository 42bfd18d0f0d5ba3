//! Supplier-sync as it is run, on a database of its own, and what a sync costs it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bench::Setting;
use events::{Bus, Delivery, Handler, Subscription, Topology, Verdict};
use platform::config::Config;
use platform::hosting;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::supplier::Supplier;

/// Seals nothing here; 64 hex digits.
const KEY: &str = "8f1d0c5ba2937e46d8b05f7c21e9a4336c7d19f2805eb4a7c3d61f0e92b8a554";
/// How often it is asked whether a sync has ended.
const POLL: Duration = Duration::from_millis(5);
/// How long a sync may take before something is wrong.
const LIMIT: Duration = Duration::from_secs(300);

/// The running service.
pub(crate) struct Buyer {
    url: String,
    client: reqwest::Client,
    pub(crate) pool: PgPool,
    _stop: DropGuard,
}

/// What a sync cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// Rows of the catalog that were inserted or updated, by the transaction that they are of.
    pub(crate) written: i64,
    pub(crate) log_bytes: f64,
    /// The most memory that this process had.
    pub(crate) peak_bytes: f64,
}

/// Stands where stock-updater and stock-checker would.
struct Deaf;

#[async_trait]
impl Handler for Deaf {
    async fn handle(&self, _: &Delivery) -> Verdict {
        Verdict::Done
    }
}

impl Buyer {
    /// On a database of this name, in the place of one that was there.
    pub(crate) async fn open(setting: &Setting, name: &str) -> Buyer {
        let server: PgConnectOptions = setting.url.parse().unwrap();
        let mut connection = server.connect().await.unwrap();
        for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let database = server.database(name);
        let config = Config::defaults()
            .unwrap()
            .set("supplier_sync.database_url", database.to_url_lossy().to_string())
            .set("supplier_sync.secret_key", KEY)
            .set("supplier_sync.allow_private_addresses", "true");
        let stop = CancellationToken::new();
        let topology = Topology::standard("bench", "bench.");
        let bus: Arc<dyn Bus> = events::connect("memory:", topology, stop.clone()).unwrap();
        for queue in ["stock-updater", "stock-checker"] {
            let (bus, stop) = (bus.clone(), stop.clone());
            tokio::spawn(
                async move { bus.consume(Subscription::Durable(queue), Arc::new(Deaf), stop).await },
            );
        }
        let service = supplier_sync::service(&config, bus).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = stop.clone();
        tokio::spawn(async move { hosting::serve(listener, &config, vec![service], told).await.unwrap() });
        let pool = PgPoolOptions::new().max_connections(1).connect_with(database).await.unwrap();
        Buyer { url, client: reqwest::Client::new(), pool, _stop: stop.drop_guard() }
    }

    /// Registers a supplier under this name.
    pub(crate) async fn knows(&self, id: &str, supplier: &Supplier) {
        // No prefixes would do for one supplier; ten of them may not clash.
        let body = json!({ "id": id, "name": id, "adapter": "abc", "base_url": supplier.url, "sku_prefix": format!("{id}-") });
        let answer = self.client.post(format!("{}/v1/suppliers", self.url)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Begins a sync; says which.
    pub(crate) async fn begin(&self, id: &str) -> String {
        let url = format!("{}/v1/suppliers/{id}/sync", self.url);
        let answer: Value = self.client.post(url).send().await.unwrap().json().await.unwrap();
        answer["task_id"].as_str().unwrap().to_owned()
    }

    /// Waits until a sync has succeeded.
    pub(crate) async fn ended(&self, run: &str) -> Value {
        let began = Instant::now();
        loop {
            let url = format!("{}/v1/sync-runs/{run}", self.url);
            let answer: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
            if !answer["ended_at"].is_null() {
                assert_eq!(answer["state"], "succeeded", "{answer}");
                return answer;
            }
            assert!(began.elapsed() < LIMIT, "it does not end: {answer}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// One sync, and what it cost.
    pub(crate) async fn measure(&self, id: &str) -> (Value, Cost) {
        let transaction = self.number("SELECT (pg_current_xact_id()::text::bigint)::float8").await;
        let log = self.number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").await;
        // From now on the highest mark is that of what follows.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let began = Instant::now();
        let run = self.begin(id).await;
        let run = self.ended(&run).await;
        let seconds = began.elapsed().as_secs_f64();
        let peak_bytes = peak();
        let log_bytes =
            self.number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").await - log;
        let written = sqlx::query_scalar("SELECT count(*) FROM catalog WHERE xmin::text::bigint > $1")
            .bind(transaction as i64)
            .fetch_one(&self.pool)
            .await
            .unwrap();
        (run, Cost { seconds, written, log_bytes, peak_bytes })
    }

    async fn number(&self, sql: &'static str) -> f64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// What the database itself needs for the same rows: one statement, into a table like the catalog.
    pub(crate) async fn bare_insert(&self) -> Cost {
        let make = "DROP TABLE IF EXISTS bare; CREATE TABLE bare (LIKE catalog INCLUDING ALL)";
        sqlx::raw_sql(make).execute(&self.pool).await.unwrap();
        let log = self.number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").await;
        let began = Instant::now();
        let copied = sqlx::query("INSERT INTO bare SELECT * FROM catalog").execute(&self.pool).await.unwrap();
        let seconds = began.elapsed().as_secs_f64();
        let log_bytes =
            self.number("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").await - log;
        Cost { seconds, written: i64::try_from(copied.rows_affected()).unwrap(), log_bytes, peak_bytes: 0.0 }
    }

    /// The feed as it comes over the wire, and how long it takes to come and to be looked through, no more.
    pub(crate) async fn bare_fetch(&self, supplier: &Supplier) -> (f64, f64) {
        let began = Instant::now();
        let answer = self.client.get(format!("{}/catalog", supplier.url)).send().await.unwrap();
        let body = answer.bytes().await.unwrap();
        let _: serde::de::IgnoredAny = serde_json::from_slice(&body).unwrap();
        (body.len() as f64, began.elapsed().as_secs_f64())
    }
}

/// The most memory that this process had since the mark was cleared.
pub(crate) fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

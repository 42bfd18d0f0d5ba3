//! One database of a size, and what is measured on it.

use std::time::{Duration, Instant};

use bench::Setting;
use bench::engine::Engine;
use bench::measure::{Caller, Measured, Pace, closed_loop};
use ledger::Reader;
use platform::config::Config;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::cases::{Asked, Case};
use crate::seed;

/// Backends hand in what they counted once a second at most.
const COUNTED: Duration = Duration::from_millis(1_200);

/// A seeded database, asked over one connection.
pub(crate) struct Shop {
    pub(crate) name: &'static str,
    url: String,
    reader: Reader,
    pool: PgPool,
    pace: Pace,
}

/// What came of a case.
pub(crate) struct Seen {
    pub(crate) measured: Measured,
    /// Whether items were read from end to end.
    pub(crate) scanned: bool,
}

/// Asks one question after the other, as stock-checker does.
struct Asker {
    reader: Reader,
    asked: Asked,
}

/// Reads the table.
struct Scanner(PgPool);

impl Shop {
    /// Makes a database of so many items on the server, in the place of one of the same name.
    pub(crate) async fn open(setting: &Setting, name: &'static str, items: usize) -> Shop {
        let server: PgConnectOptions = setting.url.parse().unwrap();
        let mut connection = server.connect().await.unwrap();
        for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let database = server.database(name);
        let url = database.to_url_lossy().to_string();
        Engine::start(&url).await.seed(1).await;
        let pool = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
        let began = Instant::now();
        seed::seed(&pool, items).await;
        eprintln!("{name}: {items} items seeded in {:.0} s", began.elapsed().as_secs_f64());
        let config = Config::defaults().unwrap().set("database.max_connections", 1);
        let db = platform::db::connect(&url, &config.section("database").unwrap()).await.unwrap();
        Shop { name, url, reader: Reader::new(db), pool, pace: pace(setting) }
    }

    pub(crate) async fn measure(&self, case: &Case) -> Seen {
        let before = self.scans().await;
        let asker = || Asker { reader: self.reader.clone(), asked: case.asked.clone() };
        let name = format!("{}, {}", case.name, self.name);
        let measured = closed_loop(&name, self.pace, vec![asker()]).await;
        tokio::time::sleep(COUNTED).await;
        // Its commit hands in what this connection has counted.
        asker().ask(0).await;
        let scanned = self.scans().await - before > 1;
        Seen { measured, scanned }
    }

    /// What reading all items takes, with nothing to do about them.
    pub(crate) async fn scan(&self) -> Measured {
        closed_loop(&format!("reading the table, {}", self.name), self.pace, vec![Scanner(self.pool.clone())])
            .await
    }

    pub(crate) async fn audit(&self) -> String {
        Engine::start(&self.url).await.audit().await
    }

    async fn scans(&self) -> i64 {
        sqlx::query_scalar("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'inventory_items'")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

/// There are many cases, and each is one caller's: shorter than where load is measured.
fn pace(setting: &Setting) -> Pace {
    let shorter = |time: Duration| if setting.quick { time } else { time * 2 / 5 };
    Pace { warm_up: shorter(setting.pace.warm_up), measured: shorter(setting.pace.measured) }
}

impl Caller for Asker {
    async fn ask(&mut self, _turn: usize) {
        match &self.asked {
            Asked::Items(query) => {
                if self.reader.look(query).await.unwrap().is_none() {
                    self.reader.gather(query).await.unwrap();
                }
            }
            Asked::Overview => drop(self.reader.overview(None).await.unwrap()),
        }
    }
}

impl Caller for Scanner {
    async fn ask(&mut self, _turn: usize) {
        let sql = "SELECT count(*) FROM inventory_items WHERE available_quantity >= 0";
        let _: i64 = sqlx::query_scalar(sql).fetch_one(&self.0).await.unwrap();
    }
}

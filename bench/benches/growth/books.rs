//! One database of a size, and what is measured on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::engine::{Engine, Seller};
use bench::measure::{Caller, Measured, Pace, closed_loop};
use bench::{Setting, naive};
use domain::ItemId;
use ledger::Reader;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::{Seen, seed, zipf};

/// Who reads at once: as many as the pool has connections, without waiting for one.
const READERS: usize = 8;
/// How often a start is measured in a round.
const STARTS: usize = 5;

/// How large a database is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) items: usize,
    /// Beside the two that each item begins with.
    pub(crate) ledger_rows: usize,
}

/// A seeded database.
pub(crate) struct Books {
    pub(crate) size: Size,
    url: String,
    items: Arc<[ItemId]>,
    zipf: Option<Arc<[ItemId]>>,
}

/// Reads one item at a time.
struct Looker {
    reader: Reader,
    items: Arc<[ItemId]>,
}

impl Books {
    /// Makes a database of this size on the server, in the place of one of the same name.
    pub(crate) async fn seed(setting: &Setting, size: Size) -> Books {
        let server: PgConnectOptions = setting.url.parse().unwrap();
        let name = format!("growth_{}", size.name.replace(' ', "_"));
        let mut connection = server.connect().await.unwrap();
        for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        let database = server.database(&name);
        let url = database.to_url_lossy().to_string();
        // The first item is made by the writer; the others are made after it.
        Engine::start(&url).await.seed(1).await;
        let began = Instant::now();
        let mut connection = database.connect().await.unwrap();
        let items = seed::seed(&mut connection, size).await;
        connection.close().await.unwrap();
        eprintln!("{}: seeded in {:.0} s", size.name, began.elapsed().as_secs_f64());
        let zipf = size.name.eq("many items").then(|| zipf::drawn(&items));
        Books { size, url, items, zipf }
    }

    /// Each case once.
    pub(crate) async fn round(&self, setting: &Setting) -> Seen {
        let hot: Arc<[ItemId]> = [self.items[0]].into();
        let (naive, uniform) = self.both("uniform", &self.items, setting.pace).await;
        let (naive_hot, hot) = self.both("one hot item", &hot, setting.pace).await;
        let zipf = match &self.zipf {
            Some(drawn) => Some(self.both("Zipf", drawn, setting.pace).await),
            None => None,
        };
        let reads = self.reads(setting.pace).await;
        Seen { naive, uniform, naive_hot, hot, zipf, reads, start_ms: self.start_ms().await }
    }

    /// The conventional design, then ours.
    async fn both(&self, what: &str, items: &Arc<[ItemId]>, pace: Pace) -> (Measured, Measured) {
        let what = format!("{what}, {}", self.size.name);
        let pool = naive::pool(&self.url).await;
        let conventional = naive::measure(&pool, &what, items, pace).await;
        pool.close().await;
        let engine = Engine::start(&self.url).await;
        (conventional, engine.measure(&what, items, pace).await)
    }

    async fn reads(&self, pace: Pace) -> Measured {
        let engine = Engine::start(&self.url).await;
        let looker = || Looker { reader: engine.reader(), items: Arc::clone(&self.items) };
        let lookers = (0..READERS).map(|_| looker()).collect();
        closed_loop(&format!("reads of one item, {}, {READERS} callers", self.size.name), pace, lookers).await
    }

    /// From nothing to the first commit: connections, a look at the migrations, one sale. The one in the middle.
    async fn start_ms(&self) -> f64 {
        let mut starts = Vec::new();
        for turn in 0..STARTS {
            let began = Instant::now();
            let engine = Engine::start(&self.url).await;
            let mut sellers: Vec<Seller> = engine.sellers(&self.items, 1);
            sellers[0].ask(turn).await;
            starts.push(began.elapsed());
        }
        starts.sort_unstable();
        starts.get(STARTS / 2).map_or(0.0, Duration::as_secs_f64) * 1000.0
    }

    pub(crate) async fn audit(&self) -> String {
        Engine::start(&self.url).await.audit().await
    }
}

impl Caller for Looker {
    async fn ask(&mut self, turn: usize) {
        let item = self.reader.item(self.items[turn % self.items.len()]).await.unwrap();
        assert!(item.is_some(), "an item is gone");
    }
}

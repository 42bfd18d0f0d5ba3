//! The benchmark of reading: items over HTTP from each layer of the cache and from the database, beside what could be
//! had at best, in one run.
//!
//! `cargo xtask bench reads [--json FILE]` starts a private PostgreSQL and runs it; a private Redis it starts itself.
//! Answers from the cache stand beside an axum hello without any of our layers, which sends the same bytes; answers from
//! the database beside `pgbench` with as many connections, which looks up the same row by the same index. Clients, servers
//! and databases share the machine, in each case.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]
#![allow(clippy::disallowed_methods, reason = "a benchmark hosts its own server")]

mod client;
mod pgbench;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use bench::engine::Engine;
use bench::measure::{Caller, Measured, Pace, closed_loop};
use bench::report::{Goal, Row, tell};
use bench::{ITEMS, Setting};
use client::{Client, requests};
use pgbench::PgBench;
use server::Server;
use testkit::servers::Redis;

/// As in the services.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BENCH: &str = "reads";
const RATE: &str = "reads/s";
/// Clients, each with a connection.
const CLIENTS: usize = 64;
/// Longer than a run, or what was cached when it began would end in the middle of it.
const CACHED_FOR: (&str, &str) = ("stock_checker.cache_ttl_ms", "3600000");
/// What an answer from the cache has to say of itself.
const CACHED: &str = "x-onhand-source: cache";

/// What there is to measure on.
struct Bench {
    hello: SocketAddr,
    in_process: SocketAddr,
    in_redis: SocketAddr,
    uncached: SocketAddr,
    paths: Arc<[Vec<u8>]>,
    pgbench: PgBench,
    pace: Pace,
}

/// One round, each case once.
struct Round {
    hello: Measured,
    in_process: Measured,
    in_redis: Measured,
    uncached: Measured,
    pgbench: Measured,
}

#[tokio::main]
async fn main() {
    let setting = Setting::of_this_process();
    let _telemetry = server::telemetry();
    let engine = Engine::start(&setting.url).await;
    let items = engine.seed(setting.size(ITEMS, 200)).await;
    let redis = Redis::start().unwrap();
    let server = Server { database: setting.url.clone(), redis: redis.url() };
    let paths = requests((0..items.len()).map(|number| format!("/v1/items/SKU-{number}")));
    let in_process = server.start(&[("cache.url", "memory:"), CACHED_FOR]).await;
    // The same bytes for the hello.
    let mut client = Client::connect(in_process, Arc::clone(&paths)).await;
    client.ask(0).await;
    let bench = Bench {
        hello: server::hello(client.body().to_vec()).await,
        in_process,
        in_redis: server.start(&[("cache.local_ttl_ms", "0"), CACHED_FOR]).await,
        uncached: server.start(&[("cache.url", "memory:"), ("stock_checker.cache_ttl_ms", "1")]).await,
        pgbench: PgBench::new(&setting.url, items.len()),
        paths,
        pace: setting.pace,
    };
    let mut rounds = Vec::new();
    for round in 1..=setting.rounds {
        eprintln!("round {round} of {}", setting.rounds);
        rounds.push(bench.round().await);
    }
    let case = |pick: &dyn Fn(&Round) -> Measured| Measured::median(rounds.iter().map(pick).collect());
    let middle = Round {
        hello: case(&|round| round.hello.clone()),
        in_process: case(&|round| round.in_process.clone()),
        in_redis: case(&|round| round.in_redis.clone()),
        uncached: case(&|round| round.uncached.clone()),
        pgbench: case(&|round| round.pgbench.clone()),
    };
    tell(&setting, &middle.rows(), &middle.measured());
}

impl Bench {
    async fn round(&self) -> Round {
        let hello = requests(["/hello".to_owned()].into_iter());
        for address in [self.in_process, self.in_redis] {
            self.warm_up(address).await;
        }
        Round {
            hello: self.get("bare axum hello", self.hello, hello).await,
            in_process: self.get("cached in the process", self.in_process, Arc::clone(&self.paths)).await,
            in_redis: self.get("cached in Redis", self.in_redis, Arc::clone(&self.paths)).await,
            uncached: self.get("from the database", self.uncached, Arc::clone(&self.paths)).await,
            pgbench: self.pgbench.run(self.pace).await,
        }
    }

    /// Asks for each item, and for all once more, which has to come from the cache.
    async fn warm_up(&self, address: SocketAddr) {
        let mut client = Client::connect(address, Arc::clone(&self.paths)).await;
        for turn in 0..2 * self.paths.len() {
            client.ask(turn).await;
            let is_cached = String::from_utf8_lossy(&client.answer).contains(CACHED);
            assert!(is_cached || turn < self.paths.len(), "it was not cached");
        }
    }

    /// As fast as it goes, on a thread and a runtime of the clients' own.
    async fn get(&self, name: &str, address: SocketAddr, paths: Arc<[Vec<u8>]>) -> Measured {
        let (name, pace) = (format!("{name}, {CLIENTS} connections"), self.pace);
        let load = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut clients = Vec::with_capacity(CLIENTS);
                for _ in 0..CLIENTS {
                    clients.push(Client::connect(address, Arc::clone(&paths)).await);
                }
                closed_loop(&name, pace, clients).await
            })
        };
        tokio::task::spawn_blocking(load).await.unwrap()
    }
}

impl Round {
    fn rows(&self) -> Vec<Row> {
        let row = |case: &str, measured: &Measured, beside, goal| {
            Row::new(BENCH, case, (measured.rate, RATE), beside, Goal::AtLeast(goal))
        };
        let hello = ("bare axum hello", self.hello.rate);
        vec![
            row("cached in the process", &self.in_process, hello, 0.7),
            row("cached in Redis", &self.in_redis, hello, 0.5),
            row("from the database", &self.uncached, ("pgbench, same row", self.pgbench.rate), 0.6),
        ]
    }

    fn measured(&self) -> Vec<&Measured> {
        vec![&self.hello, &self.in_process, &self.in_redis, &self.uncached, &self.pgbench]
    }
}

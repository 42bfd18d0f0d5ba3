//! The HTTP benchmark: durable commands over HTTP beside the conventional design behind the same HTTP stack, in one run.
//!
//! `cargo xtask bench http [--json FILE]` starts a private PostgreSQL with `fsync` on and runs it. Real connections over
//! loopback, kept open. The clients are in this process, on a thread and a runtime of their own: nothing of theirs is
//! scheduled among the server's tasks, and there is nothing that a second process would spare the machine.
//!
//! Latency under load is at 70 % of the rate that was measured just before, at a constant rate, from the moment at which
//! a request was meant to be sent. It stands beside commits of one row by one connection, which are a flush and the round
//! trips of a transaction: on the idle server, and a few at a time under the same load.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]
#![allow(clippy::disallowed_methods, reason = "a benchmark hosts its own server")]

mod client;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use bench::engine::Engine;
use bench::measure::{Caller, Measured, Pace, closed_loop, open_loop};
use bench::report::{Goal, Row, tell};
use bench::{BATCHED_CALLERS, ITEMS, NAIVE_CALLERS, Setting, naive};
use client::{Client, Post};
use domain::ItemId;
use serde_json::json;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{Connection, Postgres};

/// As in the services.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BENCH: &str = "http";
const RATE: &str = "commands/s";
/// The share of the measured rate that latency is measured at.
const LOAD: f64 = 0.7;
/// Lines of a batch: as many as one may have.
const LINES: usize = 10_000;
/// Commits a second beside the load: enough to know the slowest in a hundred, too few to be load themselves.
const COMMITS_BESIDE: f64 = 100.0;
/// Clients that post batches: while one waits for its answer the other's is being read.
const BATCH_CLIENTS: usize = 2;

/// A batch's body, and how it is to be done.
#[derive(Clone, Copy)]
struct Batch {
    name: &'static str,
    atomic: bool,
    json_lines: bool,
}

const BATCHES: [Batch; 4] = [
    Batch { name: "batch, independent, array", atomic: false, json_lines: false },
    Batch { name: "batch, independent, JSON lines", atomic: false, json_lines: true },
    Batch { name: "batch, atomic, array", atomic: true, json_lines: false },
    Batch { name: "batch, atomic, JSON lines", atomic: true, json_lines: true },
];

/// What there is to measure on.
struct Bench {
    address: SocketAddr,
    engine: Engine,
    pool: PgPool,
    items: Arc<[ItemId]>,
    lines: usize,
    pace: Pace,
}

/// One round, each case once.
struct Round {
    naive: Measured,
    ours: Measured,
    naive_alone: Measured,
    ours_alone: Measured,
    commits: Measured,
    loaded: Measured,
    commits_loaded: Measured,
    engine: Measured,
    batches: Vec<Measured>,
}

#[tokio::main]
async fn main() {
    let setting = Setting::of_this_process();
    let engine = Engine::start(&setting.url).await;
    let items = engine.seed(setting.size(ITEMS, 200)).await;
    let pool = naive::pool(&setting.url).await;
    sqlx::query("CREATE TABLE bench_commits (at timestamptz)").execute(&pool).await.unwrap();
    let address = server::start(&setting.url, pool.clone()).await;
    let lines = setting.size(LINES, 100);
    let bench = Bench { address, engine, pool, items, lines, pace: setting.pace };
    let mut rounds = Vec::new();
    for round in 1..=setting.rounds {
        eprintln!("round {round} of {}", setting.rounds);
        rounds.push(bench.round().await);
    }
    let audit = bench.engine.audit().await;
    let case = |pick: &dyn Fn(&Round) -> Measured| Measured::median(rounds.iter().map(pick).collect());
    let middle = Round {
        naive: case(&|round| round.naive.clone()),
        ours: case(&|round| round.ours.clone()),
        naive_alone: case(&|round| round.naive_alone.clone()),
        ours_alone: case(&|round| round.ours_alone.clone()),
        commits: case(&|round| round.commits.clone()),
        loaded: middle_by_p99(rounds.iter().map(|round| round.loaded.clone()).collect()),
        commits_loaded: middle_by_p99(rounds.iter().map(|round| round.commits_loaded.clone()).collect()),
        engine: case(&|round| round.engine.clone()),
        batches: (0..BATCHES.len()).map(|at| case(&|round| round.batches[at].clone())).collect(),
    };
    tell(&setting, &middle.rows(), &middle.measured());
    println!("audit: {audit}");
}

/// The round in the middle by its slowest: by its rate there is nothing to choose.
fn middle_by_p99(mut runs: Vec<Measured>) -> Measured {
    runs.sort_by(|a, b| a.p99_ms.total_cmp(&b.p99_ms));
    runs.swap_remove(runs.len() / 2)
}

impl Bench {
    async fn round(&self) -> Round {
        let naive = self.post("naive over HTTP", self.singly("/naive"), NAIVE_CALLERS).await;
        let ours = self.post("one command a request", self.singly("/v1"), BATCHED_CALLERS).await;
        let naive_alone = self.post("naive over HTTP, alone", self.singly("/naive"), 1).await;
        let ours_alone = self.post("one command a request, alone", self.singly("/v1"), 1).await;
        let commits = closed_loop("commits, idle server", self.pace, self.committer().await).await;
        let (loaded, commits_loaded) = self.loaded(ours.rate * LOAD).await;
        let engine = self.engine.measure("uniform", &self.items, self.pace).await;
        let mut batches = Vec::new();
        for batch in BATCHES {
            let answers = self.post(batch.name, self.batch(batch), BATCH_CLIENTS).await;
            batches.push(answers.each_of(self.lines));
        }
        Round { naive, ours, naive_alone, ours_alone, commits, loaded, commits_loaded, engine, batches }
    }

    /// Commands at this rate, and the commits beside them.
    async fn loaded(&self, rate: f64) -> (Measured, Measured) {
        let (name, pace) = (format!("one command a request, at {rate:.0}/s"), self.pace);
        let ask = async move |clients| open_loop(&name, pace, rate, clients).await;
        let load = apart(self.address, self.singly("/v1"), BATCHED_CALLERS, ask);
        let beside = open_loop("commits, under that load", pace, COMMITS_BESIDE, self.committer().await);
        futures::future::join(load, beside).await
    }

    async fn committer(&self) -> Vec<Committer> {
        vec![Committer(self.pool.acquire().await.unwrap())]
    }

    async fn post(&self, name: &str, post: Post, clients: usize) -> Measured {
        let (name, pace) = (format!("{name}, {clients} connections"), self.pace);
        apart(self.address, post, clients, async move |clients| closed_loop(&name, pace, clients).await).await
    }

    fn singly(&self, root: &str) -> Post {
        let paths = self.items.iter().map(|item| format!("{root}/items/{}/adjustments", item.0));
        let body = json!({"delta": -1, "reason": "sale"}).to_string().into();
        Post { paths: paths.collect(), media_type: "application/json", body }
    }

    fn batch(&self, batch: Batch) -> Post {
        let items = self.items.iter().cycle().take(self.lines);
        let lines: Vec<String> = items
            .map(|item| {
                json!({"command": "adjust", "item": item.0, "delta": -1, "reason": "sale"}).to_string()
            })
            .collect();
        let (media_type, body) = if batch.json_lines {
            ("application/x-ndjson", lines.join("\n"))
        } else {
            ("application/json", format!("[{}]", lines.join(",")))
        };
        let path = format!("/v1/batch?atomic={}", batch.atomic);
        Post { paths: [path].into(), media_type, body: body.into() }
    }
}

/// Makes the clients and lets them ask, on a thread and a runtime of their own. What a batch is answered with says how
/// each line went: the first answer is looked at.
async fn apart<F>(
    address: SocketAddr,
    post: Post,
    clients: usize,
    ask: impl FnOnce(Vec<Client>) -> F + Send + 'static,
) -> Measured
where
    F: Future<Output = Measured>,
{
    let load = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut all = Vec::with_capacity(clients);
            for _ in 0..clients {
                all.push(Client::connect(address, post.clone()).await);
            }
            all[0].ask(0).await;
            let answer = String::from_utf8_lossy(&all[0].answer);
            assert!(!answer.contains("urn:onhand:problem"), "refused: {}", &answer[..answer.len().min(500)]);
            ask(all).await
        })
    };
    tokio::task::spawn_blocking(load).await.unwrap()
}

/// Inserts one row and commits.
struct Committer(PoolConnection<Postgres>);

impl Caller for Committer {
    async fn ask(&mut self, _turn: usize) {
        let mut tx = self.0.begin().await.unwrap();
        sqlx::query("INSERT INTO bench_commits VALUES (now())").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
}

impl Round {
    fn rows(&self) -> Vec<Row> {
        let row = |case: &str, figure, beside, goal| Row::new(BENCH, case, figure, beside, goal);
        let (ours, p99, p50) =
            ((self.ours.rate, RATE), (self.loaded.p99_ms, "ms"), (self.ours_alone.p50_ms, "ms"));
        let (idle, under_load) = (self.commits.p99_ms, self.commits_loaded.p99_ms);
        let mut rows = vec![
            row("one command a request", ours, ("naive over HTTP", self.naive.rate), Goal::AtLeast(4.0)),
            row("p99 at 70 % load", p99, ("commit, idle server", idle), Goal::AtMost(5.0)),
            row("p99 at 70 % load", p99, ("commit, under that load", under_load), Goal::AtMost(5.0)),
            row("p50 alone", p50, ("naive alone", self.naive_alone.p50_ms), Goal::AtMost(2.0)),
        ];
        for (batch, measured) in BATCHES.iter().zip(&self.batches) {
            let lines = (measured.rate, RATE);
            rows.push(row(batch.name, lines, ("engine", self.engine.rate), Goal::AtLeast(0.8)));
            rows.push(row(batch.name, lines, ("one command a request", ours.0), Goal::AtLeast(1.0)));
        }
        rows
    }

    fn measured(&self) -> Vec<&Measured> {
        let alone = [&self.naive, &self.ours, &self.naive_alone, &self.ours_alone];
        let loaded = [&self.commits, &self.loaded, &self.commits_loaded, &self.engine];
        alone.into_iter().chain(loaded).chain(&self.batches).collect()
    }
}

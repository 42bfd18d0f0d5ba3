//! The engine benchmark: the batched writer beside the conventional design, on the same tables, in one run.
//!
//! `cargo xtask bench engine [--json FILE]` starts a private PostgreSQL with `fsync` on and runs it. Callers are
//! in this process and closed-loop: each waits for its answer before it asks again. Every command sells one unit,
//! under an idempotency key of its own. What a command costs the database is counted by the database.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

use std::sync::Arc;
use std::time::Duration;

use bench::counters::{self, Cost, Counters};
use bench::engine::Engine;
use bench::measure::{Measured, Pace};
use bench::report::{Goal, Row, tell};
use bench::{ITEMS, Setting, naive};
use domain::ItemId;
use sqlx::postgres::PgPool;

/// As in the services.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BENCH: &str = "engine";
const RATE: &str = "commands/s";
/// What a command may cost at load. It does not depend on the machine.
const QUERIES_MAX: f64 = 0.05;
const FLUSHES_MAX: f64 = 0.02;
const LOG_BYTES_MAX: f64 = 1_200.0;

#[tokio::main]
async fn main() {
    let setting = Setting::of_this_process();
    let engine = Engine::start(&setting.url).await;
    let items = engine.seed(setting.size(ITEMS, 200)).await;
    let hot: Arc<[ItemId]> = [items[0]].into();
    let pool = naive::pool(&setting.url).await;
    let mut rounds = Vec::new();
    for round in 1..=setting.rounds {
        eprintln!("round {round} of {}", setting.rounds);
        rounds.push((
            naive::measure(&pool, "uniform", &items, setting.pace).await,
            counted(&engine, &pool, &items, setting.pace).await,
            naive::measure(&pool, "one hot item", &hot, setting.pace).await,
            engine.measure("one hot item", &hot, setting.pace).await,
        ));
    }
    let audit = engine.audit().await;
    let case = |pick: fn(&Round) -> Measured| Measured::median(rounds.iter().map(pick).collect());
    let naive_uniform = case(|round| round.0.clone());
    let naive_hot = case(|round| round.2.clone());
    let hot = case(|round| round.3.clone());
    let (uniform, cost) = counters::median(rounds.iter().map(|round| round.1.clone()).collect());
    let per_command = |what: &str, figure, unit, most| {
        let case = format!("uniform: {what} a command");
        Row::new(BENCH, &case, (figure, unit), ("the most allowed", most), Goal::AtMost(1.0))
    };
    let rows = vec![
        Row::new(BENCH, "uniform", (uniform.rate, RATE), ("naive", naive_uniform.rate), Goal::AtLeast(8.0)),
        Row::new(BENCH, "one hot item", (hot.rate, RATE), ("naive", naive_hot.rate), Goal::AtLeast(60.0)),
        Row::new(
            BENCH,
            "one hot item",
            (hot.rate, RATE),
            ("batched, uniform", uniform.rate),
            Goal::AtLeast(1.0),
        ),
        per_command("queries", cost.queries, "queries", QUERIES_MAX),
        per_command("fsyncs", cost.flushes, "fsyncs", FLUSHES_MAX),
        per_command("bytes of log", cost.log_bytes, "bytes", LOG_BYTES_MAX),
    ];
    tell(&setting, &rows, &[&naive_uniform, &uniform, &naive_hot, &hot]);
    println!("audit: {audit}");
}

type Round = (Measured, (Measured, Cost), Measured, Measured);

/// A pause after which every backend hands in what it counted when it next commits.
const COUNTED_AFTER: Duration = Duration::from_millis(1_100);
/// Long enough for each lane to commit.
const HAND_IN: Pace = Pace { warm_up: Duration::ZERO, measured: Duration::from_millis(50) };

/// The uniform load, and what each command of it cost.
async fn counted(engine: &Engine, pool: &PgPool, items: &Arc<[ItemId]>, pace: Pace) -> (Measured, Cost) {
    let hand_in = async || {
        tokio::time::sleep(COUNTED_AFTER).await;
        let handed_in = engine.measure("uniform", items, HAND_IN).await;
        (Counters::read(pool).await, handed_in.answers)
    };
    let (before, _) = hand_in().await;
    let measured = engine.measure("uniform", items, pace).await;
    let (after, more) = hand_in().await;
    let cost = after.since(&before, measured.answers + more);
    (measured, cost)
}

//! The engine benchmark: the batched writer beside the conventional design, on the same tables, in one run.
//!
//! `cargo xtask bench engine [--json FILE]` starts a private PostgreSQL with `fsync` on and runs it. Callers are
//! in this process and closed-loop: each waits for its answer before it asks again. Every command sells one unit,
//! under an idempotency key of its own.
//!
//! `naive` is one transaction a request: two updates (the level, guarded by what is available; the item's version
//! and totals), the ledger row, the outbox row, commit. It keeps no idempotency key, so it does less.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark hosts its own tasks and reads its own environment"
)]

mod batched;
mod measure;
mod naive;
mod report;

use std::path::PathBuf;

use measure::{Load, Measured};
use report::Row;

/// As in the services.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many items the uniform load is spread over.
const ITEMS: usize = 10_000;
/// Callers of the conventional design, each with a connection: more only queue for the two cores.
const NAIVE_CALLERS: usize = 64;
/// Callers of the batched writer, which shares its connections.
const BATCHED_CALLERS: usize = 512;
/// Each case is measured so often, in turn with the others, and its median counts: machines are noisy.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let url =
        std::env::var("DATABASE_URL").expect("DATABASE_URL: a PostgreSQL server with an empty database");
    let engine = batched::Engine::open(&url, ITEMS).await;
    let pool = naive::pool(&url, NAIVE_CALLERS).await;
    let mut rounds = Vec::new();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}: about 25 seconds");
        let uniform = Load { items: engine.items.clone(), callers: NAIVE_CALLERS };
        let hot = Load { items: vec![engine.items[0]], callers: NAIVE_CALLERS };
        let batched = |load: &Load| Load { callers: BATCHED_CALLERS, ..load.clone() };
        rounds.push([
            naive::measure(&pool, &uniform).await,
            engine.measure(&batched(&uniform)).await,
            naive::measure(&pool, &hot).await,
            engine.measure(&batched(&hot)).await,
        ]);
    }
    let audit = engine.audit().await;
    let median = |case: usize| Measured::median(rounds.iter().map(|round| round[case].clone()).collect());
    let [naive_uniform, uniform, naive_hot, hot] = [median(0), median(1), median(2), median(3)];
    let rows = vec![
        Row::beside("uniform 10k items", &uniform, "naive", &naive_uniform, 8.0),
        Row::beside("one hot item", &hot, "naive", &naive_hot, 60.0),
        Row::beside("one hot item", &hot, "batched uniform", &uniform, 1.0),
    ];
    report::print(&rows, &[&naive_uniform, &uniform, &naive_hot, &hot]);
    println!("audit: {audit}");
    if let Some(file) = json_file() {
        std::fs::write(&file, serde_json::to_string_pretty(&rows).unwrap()).unwrap();
        println!("written to {}", file.display());
    }
}

/// The path behind `--json`. Cargo's own `--bench` is of no interest.
fn json_file() -> Option<PathBuf> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--json");
    arguments.nth(1).map(PathBuf::from)
}

//! The sync benchmark: what a catalog of 100,000 products costs, and what a dead supplier costs nine others.
//!
//! `cargo xtask bench sync [--json FILE]` starts a private PostgreSQL and runs it. Supplier-sync runs in this process with
//! the default configuration; simulated suppliers are processes of their own. A first sync, one of an unchanged feed and
//! one in which one percent changed stand beside what the database needs for the same rows, what fetching the feed needs,
//! and each other. Then nine suppliers are synced beside a tenth that takes the request and never answers.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]
#![allow(clippy::disallowed_methods, reason = "a benchmark hosts its own tasks")]

mod buyer;
mod supplier;

use std::time::Instant;

use bench::Setting;
use bench::report::{Goal, Row, tell};
use buyer::{Buyer, Cost};
use supplier::Supplier;

/// As in the services.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BENCH: &str = "sync";
const MB: f64 = 1_000_000.0;
/// A first sync fetches, reads, writes and tells of all rows; one bare statement only writes them.
const FIRST: Goal = Goal::AtMost(12.0);
/// One that finds nothing new fetches, reads and compares.
const AGAIN: Goal = Goal::AtMost(0.6);
/// One percent of the rows costs little more than none.
const SOME: Goal = Goal::AtMost(1.5);
/// Exactly what changed is written.
const EXACTLY: Goal = Goal::AtMost(1.0);
const NOTHING: Goal = Goal::AtMost(0.0);
/// The feed, its rows, and the catalog as it was: each about as large as the feed, and what the process has anyway.
const MEMORY: Goal = Goal::AtMost(15.0);
/// The catalog once, and the events that tell of it.
const LOG: Goal = Goal::AtMost(1.5);
/// A dead supplier holds one place of sixteen, and nobody waits for it.
const BESIDE_DEAD: Goal = Goal::AtMost(1.25);
/// How many suppliers live.
const NINE: usize = 9;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if std::env::args().any(|argument| argument == supplier::ARGUMENT) {
        runtime.block_on(supplier::be_one());
        return;
    }
    platform::hosting::install_tls();
    let setting = Setting::of_this_process();
    let mut rows = runtime.block_on(one_large(&setting));
    rows.extend(runtime.block_on(nine_and_a_dead_one(&setting)));
    tell(&setting, &rows, &[]);
}

async fn one_large(setting: &Setting) -> Vec<Row> {
    let size = setting.size(100_000, 2_000);
    let (buyer, mut supplier) = (Buyer::open(setting, "sync_large").await, Supplier::start());
    supplier.list(size, 1);
    buyer.knows("large", &supplier).await;
    let idle = buyer::peak();
    let (run, first) = buyer.measure("large").await;
    assert_eq!(run["added"], size, "{run}");
    let (feed_bytes, fetch_s) = buyer.bare_fetch(&supplier).await;
    let bare = buyer.bare_insert().await;
    let (run, again) = buyer.measure("large").await;
    assert_eq!(run["unchanged"], size, "{run}");
    supplier.list(size, 2);
    let (run, some) = buyer.measure("large").await;
    assert_eq!(run["updated"], size / 100, "{run}");
    println!("a feed of {size} rows, {:.1} MB; idle {:.0} MB", feed_bytes / MB, idle / MB);
    for (name, cost) in [("first", first), ("again", again), ("one percent changed", some)] {
        say(name, cost, size);
    }
    let changed = (size / 100) as f64;
    vec![
        Row::new(BENCH, "first sync", (first.seconds, "s"), ("one INSERT of the rows", bare.seconds), FIRST),
        Row::new(BENCH, "unchanged feed", (again.seconds, "s"), ("first sync", first.seconds), AGAIN),
        Row::new(BENCH, "1 % changed", (some.seconds, "s"), ("unchanged feed", again.seconds), SOME),
        Row::new(
            BENCH,
            "unchanged feed, as it comes",
            (again.seconds, "s"),
            ("fetching it and no more", fetch_s),
            Goal::AtMost(10.0),
        ),
        Row::new(
            BENCH,
            "rows written, unchanged feed",
            (again.written as f64, "rows"),
            ("rows in the feed", size as f64),
            NOTHING,
        ),
        Row::new(
            BENCH,
            "rows written, 1 % changed",
            (some.written as f64, "rows"),
            ("changed", changed),
            EXACTLY,
        ),
        Row::new(
            BENCH,
            "log written, first sync",
            (first.log_bytes / MB, "MB"),
            ("one INSERT", bare.log_bytes / MB),
            LOG,
        ),
        Row::new(
            BENCH,
            "peak memory, first sync",
            (first.peak_bytes / MB, "MB"),
            ("the feed", feed_bytes / MB),
            MEMORY,
        ),
        Row::new(
            BENCH,
            "peak memory, 1 % changed",
            (some.peak_bytes / MB, "MB"),
            ("the feed", feed_bytes / MB),
            MEMORY,
        ),
    ]
}

fn say(name: &str, cost: Cost, size: usize) {
    println!(
        "{name:<20} {:>7.2} s {:>9.0} rows/s {:>8} rows written {:>7.1} MB log {:>7.0} MB peak memory",
        cost.seconds,
        size as f64 / cost.seconds,
        cost.written,
        cost.log_bytes / MB,
        cost.peak_bytes / MB,
    );
}

async fn nine_and_a_dead_one(setting: &Setting) -> Option<Row> {
    let size = setting.size(5_000, 200);
    let (buyer, mut alive, mut dead) =
        (Buyer::open(setting, "sync_ten").await, Supplier::start(), Supplier::start());
    alive.list(size, 1);
    dead.hang();
    buyer.knows("dead", &dead).await;
    for n in 0..NINE {
        buyer.knows(&format!("s{n}"), &alive).await;
    }
    nine(&buyer).await;
    // The same all over in turn: editions differ, so that there is something to write each time.
    let (mut without, mut beside) = (Vec::new(), Vec::new());
    for round in 0..setting.rounds {
        alive.list(size, 2 * round + 2);
        without.push(nine(&buyer).await);
    }
    buyer.begin("dead").await;
    for round in 0..setting.rounds {
        alive.list(size, 2 * round + 3);
        beside.push(nine(&buyer).await);
    }
    let (without, beside) = (median(without), median(beside));
    let row = Row::new(
        BENCH,
        "nine suppliers beside a dead one",
        (beside, "s"),
        ("the nine alone", without),
        BESIDE_DEAD,
    );
    Some(row)
}

/// Syncs the nine, and says how long until the last of them was done.
async fn nine(buyer: &Buyer) -> f64 {
    let began = Instant::now();
    let mut runs = Vec::new();
    for n in 0..NINE {
        runs.push(buyer.begin(&format!("s{n}")).await);
    }
    for run in runs {
        buyer.ended(&run).await;
    }
    began.elapsed().as_secs_f64()
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

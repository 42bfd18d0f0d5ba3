//! The lists benchmark: what a page costs among a million items.
//!
//! `cargo xtask bench lists [--json FILE]` starts a private PostgreSQL and runs it. A thousand items and a million of the
//! same kind are seeded; every list is asked of both, as stock-checker asks it. A page that an index finds stands beside
//! the same page of the thousand. What has no index by design, because sales change it, stands beside reading the table
//! once. Each says whether items were read from end to end.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]
#![allow(clippy::disallowed_methods, reason = "a benchmark waits for the database's counts")]

mod cases;
mod seed;
mod shop;

use bench::Setting;
use bench::measure::Measured;
use bench::report::{Goal, Row, tell};
use cases::{Case, Kind, cases};
use shop::Shop;

/// As in the services.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BENCH: &str = "lists";
/// What an index finds costs about the same among a thousand times as many: deeper indexes, colder pages.
const ALONG: Goal = Goal::AtMost(4.0);
/// What is rare costs going along the order in vain, and then its own index: hundredths of a second.
const RARE: Goal = Goal::AtMost(30.0);
/// What matches a tenth of all items is read as far as it matches.
const MANY: Goal = Goal::AtMost(3.0);
/// What is sorted or counted without an index reads the table, not more than a few times as long as that takes.
const WIDE: Goal = Goal::AtMost(6.0);

#[tokio::main]
async fn main() {
    let setting = Setting::of_this_process();
    let small = Shop::open(&setting, "lists_small", setting.size(1_000, 1_000)).await;
    let large = Shop::open(&setting, "lists_large", setting.size(1_000_000, 20_000)).await;
    let scan = large.scan().await;
    let (mut rows, mut measured, mut plans) = (Vec::new(), vec![scan.clone()], Vec::new());
    for case in cases() {
        let few = small.measure(&case).await;
        let seen = large.measure(&case).await;
        rows.push(row(&case, &seen.measured, &few.measured, &scan));
        plans.push((case.name, seen.scanned));
        measured.extend([few.measured, seen.measured]);
    }
    tell(&setting, &rows, &measured.iter().collect::<Vec<_>>());
    println!("\nread all items from end to end:");
    for (name, scanned) in plans {
        println!("{name:<44} {}", if scanned { "yes" } else { "no" });
    }
    for shop in [small, large] {
        println!("{}: audit {}", shop.name, shop.audit().await);
    }
}

fn row(case: &Case, large: &Measured, small: &Measured, scan: &Measured) -> Row {
    let figure = (large.p50_ms, "ms, p50");
    let (beside, goal) = match case.kind {
        Kind::Along => (("of 1,000 items", small.p50_ms), ALONG),
        Kind::Rare => (("of 1,000 items", small.p50_ms), RARE),
        Kind::Many => (("reading the table", scan.p50_ms), MANY),
        Kind::Wide => (("reading the table", scan.p50_ms), WIDE),
    };
    Row::new(BENCH, case.name, figure, beside, goal)
}

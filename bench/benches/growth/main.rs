//! The growth benchmark: what a long ledger and many items change.
//!
//! `cargo xtask bench growth [--json FILE]` starts a private PostgreSQL with `fsync` on and runs it. Three databases are
//! seeded: a small one, one with ten million ledger rows, one with a million items. Each case is measured on all of
//! them in turn, so that what the machine does besides is the same for each; the small one is what the others stand
//! beside, and the conventional design at the same size.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on stops")]

mod books;
mod seed;
mod zipf;

use bench::Setting;
use bench::measure::Measured;
use bench::report::{Goal, Row, tell};
use books::{Books, Size};

/// As in the services.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BENCH: &str = "growth";
const RATE: &str = "commands/s";
/// What growth may cost at most.
const TENTH: Goal = Goal::AtLeast(0.9);
/// The same, of what is better when it is small.
const TENTH_MORE: Goal = Goal::AtMost(1.1);
/// How much faster than the conventional design, at any size.
const FASTER: Goal = Goal::AtLeast(5.0);

/// What was measured on one database, in one round or in the middle of all.
struct Seen {
    naive: Measured,
    uniform: Measured,
    naive_hot: Measured,
    hot: Measured,
    /// Only where there are many items.
    zipf: Option<(Measured, Measured)>,
    reads: Measured,
    start_ms: f64,
}

#[tokio::main]
async fn main() {
    let setting = Setting::of_this_process();
    let (few, many) = (setting.size(1_000, 50), setting.size(1_000_000, 2_000));
    let long = setting.size(10_000_000, 100_000);
    let sizes = [
        Size { name: "small", items: few, ledger_rows: 0 },
        Size { name: "long ledger", items: few, ledger_rows: long },
        Size { name: "many items", items: many, ledger_rows: 0 },
    ];
    let mut all = Vec::new();
    for size in sizes {
        all.push(Books::seed(&setting, size).await);
    }
    let mut rounds: Vec<Vec<Seen>> = all.iter().map(|_| vec![]).collect();
    for round in 1..=setting.rounds {
        for (books, seen) in all.iter().zip(&mut rounds) {
            eprintln!("round {round} of {}: {}", setting.rounds, books.size.name);
            seen.push(books.round(&setting).await);
        }
    }
    let middle: Vec<Seen> = rounds.into_iter().map(Seen::median).collect();
    let mut rows = Vec::new();
    for (books, seen) in all.iter().zip(&middle) {
        rows.extend(rows_of(books.size, seen, &middle[0]));
    }
    tell(&setting, &rows, &middle.iter().flat_map(Seen::measured).collect::<Vec<_>>());
    for books in &all {
        println!("{}: audit {}", books.size.name, books.audit().await);
    }
}

/// A database beside the conventional design on it, and beside the small one.
fn rows_of(size: Size, seen: &Seen, small: &Seen) -> Vec<Row> {
    let row = |case: &str, figure, beside, goal| {
        Row::new(BENCH, &format!("{}: {case}", size.name), figure, beside, goal)
    };
    let mut rows = vec![row("uniform", (seen.uniform.rate, RATE), ("naive", seen.naive.rate), FASTER)];
    if let Some((naive, ours)) = &seen.zipf {
        rows.push(row("Zipf", (ours.rate, RATE), ("naive", naive.rate), FASTER));
    }
    rows.push(row("one hot item", (seen.hot.rate, RATE), ("naive", seen.naive_hot.rate), FASTER));
    if std::ptr::eq(seen, small) {
        return rows;
    }
    let (reads, start) = ((seen.reads.rate, "reads/s"), (seen.start_ms, "ms"));
    rows.push(row("one hot item", (seen.hot.rate, RATE), ("small", small.hot.rate), TENTH));
    rows.push(row("reads of one item", reads, ("small", small.reads.rate), TENTH));
    rows.push(row("start to first commit", start, ("small", small.start_ms), TENTH_MORE));
    rows
}

impl Seen {
    fn median(rounds: Vec<Seen>) -> Seen {
        let case = |pick: &dyn Fn(&Seen) -> Measured| Measured::median(rounds.iter().map(pick).collect());
        let zipf = rounds.iter().all(|seen| seen.zipf.is_some());
        let of_zipf = |pick: &dyn Fn(&(Measured, Measured)) -> Measured| {
            Measured::median(rounds.iter().filter_map(|seen| seen.zipf.as_ref()).map(pick).collect())
        };
        let mut starts: Vec<f64> = rounds.iter().map(|seen| seen.start_ms).collect();
        starts.sort_by(f64::total_cmp);
        Seen {
            naive: case(&|seen| seen.naive.clone()),
            uniform: case(&|seen| seen.uniform.clone()),
            naive_hot: case(&|seen| seen.naive_hot.clone()),
            hot: case(&|seen| seen.hot.clone()),
            zipf: zipf.then(|| (of_zipf(&|pair| pair.0.clone()), of_zipf(&|pair| pair.1.clone()))),
            reads: case(&|seen| seen.reads.clone()),
            start_ms: starts[starts.len() / 2],
        }
    }

    fn measured(&self) -> Vec<&Measured> {
        let zipf = self.zipf.iter().flat_map(|(naive, ours)| [naive, ours]);
        let before = [&self.naive, &self.uniform, &self.naive_hot, &self.hot];
        before.into_iter().chain(zipf).chain([&self.reads]).collect()
    }
}

//! A closed loop of callers, and what it measured.

use std::time::{Duration, Instant};

use domain::ItemId;
use futures::future::join_all;

/// Not counted: connections warm up, statements are prepared.
const WARM_UP: Duration = Duration::from_secs(1);
/// Counted.
const MEASURED: Duration = Duration::from_secs(5);

/// What is asked for, by how many at once.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) items: Vec<ItemId>,
    pub(crate) callers: usize,
}

/// What came of it.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) name: String,
    /// Commands a second.
    pub(crate) rate: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Measured {
    /// The run in the middle by its rate.
    pub(crate) fn median(mut runs: Vec<Measured>) -> Measured {
        runs.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        runs.swap_remove(runs.len() / 2)
    }
}

/// Lets each caller sell from the items in turn, each from another start, for the time measured.
pub(crate) async fn closed_loop<F: Future<Output = ()> + Send + 'static>(
    name: &str,
    load: &Load,
    sell: impl Fn(ItemId) -> F + Clone + Send + 'static,
) -> Measured {
    let start = Instant::now() + WARM_UP;
    let end = start + MEASURED;
    let callers = (0..load.callers).map(|caller| {
        let (items, sell) = (load.items.clone(), sell.clone());
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            // A large odd stride visits all items, and no two callers in step.
            let mut at = caller * 7919;
            while Instant::now() < end {
                let asked = Instant::now();
                sell(items[at % items.len()]).await;
                at += 6151;
                if asked >= start {
                    latencies.push(asked.elapsed());
                }
            }
            latencies
        })
    });
    let mut latencies: Vec<Duration> = join_all(callers).await.into_iter().flat_map(Result::unwrap).collect();
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let rate = latencies.len() as f64 / MEASURED.as_secs_f64();
    Measured { name: name.to_owned(), rate, p50_ms: at(0.50), p99_ms: at(0.99) }
}

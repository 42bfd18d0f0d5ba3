//! Items as shops sell them: a few of them most of the time.

use std::sync::Arc;

use domain::ItemId;
use rand::RngExt;

/// How many draws there are before they repeat.
const DRAWS: usize = 1_000_000;

/// Items drawn so that the nth is drawn 1/n as often as the first.
pub(crate) fn drawn(items: &[ItemId]) -> Arc<[ItemId]> {
    let mut sum = 0.0;
    let up_to: Vec<f64> = (1..=items.len())
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let mut random = rand::rng();
    let draw = |_| {
        let at: f64 = random.random::<f64>() * sum;
        items[up_to.partition_point(|until| *until < at).min(items.len() - 1)]
    };
    (0..DRAWS).map(draw).collect()
}

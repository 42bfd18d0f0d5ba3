//! What makes a feed look wrong.

use super::{Changes, Known, Rules, is_older};
use crate::adapters::FeedRow;
use std::collections::HashMap;

/// Why a feed looks wrong. What it would change waits until somebody says that it is right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Brake {
    /// No usable row.
    #[error("the feed lists no usable product{}", first(.0))]
    Empty(Option<String>),
    /// More are gone than supplier_sync.brake_share allows.
    #[error("the feed no longer lists {gone} of {known} products")]
    MostGone { gone: usize, known: usize },
    /// More have another SKU: a feed that lost its SKUs, or shifted its columns, renames a whole catalog.
    #[error("the feed gives {changed} of {known} known products another SKU")]
    SkusChanged { changed: usize, known: usize },
    /// More have no price any more.
    #[error("the feed has no price for {gone} of {priced} products that had one")]
    PricesGone { gone: usize, priced: usize },
}

fn first(why: &Option<String>) -> String {
    why.as_deref().map(|why| format!("; the first refused: {why}")).unwrap_or_default()
}

/// What is wrong with a feed that lists something.
pub(super) fn brakes(
    known: &HashMap<String, Known>,
    rows: &[FeedRow],
    changes: &Changes,
    rules: &Rules<'_>,
) -> Vec<Brake> {
    let active = known.values().filter(|known| known.active).count();
    let priced = known.values().filter(|known| known.active && known.cost.is_some()).count();
    let gone = changes.deactivated.len();
    let (mut renamed, mut unpriced) = (0, 0);
    for row in rows {
        let Some(before) = known.get(&row.product_id).filter(|before| before.active) else { continue };
        if !is_older(row, before) {
            renamed += usize::from(row.supplier_sku != before.supplier_sku);
            unpriced += usize::from(before.cost.is_some() && row.cost.is_none());
        }
    }
    let too_many = |some: usize, of: usize| some as f64 > rules.brake_share * of as f64;
    let all = [
        (gone, active, Brake::MostGone { gone, known: active }),
        (renamed, active, Brake::SkusChanged { changed: renamed, known: active }),
        (unpriced, priced, Brake::PricesGone { gone: unpriced, priced }),
    ];
    all.into_iter().filter(|(some, of, _)| too_many(*some, *of)).map(|(_, _, brake)| brake).collect()
}

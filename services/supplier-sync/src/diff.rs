//! What a feed changes in a catalog, and when it looks too wrong to be believed. Pure.
//!
//! - A row is matched by the supplier's product id. A second row for the same product, or for an SKU that an
//!   earlier row has, is refused.
//! - A row older than what is stored for its product changes nothing. A feed with older rows and no newer one is
//!   an old copy and fails as a whole.
//! - A refused row leaves its product as it was. A row that does not say which product it is about could be
//!   any: then nothing is deactivated.
//! - Products that are no longer listed are deactivated.
//! - An SKU is delisted when the last product that had it is gone or has another one now.
//! - A feed that lists nothing, or in which most products are gone or lost their SKU or their price, looks wrong: the
//!   changes say so ([`Brake`]), and whoever applies them decides.

mod brake;
#[cfg(test)]
mod tests;

use crate::adapters::{Feed, FeedRow, RefusedRow};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Sku;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

pub(crate) use brake::Brake;

/// How far ahead a supplier's clock may run. A stamp further in the future is not believed: it would make every
/// later row look old.
const MAX_CLOCK_AHEAD: TimeDelta = TimeDelta::hours(24);

/// A product as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) supplier_sku: String,
    pub(crate) sku: String,
    pub(crate) name: String,
    pub(crate) cost: Option<Decimal>,
    pub(crate) stock: Option<i64>,
    pub(crate) stamp: Option<DateTime<Utc>>,
    pub(crate) active: bool,
}

/// What to write.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) added: Vec<Product>,
    pub(crate) updated: Vec<Product>,
    pub(crate) deactivated: Vec<Product>,
    /// What to tell as no longer listed: products that are gone, and the former SKUs of others. Not an SKU that
    /// another product took over.
    pub(crate) delisted: Vec<Product>,
    /// Rows that say what is known already, or less than it.
    pub(crate) unchanged: usize,
    pub(crate) refused: Vec<RefusedRow>,
    /// Why the feed looks wrong, if it does.
    pub(crate) brakes: Vec<Brake>,
}

/// How many rows changes are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) added: usize,
    pub(crate) updated: usize,
    pub(crate) deactivated: usize,
    pub(crate) unchanged: usize,
    pub(crate) refused: usize,
}

/// A product as it shall be stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Product {
    pub(crate) product_id: String,
    pub(crate) to: Known,
    /// Whether its being listed under this SKU, or not, is what changed.
    pub(crate) listing_changed: bool,
    /// Whether more than its stock and its stamp changed.
    pub(crate) terms_changed: bool,
}

/// Why a feed cannot be used. Nothing of it is applied, whatever anybody says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// More rows than we take.
    #[error("the feed lists {rows} products, more than supplier_sync.max_feed_rows ({most})")]
    TooMany { rows: usize, most: usize },
    /// A copy from before the last one.
    #[error(
        "the feed is older than the last one: {0} of its rows are older than what is stored and none is newer"
    )]
    Older(usize),
}

/// What decides about a feed besides the feed.
pub(crate) struct Rules<'a> {
    pub(crate) sku_prefix: &'a str,
    pub(crate) brake_share: f64,
    pub(crate) max_rows: usize,
    pub(crate) now: DateTime<Utc>,
}

/// Says what a feed changes, and whether that looks wrong.
pub(crate) fn diff(
    known: &HashMap<String, Known>,
    feed: Feed,
    rules: &Rules<'_>,
) -> Result<Changes, Unusable> {
    let rows = feed.rows.len() + feed.refused.len();
    if rows > rules.max_rows {
        return Err(Unusable::TooMany { rows, most: rules.max_rows });
    }
    let (rows, refused) = distinct(feed, rules);
    older(known, &rows)?;
    let mut changes = Changes { deactivated: gone(known, &rows, &refused), ..Changes::default() };
    for row in &rows {
        match known.get(&row.product_id) {
            None => changes.added.push(product(row, rules, None)),
            Some(before) => {
                let after = product(row, rules, Some(before));
                let stale = is_older(row, before);
                match stale || after.to == *before {
                    true => changes.unchanged += 1,
                    false => changes.updated.push(after),
                }
            }
        }
    }
    changes.brakes = match rows.is_empty() {
        true => vec![Brake::Empty(refused.first().map(|row| row.why.clone()))],
        false => brake::brakes(known, &rows, &changes, rules),
    };
    changes.delisted = delisted(known, &changes);
    changes.refused = refused;
    Ok(changes)
}

impl Changes {
    /// How many rows they are about.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            added: self.added.len(),
            updated: self.updated.len(),
            deactivated: self.deactivated.len(),
            unchanged: self.unchanged,
            refused: self.refused.len(),
        }
    }

    /// A digest of what they would make of the catalog, in any order of its rows: whoever approves of it approves of
    /// this and of nothing else. Without stock figures and stamps, and the products of which nothing else changed: they
    /// move by the minute, and the brake is not about them.
    pub(crate) fn digest(&self) -> String {
        let changed = self.added.iter().chain(&self.updated).chain(&self.deactivated);
        let mut products: Vec<&Product> = changed.filter(|product| product.terms_changed).collect();
        products.sort_unstable_by(|a, b| a.product_id.cmp(&b.product_id));
        let mut digest = Sha256::new();
        for product in products {
            let to = &product.to;
            let cost = to.cost.map(|cost| cost.to_string()).unwrap_or_default();
            let active = if to.active { "listed" } else { "gone" };
            for field in [&product.product_id, &to.supplier_sku, &to.sku, &to.name, &cost, active] {
                // With its length, so that no field runs into the next.
                digest.update(field.len().to_be_bytes());
                digest.update(field.as_bytes());
            }
        }
        hex::encode(digest.finalize())
    }
}

fn delisted(known: &HashMap<String, Known>, changes: &Changes) -> Vec<Product> {
    let changed = || changes.added.iter().chain(&changes.updated).chain(&changes.deactivated);
    let mut after: HashMap<&str, &Known> = known.iter().map(|(id, known)| (id.as_str(), known)).collect();
    after.extend(changed().map(|product| (product.product_id.as_str(), &product.to)));
    let listed: HashSet<&str> =
        after.values().filter(|known| known.active).map(|known| known.sku.as_str()).collect();
    changed()
        .filter_map(|product| Some((&product.product_id, known.get(&product.product_id)?)))
        .filter(|(_, before)| before.active && !listed.contains(before.sku.as_str()))
        .map(|(id, before)| unlisted(id, before))
        .collect()
}

fn unlisted(product_id: &str, before: &Known) -> Product {
    Product {
        product_id: product_id.to_owned(),
        to: Known { active: false, ..before.clone() },
        listing_changed: true,
        terms_changed: true,
    }
}

/// One row a product and an SKU; what is left over is refused.
fn distinct(feed: Feed, rules: &Rules<'_>) -> (Vec<FeedRow>, Vec<RefusedRow>) {
    let (mut rows, mut refused) = (Vec::with_capacity(feed.rows.len()), feed.refused);
    let (mut ids, mut skus) = (HashSet::new(), HashSet::new());
    for mut row in feed.rows {
        let why = if Sku::try_from(format!("{}{}", rules.sku_prefix, row.supplier_sku)).is_err() {
            Some("its sku is too long with the supplier's prefix")
        } else if ids.contains(&row.product_id) {
            Some("it is listed twice")
        } else if skus.contains(&row.supplier_sku) {
            Some("another product has its sku")
        } else {
            None
        };
        match why {
            Some(why) => {
                let why = format!("product {}: {why}", row.product_id);
                refused.push(RefusedRow { product_id: Some(row.product_id), why });
            }
            None => {
                ids.insert(row.product_id.clone());
                skus.insert(row.supplier_sku.clone());
                row.stamp = row.stamp.filter(|stamp| *stamp <= rules.now + MAX_CLOCK_AHEAD);
                rows.push(row);
            }
        }
    }
    (rows, refused)
}

fn is_older(row: &FeedRow, before: &Known) -> bool {
    matches!((row.stamp, before.stamp), (Some(row), Some(stored)) if row < stored)
}

fn older(known: &HashMap<String, Known>, rows: &[FeedRow]) -> Result<(), Unusable> {
    let pairs = || rows.iter().filter_map(|row| Some((row.stamp?, known.get(&row.product_id)?.stamp?)));
    let older = pairs().filter(|(row, stored)| row < stored).count();
    let newer = pairs().any(|(row, stored)| row > stored)
        || rows.iter().any(|row| !known.contains_key(&row.product_id));
    match older > 0 && !newer {
        true => Err(Unusable::Older(older)),
        false => Ok(()),
    }
}

/// The products that are no longer listed. A refused row is about its product all the same; one that does not say which
/// could be any.
fn gone(known: &HashMap<String, Known>, rows: &[FeedRow], refused: &[RefusedRow]) -> Vec<Product> {
    if refused.iter().any(|row| row.product_id.is_none()) {
        return Vec::new();
    }
    let mut listed: HashSet<&str> = rows.iter().map(|row| row.product_id.as_str()).collect();
    listed.extend(refused.iter().filter_map(|row| row.product_id.as_deref()));
    let mut gone: Vec<Product> = known
        .iter()
        .filter(|(id, known)| known.active && !listed.contains(id.as_str()))
        .map(|(id, known)| unlisted(id, known))
        .collect();
    gone.sort_by(|a, b| a.product_id.cmp(&b.product_id));
    gone
}

/// A row without a stamp keeps the stored one: it says nothing of time.
fn product(row: &FeedRow, rules: &Rules<'_>, before: Option<&Known>) -> Product {
    let sku = format!("{}{}", rules.sku_prefix, row.supplier_sku);
    let to = Known {
        supplier_sku: row.supplier_sku.clone(),
        sku,
        name: row.name.clone(),
        cost: row.cost,
        stock: row.stock,
        stamp: row.stamp.or(before.and_then(|before| before.stamp)),
        active: true,
    };
    Product {
        product_id: row.product_id.clone(),
        listing_changed: before.is_none_or(|before| !before.active || before.sku != to.sku),
        terms_changed: before.is_none_or(|before| !same_terms(before, &to)),
        to,
    }
}

/// Whether two are the same but for stock and stamp.
fn same_terms(before: &Known, after: &Known) -> bool {
    // Named one by one, so that a new field does not compile until it is decided where it belongs.
    let Known { supplier_sku, sku, name, cost, stock: _, stamp: _, active } = before;
    *supplier_sku == after.supplier_sku
        && *sku == after.sku
        && *name == after.name
        && *cost == after.cost
        && *active == after.active
}

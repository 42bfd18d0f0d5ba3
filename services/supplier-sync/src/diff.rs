//! What a feed changes in a catalog, and when it looks too wrong to be believed. Pure.
//!
//! - A row is matched by the supplier's product id. A second row for the same product, or for an SKU that an
//!   earlier row has, is refused.
//! - A row older than what is stored for its product changes nothing. A feed with older rows and no newer one is
//!   an old copy and fails as a whole.
//! - A refused row leaves its product as it was. A row that does not say which product it is about could be
//!   any: then nothing is deactivated.
//! - Products that are no longer listed are deactivated, unless too many are: that brakes the whole run.
//! - An SKU is delisted when the last product that had it is gone or has another one now.

use crate::adapters::{Feed, FeedRow, RefusedRow};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Sku;
use rust_decimal::Decimal;
use std::collections::{HashMap, HashSet};

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
}

/// A product as it shall be stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Product {
    pub(crate) product_id: String,
    pub(crate) to: Known,
    /// Whether its being listed under this SKU, or not, is what changed.
    pub(crate) listing_changed: bool,
}

/// Why a feed is not believed. Nothing of it is applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Brake {
    /// No usable row.
    #[error("the feed lists no usable product{}", first(.0))]
    Empty(Option<String>),
    /// More rows than we take.
    #[error("the feed lists {rows} products, more than supplier_sync.max_feed_rows ({most})")]
    TooMany { rows: usize, most: usize },
    /// More are gone than supplier_sync.brake_share allows.
    #[error(
        "the feed no longer lists {gone} of {known} products; sync with override_brake=true if that is right"
    )]
    MostGone { gone: usize, known: usize },
    /// A copy from before the last one.
    #[error(
        "the feed is older than the last one: {0} of its rows are older than what is stored and none is newer"
    )]
    Older(usize),
}

fn first(why: &Option<String>) -> String {
    why.as_deref().map(|why| format!("; the first refused: {why}")).unwrap_or_default()
}

/// What decides about a feed besides the feed.
pub(crate) struct Rules<'a> {
    pub(crate) sku_prefix: &'a str,
    pub(crate) brake_share: f64,
    pub(crate) max_rows: usize,
    /// An operator says that most rows being gone is right.
    pub(crate) override_brake: bool,
    pub(crate) now: DateTime<Utc>,
}

/// Says what a feed changes.
pub(crate) fn diff(known: &HashMap<String, Known>, feed: Feed, rules: &Rules<'_>) -> Result<Changes, Brake> {
    let rows = feed.rows.len() + feed.refused.len();
    if rows > rules.max_rows {
        return Err(Brake::TooMany { rows, most: rules.max_rows });
    }
    let (rows, refused) = distinct(feed, rules);
    if rows.is_empty() {
        return Err(Brake::Empty(refused.first().map(|row| row.why.clone())));
    }
    older(known, &rows)?;
    let mut listed: HashSet<&str> = rows.iter().map(|row| row.product_id.as_str()).collect();
    listed.extend(refused.iter().filter_map(|row| row.product_id.as_deref()));
    let deactivated = if refused.iter().any(|row| row.product_id.is_none()) {
        Vec::new()
    } else {
        gone(known, &listed, rules)?
    };
    let mut changes = Changes { deactivated, ..Changes::default() };
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
    changes.delisted = delisted(known, &changes);
    changes.refused = refused;
    Ok(changes)
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

fn older(known: &HashMap<String, Known>, rows: &[FeedRow]) -> Result<(), Brake> {
    let pairs = || rows.iter().filter_map(|row| Some((row.stamp?, known.get(&row.product_id)?.stamp?)));
    let older = pairs().filter(|(row, stored)| row < stored).count();
    let newer = pairs().any(|(row, stored)| row > stored)
        || rows.iter().any(|row| !known.contains_key(&row.product_id));
    match older > 0 && !newer {
        true => Err(Brake::Older(older)),
        false => Ok(()),
    }
}

fn gone(
    known: &HashMap<String, Known>,
    listed: &HashSet<&str>,
    rules: &Rules<'_>,
) -> Result<Vec<Product>, Brake> {
    let active = known.values().filter(|known| known.active).count();
    let mut gone: Vec<Product> = known
        .iter()
        .filter(|(id, known)| known.active && !listed.contains(id.as_str()))
        .map(|(id, known)| unlisted(id, known))
        .collect();
    if gone.len() as f64 > rules.brake_share * active as f64 && !rules.override_brake {
        return Err(Brake::MostGone { gone: gone.len(), known: active });
    }
    gone.sort_by(|a, b| a.product_id.cmp(&b.product_id));
    Ok(gone)
}

/// A row without a stamp keeps the stored one: it says nothing of time.
fn product(row: &FeedRow, rules: &Rules<'_>, before: Option<&Known>) -> Product {
    let sku = format!("{}{}", rules.sku_prefix, row.supplier_sku);
    Product {
        product_id: row.product_id.clone(),
        listing_changed: before.is_none_or(|before| !before.active || before.sku != sku),
        to: Known {
            supplier_sku: row.supplier_sku.clone(),
            sku,
            name: row.name.clone(),
            cost: row.cost,
            stock: row.stock,
            stamp: row.stamp.or(before.and_then(|before| before.stamp)),
            active: true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, stamp: Option<i64>) -> FeedRow {
        FeedRow {
            product_id: id.into(),
            supplier_sku: id.into(),
            name: format!("Product {id}"),
            cost: None,
            stock: Some(1),
            stamp: stamp.and_then(|at| DateTime::from_timestamp(at, 0)),
        }
    }

    fn feed(rows: Vec<FeedRow>) -> Feed {
        Feed { rows, refused: vec![] }
    }

    fn rules() -> Rules<'static> {
        Rules {
            sku_prefix: "AC-",
            brake_share: 0.5,
            max_rows: 100,
            override_brake: false,
            now: DateTime::from_timestamp(2_000_000_000, 0).unwrap_or_default(),
        }
    }

    /// The catalog after these rows alone.
    fn known(rows: &[FeedRow]) -> HashMap<String, Known> {
        let changes = diff(&HashMap::new(), feed(rows.to_vec()), &rules()).expect("changes");
        changes.added.into_iter().map(|product| (product.product_id, product.to)).collect()
    }

    #[test]
    fn only_what_changed_is_applied() {
        let before = known(&[row("a", None), row("b", None), row("c", None)]);
        let mut changed = row("b", None);
        changed.name = "Better".into();
        let changes =
            diff(&before, feed(vec![row("a", None), changed, row("d", None)]), &rules()).expect("changes");
        let ids = |products: &[Product]| products.iter().map(|p| p.product_id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (ids(&changes.added), ids(&changes.updated), ids(&changes.deactivated), changes.unchanged),
            (vec!["d".into()], vec!["b".into()], vec!["c".into()], 1)
        );
        assert_eq!(changes.added[0].to.sku, "AC-d");
    }

    #[test]
    fn a_deactivated_product_that_is_listed_again_is_active_again() {
        let mut before = known(&[row("a", None), row("b", None)]);
        before.get_mut("a").expect("a").active = false;
        let changes = diff(&before, feed(vec![row("a", None), row("b", None)]), &rules()).expect("changes");
        assert_eq!(changes.updated.len(), 1);
        assert!(changes.updated[0].to.active && changes.updated[0].listing_changed);
    }

    #[test]
    fn only_what_is_new_gone_or_back_is_a_change_of_listing() {
        let before = known(&[row("a", None), row("b", None), row("c", None)]);
        let mut sold_some = row("b", None);
        sold_some.stock = Some(0);
        let changes =
            diff(&before, feed(vec![row("a", None), sold_some, row("d", None)]), &rules()).expect("changes");
        let told = changes.added.iter().chain(&changes.updated).chain(&changes.delisted);
        let told: Vec<_> = told.map(|p| (p.to.sku.as_str(), p.to.active, p.listing_changed)).collect();
        assert_eq!(told, [("AC-d", true, true), ("AC-b", true, false), ("AC-c", false, true)]);
    }

    #[test]
    fn a_former_sku_is_delisted_unless_another_product_has_it_now() {
        let before = known(&[row("a", None), row("b", None), row("c", None)]);
        let renamed = |id: &str, sku: &str| FeedRow { supplier_sku: sku.into(), ..row(id, None) };
        let delisted = |rows: Vec<FeedRow>| {
            let changes = diff(&before, feed(rows), &rules()).expect("changes");
            assert!(changes.updated.iter().all(|product| product.listing_changed));
            let told = changes.delisted.into_iter();
            told.map(|p| (p.product_id, p.to.sku, p.to.active)).collect::<Vec<_>>()
        };
        let gone = ("a".to_owned(), "AC-a".to_owned(), false);
        assert_eq!(delisted(vec![renamed("a", "z"), row("b", None), row("c", None)]), [gone]);
        assert_eq!(delisted(vec![renamed("a", "b"), renamed("b", "a"), row("c", None)]), []);
        assert_eq!(delisted(vec![renamed("d", "a"), row("b", None), row("c", None)]), []);
    }

    #[test]
    fn an_empty_feed_brakes_whatever_is_known() {
        assert_eq!(diff(&HashMap::new(), feed(vec![]), &rules()), Err(Brake::Empty(None)));
        let lenient = Rules { override_brake: true, ..rules() };
        assert_eq!(diff(&known(&[row("a", None)]), feed(vec![]), &lenient), Err(Brake::Empty(None)));
    }

    #[test]
    fn most_rows_gone_brakes_unless_an_operator_says_it_is_right() {
        let before = known(&[row("a", None), row("b", None), row("c", None)]);
        let shrunk = || feed(vec![row("a", None)]);
        assert_eq!(diff(&before, shrunk(), &rules()), Err(Brake::MostGone { gone: 2, known: 3 }));
        let lenient = Rules { override_brake: true, ..rules() };
        assert_eq!(diff(&before, shrunk(), &lenient).expect("changes").deactivated.len(), 2);
    }

    #[test]
    fn an_older_row_changes_nothing_and_an_older_feed_fails() {
        let before = known(&[row("a", Some(100)), row("b", Some(100))]);
        let mut old = row("a", Some(50));
        old.name = "Old".into();
        assert_eq!(
            diff(&before, feed(vec![old.clone(), row("b", Some(100))]), &rules()),
            Err(Brake::Older(1))
        );
        let mixed = diff(&before, feed(vec![old, row("b", Some(200))]), &rules()).expect("changes");
        assert_eq!((mixed.updated.len(), mixed.unchanged), (1, 1));
    }

    #[test]
    fn a_stamp_from_far_in_the_future_is_not_believed() {
        let before = known(&[row("a", Some(9_000_000_000))]);
        assert_eq!(before["a"].stamp, None);
    }

    #[test]
    fn duplicate_rows_and_skus_are_refused_and_the_first_counts() {
        let mut twin = row("b", None);
        twin.supplier_sku = "a".into();
        let feed = feed(vec![row("a", None), row("a", Some(5)), twin]);
        let changes = diff(&HashMap::new(), feed, &rules()).expect("changes");
        assert_eq!((changes.added.len(), changes.refused.len()), (1, 2));
    }

    #[test]
    fn a_refused_row_keeps_its_product_and_an_unnamed_one_keeps_all() {
        let before = known(&[row("a", None), row("b", None), row("c", None)]);
        let refuse = |product_id: Option<&str>| Feed {
            rows: vec![row("c", None)],
            refused: vec![RefusedRow { product_id: product_id.map(Into::into), why: "bad".into() }],
        };
        let named = diff(&before, refuse(Some("a")), &rules()).expect("changes");
        assert_eq!(named.deactivated.iter().map(|p| p.product_id.as_str()).collect::<Vec<_>>(), ["b"]);
        assert!(diff(&before, refuse(None), &rules()).expect("changes").deactivated.is_empty());
    }
}

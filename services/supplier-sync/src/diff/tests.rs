//! The rules of a diff, one by one.

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

fn brakes_of(before: &HashMap<String, Known>, rows: Vec<FeedRow>) -> Vec<Brake> {
    diff(before, feed(rows), &rules()).expect("changes").brakes
}

#[test]
fn an_empty_feed_looks_wrong_whatever_is_known() {
    assert_eq!(brakes_of(&HashMap::new(), vec![]), [Brake::Empty(None)]);
    let changes = diff(&known(&[row("a", None)]), feed(vec![]), &rules()).expect("changes");
    assert_eq!((changes.brakes.as_slice(), changes.deactivated.len()), ([Brake::Empty(None)].as_slice(), 1));
    let why = "its price is odd";
    let refused = RefusedRow { product_id: Some("a".into()), why: why.into() };
    let feed = Feed { rows: vec![], refused: vec![refused] };
    let changes = diff(&known(&[row("a", None)]), feed, &rules()).expect("changes");
    assert_eq!((changes.brakes, changes.deactivated), (vec![Brake::Empty(Some(why.into()))], vec![]));
}

#[test]
fn most_rows_gone_look_wrong_and_half_of_them_do_not() {
    let before = known(&[row("a", None), row("b", None), row("c", None), row("d", None)]);
    assert_eq!(brakes_of(&before, vec![row("a", None), row("b", None)]), []);
    assert_eq!(brakes_of(&before, vec![row("a", None)]), [Brake::MostGone { gone: 3, known: 4 }]);
}

#[test]
fn other_skus_for_most_known_products_look_wrong() {
    let before = known(&[row("a", None), row("b", None), row("c", None)]);
    let renamed = |id: &str| FeedRow { supplier_sku: format!("new-{id}"), ..row(id, None) };
    assert_eq!(brakes_of(&before, vec![renamed("a"), row("b", None), row("c", None)]), []);
    let most = vec![renamed("a"), renamed("b"), row("c", None), row("new", None)];
    assert_eq!(brakes_of(&before, most), [Brake::SkusChanged { changed: 2, known: 3 }]);
    let prefixed = Rules { sku_prefix: "ours-", ..rules() };
    let rows = vec![row("a", None), row("b", None), row("c", None)];
    let ours = diff(&before, feed(rows), &prefixed).expect("changes");
    assert_eq!((ours.brakes, ours.updated.len()), (vec![], 3), "another prefix is ours to give");
}

#[test]
fn no_price_for_most_that_had_one_looks_wrong() {
    let priced = |id: &str| FeedRow { cost: Some(Decimal::ONE), ..row(id, None) };
    let before = known(&[priced("a"), priced("b"), priced("c"), row("d", None)]);
    assert_eq!(brakes_of(&before, vec![row("a", None), priced("b"), priced("c"), row("d", None)]), []);
    let most = vec![row("a", None), row("b", None), priced("c"), row("d", None)];
    assert_eq!(brakes_of(&before, most), [Brake::PricesGone { gone: 2, priced: 3 }]);
}

#[test]
fn a_digest_is_of_what_would_change_and_not_of_stock_or_order() {
    let before = known(&[row("a", Some(1)), row("b", Some(1)), row("c", Some(1))]);
    let digest = |rows: Vec<FeedRow>| diff(&before, feed(rows), &rules()).expect("changes").digest();
    let held = digest(vec![row("x", Some(2)), row("y", Some(2))]);
    let sold = FeedRow { stock: Some(0), ..row("x", Some(3)) };
    assert_eq!(digest(vec![row("y", Some(2)), sold]), held);
    let dearer = FeedRow { cost: Some(Decimal::TEN), ..row("x", Some(2)) };
    let other = [
        digest(vec![row("x", Some(2))]),
        digest(vec![row("x", Some(2)), row("y", Some(2)), row("z", Some(2))]),
        digest(vec![dearer, row("y", Some(2))]),
        digest(vec![row("a", Some(1)), row("x", Some(2)), row("y", Some(2))]),
    ];
    assert!(!other.contains(&held), "{held} {other:?}");
}

#[test]
fn a_digest_is_not_of_products_that_only_sold_something() {
    let before = known(&[row("a", Some(1)), row("b", Some(1)), row("c", Some(1))]);
    let digest = |a: FeedRow| {
        let changes = diff(&before, feed(vec![a, row("x", Some(2))]), &rules()).expect("changes");
        (changes.updated.len(), changes.digest())
    };
    let (updated, held) = digest(row("a", Some(1)));
    assert_eq!(updated, 0);
    let sold = FeedRow { stock: Some(0), ..row("a", Some(3)) };
    assert_eq!(digest(sold), (1, held.clone()));
    let renamed = FeedRow { name: "Other".into(), ..row("a", Some(3)) };
    assert_ne!(digest(renamed).1, held);
    let dearer = FeedRow { cost: Some(Decimal::TEN), ..row("a", Some(1)) };
    assert_ne!(digest(dearer).1, held);
}

#[test]
fn an_older_row_changes_nothing_and_an_older_feed_fails() {
    let before = known(&[row("a", Some(100)), row("b", Some(100))]);
    let mut old = row("a", Some(50));
    old.name = "Old".into();
    assert_eq!(
        diff(&before, feed(vec![old.clone(), row("b", Some(100))]), &rules()),
        Err(Unusable::Older(1))
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

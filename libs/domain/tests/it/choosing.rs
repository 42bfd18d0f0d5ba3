use domain::restock::{Listing, Offer, choose};

fn offer(supplier_id: &str, listing: Listing, cost: Option<i64>) -> Offer {
    Offer { supplier_id: supplier_id.to_owned(), listing, unit_cost: cost.map(Into::into) }
}

fn chosen<'a>(offers: &'a [Offer], preferred: &[&str]) -> Option<&'a str> {
    choose(offers, preferred).map(|offer| offer.supplier_id.as_str())
}

#[test]
fn the_preferred_supplier_is_asked_if_it_lists_the_item_whatever_it_costs() {
    let offers = [offer("cheap", Listing::Listed, Some(1)), offer("own", Listing::Listed, Some(9))];
    assert_eq!(chosen(&offers, &["own"]), Some("own"));
    assert_eq!(chosen(&offers, &["gone", "own"]), Some("own"), "the next one preferred");
}

#[test]
fn else_the_cheapest_who_lists_it_is_asked() {
    let offers = [
        offer("own", Listing::Delisted, Some(1)),
        offer("silent", Listing::Listed, None),
        offer("dear", Listing::Listed, Some(9)),
        offer("cheap", Listing::Listed, Some(5)),
    ];
    assert_eq!(chosen(&offers, &["own"]), Some("cheap"));
    assert_eq!(chosen(&offers[..2], &["own"]), Some("silent"));
    assert_eq!(chosen(&offers[..1], &["own"]), None, "nobody is asked for what it no longer lists");
}

#[test]
fn a_supplier_whose_catalog_says_nothing_is_asked_only_where_it_is_preferred() {
    let offers = [offer("own", Listing::Unknown, None), offer("stranger", Listing::Unknown, None)];
    assert_eq!(chosen(&offers, &["own"]), Some("own"));
    assert_eq!(chosen(&offers, &[]), None);
    let listed = [offers[0].clone(), offer("other", Listing::Listed, None)];
    assert_eq!(chosen(&listed, &["own"]), Some("other"), "who lists it is surer to have it");
}

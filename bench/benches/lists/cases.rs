//! What is asked for.

use ledger::{After, ItemFilter, ItemQuery, Order, Place, Range, SortKey, Standing};

/// A page for somebody who did not say how much.
const LIMIT: u64 = 100;

/// A question, and how it may be answered.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) asked: Asked,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Along an index.
    Along,
    /// By an index of its own, after a look along the order.
    Rare,
    /// A tenth of the items match, all in one place of the order.
    Many,
    /// By reading all items: no index may know it.
    Wide,
}

#[derive(Clone)]
pub(crate) enum Asked {
    Items(Box<ItemQuery>),
    Overview,
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let text = |text: &str| ItemFilter { text: Some(text.to_owned()), ..ItemFilter::default() };
    let owner = |owner: &str| ItemFilter { owner: Some(owner.to_owned()), ..ItemFilter::default() };
    let standing = |standing| ItemFilter { standings: vec![standing], ..ItemFilter::default() };
    let supplier = ItemFilter { supplier: Some("supplier-7".to_owned()), ..ItemFilter::default() };
    let short =
        || ItemFilter { standings: vec![Standing::LowStock, Standing::OutOfStock], ..ItemFilter::default() };
    let below_ten = Range { min: None, max: Some(9) };
    let little = ItemFilter { active_only: true, available: below_ten, ..ItemFilter::default() };
    let few = ItemFilter { available: Range { min: Some(2), max: Some(2) }, ..ItemFilter::default() };
    vec![
        case("by SKU", Kind::Along, all()),
        case("by SKU, deep", Kind::Along, deep(Place::Sku)),
        case("by name", Kind::Along, by(SortKey::Name)),
        case("by name, deep", Kind::Along, deep(Place::Name("red mug".to_owned()))),
        case("of an owner of half of them", Kind::Along, of(owner("large"))),
        case("of an owner of a thousandth", Kind::Along, of(owner("brand-7"))),
        case("of a supplier", Kind::Along, of(supplier)),
        case("in stock", Kind::Along, of(standing(Standing::InStock))),
        case("out of stock", Kind::Along, of(standing(Standing::OutOfStock))),
        case("inactive", Kind::Along, of(standing(Standing::Discontinued))),
        case("low stock, at the reorder point", Kind::Along, of(short())),
        case("low stock, below 10", Kind::Along, of(little)),
        case("text that a tenth has", Kind::Along, of(text("mug"))),
        case("text that one has", Kind::Rare, of(text("sku-0007777"))),
        case("text that none has", Kind::Rare, of(text("nothing like it"))),
        case("text that a tenth has, at the end", Kind::Many, of(text("sku-09"))),
        case("of exactly two units", Kind::Wide, of(few)),
        case("by available", Kind::Wide, by(SortKey::Available)),
        case("by available, deep", Kind::Wide, deep(Place::Available(500))),
        case("by the last change", Kind::Wide, by(SortKey::Updated)),
        Case { name: "overview", kind: Kind::Wide, asked: Asked::Overview },
    ]
}

fn case(name: &'static str, kind: Kind, query: ItemQuery) -> Case {
    Case { name, kind, asked: Asked::Items(Box::new(query)) }
}

fn all() -> ItemQuery {
    ItemQuery { limit: LIMIT, ..ItemQuery::default() }
}

fn of(filter: ItemFilter) -> ItemQuery {
    ItemQuery { filter, ..all() }
}

fn by(by: SortKey) -> ItemQuery {
    ItemQuery { order: Order { by, descending: false }, ..all() }
}

/// In the middle of the list.
fn deep(place: Place) -> ItemQuery {
    let key = match &place {
        Place::Sku => SortKey::Sku,
        Place::Name(_) => SortKey::Name,
        Place::Available(_) => SortKey::Available,
        Place::Updated(_) => SortKey::Updated,
    };
    ItemQuery { after: Some(After { place, sku: "SKU-0050000".to_owned() }), ..by(key) }
}

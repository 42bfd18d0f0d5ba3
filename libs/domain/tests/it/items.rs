use domain::{Delta, Identity, ItemId, ItemPatch, Name, Quantity, Refusal, Sku, require_version};
use uuid::Uuid;

use crate::story::*;

const NEW: ItemId = ItemId(Uuid::from_u128(3));

fn sku(text: &str) -> Sku {
    text.to_owned().try_into().unwrap()
}

#[test]
fn an_item_begins_at_version_one_and_each_change_adds_one() {
    let fresh = Identity { id: NEW, sku: sku("POT"), product_id: sku("pot"), ..identity(TEA) };
    let story = given([create(fresh)]);
    assert_eq!(story.version(NEW), 1);
    assert_eq!(given([received(1), hold(A, 1)]).version(TEA), 3);
}

#[test]
fn a_sku_and_a_variant_of_a_product_are_taken_once() {
    let same_sku = Identity { id: NEW, product_id: sku("other"), ..identity(TEA) };
    given([]).when(create(same_sku)).refused(Refusal::SkuTaken { sku: "TEA".to_owned() });
    let same_product = Identity { id: NEW, sku: sku("OTHER"), ..identity(TEA) };
    given([]).when(create(same_product)).refused(Refusal::ProductTaken { product_id: "tea".to_owned() });
    let variant = Identity { id: NEW, sku: sku("TEA-XL"), variant_id: Some(sku("xl")), ..identity(TEA) };
    given([]).when(create(variant)).happens();
}

#[test]
fn a_name_stands_for_one_product() {
    let product_like_a_sku = Identity { id: NEW, sku: sku("NEW"), product_id: sku("TEA"), ..identity(TEA) };
    given([])
        .when(create(product_like_a_sku))
        .refused(Refusal::ProductTaken { product_id: "TEA".to_owned() });
    let sku_like_a_product = Identity { id: NEW, sku: sku("tea"), product_id: sku("new"), ..identity(TEA) };
    given([]).when(create(sku_like_a_product)).refused(Refusal::SkuTaken { sku: "tea".to_owned() });
    let sku_like_its_product = Identity { id: NEW, sku: sku("new"), product_id: sku("new"), ..identity(TEA) };
    given([]).when(create(sku_like_its_product)).happens();
}

#[test]
fn an_update_changes_what_it_names_and_keeps_the_rest() {
    let patch = ItemPatch { reorder_point: Some(9), ..ItemPatch::default() };
    let story = given([update(patch.clone())]);
    let attributes = &story.stock.items[&TEA].attributes;
    assert_eq!((attributes.reorder_point, attributes.reorder_quantity), (9, 20));
    story.when(update(patch)).changes_nothing();
}

#[test]
fn a_reorder_point_is_a_count() {
    let patch = ItemPatch { reorder_point: Some(-1), ..ItemPatch::default() };
    given([])
        .when(update(patch))
        .refused(Refusal::ReorderOutOfRange { field: "reorder_point".to_owned(), value: -1 });
}

#[test]
fn a_change_against_a_stale_version_is_refused() {
    let story = given([received(1)]);
    assert_eq!(require_version(&story.stock, TEA, 2), Ok(()));
    assert_eq!(require_version(&story.stock, TEA, 1), Err(Refusal::VersionStale { expected: 1, actual: 2 }));
}

#[test]
fn a_sku_is_short_visible_ascii() {
    let long = "x".repeat(101);
    for bad in ["", " ", "a b", "a\0", "ä", "a\n", "\u{202e}a", "аbc", long.as_str()] {
        assert!(Sku::try_from(bad.to_owned()).is_err(), "{bad:?} was taken for an SKU");
    }
    assert!(Sku::try_from("ab_20x20_white".to_owned()).is_ok());
}

#[test]
fn a_name_has_no_control_characters_and_no_blanks_around_it() {
    for bad in ["", " a", "a ", "a\0b", "a\tb"] {
        assert!(Name::try_from(bad.to_owned()).is_err(), "{bad:?} was taken for a name");
    }
    assert!(Name::try_from("Grüner Tee".to_owned()).is_ok());
}

#[test]
fn a_quantity_is_a_whole_number_from_one_to_a_million_million() {
    for bad in [0, -1, i64::MIN, 1_000_000_000_001, i64::MAX] {
        assert!(Quantity::try_from(bad).is_err(), "{bad} was taken for a quantity");
    }
    assert!(Delta::try_from(0).is_err());
    assert!(Delta::try_from(i64::MIN).is_err());
    assert_eq!(Delta::try_from(-3).unwrap().size().get(), 3);
}

#[test]
fn what_is_asked_of_an_item_names_it() {
    assert_eq!(received(1).items(), [TEA]);
    assert_eq!(confirm(A).hold(), Some(A));
    assert_eq!(extend(A, 1).hold(), Some(A));
    assert_eq!(count(TEA, 4, Some(7)).stocktake(), Some((TEA, MAIN, 7)));
    assert_eq!(ship(&[(TEA, 1), (CUP, 2)]).items(), [TEA, CUP]);
    assert_eq!(receive_all().transfer(), Some(T));
    assert_eq!(ship(&[(TEA, 1)]).transfer(), None);
}

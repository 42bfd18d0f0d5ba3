use domain::{Command, MAX_UNITS, Outside, Place, Refusal, Shelf, State};

use crate::story::*;

fn returned(location: Option<domain::LocationId>, units: i64, into: Shelf) -> Command {
    Command::Return { item: TEA, location, quantity: quantity(units), into }
}

#[test]
fn a_return_comes_from_the_customer_onto_the_shelf_that_was_named() {
    let story = given([]);
    let events =
        domain::decide(&story.stock, &returned(Some(BACK), 2, Shelf::QualityControl), at(0)).unwrap();
    let movement = events[0].change.movement().unwrap();
    assert_eq!(movement.from, Place::Outside(Outside::Customer));
    assert_eq!(movement.to, Place::At(BACK, State::QualityControl));
    let story = story.when(returned(Some(BACK), 2, Shelf::QualityControl)).happens();
    assert_eq!((story.level(TEA, BACK).quality_control, story.totals(TEA).0), (2, 0));
}

#[test]
fn a_return_without_a_location_goes_to_the_first_open_one() {
    let story = given([]).when(returned(None, 2, Shelf::Available)).happens();
    assert_eq!(story.level(TEA, MAIN).available, 2);
}

#[test]
fn nothing_is_returned_to_a_closed_location() {
    given([])
        .when(returned(Some(SHUT), 1, Shelf::Damaged))
        .refused(Refusal::LocationInactive { location: "shut".to_owned() });
}

#[test]
fn a_return_passes_no_largest_count() {
    given([received(MAX_UNITS)])
        .when(returned(None, 1, Shelf::Damaged))
        .refused(Refusal::TooMuch { sku: "TEA".to_owned() });
}

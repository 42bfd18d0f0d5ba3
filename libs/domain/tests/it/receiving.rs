use domain::{Command, LocationId, MAX_UNITS, Refusal, Shelf};
use uuid::Uuid;

use crate::story::*;

#[test]
fn goods_without_a_location_go_to_the_first_open_one() {
    let receive = Command::Receive {
        item: TEA,
        location: None,
        quantity: quantity(4),
        expected: false,
        into: Shelf::Available,
    };
    let story = given([]).when(receive).happens();
    assert_eq!(story.level(TEA, MAIN).available, 4);
}

#[test]
fn goods_are_not_put_into_a_closed_or_unknown_location() {
    given([]).when(received_at(SHUT, 1)).refused(Refusal::LocationInactive { location: "shut".to_owned() });
    let nowhere = LocationId(Uuid::from_u128(99));
    given([]).when(received_at(nowhere, 1)).refused(Refusal::LocationUnknown { location: nowhere });
}

#[test]
fn what_was_expected_arrives_out_of_incoming() {
    let story = given([expected(10)]).when(arrive(4)).happens();
    assert_eq!(story.totals(TEA), (4, 0, 6));
}

#[test]
fn more_than_was_expected_is_received_all_the_same() {
    let story = given([expected(10)]).when(arrive(12)).happens();
    assert_eq!(story.totals(TEA), (12, 0, 0));
}

#[test]
fn what_is_expected_is_not_on_hand() {
    let story = given([received(2)]).when(expected(10)).happens();
    assert_eq!(story.level(TEA, MAIN).on_hand(), 2);
}

#[test]
fn what_will_not_come_is_no_longer_expected() {
    let unexpect = Command::Unexpect { item: TEA, quantity: quantity(25) };
    let story = given([expected(10)]).when(unexpect).happens();
    assert_eq!(story.totals(TEA), (0, 0, 0));
}

#[test]
fn no_level_passes_the_largest_count() {
    given([received(MAX_UNITS)]).when(received(1)).refused(Refusal::TooMuch { sku: "TEA".to_owned() });
    given([received(MAX_UNITS)]).when(expected(1)).refused(Refusal::TooMuch { sku: "TEA".to_owned() });
    given([expected(MAX_UNITS)]).when(arrive(MAX_UNITS)).happens();
}

#[test]
fn an_unknown_item_receives_nothing() {
    let item = domain::ItemId(Uuid::from_u128(99));
    let receive = Command::Receive {
        item,
        location: None,
        quantity: quantity(4),
        expected: false,
        into: Shelf::Available,
    };
    given([]).when(receive).refused(Refusal::ItemUnknown);
}

#[test]
fn what_arrives_damaged_or_unseen_is_on_hand_and_not_available() {
    let receive =
        |quantity, expected, into| Command::Receive { item: TEA, location: None, quantity, expected, into };
    let story = given([
        expected(3),
        receive(quantity(2), true, Shelf::Damaged),
        receive(quantity(4), true, Shelf::QualityControl),
    ]);
    let level = story.level(TEA, MAIN);
    assert_eq!((level.available, level.damaged, level.quality_control, level.incoming), (0, 2, 4, 0));
    assert_eq!(level.on_hand(), 6);
}

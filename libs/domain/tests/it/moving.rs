use domain::{Command, LocationId, Refusal, Shelf};

use crate::story::*;

fn not_enough(requested: i64, available: i64) -> Refusal {
    Refusal::NotEnough { sku: "TEA".to_owned(), requested, available }
}

#[test]
fn what_is_found_damaged_can_no_longer_be_promised() {
    let story = given([received(5), moved(Shelf::Available, Shelf::Damaged, 2)]);
    let level = story.level(TEA, MAIN);
    assert_eq!((level.available, level.damaged, level.on_hand()), (3, 2, 5));
    story.when(hold(A, 4)).refused(not_enough(4, 3));
}

#[test]
fn what_passed_its_check_can_be_promised() {
    let story = given([
        received(5),
        moved(Shelf::Available, Shelf::QualityControl, 5),
        moved(Shelf::QualityControl, Shelf::Available, 4),
        hold(A, 4),
    ]);
    assert_eq!((story.level(TEA, MAIN).reserved, story.level(TEA, MAIN).quality_control), (4, 1));
}

#[test]
fn more_than_there_is_in_a_state_is_not_moved_out_of_it() {
    given([received(5)]).when(moved(Shelf::Damaged, Shelf::Available, 1)).refused(not_enough(1, 0));
}

#[test]
fn what_is_promised_is_not_moved() {
    given([received(5), hold(A, 4)])
        .when(moved(Shelf::Available, Shelf::Damaged, 2))
        .refused(not_enough(2, 1));
}

#[test]
fn a_move_into_the_same_state_is_refused() {
    for shelf in [Shelf::Available, Shelf::Damaged, Shelf::QualityControl] {
        given([received(5)]).when(moved(shelf, shelf, 1)).refused(Refusal::MoveToItself);
    }
}

#[test]
fn a_move_at_an_unknown_location_is_refused() {
    let location = LocationId(uuid::Uuid::from_u128(99));
    let quantity = quantity(1);
    given([received(5)])
        .when(Command::Move { item: TEA, location, from: Shelf::Available, to: Shelf::Damaged, quantity })
        .refused(Refusal::LocationUnknown { location });
}

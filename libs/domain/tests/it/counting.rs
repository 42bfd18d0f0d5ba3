use domain::{Command, LocationId, MAX_UNITS, Refusal, Shelf};

use crate::story::*;

fn count_damaged(counted: i64) -> Command {
    Command::Stocktake { item: TEA, location: MAIN, shelf: Shelf::Damaged, counted, version: None }
}

#[test]
fn a_count_corrects_the_books_up_and_down() {
    let story = given([received(5), count(TEA, 7, None)]);
    assert_eq!(story.level(TEA, MAIN).available, 7);
    let story = story.when(count(TEA, 4, None)).happens();
    assert_eq!(story.level(TEA, MAIN).available, 4);
}

#[test]
fn a_count_that_agrees_with_the_books_changes_nothing() {
    given([received(5)]).when(count(TEA, 5, None)).changes_nothing();
    given([]).when(count(TEA, 0, None)).changes_nothing();
}

#[test]
fn what_was_sold_since_the_count_stays_sold() {
    let story = given([received(10)]).seen(TEA).when(hold(A, 3)).happens();
    let story = story.when(confirm(A)).happens().when(count(TEA, 9, Some(2))).happens();
    assert_eq!(story.level(TEA, MAIN).on_hand(), 6);
}

#[test]
fn what_came_in_since_the_count_is_not_counted_away() {
    let story = given([received(10)]).seen(TEA).when(received(5)).happens();
    let story = story.when(count(TEA, 9, Some(2))).happens();
    assert_eq!(story.level(TEA, MAIN).available, 14);
}

// erpnext#49382
#[test]
fn open_holds_do_not_stand_in_the_way_of_a_count() {
    given([received(10), hold(A, 8)]).when(count(TEA, 10, None)).changes_nothing();
    let story = given([received(10), hold(A, 8)]).when(count(TEA, 9, None)).happens();
    assert_eq!(story.totals(TEA), (1, 8, 0));
}

#[test]
fn holds_outlive_a_count() {
    let story = given([received(10), hold(A, 8), count(TEA, 20, None), confirm(A)]);
    assert_eq!(story.totals(TEA), (12, 0, 0));
}

#[test]
fn what_is_promised_is_not_counted_away() {
    given([received(10), hold(A, 8)]).when(count(TEA, 5, None)).refused(Refusal::CountHeld {
        sku: "TEA".to_owned(),
        missing: 5,
        available: 2,
        reserved: 8,
    });
}

#[test]
fn what_was_sold_and_counted_missing_is_not_taken_twice() {
    let story = given([received(10)]).seen(TEA).when(adjust(-9)).happens();
    story.when(count(TEA, 7, Some(2))).refused(Refusal::NotEnough {
        sku: "TEA".to_owned(),
        requested: 3,
        available: 1,
    });
}

#[test]
fn two_who_count_against_the_same_books_correct_them_once() {
    let story = given([received(10)]).seen(TEA).when(count(TEA, 8, Some(2))).happens();
    let story = story.when(count(TEA, 8, Some(2))).changes_nothing();
    let story = story.when(count(TEA, 9, Some(2))).happens();
    assert_eq!(story.level(TEA, MAIN).available, 9);
}

#[test]
fn damaged_units_are_counted_apart() {
    let story = given([received(10), moved(Shelf::Available, Shelf::Damaged, 4), count_damaged(1)]);
    assert_eq!((story.level(TEA, MAIN).available, story.level(TEA, MAIN).damaged), (6, 1));
    story.when(count_damaged(0)).happens();
}

#[test]
fn a_count_against_the_present_version_needs_no_past() {
    let story = given([received(10)]).when(count(TEA, 9, Some(2))).happens();
    assert_eq!(story.level(TEA, MAIN).available, 9);
}

#[test]
fn a_count_against_a_version_that_nobody_knows_is_refused() {
    for expected in [-1, 0, 1, 3, i64::MAX] {
        given([received(10)])
            .when(count(TEA, 9, Some(expected)))
            .refused(Refusal::VersionUnknown { expected, actual: 2 });
    }
}

#[test]
fn a_count_is_from_none_to_the_largest_count() {
    for counted in [-1, MAX_UNITS + 1, i64::MIN, i64::MAX] {
        given([]).when(count(TEA, counted, None)).refused(Refusal::CountOutOfRange { counted });
    }
    given([expected(1)])
        .when(count(TEA, MAX_UNITS, None))
        .refused(Refusal::TooMuch { sku: "TEA".to_owned() });
    given([]).when(count(TEA, MAX_UNITS, None)).happens();
}

#[test]
fn a_count_at_an_unknown_location_is_refused_and_one_at_a_closed_location_is_not() {
    let count_at = |location| Command::Stocktake {
        item: TEA,
        location,
        shelf: Shelf::Available,
        counted: 3,
        version: None,
    };
    let nowhere = LocationId(uuid::Uuid::from_u128(99));
    given([]).when(count_at(nowhere)).refused(Refusal::LocationUnknown { location: nowhere });
    given([]).when(count_at(SHUT)).happens();
}

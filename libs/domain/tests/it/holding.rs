use domain::{Command, ItemPatch, Line, MAX_HOLD_SECONDS, MAX_LINES, Refusal};

use crate::story::*;

fn not_enough(requested: i64, available: i64) -> Refusal {
    Refusal::NotEnough { sku: "TEA".to_owned(), requested, available }
}

#[test]
fn a_hold_moves_units_from_available_to_reserved() {
    let story = given([received(5)]).when(hold(A, 3)).happens();
    assert_eq!(story.totals(TEA), (2, 3, 0));
    assert_eq!(story.level(TEA, MAIN).on_hand(), 5);
}

#[test]
fn nobody_holds_what_is_not_available() {
    given([received(5), hold(A, 3)]).when(hold(B, 3)).refused(not_enough(3, 2));
}

// medusa#16502
#[test]
fn the_same_item_in_two_lines_is_counted_twice() {
    let lines = vec![line(TEA, 3), line(TEA, 3)];
    given([received(5)]).when(Command::Reserve { hold: A, lines, seconds: TTL }).refused(not_enough(3, 2));
}

#[test]
fn a_hold_is_all_lines_or_none() {
    let lines = vec![line(TEA, 3), line(CUP, 1)];
    given([received(5)])
        .when(Command::Reserve { hold: A, lines, seconds: TTL })
        .refused(Refusal::NotEnough { sku: "CUP".to_owned(), requested: 1, available: 0 });
}

// medusa#10658, vendure#4030, vendure#3508
#[test]
fn a_hold_without_a_location_takes_from_each_by_priority_and_never_more_than_it_has() {
    let story = given([received_at(BACK, 4), received_at(MAIN, 3)]).when(hold(A, 5)).happens();
    assert_eq!((story.level(TEA, MAIN).reserved, story.level(TEA, BACK).reserved), (3, 2));
}

#[test]
fn a_hold_with_a_location_takes_from_there_alone() {
    let lines = vec![Line { location: Some(BACK), ..line(TEA, 2) }];
    given([received_at(MAIN, 9), received_at(BACK, 1)])
        .when(Command::Reserve { hold: A, lines, seconds: TTL })
        .refused(not_enough(2, 1));
}

#[test]
fn nothing_is_promised_from_a_closed_location() {
    let lines = vec![Line { location: Some(SHUT), ..line(TEA, 1) }];
    given([received(5)])
        .when(Command::Reserve { hold: A, lines, seconds: TTL })
        .refused(Refusal::LocationInactive { location: "shut".to_owned() });
}

#[test]
fn an_inactive_item_is_not_promised() {
    let retire = update(ItemPatch { active: Some(false), ..ItemPatch::default() });
    given([received(5), retire]).when(hold(A, 1)).refused(Refusal::ItemInactive { sku: "TEA".to_owned() });
}

#[test]
fn a_hold_has_at_least_one_line_and_a_bounded_number() {
    let reserve = |lines| Command::Reserve { hold: A, lines, seconds: TTL };
    given([]).when(reserve(vec![])).refused(Refusal::NoLines);
    let many = vec![line(TEA, 1); MAX_LINES + 1];
    given([]).when(reserve(many)).refused(Refusal::TooManyLines { lines: MAX_LINES + 1 });
}

#[test]
fn a_hold_lasts_some_time_and_not_for_ever() {
    for seconds in [0, -1, MAX_HOLD_SECONDS + 1, i64::MAX] {
        given([received(5)])
            .when(Command::Reserve { hold: A, lines: vec![line(TEA, 1)], seconds })
            .refused(Refusal::DurationOutOfRange { seconds });
    }
}

#[test]
fn a_hold_is_made_once() {
    given([received(5), hold(A, 1)]).when(hold(A, 1)).refused(Refusal::HoldTaken { hold: A });
}

#[test]
fn confirming_hands_the_units_over_once() {
    let story = given([received(5), hold(A, 3), confirm(A)]).when(confirm(A)).changes_nothing();
    assert_eq!(story.totals(TEA), (2, 0, 0));
}

#[test]
fn cancelling_gives_the_units_back_once() {
    let story = given([received(5), hold(A, 3), Command::Cancel { hold: A }])
        .when(Command::Cancel { hold: A })
        .changes_nothing();
    assert_eq!(story.totals(TEA), (5, 0, 0));
}

// medusa#12401
#[test]
fn what_is_reserved_is_given_up_once_however_a_hold_ends() {
    for first in [confirm(A), Command::Cancel { hold: A }] {
        let mut story = given([received(5), hold(A, 3), hold(B, 2), first]);
        for again in [confirm(A), Command::Cancel { hold: A }, Command::Expire { hold: A }] {
            story = story.when(again).either_way();
            assert_eq!(story.level(TEA, MAIN).reserved, 2);
        }
    }
}

#[test]
fn a_confirmed_hold_is_not_cancelled_and_a_cancelled_one_not_confirmed() {
    given([received(5), hold(A, 3), confirm(A)])
        .when(Command::Cancel { hold: A })
        .refused(Refusal::HoldConfirmed { hold: A });
    given([received(5), hold(A, 3), Command::Cancel { hold: A }])
        .when(confirm(A))
        .refused(Refusal::HoldCancelled { hold: A });
}

#[test]
fn an_unknown_hold_is_neither_confirmed_nor_cancelled() {
    given([]).when(confirm(A)).refused(Refusal::HoldUnknown { hold: A });
    given([]).when(Command::Cancel { hold: A }).refused(Refusal::HoldUnknown { hold: A });
}

// vendure#3509
#[test]
fn a_hold_binds_until_its_time_is_up_and_not_a_moment_longer() {
    given([received(5), hold(A, 5)]).after(TTL - 1).when(hold(B, 1)).refused(not_enough(1, 0));
    given([received(5), hold(A, 5)]).after(TTL).when(hold(B, 5)).happens();
}

#[test]
fn an_expired_hold_is_neither_confirmed_nor_cancelled() {
    let story = || given([received(5), hold(A, 3)]).after(TTL);
    story().when(confirm(A)).refused(Refusal::HoldExpired { hold: A });
    story().when(Command::Cancel { hold: A }).refused(Refusal::HoldExpired { hold: A });
    let story = story().when(Command::Expire { hold: A }).changes_nothing();
    assert_eq!(story.totals(TEA), (5, 0, 0));
}

#[test]
fn a_hold_is_not_expired_before_its_time() {
    given([received(5), hold(A, 3)])
        .when(Command::Expire { hold: A })
        .refused(Refusal::HoldStillBinds { hold: A });
}

#[test]
fn a_hold_over_two_locations_is_confirmed_at_both() {
    let story = given([received_at(MAIN, 3), received_at(BACK, 4), hold(A, 5)]).when(confirm(A)).happens();
    assert_eq!((story.level(TEA, MAIN).on_hand(), story.level(TEA, BACK).on_hand()), (0, 2));
}

use domain::{Command, ItemId, Line, LocationId, MAX_LINES, MAX_UNITS, Refusal, Shelf};
use uuid::Uuid;

use crate::story::*;

fn not_enough(requested: i64, available: i64) -> Refusal {
    Refusal::NotEnough { sku: "TEA".to_owned(), requested, available }
}

fn ship_between(from: LocationId, to: LocationId) -> Command {
    Command::Ship { transfer: T, from, to, lines: shipped(&[(TEA, 1)]) }
}

/// `(shipped, received, lost, outstanding)` of an item on the transfer.
fn line_of(story: &Story, item: ItemId) -> (i64, i64, i64, i64) {
    let line = story.stock.transfers[&T].lines.iter().find(|line| line.item == item).unwrap();
    (line.shipped, line.received, line.lost, line.outstanding())
}

#[test]
fn goods_in_transit_are_counted_once_and_promised_by_nobody() {
    let story = given([received(5), ship(&[(TEA, 3)])]);
    let (main, back) = (story.level(TEA, MAIN), story.level(TEA, BACK));
    assert_eq!((main.available, main.on_hand(), main.in_transit), (2, 2, 0));
    assert_eq!((back.available, back.on_hand(), back.in_transit, back.incoming), (0, 0, 3, 0));
    story.when(hold(A, 3)).refused(not_enough(3, 2));
}

#[test]
fn what_was_shipped_is_received_once() {
    let story = given([received(5), ship(&[(TEA, 3)]), receive_all()]).when(receive_all()).changes_nothing();
    assert_eq!((story.level(TEA, BACK).available, story.level(TEA, BACK).in_transit), (3, 0));
    assert_eq!(line_of(&story, TEA), (3, 3, 0, 0));
}

#[test]
fn a_transfer_arrives_in_parts_and_the_rest_may_be_lost() {
    let story = given([
        received(9),
        ship(&[(TEA, 6)]),
        receive_part(&[(TEA, 1)]),
        receive_part(&[(TEA, 1), (TEA, 1)]),
        lose(Some(&[(TEA, 2)])),
    ]);
    assert_eq!(line_of(&story, TEA), (6, 3, 2, 1));
    let story = story.when(lose(None)).happens().when(lose(None)).changes_nothing();
    assert_eq!(line_of(&story, TEA), (6, 3, 3, 0));
    assert_eq!((story.level(TEA, BACK).available, story.level(TEA, BACK).in_transit), (3, 0));
}

#[test]
fn what_arrives_of_a_transfer_may_be_damaged() {
    let into = Shelf::Damaged;
    let story = given([
        received(5),
        ship(&[(TEA, 3)]),
        Command::ReceiveTransfer { transfer: T, lines: Some(shipped(&[(TEA, 1)])), into },
        receive_all(),
    ]);
    assert_eq!((story.level(TEA, BACK).available, story.level(TEA, BACK).damaged), (2, 1));
}

#[test]
fn no_more_arrives_or_is_lost_than_was_shipped() {
    let exceeded =
        |requested, outstanding| Refusal::TransferExceeded { sku: "TEA".to_owned(), requested, outstanding };
    let story = || given([received(9), ship(&[(TEA, 3)]), receive_part(&[(TEA, 1)])]);
    story().when(receive_part(&[(TEA, 3)])).refused(exceeded(3, 2));
    story().when(lose(Some(&[(TEA, 3)]))).refused(exceeded(3, 2));
    // medusa#16502: line by line each would pass.
    story().when(receive_part(&[(TEA, 1), (TEA, 2)])).refused(exceeded(3, 2));
    story().when(receive_all()).happens().when(receive_part(&[(TEA, 1)])).refused(exceeded(1, 0));
}

#[test]
fn only_what_is_available_at_the_location_is_shipped_from_it() {
    given([received(5), received_at(BACK, 9), hold(A, 3)]).when(ship(&[(TEA, 3)])).refused(not_enough(3, 2));
}

// medusa#16502
#[test]
fn the_same_item_in_two_lines_of_a_transfer_is_added_up() {
    given([received(5)]).when(ship(&[(TEA, 3), (TEA, 3)])).refused(not_enough(6, 5));
    let story = given([received(5), ship(&[(TEA, 3), (TEA, 2)])]);
    assert_eq!(story.stock.transfers[&T].lines.len(), 1);
    assert_eq!(line_of(&story, TEA), (5, 0, 0, 5));
}

#[test]
fn a_transfer_is_all_lines_or_none() {
    given([received(5)]).when(ship(&[(TEA, 3), (CUP, 1)])).refused(Refusal::NotEnough {
        sku: "CUP".to_owned(),
        requested: 1,
        available: 0,
    });
    given([received(5), ship(&[(TEA, 3)])])
        .when(receive_part(&[(TEA, 1), (CUP, 1)]))
        .refused(Refusal::TransferLineUnknown { transfer: T, item: CUP });
}

#[test]
fn a_transfer_to_itself_is_refused() {
    given([received(5)]).when(ship_between(MAIN, MAIN)).refused(Refusal::TransferToItself);
}

#[test]
fn a_closed_location_is_emptied_and_not_filled() {
    let mut story = given([received(5)])
        .when(ship_between(MAIN, SHUT))
        .refused(Refusal::LocationInactive { location: "shut".to_owned() });
    let closed = |at: &domain::Location| domain::Location { active: at.id == BACK, ..at.clone() };
    story.stock.locations = story.stock.locations.iter().map(closed).collect();
    story.when(ship_between(MAIN, BACK)).happens();
}

#[test]
fn what_was_shipped_arrives_at_a_location_that_was_closed_since() {
    let mut story = given([received(5), ship(&[(TEA, 3)])]);
    let closed = |at: &domain::Location| domain::Location { active: at.id == MAIN, ..at.clone() };
    story.stock.locations = story.stock.locations.iter().map(closed).collect();
    let story = story.when(receive_all()).happens();
    assert_eq!(story.level(TEA, BACK).available, 3);
    let lines = vec![Line { location: Some(BACK), ..line(TEA, 1) }];
    story
        .when(Command::Reserve { hold: A, lines, seconds: TTL })
        .refused(Refusal::LocationInactive { location: "back".to_owned() });
}

#[test]
fn a_transfer_has_at_least_one_line_and_a_bounded_number() {
    let many = vec![(TEA, 1); MAX_LINES + 1];
    let too_many = || Refusal::TooManyLines { lines: MAX_LINES + 1 };
    for command in [ship(&[]), receive_part(&[]), lose(Some(&[]))] {
        given([]).when(command).refused(Refusal::NoLines);
    }
    for command in [ship(&many), receive_part(&many), lose(Some(&many))] {
        given([]).when(command).refused(too_many());
    }
    given([received(MAX_UNITS)]).when(ship(&vec![(TEA, 1); MAX_LINES])).happens();
}

#[test]
fn a_transfer_is_made_once_and_an_unknown_one_neither_received_nor_lost() {
    given([received(5), ship(&[(TEA, 1)])])
        .when(ship(&[(TEA, 1)]))
        .refused(Refusal::TransferTaken { transfer: T });
    for command in [receive_all(), lose(None)] {
        given([]).when(command).refused(Refusal::TransferUnknown { transfer: T });
    }
    let other = Command::Ship { transfer: U, from: MAIN, to: BACK, lines: shipped(&[(TEA, 1)]) };
    given([received(5), ship(&[(TEA, 1)])]).when(other).happens();
}

#[test]
fn an_unknown_item_or_location_is_not_shipped() {
    let nobody = ItemId(Uuid::from_u128(99));
    given([received(5)]).when(ship(&[(nobody, 1)])).refused(Refusal::ItemUnknown);
    let nowhere = LocationId(Uuid::from_u128(99));
    given([received(5)])
        .when(ship_between(nowhere, BACK))
        .refused(Refusal::LocationUnknown { location: nowhere });
    given([received(5)])
        .when(ship_between(MAIN, nowhere))
        .refused(Refusal::LocationUnknown { location: nowhere });
}

#[test]
fn what_is_in_transit_counts_towards_the_largest_count() {
    given([received(MAX_UNITS), ship(&[(TEA, MAX_UNITS)])])
        .when(received(1))
        .refused(Refusal::TooMuch { sku: "TEA".to_owned() });
}

use domain::{Command, HoldStatus, ItemId, MAX_HOLD_SECONDS, MAX_LINES, Refusal};

use crate::story::*;

fn too_large(requested: i64, held: i64) -> Refusal {
    Refusal::PartTooLarge { sku: "TEA".to_owned(), requested, held }
}

fn status(story: &Story) -> HoldStatus {
    story.stock.holds[&A].status()
}

#[test]
fn a_part_is_handed_over_and_the_rest_stays_held() {
    let story = given([received(9), hold(A, 5), confirm_part(A, &[(TEA, 2)])]);
    assert_eq!(story.totals(TEA), (4, 3, 0));
    assert_eq!(status(&story), HoldStatus::Open);
    let story = story.when(confirm_part(A, &[(TEA, 3)])).happens();
    assert_eq!(story.totals(TEA), (4, 0, 0));
    assert_eq!(status(&story), HoldStatus::Confirmed);
}

#[test]
fn confirming_after_a_part_hands_over_what_is_left_and_then_nothing() {
    let story = given([received(9), hold(A, 5), confirm_part(A, &[(TEA, 2)]), confirm(A)]);
    assert_eq!(story.totals(TEA), (4, 0, 0));
    story.when(confirm(A)).changes_nothing();
}

#[test]
fn a_part_is_spread_over_the_lines_of_the_hold_in_their_order() {
    let story = given([received_at(MAIN, 3), received_at(BACK, 4), hold(A, 5)]);
    let story = story.when(confirm_part(A, &[(TEA, 4)])).happens();
    assert_eq!((story.level(TEA, MAIN).reserved, story.level(TEA, BACK).reserved), (0, 1));
    let statuses: Vec<_> = story.stock.holds[&A].lines.iter().map(|line| line.status).collect();
    assert_eq!(statuses, [HoldStatus::Confirmed, HoldStatus::Open]);
}

#[test]
fn a_part_is_no_larger_than_what_is_still_held() {
    given([received(9), hold(A, 5)]).when(confirm_part(A, &[(TEA, 6)])).refused(too_large(6, 5));
    given([received(9), hold(A, 5), confirm_part(A, &[(TEA, 2)])])
        .when(confirm_part(A, &[(TEA, 4)]))
        .refused(too_large(4, 3));
}

// medusa#16502
#[test]
fn the_same_item_in_two_lines_of_a_part_is_added_up() {
    given([received(9), hold(A, 5)]).when(confirm_part(A, &[(TEA, 3), (TEA, 3)])).refused(too_large(6, 5));
    let story = given([received(9), hold(A, 5), confirm_part(A, &[(TEA, 3), (TEA, 2)])]);
    assert_eq!(status(&story), HoldStatus::Confirmed);
}

#[test]
fn a_part_of_what_is_not_held_is_refused_with_all_its_lines() {
    let nobody = ItemId(uuid::Uuid::from_u128(99));
    for item in [CUP, nobody] {
        let story = given([received(9), hold(A, 5)])
            .when(confirm_part(A, &[(TEA, 1), (item, 1)]))
            .refused(Refusal::HoldLineUnknown { hold: A, item });
        assert_eq!(story.totals(TEA), (4, 5, 0));
    }
}

#[test]
fn a_part_has_at_least_one_line_and_a_bounded_number() {
    given([received(9), hold(A, 5)]).when(confirm_part(A, &[])).refused(Refusal::NoLines);
    given([received(9), hold(A, 5)])
        .when(confirm_part(A, &vec![(TEA, 1); MAX_LINES + 1]))
        .refused(Refusal::TooManyLines { lines: MAX_LINES + 1 });
}

#[test]
fn nothing_more_is_handed_over_of_a_hold_that_has_ended() {
    let part = || confirm_part(A, &[(TEA, 1)]);
    given([received(9), hold(A, 5), confirm(A)]).when(part()).refused(Refusal::HoldConfirmed { hold: A });
    let cancel = Command::Cancel { hold: A };
    given([received(9), hold(A, 5), cancel]).when(part()).refused(Refusal::HoldCancelled { hold: A });
    given([received(9), hold(A, 5)]).after(TTL).when(part()).refused(Refusal::HoldExpired { hold: A });
}

// medusa#12401
#[test]
fn what_was_handed_over_is_not_given_back() {
    let story = || given([received(9), hold(A, 5), confirm_part(A, &[(TEA, 2)])]);
    let cancelled = story().when(Command::Cancel { hold: A }).happens();
    assert_eq!(cancelled.totals(TEA), (7, 0, 0));
    assert_eq!(status(&cancelled), HoldStatus::Cancelled);
    let expired = story().after(TTL).when(Command::Expire { hold: A }).changes_nothing();
    assert_eq!(expired.totals(TEA), (7, 0, 0));
    assert_eq!(status(&expired), HoldStatus::Expired);
}

#[test]
fn a_hold_is_cancelled_after_one_of_its_lines_was_handed_over() {
    let story = given([received_at(MAIN, 3), received_at(BACK, 4), hold(A, 5), confirm_part(A, &[(TEA, 3)])]);
    let story = story.when(Command::Cancel { hold: A }).happens();
    let story = story.when(Command::Cancel { hold: A }).changes_nothing();
    assert_eq!(story.totals(TEA), (4, 0, 0));
}

#[test]
fn an_extended_hold_binds_for_longer() {
    let story = given([received(5), hold(A, 5)]).after(TTL - 1).when(extend(A, TTL)).happens();
    assert_eq!(story.totals(TEA), (0, 5, 0));
    let story = story.after(2 * TTL - 2).when(confirm_part(A, &[(TEA, 1)])).happens();
    story.after(2 * TTL - 1).when(confirm(A)).refused(Refusal::HoldExpired { hold: A });
}

#[test]
fn a_hold_is_not_shortened_by_extending_it() {
    given([received(5), hold(A, 5)]).when(extend(A, TTL)).changes_nothing();
    given([received(5), hold(A, 5)]).when(extend(A, 1)).changes_nothing();
}

#[test]
fn only_what_is_left_of_a_hold_is_extended() {
    let story = given([received_at(MAIN, 3), received_at(BACK, 4), hold(A, 5), confirm_part(A, &[(TEA, 3)])]);
    let version = story.version(TEA);
    assert_eq!(story.when(extend(A, TTL + 1)).happens().version(TEA), version + 1);
}

#[test]
fn a_hold_that_has_ended_is_not_extended() {
    let later = || extend(A, 9 * TTL);
    given([]).when(later()).refused(Refusal::HoldUnknown { hold: A });
    given([received(5), hold(A, 5), confirm(A)]).when(later()).refused(Refusal::HoldConfirmed { hold: A });
    let cancel = Command::Cancel { hold: A };
    given([received(5), hold(A, 5), cancel]).when(later()).refused(Refusal::HoldCancelled { hold: A });
    given([received(5), hold(A, 5)]).after(TTL).when(later()).refused(Refusal::HoldExpired { hold: A });
}

#[test]
fn a_hold_is_extended_for_some_time_and_not_for_ever() {
    for seconds in [0, -1, MAX_HOLD_SECONDS + 1, i64::MAX] {
        given([received(5), hold(A, 5)])
            .when(extend(A, seconds))
            .refused(Refusal::DurationOutOfRange { seconds });
    }
}

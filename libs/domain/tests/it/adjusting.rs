use domain::{Command, Delta, Outside, Refusal, Shelf};

use crate::story::*;

fn adjust_at(location: domain::LocationId, units: i64) -> Command {
    let delta = Delta::try_from(units).unwrap();
    Command::Adjust {
        item: TEA,
        location: Some(location),
        delta,
        against: Outside::Adjustment,
        shelf: Shelf::Available,
    }
}

#[test]
fn a_correction_goes_up_at_the_first_location_and_down_wherever_there_is_some() {
    let story = given([received_at(BACK, 4), adjust(2)]).when(adjust(-5)).happens();
    assert_eq!((story.level(TEA, MAIN).available, story.level(TEA, BACK).available), (0, 1));
}

#[test]
fn what_is_gone_may_have_been_at_a_closed_location() {
    let mut story = given([received_at(BACK, 4)]);
    let closed = |location: &domain::Location| domain::Location { active: false, ..location.clone() };
    story.stock.locations = story.stock.locations.iter().map(closed).collect();
    let story = story.when(adjust(-3)).happens();
    assert_eq!(story.level(TEA, BACK).available, 1);
    story.when(hold(A, 1)).refused(Refusal::NotEnough { sku: "TEA".to_owned(), requested: 1, available: 0 });
}

#[test]
fn nothing_is_corrected_below_zero() {
    given([received(3)]).when(adjust(-4)).refused(Refusal::NotEnough {
        sku: "TEA".to_owned(),
        requested: 4,
        available: 3,
    });
}

#[test]
fn what_is_promised_is_not_corrected_away() {
    given([received(3), hold(A, 2)]).when(adjust(-2)).refused(Refusal::NotEnough {
        sku: "TEA".to_owned(),
        requested: 2,
        available: 1,
    });
}

#[test]
fn a_correction_at_a_location_leaves_the_others_alone() {
    given([received_at(MAIN, 3), received_at(BACK, 1)])
        .when(adjust_at(BACK, -2))
        .refused(Refusal::NotEnough { sku: "TEA".to_owned(), requested: 2, available: 1 });
}

#[test]
fn a_correction_of_an_unknown_location_is_refused() {
    let nowhere = domain::LocationId(uuid::Uuid::from_u128(99));
    given([]).when(adjust_at(nowhere, -1)).refused(Refusal::LocationUnknown { location: nowhere });
    given([]).when(adjust_at(nowhere, 1)).refused(Refusal::LocationUnknown { location: nowhere });
}

#[test]
fn damaged_units_are_corrected_without_touching_the_available() {
    let delta = Delta::try_from(-2).unwrap();
    let discard = Command::Adjust {
        item: TEA,
        location: None,
        delta,
        against: Outside::Adjustment,
        shelf: Shelf::Damaged,
    };
    let story = given([received(5), moved(Shelf::Available, Shelf::Damaged, 3), discard.clone()]);
    assert_eq!((story.level(TEA, MAIN).available, story.level(TEA, MAIN).damaged), (2, 1));
    story.when(discard).refused(Refusal::NotEnough { sku: "TEA".to_owned(), requested: 2, available: 1 });
}

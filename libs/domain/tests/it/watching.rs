use domain::{Crossing, crossings};

#[test]
fn a_level_is_low_once_when_it_reaches_the_reorder_point() {
    assert_eq!(crossings(6, 5, 5), [Crossing::Low]);
    assert_eq!(crossings(5, 4, 5), []);
}

#[test]
fn a_level_is_depleted_once_when_it_reaches_zero() {
    assert_eq!(crossings(1, 0, 5), [Crossing::Depleted]);
    assert_eq!(crossings(9, 0, 5), [Crossing::Low, Crossing::Depleted]);
    assert_eq!(crossings(0, 0, 5), []);
}

#[test]
fn a_level_is_replenished_once_when_it_rises_above_the_reorder_point() {
    assert_eq!(crossings(0, 3, 5), []);
    assert_eq!(crossings(5, 6, 5), [Crossing::Replenished]);
    assert_eq!(crossings(6, 7, 5), []);
}

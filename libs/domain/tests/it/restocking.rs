use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::restock::{Amount, Policy, Position, PriceBreak, Terms, plan};
use rust_decimal::Decimal;

const TERMS: Terms = Terms { pack_size: 1, minimum: 1, maximum: None, unit_cost: None, breaks: vec![] };
const POLICY: Policy =
    Policy { reorder_point: 10, amount: Amount::Fixed(50), maximum: None, snoozed_until: None };
const NOW: Timestamp = DateTime::UNIX_EPOCH;

fn at(available: i64, incoming: i64) -> Position {
    Position { available, incoming, in_transit: 0 }
}

fn by(policy: &Policy, position: Position, terms: &Terms) -> Option<i64> {
    plan(&position, policy, terms, NOW).map(|quantity| quantity.get())
}

fn planned(position: Position, terms: &Terms) -> Option<i64> {
    by(&POLICY, position, terms)
}

#[test]
fn nothing_is_ordered_above_the_reorder_point() {
    assert_eq!(planned(at(11, 0), &TERMS), None);
}

#[test]
fn the_reorder_quantity_is_ordered_at_the_reorder_point() {
    assert_eq!(planned(at(10, 0), &TERMS), Some(50));
}

// InvenTree#4904
#[test]
fn what_is_on_order_counts() {
    assert_eq!(planned(at(0, 50), &TERMS), None);
    assert_eq!(planned(at(0, 10), &TERMS), Some(50));
    let up_to = Policy { amount: Amount::UpTo(40), ..POLICY };
    assert_eq!(by(&up_to, at(2, 7), &TERMS), Some(31));
}

#[test]
fn what_is_on_its_way_between_locations_counts() {
    assert_eq!(planned(Position { in_transit: 11, ..at(0, 0) }, &TERMS), None);
    assert_eq!(planned(Position { in_transit: 4, ..at(3, 3) }, &TERMS), Some(50));
}

#[test]
fn an_item_without_a_reorder_quantity_is_never_ordered() {
    assert_eq!(by(&Policy { amount: Amount::Fixed(0), ..POLICY }, at(0, 0), &TERMS), None);
}

#[test]
fn a_snoozed_item_is_not_ordered_before_its_time() {
    let until = |seconds| Policy { snoozed_until: Some(NOW + TimeDelta::seconds(seconds)), ..POLICY };
    assert_eq!(by(&until(1), at(0, 0), &TERMS), None);
    assert_eq!(by(&until(0), at(0, 0), &TERMS), Some(50));
}

#[test]
fn an_order_lifts_the_item_above_its_reorder_point() {
    let deep = Policy { reorder_point: 100, amount: Amount::Fixed(5), ..POLICY };
    assert_eq!(by(&deep, at(0, 0), &TERMS), Some(101));
}

#[test]
fn an_order_up_to_a_level_fills_it() {
    let policy = Policy { amount: Amount::UpTo(80), ..POLICY };
    assert_eq!(by(&policy, at(11, 0), &TERMS), None, "above the reorder point");
    assert_eq!(by(&policy, at(10, 0), &TERMS), Some(70));
    assert_eq!(by(&policy, at(4, 0), &Terms { pack_size: 12, ..TERMS }), Some(84), "whole packs");
    let level_at_point = Policy { amount: Amount::UpTo(10), ..POLICY };
    assert_eq!(by(&level_at_point, at(10, 0), &TERMS), None, "it is full");
}

#[test]
fn an_order_is_whole_packs_and_at_least_the_minimum() {
    assert_eq!(planned(at(0, 0), &Terms { pack_size: 12, ..TERMS }), Some(60));
    assert_eq!(planned(at(0, 0), &Terms { pack_size: 12, minimum: 100, ..TERMS }), Some(108));
}

#[test]
fn an_order_is_never_more_than_the_most_of_either_side() {
    assert_eq!(planned(at(0, 0), &Terms { maximum: Some(30), ..TERMS }), Some(30));
    assert_eq!(by(&Policy { maximum: Some(30), ..POLICY }, at(0, 0), &TERMS), Some(30));
    assert_eq!(planned(at(0, 0), &Terms { pack_size: 12, maximum: Some(30), ..TERMS }), Some(24));
    assert_eq!(planned(at(0, 0), &Terms { pack_size: 12, minimum: 36, maximum: Some(30), ..TERMS }), None);
}

fn priced(unit_cost: i64, breaks: &[(i64, i64)]) -> Terms {
    let step = |(quantity, cost): &(i64, i64)| PriceBreak { quantity: *quantity, unit_cost: (*cost).into() };
    Terms { unit_cost: Some(unit_cost.into()), breaks: breaks.iter().map(step).collect(), ..TERMS }
}

#[test]
fn an_order_is_raised_to_a_price_break_that_costs_less_in_all() {
    // 50 at 10 is 500.
    assert_eq!(planned(at(0, 0), &priced(10, &[(60, 8)])), Some(60), "480");
    assert_eq!(planned(at(0, 0), &priced(10, &[(60, 9)])), Some(50), "540");
    assert_eq!(planned(at(0, 0), &priced(10, &[(60, 8), (80, 5)])), Some(80), "400 is less than 480");
    assert_eq!(
        planned(at(0, 0), &Terms { pack_size: 25, ..priced(10, &[(60, 6)]) }),
        Some(75),
        "whole packs"
    );
}

#[test]
fn an_order_is_never_more_than_doubled_for_a_price() {
    assert_eq!(planned(at(0, 0), &priced(10, &[(100, 1)])), Some(100));
    assert_eq!(planned(at(0, 0), &priced(10, &[(101, 1)])), Some(50));
}

#[test]
fn a_price_raises_no_order_above_a_level_or_the_most() {
    let terms = priced(10, &[(60, 1)]);
    let up_to = Policy { amount: Amount::UpTo(50), ..POLICY };
    assert_eq!(by(&up_to, at(0, 0), &terms), Some(50));
    assert_eq!(by(&Policy { maximum: Some(55), ..POLICY }, at(0, 0), &terms), Some(50));
}

#[test]
fn an_unknown_price_raises_no_order() {
    assert_eq!(planned(at(0, 0), &Terms { unit_cost: None, ..priced(10, &[(60, 1)]) }), Some(50));
}

#[test]
fn the_price_of_an_order_is_that_of_the_highest_break_it_reaches() {
    let terms = priced(10, &[(100, 5), (20, 8)]);
    let of = |quantity| terms.unit_cost_of(quantity);
    assert_eq!([of(19), of(20), of(99), of(100)], [10, 8, 8, 5].map(|cost| Some(Decimal::from(cost))));
}

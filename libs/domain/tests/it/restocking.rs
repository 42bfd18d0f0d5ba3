use domain::restock::{Position, Terms, plan};

const TERMS: Terms = Terms { pack_size: 1, minimum: 1, maximum: None };

fn at(available: i64, incoming: i64) -> Position {
    Position { available, incoming, in_transit: 0, reorder_point: 10, reorder_quantity: 50 }
}

fn planned(position: Position, terms: Terms) -> Option<i64> {
    plan(&position, &terms).map(|quantity| quantity.get())
}

#[test]
fn nothing_is_ordered_above_the_reorder_point() {
    assert_eq!(planned(at(11, 0), TERMS), None);
}

#[test]
fn the_reorder_quantity_is_ordered_at_the_reorder_point() {
    assert_eq!(planned(at(10, 0), TERMS), Some(50));
}

// InvenTree#4904
#[test]
fn what_is_on_order_counts() {
    assert_eq!(planned(at(0, 50), TERMS), None);
    assert_eq!(planned(at(0, 10), TERMS), Some(50));
}

#[test]
fn what_is_on_its_way_between_locations_counts() {
    assert_eq!(planned(Position { in_transit: 11, ..at(0, 0) }, TERMS), None);
    assert_eq!(planned(Position { in_transit: 4, ..at(3, 3) }, TERMS), Some(50));
}

#[test]
fn an_item_without_a_reorder_quantity_is_never_ordered() {
    assert_eq!(planned(Position { reorder_quantity: 0, ..at(0, 0) }, TERMS), None);
}

#[test]
fn an_order_lifts_the_item_above_its_reorder_point() {
    let deep = Position { reorder_point: 100, reorder_quantity: 5, ..at(0, 0) };
    assert_eq!(planned(deep, TERMS), Some(101));
}

#[test]
fn an_order_is_whole_packs_and_at_least_the_minimum() {
    assert_eq!(planned(at(0, 0), Terms { pack_size: 12, ..TERMS }), Some(60));
    assert_eq!(planned(at(0, 0), Terms { pack_size: 12, minimum: 100, ..TERMS }), Some(108));
}

#[test]
fn an_order_is_never_more_than_the_most() {
    assert_eq!(planned(at(0, 0), Terms { maximum: Some(30), ..TERMS }), Some(30));
    assert_eq!(planned(at(0, 0), Terms { pack_size: 12, maximum: Some(30), ..TERMS }), Some(24));
    assert_eq!(planned(at(0, 0), Terms { pack_size: 12, minimum: 36, maximum: Some(30) }), None);
}

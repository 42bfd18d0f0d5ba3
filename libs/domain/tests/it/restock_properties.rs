//! What holds of every restock order that is planned.

use chrono::DateTime;
use domain::Timestamp;
use domain::restock::{Amount, Policy, Position, PriceBreak, Terms, plan};
use proptest::prelude::*;
use rust_decimal::Decimal;

const NOW: Timestamp = DateTime::UNIX_EPOCH;

prop_compose! {
    fn position()(available in 0i64..300, incoming in 0i64..100, in_transit in 0i64..50) -> Position {
        Position { available, incoming, in_transit }
    }
}

prop_compose! {
    fn policy()(
        reorder_point in 0i64..300,
        amount in prop_oneof![(0i64..200).prop_map(Amount::Fixed), (0i64..500).prop_map(Amount::UpTo)],
        maximum in prop::option::of(1i64..400),
    ) -> Policy {
        Policy { reorder_point, amount, maximum, snoozed_until: None }
    }
}

fn price_break() -> impl Strategy<Value = PriceBreak> {
    (2i64..600, 1i64..20).prop_map(|(quantity, cost)| PriceBreak { quantity, unit_cost: cost.into() })
}

prop_compose! {
    fn terms()(
        pack_size in 1i64..40,
        minimum in 1i64..200,
        maximum in prop::option::of(1i64..400),
        unit_cost in prop::option::of(1i64..20),
        breaks in prop::collection::vec(price_break(), 0..4),
    ) -> Terms {
        Terms { pack_size, minimum, maximum, unit_cost: unit_cost.map(Decimal::from), breaks }
    }
}

/// The most that may be ordered, in whole packs.
fn most(policy: &Policy, terms: &Terms) -> i64 {
    let most = policy.maximum.unwrap_or(i64::MAX).min(terms.maximum.unwrap_or(i64::MAX));
    most / terms.pack_size * terms.pack_size
}

proptest! {
    #[test]
    fn an_order_is_whole_packs_between_the_least_and_the_most(
        position in position(), policy in policy(), terms in terms(),
    ) {
        if let Some(quantity) = plan(&position, &policy, &terms, NOW) {
            prop_assert_eq!(quantity.get() % terms.pack_size, 0, "packs");
            prop_assert!(quantity.get() >= terms.minimum, "MOQ");
            prop_assert!(quantity.get() <= most(&policy, &terms), "maximum");
        }
    }

    #[test]
    fn there_is_an_order_only_at_or_below_the_reorder_point(
        position in position(), policy in policy(), terms in terms(),
    ) {
        if position.expected() > policy.reorder_point {
            prop_assert_eq!(plan(&position, &policy, &terms, NOW), None);
        }
    }

    #[test]
    fn what_is_on_order_is_not_ordered_again(
        position in position(), policy in policy(), terms in terms(),
    ) {
        if let Some(quantity) = plan(&position, &policy, &terms, NOW) {
            let ordered = Position { incoming: position.incoming + quantity.get(), ..position };
            let again = plan(&ordered, &policy, &terms, NOW);
            prop_assert!(again.is_none() || quantity.get() == most(&policy, &terms), "{:?}", again);
        }
    }

    #[test]
    fn where_units_are_makes_no_difference(position in position(), policy in policy(), terms in terms()) {
        let moved = Position { available: position.expected(), incoming: 0, in_transit: 0 };
        prop_assert_eq!(plan(&position, &policy, &terms, NOW), plan(&moved, &policy, &terms, NOW));
    }

    #[test]
    fn a_price_raises_an_order_only_to_cost_less_and_to_no_more_than_twice(
        position in position(), policy in policy(), terms in terms(),
    ) {
        let plain = Terms { breaks: vec![], ..terms.clone() };
        let (needed, quantity) = (plan(&position, &policy, &plain, NOW), plan(&position, &policy, &terms, NOW));
        prop_assert_eq!(needed.is_some(), quantity.is_some());
        if let (Some(needed), Some(quantity)) = (needed, quantity) && needed != quantity {
            let cost = |units: i64| terms.unit_cost_of(units).unwrap() * Decimal::from(units);
            prop_assert!(quantity > needed && quantity.get() <= 2 * needed.get());
            prop_assert!(cost(quantity.get()) < cost(needed.get()));
        }
    }
}

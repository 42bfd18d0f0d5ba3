use std::collections::HashMap;

use domain::{
    Command, Delta, Event, HoldId, HoldStatus, ItemId, ItemPatch, Level, Line, LocationId, Outside, Place,
    State, Stock, decide, evolve, expire_due,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::story::{BACK, CUP, MAIN, SHUT, TEA, at, quantity, stock};

/// A command that may or may not make sense, and how many seconds it comes after the one before.
fn step() -> impl Strategy<Value = (Command, i64)> {
    let item = prop_oneof![4 => Just(TEA), 4 => Just(CUP), 1 => Just(ItemId(Uuid::from_u128(99)))];
    let place = prop_oneof![Just(None), Just(Some(MAIN)), Just(Some(BACK)), Just(Some(SHUT))];
    let hold = (0u128..6).prop_map(|n| HoldId(Uuid::from_u128(100 + n)));
    let units = 1i64..12;
    let line = (item.clone(), place.clone(), units.clone()).prop_map(|(item, location, units)| Line {
        item,
        location,
        quantity: quantity(units),
    });
    let command = prop_oneof![
        (item.clone(), place.clone(), units.clone(), any::<bool>()).prop_map(
            |(item, location, units, expected)| {
                Command::Receive { item, location, quantity: quantity(units), expected }
            }
        ),
        (item.clone(), place.clone(), units.clone()).prop_map(|(item, location, units)| Command::Expect {
            item,
            location,
            quantity: quantity(units)
        }),
        (item.clone(), units).prop_map(|(item, units)| Command::Unexpect { item, quantity: quantity(units) }),
        (item.clone(), place, -9i64..9).prop_filter_map("zero", |(item, location, delta)| {
            let delta = Delta::try_from(delta).ok()?;
            Some(Command::Adjust { item, location, delta, against: Outside::Customer })
        }),
        (hold.clone(), prop::collection::vec(line, 0..4), 0i64..90)
            .prop_map(|(hold, lines, seconds)| Command::Reserve { hold, lines, seconds }),
        hold.clone().prop_map(|hold| Command::Confirm { hold }),
        hold.clone().prop_map(|hold| Command::Cancel { hold }),
        hold.prop_map(|hold| Command::Expire { hold }),
        (item, any::<bool>()).prop_map(|(item, active)| Command::UpdateItem {
            item,
            patch: ItemPatch { active: Some(active), ..ItemPatch::default() },
        }),
    ];
    (command, 0i64..40)
}

/// What a refused command must leave as it was: each item's version and units, and the number of each hold's lines.
type Snapshot = (Vec<(ItemId, i64, Level)>, Vec<(HoldId, usize)>);

fn snapshot(stock: &Stock) -> Snapshot {
    let mut items: Vec<_> = stock.items.iter().map(|(id, item)| (*id, item.version, item.total())).collect();
    items.sort_by_key(|(id, ..)| *id);
    let mut holds: Vec<_> = stock.holds.iter().map(|(id, hold)| (*id, hold.lines.len())).collect();
    holds.sort();
    (items, holds)
}

fn nothing_is_negative(stock: &Stock) {
    for level in stock.items.values().flat_map(|item| item.levels.values()) {
        for units in [level.available, level.reserved, level.damaged, level.quality_control, level.incoming] {
            assert!(units >= 0, "{level:?} is negative");
        }
    }
}

fn reserved_is_the_sum_of_open_holds(stock: &Stock) {
    let mut open: HashMap<(ItemId, LocationId), i64> = HashMap::new();
    for line in stock.holds.values().flat_map(|hold| &hold.lines) {
        if line.status == HoldStatus::Open {
            *open.entry((line.item, line.location)).or_default() += line.quantity;
        }
    }
    for (id, item) in &stock.items {
        for (location, level) in &item.levels {
            assert_eq!(level.reserved, open.get(&(*id, *location)).copied().unwrap_or(0));
        }
    }
}

/// Sums the ledger by hand, without `evolve`, and compares.
fn levels_are_the_fold_of_the_ledger(stock: &Stock, ledger: &[Event]) {
    let mut sums: HashMap<(ItemId, LocationId, State), i64> = HashMap::new();
    for event in ledger {
        let Some(movement) = event.change.movement() else { continue };
        assert!(movement.quantity > 0, "a movement of {movement:?}");
        if let Place::At(location, state) = movement.from {
            *sums.entry((event.item, location, state)).or_default() -= movement.quantity;
        }
        if let Place::At(location, state) = movement.to {
            *sums.entry((event.item, location, state)).or_default() += movement.quantity;
        }
    }
    for ((item, location, state), sum) in sums {
        assert_eq!(stock.items[&item].at(location).get(state), sum);
    }
}

fn versions_count_the_changes(stock: &Stock, ledger: &[Event]) {
    for (id, item) in &stock.items {
        let changes = ledger.iter().filter(|event| event.item == *id).count();
        assert_eq!(item.version, 1 + i64::try_from(changes).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_every_invariant(steps in prop::collection::vec(step(), 1..60)) {
        let mut stock = stock();
        let mut ledger: Vec<Event> = Vec::new();
        let mut ended: HashMap<(HoldId, ItemId, LocationId), HoldStatus> = HashMap::new();
        let mut seconds = 0;
        for (command, later) in steps {
            seconds += later;
            let now = at(seconds);
            for event in expire_due(&stock, now) {
                evolve(&mut stock, &event);
                ledger.push(event);
            }
            let before = snapshot(&stock);
            match decide(&stock, &command, now) {
                Ok(events) => {
                    for event in events {
                        evolve(&mut stock, &event);
                        ledger.push(event);
                    }
                }
                Err(_) => prop_assert_eq!(before, snapshot(&stock), "a refused command changed something"),
            }
            nothing_is_negative(&stock);
            reserved_is_the_sum_of_open_holds(&stock);
            for (id, hold) in &stock.holds {
                for line in hold.lines.iter().filter(|line| line.status != HoldStatus::Open) {
                    let first = *ended.entry((*id, line.item, line.location)).or_insert(line.status);
                    prop_assert_eq!(first, line.status, "a hold ended twice");
                }
            }
        }
        levels_are_the_fold_of_the_ledger(&stock, &ledger);
        versions_count_the_changes(&stock, &ledger);
    }
}

use std::collections::HashMap;

use domain::{
    Change, Command, Delta, Event, HoldId, HoldStatus, ItemId, ItemPatch, Level, Line, LocationId, Outside,
    PartLine, Place, Shelf, State, Stock, Timestamp, TransferId, TransferLine, decide, evolve, expire_due,
};
use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;
use uuid::Uuid;

use crate::story::{BACK, CUP, MAIN, SHUT, TEA, at, quantity, stock};

fn item() -> impl Strategy<Value = ItemId> {
    prop_oneof![20 => Just(TEA), 8 => Just(CUP), 1 => Just(ItemId(Uuid::from_u128(99)))]
}

fn place() -> impl Strategy<Value = LocationId> {
    prop_oneof![3 => Just(MAIN), 3 => Just(BACK), 1 => Just(SHUT)]
}

fn shelf() -> impl Strategy<Value = Shelf> {
    prop_oneof![3 => Just(Shelf::Available), 1 => Just(Shelf::Damaged), 1 => Just(Shelf::QualityControl)]
}

fn hold() -> impl Strategy<Value = HoldId> {
    (0u128..5).prop_map(|n| HoldId(Uuid::from_u128(100 + n)))
}

fn transfer() -> impl Strategy<Value = TransferId> {
    (0u128..4).prop_map(|n| TransferId(Uuid::from_u128(200 + n)))
}

fn units() -> impl Strategy<Value = domain::Quantity> {
    (1i64..12).prop_map(quantity)
}

/// So few that several parts of what was held or shipped make sense one after the other.
fn few() -> impl Strategy<Value = domain::Quantity> {
    (1i64..5).prop_map(quantity)
}

fn transfer_lines() -> impl Strategy<Value = Vec<TransferLine>> {
    let line = (item(), few()).prop_map(|(item, quantity)| TransferLine { item, quantity });
    prop::collection::vec(line, 0..3)
}

fn goods() -> BoxedStrategy<Command> {
    let some_place = || prop::option::of(place());
    prop_oneof![
        2 => (item(), some_place(), units(), any::<bool>(), shelf()).prop_map(
            |(item, location, quantity, expected, into)| {
                Command::Receive { item, location, quantity, expected, into }
            }
        ),
        1 => (item(), some_place(), units(), shelf())
            .prop_map(|(item, location, quantity, into)| Command::Return { item, location, quantity, into }),
        1 => (item(), some_place(), units())
            .prop_map(|(item, location, quantity)| Command::Expect { item, location, quantity }),
        1 => (item(), units()).prop_map(|(item, quantity)| Command::Unexpect { item, quantity }),
        1 => (item(), some_place(), -9i64..9, shelf()).prop_filter_map("zero", |(item, location, delta, shelf)| {
            let delta = Delta::try_from(delta).ok()?;
            Some(Command::Adjust { item, location, delta, against: Outside::Customer, shelf })
        }),
        1 => (item(), place(), shelf(), shelf(), units()).prop_map(|(item, location, from, to, quantity)| {
            Command::Move { item, location, from, to, quantity }
        }),
        1 => (item(), place(), shelf(), -1i64..30, prop::option::of(0i64..40)).prop_map(
            |(item, location, shelf, counted, version)| {
                Command::Stocktake { item, location, shelf, counted, version }
            }
        ),
    ]
    .boxed()
}

fn transfers() -> BoxedStrategy<Command> {
    prop_oneof![
        2 => (transfer(), place(), place(), transfer_lines())
            .prop_map(|(transfer, from, to, lines)| Command::Ship { transfer, from, to, lines }),
        1 => (transfer(), prop::option::of(transfer_lines()), shelf())
            .prop_map(|(transfer, lines, into)| Command::ReceiveTransfer { transfer, lines, into }),
        1 => (transfer(), prop::option::of(transfer_lines()))
            .prop_map(|(transfer, lines)| Command::LoseTransfer { transfer, lines }),
    ]
    .boxed()
}

fn holds() -> BoxedStrategy<Command> {
    let line = (item(), prop::option::of(place()), units()).prop_map(|(item, location, quantity)| Line {
        item,
        location,
        quantity,
    });
    let part = (item(), few()).prop_map(|(item, quantity)| PartLine { item, quantity });
    let parts = prop::option::of(prop::collection::vec(part, 0..3));
    prop_oneof![
        2 => (hold(), prop::collection::vec(line, 0..3), 0i64..90)
            .prop_map(|(hold, lines, seconds)| Command::Reserve { hold, lines, seconds }),
        1 => (hold(), 0i64..90).prop_map(|(hold, seconds)| Command::Extend { hold, seconds }),
        2 => (hold(), parts).prop_map(|(hold, lines)| Command::Confirm { hold, lines }),
        1 => hold().prop_map(|hold| Command::Cancel { hold }),
        1 => hold().prop_map(|hold| Command::Expire { hold }),
    ]
    .boxed()
}

/// A command that may or may not make sense, and how many seconds it comes after the one before.
fn step() -> impl Strategy<Value = (Command, i64)> {
    let update = (item(), any::<bool>()).prop_map(|(item, active)| Command::UpdateItem {
        item,
        patch: ItemPatch { active: Some(active), ..ItemPatch::default() },
    });
    // Mostly less than a hold lasts, or holds would all expire.
    let later = prop_oneof![6 => 0i64..4, 1 => 20i64..60];
    (prop_oneof![12 => goods(), 8 => transfers(), 10 => holds(), 1 => update], later)
}

/// The stock, all that happened to it, and how each hold line ended.
struct Books {
    stock: Stock,
    ledger: Vec<Event>,
    ended: HashMap<(HoldId, ItemId, LocationId), HoldStatus>,
}

impl Books {
    fn record(&mut self, events: Vec<Event>) {
        for event in events {
            evolve(&mut self.stock, &event);
            self.remember(event.item);
            self.ledger.push(event);
        }
    }

    /// Keeps how an item stands at this version, so that it may be counted against later.
    fn remember(&mut self, id: ItemId) {
        let item = &self.stock.items[&id];
        for location in [MAIN, BACK, SHUT] {
            self.stock.counted.insert((id, location, item.version), item.at(location));
        }
    }

    fn hold_lines_end_once(&mut self) {
        for (id, hold) in &self.stock.holds {
            for line in hold.lines.iter().filter(|line| line.status != HoldStatus::Open) {
                let first = *self.ended.entry((*id, line.item, line.location)).or_insert(line.status);
                assert_eq!(first, line.status, "a hold line ended twice");
            }
        }
    }
}

fn nothing_is_negative(stock: &Stock) {
    for level in stock.items.values().flat_map(|item| item.levels.values()) {
        for state in STATES {
            assert!(level.get(state) >= 0, "{level:?} is negative");
        }
    }
    for line in stock.transfers.values().flat_map(|transfer| &transfer.lines) {
        assert!(line.outstanding() >= 0 && line.received >= 0 && line.lost >= 0, "{line:?}");
    }
    for line in stock.holds.values().flat_map(|hold| &hold.lines) {
        assert!((0..=line.quantity).contains(&line.confirmed), "{line:?}");
    }
}

const STATES: [State; 6] = [
    State::Available,
    State::Reserved,
    State::Damaged,
    State::QualityControl,
    State::Incoming,
    State::InTransit,
];

fn promises_and_journeys_add_up(stock: &Stock) {
    let mut held: HashMap<(ItemId, LocationId), i64> = HashMap::new();
    for line in stock.holds.values().flat_map(|hold| &hold.lines) {
        if line.status == HoldStatus::Open {
            *held.entry((line.item, line.location)).or_default() += line.remaining();
        }
    }
    let mut travelling: HashMap<(ItemId, LocationId), i64> = HashMap::new();
    for transfer in stock.transfers.values() {
        for line in &transfer.lines {
            *travelling.entry((line.item, transfer.to)).or_default() += line.outstanding();
        }
    }
    for id in stock.items.keys() {
        for location in [MAIN, BACK, SHUT] {
            let level = stock.items[id].at(location);
            let sum = |of: &HashMap<_, i64>| of.get(&(*id, location)).copied().unwrap_or(0);
            assert_eq!(level.reserved, sum(&held), "reserved is not what open holds have left");
            assert_eq!(level.in_transit, sum(&travelling), "in transit is not what is outstanding");
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
    for (id, item) in &stock.items {
        for (location, state) in [MAIN, BACK, SHUT].iter().flat_map(|at| STATES.map(|state| (*at, state))) {
            let sum = sums.get(&(*id, location, state)).copied().unwrap_or(0);
            assert_eq!(item.at(location).get(state), sum, "{state:?} is not the sum of the ledger");
        }
    }
}

fn versions_count_the_changes(stock: &Stock, ledger: &[Event]) {
    for (id, item) in &stock.items {
        let changes = ledger.iter().filter(|event| event.item == *id).count();
        assert_eq!(item.version, 1 + i64::try_from(changes).unwrap());
    }
}

/// Sums each transfer's ledger by hand: what was shipped was received, was lost, or is outstanding.
fn transfers_conserve(stock: &Stock, ledger: &[Event]) {
    let mut sums: HashMap<(TransferId, ItemId), (i64, i64, i64)> = HashMap::new();
    for event in ledger {
        let Some(transfer) = event.change.transfer() else { continue };
        let (shipped, received, lost) = sums.entry((transfer, event.item)).or_default();
        match event.change {
            Change::Shipped { quantity, .. } => *shipped += quantity,
            Change::TransferReceived { quantity, .. } => *received += quantity,
            Change::TransferLost { quantity, .. } => *lost += quantity,
            ref other => panic!("{other:?} is about no transfer"),
        }
    }
    let lines =
        stock.transfers.iter().flat_map(|(id, transfer)| transfer.lines.iter().map(move |l| (*id, l)));
    for (id, line) in lines {
        let sum = sums.remove(&(id, line.item)).expect("a line that was shipped, and once");
        assert_eq!(sum, (line.shipped, line.received, line.lost));
        assert_eq!(line.shipped, line.received + line.lost + line.outstanding());
    }
    assert!(sums.is_empty(), "the ledger has transfers that nobody knows: {sums:?}");
}

/// A count makes the pile what was counted, plus what has come and gone since the counter looked. Told again, it
/// changes nothing.
fn a_count_was_applied_once(before: &Stock, after: &Stock, command: &Command, now: Timestamp) {
    let Command::Stocktake { item, location, shelf, counted, version } = command else { return };
    let pile = |level: Level| match shelf {
        Shelf::Available => level.available + level.reserved,
        Shelf::Damaged => level.damaged,
        Shelf::QualityControl => level.quality_control,
    };
    let level = before.items[item].at(*location);
    let seen = version.map_or(level, |version| before.counted[&(*item, *location, version)]);
    assert_eq!(pile(after.items[item].at(*location)), counted + pile(level) - pile(seen));
    assert_eq!(decide(after, command, now), Ok(vec![]), "a count was applied twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_every_invariant(steps in prop::collection::vec(step(), 1..80)) {
        let mut books = Books { stock: stock(), ledger: vec![], ended: HashMap::new() };
        [TEA, CUP].into_iter().for_each(|item| books.remember(item));
        let mut seconds = 0;
        for (command, later) in steps {
            seconds += later;
            let now = at(seconds);
            let due = expire_due(&books.stock, now);
            books.record(due);
            prop_assert_eq!(expire_due(&books.stock, now), vec![]);
            let before = books.stock.clone();
            match decide(&books.stock, &command, now) {
                Ok(events) => {
                    books.record(events);
                    a_count_was_applied_once(&before, &books.stock, &command, now);
                }
                Err(_) => prop_assert_eq!(&before, &books.stock, "a refused command changed something"),
            }
            nothing_is_negative(&books.stock);
            promises_and_journeys_add_up(&books.stock);
            books.hold_lines_end_once();
        }
        levels_are_the_fold_of_the_ledger(&books.stock, &books.ledger);
        versions_count_the_changes(&books.stock, &books.ledger);
        transfers_conserve(&books.stock, &books.ledger);
    }
}

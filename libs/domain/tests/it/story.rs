//! Given what happened, when something is asked for, then this comes of it.

use domain::{
    Attributes, Change, Command, Delta, Event, HoldId, Identity, Item, ItemId, ItemPatch, Level, Line,
    Location, LocationId, NewItem, Outside, PartLine, Quantity, Refusal, Shelf, Stock, Timestamp, TransferId,
    TransferLine, decide, evolve, expire_due,
};
use uuid::Uuid;

pub(crate) const TEA: ItemId = ItemId(Uuid::from_u128(1));
pub(crate) const CUP: ItemId = ItemId(Uuid::from_u128(2));
pub(crate) const MAIN: LocationId = LocationId(Uuid::from_u128(11));
pub(crate) const BACK: LocationId = LocationId(Uuid::from_u128(12));
pub(crate) const SHUT: LocationId = LocationId(Uuid::from_u128(13));
pub(crate) const A: HoldId = HoldId(Uuid::from_u128(21));
pub(crate) const B: HoldId = HoldId(Uuid::from_u128(22));
pub(crate) const T: TransferId = TransferId(Uuid::from_u128(31));
pub(crate) const U: TransferId = TransferId(Uuid::from_u128(32));

/// How long holds last in these stories, in seconds.
pub(crate) const TTL: i64 = 60;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_000_000 + seconds, 0).unwrap()
}

pub(crate) fn quantity(units: i64) -> Quantity {
    Quantity::try_from(units).unwrap()
}

pub(crate) fn identity(item: ItemId) -> Identity {
    let word = if item == TEA { "tea" } else { "cup" };
    Identity {
        id: item,
        product_id: word.to_owned().try_into().unwrap(),
        variant_id: None,
        sku: word.to_uppercase().try_into().unwrap(),
        owner: "acme".to_owned().try_into().unwrap(),
    }
}

pub(crate) fn attributes() -> Attributes {
    Attributes {
        name: "A thing".to_owned().try_into().unwrap(),
        supplier: None,
        reorder_point: 5,
        reorder_quantity: 20,
        active: true,
    }
}

/// An empty stock of two items, with a first, a second and a closed location.
pub(crate) fn stock() -> Stock {
    let location = |id, code: &str, active| Location { id, code: code.to_owned(), active };
    let mut stock = Stock {
        locations: [
            location(SHUT, "shut", false),
            location(MAIN, "main", true),
            location(BACK, "back", true),
        ]
        .into(),
        ..Stock::default()
    };
    for item in [TEA, CUP] {
        let change = Change::Created(Box::new((identity(item), attributes())));
        evolve(&mut stock, &Event { item, change });
    }
    stock
}

pub(crate) struct Story {
    pub(crate) stock: Stock,
    now: Timestamp,
}

pub(crate) struct Outcome {
    story: Story,
    result: Result<Vec<Event>, Refusal>,
}

/// What happened before, in order; every event was decided, so the stories stay true to the rules.
pub(crate) fn given<const N: usize>(commands: [Command; N]) -> Story {
    let mut story = Story { stock: stock(), now: at(0) };
    for command in commands {
        let outcome = story.when(command);
        assert!(outcome.result.is_ok(), "the story so far was refused: {:?}", outcome.result);
        story = outcome.story;
    }
    story
}

impl Story {
    /// Lets time pass since the start of the story.
    pub(crate) fn after(mut self, seconds: i64) -> Story {
        self.now = at(seconds);
        self
    }

    pub(crate) fn when(mut self, command: Command) -> Outcome {
        for event in expire_due(&self.stock, self.now) {
            evolve(&mut self.stock, &event);
        }
        let result = decide(&self.stock, &command, self.now);
        for event in result.iter().flatten() {
            evolve(&mut self.stock, event);
        }
        Outcome { story: self, result }
    }

    fn item(&self, item: ItemId) -> &Item {
        &self.stock.items[&item]
    }
}

impl Outcome {
    /// How the story goes on, whatever came of the last command.
    pub(crate) fn either_way(self) -> Story {
        self.story
    }

    pub(crate) fn refused(self, refusal: Refusal) -> Story {
        assert_eq!(self.result, Err(refusal));
        self.story
    }

    pub(crate) fn changes_nothing(self) -> Story {
        assert_eq!(self.result, Ok(vec![]));
        self.story
    }

    pub(crate) fn happens(self) -> Story {
        assert!(self.result.is_ok(), "it was refused: {:?}", self.result);
        self.story
    }
}

impl Story {
    pub(crate) fn level(&self, item: ItemId, location: LocationId) -> Level {
        self.item(item).at(location)
    }

    /// `(available, reserved, incoming)` over all locations.
    pub(crate) fn totals(&self, item: ItemId) -> (i64, i64, i64) {
        let total = self.item(item).total();
        (total.available, total.reserved, total.incoming)
    }

    /// Keeps what the books say now of the item at the first location, for a count that comes later.
    pub(crate) fn seen(mut self, item: ItemId) -> Story {
        let level = self.level(item, MAIN);
        self.stock.counted.insert((item, MAIN, self.version(item)), level);
        self
    }

    pub(crate) fn version(&self, item: ItemId) -> i64 {
        self.item(item).version
    }
}

pub(crate) fn received(units: i64) -> Command {
    received_at(MAIN, units)
}

pub(crate) fn received_at(location: LocationId, units: i64) -> Command {
    Command::Receive {
        item: TEA,
        location: Some(location),
        quantity: quantity(units),
        expected: false,
        into: Shelf::Available,
    }
}

pub(crate) fn expected(units: i64) -> Command {
    Command::Expect { item: TEA, location: None, quantity: quantity(units) }
}

pub(crate) fn arrive(units: i64) -> Command {
    Command::Receive {
        item: TEA,
        location: None,
        quantity: quantity(units),
        expected: true,
        into: Shelf::Available,
    }
}

pub(crate) fn adjust(units: i64) -> Command {
    let delta = Delta::try_from(units).unwrap();
    Command::Adjust {
        item: TEA,
        location: None,
        delta,
        against: Outside::Adjustment,
        shelf: Shelf::Available,
    }
}

pub(crate) fn hold(hold: HoldId, units: i64) -> Command {
    Command::Reserve { hold, lines: vec![line(TEA, units)], seconds: TTL }
}

pub(crate) fn line(item: ItemId, units: i64) -> Line {
    Line { item, location: None, quantity: quantity(units) }
}

pub(crate) fn update(patch: ItemPatch) -> Command {
    Command::UpdateItem { item: TEA, patch }
}

pub(crate) fn create(identity: Identity) -> Command {
    Command::CreateItem(NewItem { identity, attributes: attributes() })
}

pub(crate) fn confirm(hold: HoldId) -> Command {
    Command::Confirm { hold, lines: None }
}

pub(crate) fn confirm_part(hold: HoldId, lines: &[(ItemId, i64)]) -> Command {
    let line = |(item, units): &(ItemId, i64)| PartLine { item: *item, quantity: quantity(*units) };
    Command::Confirm { hold, lines: Some(lines.iter().map(line).collect()) }
}

pub(crate) fn extend(hold: HoldId, seconds: i64) -> Command {
    Command::Extend { hold, seconds }
}

pub(crate) fn moved(from: Shelf, to: Shelf, units: i64) -> Command {
    Command::Move { item: TEA, location: MAIN, from, to, quantity: quantity(units) }
}

/// Counts what may be sold of an item at the first location.
pub(crate) fn count(item: ItemId, counted: i64, version: Option<i64>) -> Command {
    Command::Stocktake { item, location: MAIN, shelf: Shelf::Available, counted, version }
}

/// The transfer `T`, from the first location to the second.
pub(crate) fn ship(lines: &[(ItemId, i64)]) -> Command {
    Command::Ship { transfer: T, from: MAIN, to: BACK, lines: shipped(lines) }
}

pub(crate) fn shipped(lines: &[(ItemId, i64)]) -> Vec<TransferLine> {
    lines.iter().map(|(item, units)| TransferLine { item: *item, quantity: quantity(*units) }).collect()
}

pub(crate) fn receive_all() -> Command {
    Command::ReceiveTransfer { transfer: T, lines: None, into: Shelf::Available }
}

pub(crate) fn receive_part(lines: &[(ItemId, i64)]) -> Command {
    Command::ReceiveTransfer { transfer: T, lines: Some(shipped(lines)), into: Shelf::Available }
}

pub(crate) fn lose(lines: Option<&[(ItemId, i64)]>) -> Command {
    Command::LoseTransfer { transfer: T, lines: lines.map(shipped) }
}

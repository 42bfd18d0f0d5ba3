//! What a command comes to, given how things stand.
//!
//! A room for each kind of command: `items` (what is kept), `goods` (units that come, go and change their state),
//! `counting` (units that are counted), `transfers` (units that go from one location to another), `holds` (units that
//! are promised). `taking` is what they share: where units go to and where they are taken from.

mod counting;
mod goods;
mod holds;
mod items;
mod taking;
mod transfers;

use counting::Count;
use goods::Pile;
pub use holds::expire_due;

use crate::{Change, Command, Event, Item, ItemId, Refusal, Stock, Timestamp};

/// Says what a command comes to, given how things stand.
///
/// No events means that it had already happened: confirming a confirmed hold is a success that changes
/// nothing. What [`expire_due`] says of the same stock and instant must have been applied before, so that no
/// hold that is over its time stands in a sale's way.
pub fn decide(stock: &Stock, command: &Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::CreateItem(new) => items::create(stock, new),
        Command::UpdateItem { item, patch } => items::update(known(stock, *item)?, patch),
        Command::Expect { item, location, quantity } => {
            goods::expect(stock, known(stock, *item)?, *location, *quantity)
        }
        Command::Unexpect { item, quantity } => Ok(goods::unexpect(stock, known(stock, *item)?, *quantity)),
        Command::Receive { item, location, quantity, expected, into } => {
            let pile = Pile { item: known(stock, *item)?, location: *location, state: (*into).into() };
            goods::receive(stock, &pile, *quantity, *expected)
        }
        Command::Return { item, location, quantity, into } => {
            let pile = Pile { item: known(stock, *item)?, location: *location, state: (*into).into() };
            goods::take_back(stock, &pile, *quantity)
        }
        Command::Adjust { item, location, delta, against, shelf } => {
            let pile = Pile { item: known(stock, *item)?, location: *location, state: (*shelf).into() };
            goods::adjust(stock, &pile, *delta, *against)
        }
        Command::Move { item, location, from, to, quantity } => {
            goods::move_between(stock, *item, *location, (*from, *to), *quantity)
        }
        Command::Stocktake { item, location, shelf, counted, version } => {
            let count = Count { location: *location, shelf: *shelf, counted: *counted, version: *version };
            counting::stocktake(stock, *item, &count)
        }
        Command::Ship { transfer, from, to, lines } => transfers::ship(stock, *transfer, (*from, *to), lines),
        Command::ReceiveTransfer { transfer, lines, into } => {
            transfers::receive(stock, *transfer, lines.as_deref(), *into)
        }
        Command::LoseTransfer { transfer, lines } => transfers::lose(stock, *transfer, lines.as_deref()),
        Command::Reserve { hold, lines, seconds } => holds::reserve(stock, *hold, lines, *seconds, now),
        Command::Extend { hold, seconds } => holds::extend(stock, *hold, *seconds, now),
        Command::Confirm { hold, lines } => holds::confirm(stock, *hold, lines.as_deref(), now),
        Command::Cancel { hold } => holds::cancel(stock, *hold, now),
        Command::Expire { hold } => holds::expire(stock, *hold, now),
    }
}

/// Refuses when the item is not at the version that the caller had seen.
pub fn require_version(stock: &Stock, item: ItemId, expected: i64) -> Result<(), Refusal> {
    let actual = known(stock, item)?.version;
    if actual == expected { Ok(()) } else { Err(Refusal::VersionStale { expected, actual }) }
}

fn known(stock: &Stock, item: ItemId) -> Result<&Item, Refusal> {
    stock.items.get(&item).ok_or(Refusal::ItemUnknown)
}

fn of(item: &Item, change: Change) -> Event {
    Event { item: item.identity.id, change }
}

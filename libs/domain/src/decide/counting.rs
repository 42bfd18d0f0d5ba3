//! Units that are counted.

use super::taking::{fits, known_location, not_enough};
use super::{known, of};
use crate::{Change, Event, Item, ItemId, Level, LocationId, MAX_UNITS, Refusal, Shelf, State, Stock};

/// What somebody counted.
pub(super) struct Count {
    pub(super) location: LocationId,
    pub(super) shelf: Shelf,
    pub(super) counted: i64,
    pub(super) version: Option<i64>,
}

pub(super) fn stocktake(stock: &Stock, item: ItemId, count: &Count) -> Result<Vec<Event>, Refusal> {
    let Count { location, shelf, counted, .. } = *count;
    if !(0..=MAX_UNITS).contains(&counted) {
        return Err(Refusal::CountOutOfRange { counted });
    }
    let item = known(stock, item)?;
    let seen = pile(&seen(stock, item, count)?, shelf);
    known_location(stock, location)?;
    let state = State::from(shelf);
    match counted - seen {
        0 => Ok(vec![]),
        more @ 1.. => {
            fits(item, more)?;
            Ok(vec![of(item, Change::CountedMore { location, quantity: more, state })])
        }
        fewer => {
            free(item, location, shelf, -fewer)?;
            Ok(vec![of(item, Change::CountedFewer { location, quantity: -fewer, state })])
        }
    }
}

/// What the books said when the counter looked at them.
fn seen(stock: &Stock, item: &Item, count: &Count) -> Result<Level, Refusal> {
    let actual = item.version;
    match count.version {
        Some(expected) if expected != actual => {
            let past = stock.counted.get(&(item.identity.id, count.location, expected));
            past.copied().filter(|_| expected < actual).ok_or(Refusal::VersionUnknown { expected, actual })
        }
        Some(_) | None => Ok(item.at(count.location)),
    }
}

/// What lies together and is counted together: promised goods are still on the shelf.
fn pile(level: &Level, shelf: Shelf) -> i64 {
    match shelf {
        Shelf::Available => level.available + level.reserved,
        Shelf::Damaged | Shelf::QualityControl => level.get(shelf.into()),
    }
}

/// Refuses when fewer are free than are missing. What is promised is not counted away.
fn free(item: &Item, location: LocationId, shelf: Shelf, missing: i64) -> Result<(), Refusal> {
    let level = item.at(location);
    let free = level.get(shelf.into());
    if missing <= free {
        return Ok(());
    }
    if missing > pile(&level, shelf) {
        return Err(not_enough(item, missing, free));
    }
    let sku = item.identity.sku.to_string();
    Err(Refusal::CountHeld { sku, missing, available: free, reserved: level.reserved })
}

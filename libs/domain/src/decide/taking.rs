//! Where units go to and where they are taken from.

use crate::{Item, ItemId, Location, LocationId, MAX_LINES, MAX_UNITS, Quantity, Refusal, Stock};

/// Where goods go: the location named, or the first that is open.
pub(super) fn destination(stock: &Stock, named: Option<LocationId>) -> Result<LocationId, Refusal> {
    match named {
        Some(id) => open_location(stock, id),
        None => open_locations(stock).next().ok_or(Refusal::NoLocation),
    }
}

/// The locations that stock may be put into and promised from, the first to take from in front.
pub(super) fn open_locations(stock: &Stock) -> impl Iterator<Item = LocationId> {
    stock.locations.iter().filter(|location| location.active).map(|location| location.id)
}

/// Every location, closed ones too: what is gone may have been anywhere.
pub(super) fn all_locations(stock: &Stock) -> impl Iterator<Item = LocationId> {
    stock.locations.iter().map(|location| location.id)
}

pub(super) fn open_location(stock: &Stock, id: LocationId) -> Result<LocationId, Refusal> {
    let location = known_location(stock, id)?;
    if location.active { Ok(id) } else { Err(Refusal::LocationInactive { location: location.code.clone() }) }
}

pub(super) fn known_location(stock: &Stock, id: LocationId) -> Result<&Location, Refusal> {
    let location = stock.locations.iter().find(|location| location.id == id);
    location.ok_or(Refusal::LocationUnknown { location: id })
}

/// Takes `wanted` units from those `places` that are named, all of them or none. `there` says how many each has, and
/// `give` is told what each gives.
pub(super) fn take(
    item: &Item,
    wanted: i64,
    places: impl Iterator<Item = LocationId>,
    there: impl Fn(LocationId) -> i64,
    give: impl FnMut(LocationId, i64),
) -> Result<(), Refusal> {
    let short = spread(wanted, places, there, give);
    if short == 0 { Ok(()) } else { Err(not_enough(item, wanted, wanted - short)) }
}

/// Spreads `wanted` units over `places` in their order, never more than `there` says each has. Tells `give` what
/// each gives, and returns how many are still wanted.
pub(super) fn spread(
    wanted: i64,
    places: impl Iterator<Item = LocationId>,
    there: impl Fn(LocationId) -> i64,
    mut give: impl FnMut(LocationId, i64),
) -> i64 {
    let mut left = wanted;
    for at in places {
        let part = there(at).clamp(0, left);
        if part > 0 {
            give(at, part);
            left -= part;
        }
        if left == 0 {
            break;
        }
    }
    left
}

/// Refuses to let more in than the item, over all its locations, may count: so any sum of its levels is in
/// bounds too.
pub(super) fn fits(item: &Item, more: i64) -> Result<(), Refusal> {
    let total = item.total();
    if total.on_hand() + total.incoming + total.in_transit + more > MAX_UNITS {
        return Err(Refusal::TooMuch { sku: item.identity.sku.to_string() });
    }
    Ok(())
}

pub(super) fn not_enough(item: &Item, requested: i64, available: i64) -> Refusal {
    Refusal::NotEnough { sku: item.identity.sku.to_string(), requested, available }
}

/// Refuses no lines, and too many.
pub(super) fn check_lines<T>(lines: &[T]) -> Result<(), Refusal> {
    match lines.len() {
        0 => Err(Refusal::NoLines),
        1..=MAX_LINES => Ok(()),
        lines => Err(Refusal::TooManyLines { lines }),
    }
}

/// The units of each item over all lines, in the order in which the items come: what is asked for twice must be there
/// twice.
pub(super) fn added_up(lines: impl ExactSizeIterator<Item = (ItemId, Quantity)>) -> Vec<(ItemId, i64)> {
    let mut sums: Vec<(ItemId, i64)> = Vec::with_capacity(lines.len());
    for (item, quantity) in lines {
        match sums.iter_mut().find(|(other, _)| *other == item) {
            Some((_, sum)) => *sum += quantity.get(),
            None => sums.push((item, quantity.get())),
        }
    }
    sums
}

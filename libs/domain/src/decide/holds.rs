//! Units that are promised.

use super::known;
use super::taking::{added_up, check_lines, open_location, open_locations, take};
use crate::{
    Change, Event, Hold, HoldId, HoldLine, HoldStatus, ItemId, Line, LocationId, MAX_HOLD_SECONDS, PartLine,
    Refusal, Stock, Timestamp,
};

/// The holds whose time is up at `now` and that nobody has ended yet, each line an event.
pub fn expire_due(stock: &Stock, now: Timestamp) -> Vec<Event> {
    let mut due: Vec<Event> = stock
        .holds
        .iter()
        .flat_map(|(id, hold)| {
            open_lines(hold)
                .filter(|line| line.is_overdue(now) && stock.items.contains_key(&line.item))
                .map(|line| expired(*id, line))
        })
        .collect();
    due.sort_by_key(|event| (event.item, event.change.hold()));
    due
}

pub(super) fn reserve(
    stock: &Stock,
    hold: HoldId,
    lines: &[Line],
    seconds: i64,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    check_lines(lines)?;
    let expires_at = end_after(seconds, now)?;
    if stock.holds.contains_key(&hold) {
        return Err(Refusal::HoldTaken { hold });
    }
    // What earlier lines took is no longer there for later ones: the same item may stand in two lines.
    let mut promised: Vec<(ItemId, LocationId, i64)> = Vec::with_capacity(lines.len());
    let mut taken = Vec::new();
    for line in lines {
        let item = known(stock, line.item)?;
        if !item.attributes.active {
            return Err(Refusal::ItemInactive { sku: item.identity.sku.to_string() });
        }
        if let Some(named) = line.location {
            open_location(stock, named)?;
        }
        let places = open_locations(stock).filter(|at| line.location.is_none_or(|named| named == *at));
        let available = |at| item.at(at).available - already(&promised, line.item, at);
        take(item, line.quantity.get(), places, available, |at, units| taken.push((at, units)))?;
        for (location, quantity) in taken.drain(..) {
            match promised.iter_mut().find(|(i, at, _)| (*i, *at) == (line.item, location)) {
                Some((_, _, sum)) => *sum += quantity,
                None => promised.push((line.item, location, quantity)),
            }
        }
    }
    let held = |(item, location, quantity)| Event {
        item,
        change: Change::Held { hold, location, quantity, expires_at },
    };
    Ok(promised.into_iter().map(held).collect())
}

fn already(promised: &[(ItemId, LocationId, i64)], item: ItemId, location: LocationId) -> i64 {
    let found = promised.iter().find(|(i, at, _)| (*i, *at) == (item, location));
    found.map_or(0, |(_, _, units)| *units)
}

pub(super) fn extend(stock: &Stock, id: HoldId, seconds: i64, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let expires_at = end_after(seconds, now)?;
    let hold = held(stock, id)?;
    require_binding(id, hold, now)?;
    let extended = |line: &HoldLine| Event {
        item: line.item,
        change: Change::HoldExtended { hold: id, location: line.location, expires_at },
    };
    Ok(open_lines(hold).filter(|line| line.expires_at < expires_at).map(extended).collect())
}

pub(super) fn confirm(
    stock: &Stock,
    id: HoldId,
    lines: Option<&[PartLine]>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    lines.map_or(Ok(()), check_lines)?;
    let hold = held(stock, id)?;
    if lines.is_none() && hold.status() == HoldStatus::Confirmed {
        return Ok(vec![]);
    }
    require_binding(id, hold, now)?;
    match lines {
        Some(lines) => confirm_part(stock, id, hold, lines),
        None => Ok(open_lines(hold).map(|line| confirmed(id, line, line.remaining())).collect()),
    }
}

/// Spreads what is handed over on the hold's lines, in their order.
fn confirm_part(stock: &Stock, id: HoldId, hold: &Hold, lines: &[PartLine]) -> Result<Vec<Event>, Refusal> {
    let mut events = Vec::with_capacity(lines.len());
    for (item, requested) in added_up(lines.iter().map(|line| (line.item, line.quantity))) {
        if !hold.lines.iter().any(|line| line.item == item) {
            return Err(Refusal::HoldLineUnknown { hold: id, item });
        }
        let mut left = requested;
        for line in open_lines(hold).filter(|line| line.item == item) {
            let part = line.remaining().min(left);
            if part > 0 {
                events.push(confirmed(id, line, part));
                left -= part;
            }
        }
        if left > 0 {
            let sku = known(stock, item)?.identity.sku.to_string();
            return Err(Refusal::PartTooLarge { sku, requested, held: requested - left });
        }
    }
    Ok(events)
}

pub(super) fn cancel(stock: &Stock, id: HoldId, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let hold = held(stock, id)?;
    if hold.status() == HoldStatus::Cancelled {
        return Ok(vec![]);
    }
    require_binding(id, hold, now)?;
    let cancelled = |line: &HoldLine| Event {
        item: line.item,
        change: Change::HoldCancelled { hold: id, location: line.location, quantity: line.remaining() },
    };
    Ok(open_lines(hold).map(cancelled).collect())
}

pub(super) fn expire(stock: &Stock, id: HoldId, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let hold = held(stock, id)?;
    match hold.status() {
        HoldStatus::Confirmed => return Err(Refusal::HoldConfirmed { hold: id }),
        HoldStatus::Cancelled => return Err(Refusal::HoldCancelled { hold: id }),
        HoldStatus::Expired | HoldStatus::Open => {}
    }
    if open_lines(hold).any(|line| !line.is_overdue(now)) {
        return Err(Refusal::HoldStillBinds { hold: id });
    }
    Ok(open_lines(hold).map(|line| expired(id, line)).collect())
}

fn confirmed(hold: HoldId, line: &HoldLine, quantity: i64) -> Event {
    Event { item: line.item, change: Change::HoldConfirmed { hold, location: line.location, quantity } }
}

fn expired(hold: HoldId, line: &HoldLine) -> Event {
    let change = Change::HoldExpired { hold, location: line.location, quantity: line.remaining() };
    Event { item: line.item, change }
}

fn held(stock: &Stock, hold: HoldId) -> Result<&Hold, Refusal> {
    stock.holds.get(&hold).ok_or(Refusal::HoldUnknown { hold })
}

/// Refuses when the hold has ended, or should have.
fn require_binding(id: HoldId, hold: &Hold, now: Timestamp) -> Result<(), Refusal> {
    match hold.status() {
        HoldStatus::Expired => Err(Refusal::HoldExpired { hold: id }),
        HoldStatus::Cancelled => Err(Refusal::HoldCancelled { hold: id }),
        HoldStatus::Confirmed => Err(Refusal::HoldConfirmed { hold: id }),
        HoldStatus::Open if open_lines(hold).any(|line| line.is_overdue(now)) => {
            Err(Refusal::HoldExpired { hold: id })
        }
        HoldStatus::Open => Ok(()),
    }
}

fn end_after(seconds: i64, now: Timestamp) -> Result<Timestamp, Refusal> {
    if !(1..=MAX_HOLD_SECONDS).contains(&seconds) {
        return Err(Refusal::DurationOutOfRange { seconds });
    }
    Ok(now + chrono::Duration::seconds(seconds))
}

fn open_lines(hold: &Hold) -> impl Iterator<Item = &HoldLine> {
    hold.lines.iter().filter(|line| line.status == HoldStatus::Open)
}

//! How things stand after something happened.

use crate::{
    Change, Event, Hold, HoldId, HoldLine, HoldStatus, Item, ItemId, LocationId, Place, ShippedLine, State,
    Stock, Transfer, TransferId,
};

/// Applies what happened. It refuses nothing: an event is a fact, and [`decide`](crate::decide) has seen to
/// it that it could happen.
pub fn evolve(stock: &mut Stock, event: &Event) {
    if let Change::Created(new) = &event.change {
        let (identity, attributes) = (**new).clone();
        let item = Item { identity, attributes, version: 0, levels: Default::default() };
        stock.items.insert(event.item, item);
    }
    if let Some(item) = stock.items.get_mut(&event.item) {
        item.version += 1;
        if let Change::Updated(attributes) = &event.change {
            item.attributes = (**attributes).clone();
        }
        move_units(item, &event.change);
    }
    keep_book(stock, event);
}

fn move_units(item: &mut Item, change: &Change) {
    let Some(movement) = change.movement() else { return };
    if let Place::At(location, state) = movement.from {
        item.levels.entry(location).or_default().add(state, -movement.quantity);
    }
    if let Place::At(location, state) = movement.to {
        item.levels.entry(location).or_default().add(state, movement.quantity);
    }
}

/// What stands beside the levels: holds, transfers and what was counted.
fn keep_book(stock: &mut Stock, event: &Event) {
    let item = event.item;
    match event.change {
        Change::Held { hold, location, quantity, expires_at } => {
            let status = HoldStatus::Open;
            let line = HoldLine { item, location, quantity, confirmed: 0, expires_at, status };
            stock.holds.entry(hold).or_insert_with(|| Hold { lines: vec![] }).lines.push(line);
        }
        Change::HoldExtended { hold, location, expires_at } => {
            held(stock, hold, item, location, |line| line.expires_at = expires_at);
        }
        Change::HoldConfirmed { hold, location, quantity } => {
            held(stock, hold, item, location, |line| confirm(line, quantity));
        }
        Change::HoldCancelled { hold, location, .. } => {
            held(stock, hold, item, location, |line| line.status = HoldStatus::Cancelled);
        }
        Change::HoldExpired { hold, location, .. } => {
            held(stock, hold, item, location, |line| line.status = HoldStatus::Expired);
        }
        Change::Shipped { transfer, from, to, quantity } => {
            let line = ShippedLine { item, shipped: quantity, received: 0, lost: 0 };
            let transfer = stock.transfers.entry(transfer);
            transfer.or_insert_with(|| Transfer { from, to, lines: vec![] }).lines.push(line);
        }
        Change::TransferReceived { transfer, quantity, .. } => {
            shipped(stock, transfer, item, |line| line.received += quantity);
        }
        Change::TransferLost { transfer, quantity, .. } => {
            shipped(stock, transfer, item, |line| line.lost += quantity);
        }
        Change::CountedMore { location, quantity, state } => correct(stock, item, location, state, quantity),
        Change::CountedFewer { location, quantity, state } => {
            correct(stock, item, location, state, -quantity);
        }
        Change::Created(_)
        | Change::Updated(_)
        | Change::Expected { .. }
        | Change::Unexpected { .. }
        | Change::Received { .. }
        | Change::Arrived { .. }
        | Change::Returned { .. }
        | Change::Increased { .. }
        | Change::Decreased { .. }
        | Change::Moved { .. } => {}
    }
}

fn held(stock: &mut Stock, hold: HoldId, item: ItemId, location: LocationId, change: impl Fn(&mut HoldLine)) {
    let lines = stock.holds.get_mut(&hold).into_iter().flat_map(|hold| &mut hold.lines);
    lines.filter(|line| line.item == item && line.location == location).for_each(change);
}

/// A line ends when nothing is left of it.
fn confirm(line: &mut HoldLine, quantity: i64) {
    line.confirmed += quantity;
    if line.remaining() == 0 {
        line.status = HoldStatus::Confirmed;
    }
}

fn shipped(stock: &mut Stock, transfer: TransferId, item: ItemId, change: impl Fn(&mut ShippedLine)) {
    let lines = stock.transfers.get_mut(&transfer).into_iter().flat_map(|transfer| &mut transfer.lines);
    lines.filter(|line| line.item == item).for_each(change);
}

/// What a count found is found: whoever counted against the same books finds no difference any more.
fn correct(stock: &mut Stock, item: ItemId, location: LocationId, state: State, units: i64) {
    let past = stock.counted.iter_mut().filter(|((i, at, _), _)| (*i, *at) == (item, location));
    past.for_each(|(_, level)| level.add(state, units));
}

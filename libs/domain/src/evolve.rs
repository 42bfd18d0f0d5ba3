//! How things stand after something happened.

use crate::{Change, Event, Hold, HoldId, HoldLine, HoldStatus, Item, ItemId, LocationId, Place, Stock};

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
    mark_hold(stock, event);
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

fn mark_hold(stock: &mut Stock, event: &Event) {
    match event.change {
        Change::Held { hold, location, quantity, expires_at } => {
            let line =
                HoldLine { item: event.item, location, quantity, expires_at, status: HoldStatus::Open };
            stock.holds.entry(hold).or_insert_with(|| Hold { lines: vec![] }).lines.push(line);
        }
        Change::HoldConfirmed { hold, location, .. } => {
            end(stock, hold, event.item, location, HoldStatus::Confirmed);
        }
        Change::HoldCancelled { hold, location, .. } => {
            end(stock, hold, event.item, location, HoldStatus::Cancelled);
        }
        Change::HoldExpired { hold, location, .. } => {
            end(stock, hold, event.item, location, HoldStatus::Expired);
        }
        Change::Created(_)
        | Change::Updated(_)
        | Change::Expected { .. }
        | Change::Unexpected { .. }
        | Change::Received { .. }
        | Change::Arrived { .. }
        | Change::Increased { .. }
        | Change::Decreased { .. } => {}
    }
}

fn end(stock: &mut Stock, hold: HoldId, item: ItemId, location: LocationId, status: HoldStatus) {
    let lines = stock.holds.get_mut(&hold).into_iter().flat_map(|hold| &mut hold.lines);
    for line in lines.filter(|line| line.item == item && line.location == location) {
        line.status = status;
    }
}

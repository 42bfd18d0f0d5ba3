//! Units that come, go and change their state.

use super::taking::{all_locations, destination, fits, known_location, not_enough, spread, take};
use super::{known, of};
use crate::{
    Change, Delta, Event, Item, ItemId, LocationId, Outside, Quantity, Refusal, Shelf, State, Stock,
};

/// The units of an item that a command is about.
pub(super) struct Pile<'a> {
    pub(super) item: &'a Item,
    pub(super) location: Option<LocationId>,
    pub(super) state: State,
}

pub(super) fn expect(
    stock: &Stock,
    item: &Item,
    location: Option<LocationId>,
    quantity: Quantity,
) -> Result<Vec<Event>, Refusal> {
    let location = destination(stock, location)?;
    fits(item, quantity.get())?;
    Ok(vec![of(item, Change::Expected { location, quantity: quantity.get() })])
}

pub(super) fn unexpect(stock: &Stock, item: &Item, quantity: Quantity) -> Vec<Event> {
    let mut events = Vec::new();
    spread(
        quantity.get(),
        all_locations(stock),
        |at| item.at(at).incoming,
        |location, quantity| events.push(of(item, Change::Unexpected { location, quantity })),
    );
    events
}

pub(super) fn receive(
    stock: &Stock,
    pile: &Pile<'_>,
    quantity: Quantity,
    expected: bool,
) -> Result<Vec<Event>, Refusal> {
    let Pile { item, state, .. } = *pile;
    let mut left = quantity.get();
    let mut events = Vec::new();
    if expected {
        left = spread(
            left,
            pile.places(stock),
            |at| item.at(at).incoming,
            |location, quantity| events.push(of(item, Change::Arrived { location, quantity, state })),
        );
    }
    if left > 0 {
        let location = destination(stock, pile.location)?;
        fits(item, left)?;
        events.push(of(item, Change::Received { location, quantity: left, state }));
    }
    Ok(events)
}

pub(super) fn take_back(stock: &Stock, pile: &Pile<'_>, quantity: Quantity) -> Result<Vec<Event>, Refusal> {
    let Pile { item, state, .. } = *pile;
    let location = destination(stock, pile.location)?;
    fits(item, quantity.get())?;
    Ok(vec![of(item, Change::Returned { location, quantity: quantity.get(), state })])
}

pub(super) fn adjust(
    stock: &Stock,
    pile: &Pile<'_>,
    delta: Delta,
    against: Outside,
) -> Result<Vec<Event>, Refusal> {
    let Pile { item, state, .. } = *pile;
    let size = delta.size().get();
    if delta.get() > 0 {
        let location = destination(stock, pile.location)?;
        fits(item, size)?;
        return Ok(vec![of(item, Change::Increased { location, quantity: size, state, against })]);
    }
    if let Some(named) = pile.location {
        known_location(stock, named)?;
    }
    let mut events = Vec::new();
    take(
        item,
        size,
        pile.places(stock),
        |at| item.at(at).get(state),
        |location, quantity| events.push(of(item, Change::Decreased { location, quantity, state, against })),
    )?;
    Ok(events)
}

pub(super) fn move_between(
    stock: &Stock,
    item: ItemId,
    location: LocationId,
    (from, to): (Shelf, Shelf),
    quantity: Quantity,
) -> Result<Vec<Event>, Refusal> {
    if from == to {
        return Err(Refusal::MoveToItself);
    }
    let item = known(stock, item)?;
    known_location(stock, location)?;
    let (from, to, quantity) = (State::from(from), State::from(to), quantity.get());
    let there = item.at(location).get(from);
    if there < quantity {
        return Err(not_enough(item, quantity, there));
    }
    Ok(vec![of(item, Change::Moved { location, from, to, quantity })])
}

impl Pile<'_> {
    /// The location named, or all of them.
    fn places(&self, stock: &Stock) -> impl Iterator<Item = LocationId> {
        let named = self.location;
        all_locations(stock).filter(move |at| named.is_none_or(|named| named == *at))
    }
}

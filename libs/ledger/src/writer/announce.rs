//! The events that tell others what a command changed.

use domain::{Change, Crossing, Event, HoldId, Item, ItemId, LocationId, Stock, Timestamp, TransferId};
use events::{Levels, Reservation, StockLevel, StockUpdated, Subject, Transfer};
use uuid::Uuid;

use crate::request::Request;

/// The units of an item that are free to promise, over all locations; none of an item that is not there.
pub(super) fn available(stock: &Stock, item: ItemId) -> i64 {
    stock.items.get(&item).map_or(0, |item| item.total().available)
}

/// Says what a command's events are to others: for each item how it stands now, the lines that it crossed, and
/// the holds that began or ended. `before` are the units available of each item before the command.
pub(super) fn announce(
    request: &Request,
    command_id: Uuid,
    happened: &[Event],
    before: &[(ItemId, i64)],
    stock: &Stock,
    now: Timestamp,
) -> Vec<events::Event> {
    let mut news = Vec::new();
    let mut told: Vec<ItemId> = Vec::new();
    for event in happened {
        let Some(item) = stock.items.get(&event.item) else { continue };
        let subject = subject(item, stock);
        news.extend(specific(event, &subject, item, stock, request, now));
        // Until when units are held matters to whoever keeps a copy of how things stand.
        let moved = event.change.movement().is_some() || matches!(event.change, Change::HoldExtended { .. });
        if moved && !told.contains(&event.item) {
            told.push(event.item);
            let previous = before.iter().find(|(item, _)| *item == event.item).map_or(0, |(_, units)| *units);
            news.extend(stock_updated(request, command_id, subject, previous, now));
        }
    }
    news
}

fn stock_updated(
    request: &Request,
    command_id: Uuid,
    subject: Subject,
    previous: i64,
    now: Timestamp,
) -> Vec<events::Event> {
    let crossed = domain::crossings(previous, subject.available, subject.reorder_point);
    let level = |crossing| {
        let level = StockLevel { subject: subject.clone(), timestamp: now };
        match crossing {
            Crossing::Low => events::Event::StockLow(level),
            Crossing::Depleted => events::Event::StockDepleted(level),
            Crossing::Replenished => events::Event::StockReplenished(level),
        }
    };
    let mut news: Vec<events::Event> = crossed.into_iter().map(level).collect();
    let updated = StockUpdated {
        previous_stock: previous,
        new_stock: subject.available,
        change_amount: subject.available - previous,
        reason: request.reason.clone().unwrap_or_else(|| request.command.word().to_owned()),
        timestamp: now,
        command_id,
        subject,
    };
    news.insert(0, events::Event::StockUpdated(updated));
    news
}

/// What an event is beside a change of stock.
fn specific(
    event: &Event,
    subject: &Subject,
    item: &Item,
    stock: &Stock,
    request: &Request,
    now: Timestamp,
) -> Option<events::Event> {
    let described = || {
        let name = item.attributes.name.as_str().to_owned();
        events::Item { subject: subject.clone(), name, timestamp: now }
    };
    let (reference_type, reference_id) = match &request.reference {
        Some(reference) => (Some(reference.kind.clone()), Some(reference.id.clone())),
        None => (None, None),
    };
    let reservation =
        |hold: HoldId, location: LocationId, quantity: i64, expires_at: Option<Timestamp>| Reservation {
            subject: subject.clone(),
            reservation_id: hold.0,
            quantity,
            location_id: location.0,
            expires_at,
            reference_type: reference_type.clone(),
            reference_id: reference_id.clone(),
            timestamp: now,
        };
    let transfer = |transfer: TransferId, from: LocationId, to: LocationId, quantity: i64| Transfer {
        subject: subject.clone(),
        transfer_id: transfer.0,
        quantity,
        from_location_id: from.0,
        to_location_id: to.0,
        reference_type: reference_type.clone(),
        reference_id: reference_id.clone(),
        timestamp: now,
    };
    Some(match event.change {
        Change::Created(_) => events::Event::ItemCreated(described()),
        Change::Updated(_) => events::Event::ItemUpdated(described()),
        Change::Held { hold, location, quantity, expires_at } => {
            events::Event::ReservationCreated(reservation(hold, location, quantity, Some(expires_at)))
        }
        Change::HoldConfirmed { hold, location, quantity } => {
            events::Event::ReservationConfirmed(reservation(hold, location, quantity, None))
        }
        Change::HoldCancelled { hold, location, quantity } => {
            events::Event::ReservationCancelled(reservation(hold, location, quantity, None))
        }
        Change::HoldExpired { hold, location, quantity } => {
            events::Event::ReservationExpired(reservation(hold, location, quantity, None))
        }
        Change::Shipped { transfer: id, from, to, quantity } => {
            events::Event::TransferShipped(transfer(id, from, to, quantity))
        }
        Change::TransferReceived { transfer: id, location, quantity, .. } => {
            let from = stock.transfers.get(&id)?.from;
            events::Event::TransferReceived(transfer(id, from, location, quantity))
        }
        Change::Expected { .. }
        | Change::Unexpected { .. }
        | Change::Received { .. }
        | Change::Arrived { .. }
        | Change::Returned { .. }
        | Change::Increased { .. }
        | Change::Decreased { .. }
        | Change::Moved { .. }
        | Change::CountedMore { .. }
        | Change::CountedFewer { .. }
        | Change::TransferLost { .. }
        | Change::HoldExtended { .. } => return None,
    })
}

/// The item as it is told; `stock` knows the codes of its locations.
pub(crate) fn subject(item: &Item, stock: &Stock) -> Subject {
    let total = item.total();
    let code = |id: LocationId| {
        let location = stock.locations.iter().find(|location| location.id == id);
        location.map(|location| location.code.clone()).unwrap_or_default()
    };
    let level = |(id, level): (&LocationId, &domain::Level)| Levels {
        location_id: id.0,
        location: code(*id),
        on_hand: level.on_hand(),
        available: level.available,
        reserved: level.reserved,
        damaged: level.damaged,
        quality_control: level.quality_control,
        incoming: level.incoming,
        in_transit: level.in_transit,
    };
    Subject {
        item_id: item.identity.id.0,
        product_id: item.identity.product_id.as_str().to_owned(),
        variant_id: item.identity.variant_id.as_ref().map(|variant| variant.as_str().to_owned()),
        sku: item.identity.sku.as_str().to_owned(),
        owner: item.identity.owner.as_str().to_owned(),
        supplier_id: item.attributes.supplier.as_ref().map(|supplier| supplier.as_str().to_owned()),
        version: item.version,
        active: item.attributes.active,
        reorder_point: item.attributes.reorder_point,
        reorder_quantity: item.attributes.reorder_quantity,
        on_hand: total.on_hand(),
        available: total.available,
        reserved: total.reserved,
        incoming: total.incoming,
        in_transit: total.in_transit,
        levels: item.levels.iter().map(level).collect(),
    }
}

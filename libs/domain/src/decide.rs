//! What a command comes to, given how things stand.

use crate::{
    Attributes, Change, Command, Delta, Event, Hold, HoldId, HoldLine, HoldStatus, Item, ItemId, ItemPatch,
    Line, Location, LocationId, MAX_HOLD_SECONDS, MAX_LINES, MAX_UNITS, NewItem, Outside, Quantity, Refusal,
    Stock, Timestamp,
};

/// Says what a command comes to, given how things stand.
///
/// No events means that it had already happened: confirming a confirmed hold is a success that changes
/// nothing. What [`expire_due`] says of the same stock and instant must have been applied before, so that no
/// hold that is over its time stands in a sale's way.
pub fn decide(stock: &Stock, command: &Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::CreateItem(new) => create(stock, new),
        Command::UpdateItem { item, patch } => update(known(stock, *item)?, patch),
        Command::Expect { item, location, quantity } => expect(stock, *item, *location, *quantity),
        Command::Unexpect { item, quantity } => Ok(unexpect(stock, known(stock, *item)?, *quantity)),
        Command::Receive { item, location, quantity, expected } => {
            receive(stock, known(stock, *item)?, *location, *quantity, *expected)
        }
        Command::Adjust { item, location, delta, against } => {
            adjust(stock, known(stock, *item)?, *location, *delta, *against)
        }
        Command::Reserve { hold, lines, seconds } => reserve(stock, *hold, lines, *seconds, now),
        Command::Confirm { hold } => confirm(*hold, held(stock, *hold)?, now),
        Command::Cancel { hold } => cancel(*hold, held(stock, *hold)?, now),
        Command::Expire { hold } => expire(*hold, held(stock, *hold)?, now),
    }
}

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

/// Refuses when the item is not at the version that the caller had seen.
pub fn require_version(stock: &Stock, item: ItemId, expected: i64) -> Result<(), Refusal> {
    let actual = known(stock, item)?.version;
    if actual == expected { Ok(()) } else { Err(Refusal::VersionStale { expected, actual }) }
}

fn known(stock: &Stock, item: ItemId) -> Result<&Item, Refusal> {
    stock.items.get(&item).ok_or(Refusal::ItemUnknown)
}

fn held(stock: &Stock, hold: HoldId) -> Result<&Hold, Refusal> {
    stock.holds.get(&hold).ok_or(Refusal::HoldUnknown { hold })
}

fn create(stock: &Stock, new: &NewItem) -> Result<Vec<Event>, Refusal> {
    let NewItem { identity, attributes } = new;
    within_bounds(attributes)?;
    for other in stock.items.values().map(|item| &item.identity) {
        let same_product = other.product_id == identity.product_id;
        // A name stands for one thing: an item can be asked for by its SKU and by its product.
        if other.id == identity.id
            || other.sku == identity.sku
            || (other.product_id == identity.sku && !same_product)
        {
            return Err(Refusal::SkuTaken { sku: identity.sku.to_string() });
        }
        if (same_product && other.variant_id == identity.variant_id)
            || (other.sku == identity.product_id && !same_product)
        {
            return Err(Refusal::ProductTaken { product_id: identity.product_id.to_string() });
        }
    }
    let change = Change::Created(Box::new((identity.clone(), attributes.clone())));
    Ok(vec![Event { item: identity.id, change }])
}

fn update(item: &Item, patch: &ItemPatch) -> Result<Vec<Event>, Refusal> {
    let now = &item.attributes;
    let next = Attributes {
        name: patch.name.clone().unwrap_or_else(|| now.name.clone()),
        supplier: patch.supplier.clone().unwrap_or_else(|| now.supplier.clone()),
        reorder_point: patch.reorder_point.unwrap_or(now.reorder_point),
        reorder_quantity: patch.reorder_quantity.unwrap_or(now.reorder_quantity),
        active: patch.active.unwrap_or(now.active),
    };
    within_bounds(&next)?;
    if next == *now {
        return Ok(vec![]);
    }
    Ok(vec![Event { item: item.identity.id, change: Change::Updated(Box::new(next)) }])
}

fn within_bounds(attributes: &Attributes) -> Result<(), Refusal> {
    for (field, value) in
        [("reorder_point", attributes.reorder_point), ("reorder_quantity", attributes.reorder_quantity)]
    {
        if !(0..=MAX_UNITS).contains(&value) {
            return Err(Refusal::ReorderOutOfRange { field: field.to_owned(), value });
        }
    }
    Ok(())
}

fn expect(
    stock: &Stock,
    item: ItemId,
    location: Option<LocationId>,
    quantity: Quantity,
) -> Result<Vec<Event>, Refusal> {
    let item = known(stock, item)?;
    let location = destination(stock, location)?;
    fits(item, quantity.get())?;
    Ok(vec![of(item, Change::Expected { location, quantity: quantity.get() })])
}

fn unexpect(stock: &Stock, item: &Item, quantity: Quantity) -> Vec<Event> {
    let everywhere = stock.locations.iter().map(|location| location.id);
    let (taken, _) = spread(everywhere, quantity.get(), |at| item.at(at).incoming);
    taken
        .into_iter()
        .map(|(location, quantity)| of(item, Change::Unexpected { location, quantity }))
        .collect()
}

fn receive(
    stock: &Stock,
    item: &Item,
    location: Option<LocationId>,
    quantity: Quantity,
    expected: bool,
) -> Result<Vec<Event>, Refusal> {
    let mut left = quantity.get();
    let mut events = Vec::new();
    if expected {
        let everywhere = stock.locations.iter().map(|at| at.id);
        let here = everywhere.filter(|at| location.is_none_or(|named| named == *at));
        let (arrived, rest) = spread(here, left, |at| item.at(at).incoming);
        left = rest;
        let arrive = |(location, quantity)| of(item, Change::Arrived { location, quantity });
        events.extend(arrived.into_iter().map(arrive));
    }
    if left > 0 {
        let location = destination(stock, location)?;
        fits(item, left)?;
        events.push(of(item, Change::Received { location, quantity: left }));
    }
    Ok(events)
}

fn adjust(
    stock: &Stock,
    item: &Item,
    location: Option<LocationId>,
    delta: Delta,
    against: Outside,
) -> Result<Vec<Event>, Refusal> {
    let size = delta.size().get();
    if delta.get() > 0 {
        let location = destination(stock, location)?;
        fits(item, size)?;
        return Ok(vec![of(item, Change::Increased { location, quantity: size, against })]);
    }
    if let Some(named) = location {
        known_location(stock, named)?;
    }
    // What was sold or lost is gone, from wherever it was.
    let everywhere: Vec<LocationId> = stock.locations.iter().map(|at| at.id).collect();
    let taken = take(item, location, &everywhere, size, &[])?;
    Ok(taken
        .into_iter()
        .map(|(location, quantity)| of(item, Change::Decreased { location, quantity, against }))
        .collect())
}

fn reserve(
    stock: &Stock,
    hold: HoldId,
    lines: &[Line],
    seconds: i64,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    check_reservation(lines, seconds)?;
    if stock.holds.contains_key(&hold) {
        return Err(Refusal::HoldTaken { hold });
    }
    let expires_at = now + chrono::Duration::seconds(seconds);
    // What earlier lines took is no longer there for later ones: the same item may stand in two lines.
    let mut promised: Vec<(ItemId, LocationId, i64)> = Vec::new();
    let open: Vec<LocationId> = open_locations(stock).collect();
    for line in lines {
        let item = known(stock, line.item)?;
        if !item.attributes.active {
            return Err(Refusal::ItemInactive { sku: item.identity.sku.to_string() });
        }
        if let Some(named) = line.location {
            open_location(stock, named)?;
        }
        for (location, quantity) in take(item, line.location, &open, line.quantity.get(), &promised)? {
            match promised.iter_mut().find(|(i, at, _)| (*i, *at) == (line.item, location)) {
                Some((_, _, already)) => *already += quantity,
                None => promised.push((line.item, location, quantity)),
            }
        }
    }
    Ok(promised
        .into_iter()
        .map(|(item, location, quantity)| Event {
            item,
            change: Change::Held { hold, location, quantity, expires_at },
        })
        .collect())
}

fn check_reservation(lines: &[Line], seconds: i64) -> Result<(), Refusal> {
    if lines.is_empty() {
        return Err(Refusal::NoLines);
    }
    if lines.len() > MAX_LINES {
        return Err(Refusal::TooManyLines { lines: lines.len() });
    }
    if !(1..=MAX_HOLD_SECONDS).contains(&seconds) {
        return Err(Refusal::DurationOutOfRange { seconds });
    }
    Ok(())
}

fn confirm(id: HoldId, hold: &Hold, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    if let Some(ended) = end_of(hold) {
        return match ended {
            HoldStatus::Confirmed => Ok(vec![]),
            HoldStatus::Cancelled => Err(Refusal::HoldCancelled { hold: id }),
            HoldStatus::Expired | HoldStatus::Open => Err(Refusal::HoldExpired { hold: id }),
        };
    }
    if open_lines(hold).any(|line| line.is_overdue(now)) {
        return Err(Refusal::HoldExpired { hold: id });
    }
    let confirmed = |line: &HoldLine| Event {
        item: line.item,
        change: Change::HoldConfirmed { hold: id, location: line.location, quantity: line.quantity },
    };
    Ok(open_lines(hold).map(confirmed).collect())
}

fn cancel(id: HoldId, hold: &Hold, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match end_of(hold) {
        Some(HoldStatus::Cancelled) => return Ok(vec![]),
        Some(HoldStatus::Confirmed) => return Err(Refusal::HoldConfirmed { hold: id }),
        Some(HoldStatus::Expired | HoldStatus::Open) => return Err(Refusal::HoldExpired { hold: id }),
        None => {}
    }
    if open_lines(hold).any(|line| line.is_overdue(now)) {
        return Err(Refusal::HoldExpired { hold: id });
    }
    let cancelled = |line: &HoldLine| Event {
        item: line.item,
        change: Change::HoldCancelled { hold: id, location: line.location, quantity: line.quantity },
    };
    Ok(open_lines(hold).map(cancelled).collect())
}

fn expire(id: HoldId, hold: &Hold, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match end_of(hold) {
        Some(HoldStatus::Confirmed) => return Err(Refusal::HoldConfirmed { hold: id }),
        Some(HoldStatus::Cancelled) => return Err(Refusal::HoldCancelled { hold: id }),
        Some(HoldStatus::Expired | HoldStatus::Open) | None => {}
    }
    if open_lines(hold).any(|line| !line.is_overdue(now)) {
        return Err(Refusal::HoldStillBinds { hold: id });
    }
    Ok(open_lines(hold).map(|line| expired(id, line)).collect())
}

fn expired(hold: HoldId, line: &HoldLine) -> Event {
    let change = Change::HoldExpired { hold, location: line.location, quantity: line.quantity };
    Event { item: line.item, change }
}

/// How a hold ended; `None` while all of it is open. Lines expire one by one, as their items are touched, so
/// a hold with an expired line has expired, whatever its other lines still say.
fn end_of(hold: &Hold) -> Option<HoldStatus> {
    let ended = |status| hold.lines.iter().any(|line| line.status == status);
    [HoldStatus::Expired, HoldStatus::Cancelled, HoldStatus::Confirmed]
        .into_iter()
        .find(|status| ended(*status))
}

fn open_lines(hold: &Hold) -> impl Iterator<Item = &HoldLine> {
    hold.lines.iter().filter(|line| line.status == HoldStatus::Open)
}

fn of(item: &Item, change: Change) -> Event {
    Event { item: item.identity.id, change }
}

/// Where goods go: the location named, or the first that is open.
fn destination(stock: &Stock, named: Option<LocationId>) -> Result<LocationId, Refusal> {
    match named {
        Some(id) => open_location(stock, id),
        None => open_locations(stock).next().ok_or(Refusal::NoLocation),
    }
}

fn open_locations(stock: &Stock) -> impl Iterator<Item = LocationId> {
    stock.locations.iter().filter(|location| location.active).map(|location| location.id)
}

fn open_location(stock: &Stock, id: LocationId) -> Result<LocationId, Refusal> {
    let location = known_location(stock, id)?;
    if location.active { Ok(id) } else { Err(Refusal::LocationInactive { location: location.code.clone() }) }
}

fn known_location(stock: &Stock, id: LocationId) -> Result<&Location, Refusal> {
    let location = stock.locations.iter().find(|location| location.id == id);
    location.ok_or(Refusal::LocationUnknown { location: id })
}

/// Finds `wanted` available units at the location named, or over those in `order`; all of them or none.
fn take(
    item: &Item,
    named: Option<LocationId>,
    order: &[LocationId],
    wanted: i64,
    promised: &[(ItemId, LocationId, i64)],
) -> Result<Vec<(LocationId, i64)>, Refusal> {
    let id = item.identity.id;
    let already = |at: LocationId| -> i64 {
        promised.iter().filter(|(i, l, _)| (*i, *l) == (id, at)).map(|(_, _, units)| units).sum()
    };
    let available = |at: LocationId| item.at(at).available - already(at);
    let (taken, short) = match named {
        Some(at) => spread([at], wanted, available),
        None => spread(order.iter().copied(), wanted, available),
    };
    if short == 0 {
        return Ok(taken);
    }
    let sku = item.identity.sku.to_string();
    Err(Refusal::NotEnough { sku, requested: wanted, available: wanted - short })
}

/// Spreads `wanted` units over locations in their order, never more than `there` says each has. Returns what
/// each gives, and how many are still wanted.
fn spread(
    locations: impl IntoIterator<Item = LocationId>,
    wanted: i64,
    there: impl Fn(LocationId) -> i64,
) -> (Vec<(LocationId, i64)>, i64) {
    let mut left = wanted;
    let mut taken = Vec::new();
    for at in locations {
        let part = there(at).clamp(0, left);
        if part > 0 {
            taken.push((at, part));
            left -= part;
        }
    }
    (taken, left)
}

/// Refuses to let more in than the item, over all its locations, may count: so any sum of its levels is in
/// bounds too.
fn fits(item: &Item, more: i64) -> Result<(), Refusal> {
    let total = item.total();
    if total.on_hand() + total.incoming + more > MAX_UNITS {
        return Err(Refusal::TooMuch { sku: item.identity.sku.to_string() });
    }
    Ok(())
}

//! Units that go from one of our locations to another.

use super::taking::{added_up, check_lines, known_location, not_enough, open_location};
use super::{known, of};
use crate::{
    Change, Event, ItemId, LocationId, Refusal, Shelf, ShippedLine, State, Stock, Transfer, TransferId,
    TransferLine,
};

pub(super) fn ship(
    stock: &Stock,
    transfer: TransferId,
    (from, to): (LocationId, LocationId),
    lines: &[TransferLine],
) -> Result<Vec<Event>, Refusal> {
    check_lines(lines)?;
    if from == to {
        return Err(Refusal::TransferToItself);
    }
    known_location(stock, from)?;
    open_location(stock, to)?;
    if stock.transfers.contains_key(&transfer) {
        return Err(Refusal::TransferTaken { transfer });
    }
    let shipped = |(item, quantity)| {
        let item = known(stock, item)?;
        let available = item.at(from).available;
        if available < quantity {
            return Err(not_enough(item, quantity, available));
        }
        Ok(of(item, Change::Shipped { transfer, from, to, quantity }))
    };
    units_of(lines).into_iter().map(shipped).collect()
}

pub(super) fn receive(
    stock: &Stock,
    transfer: TransferId,
    lines: Option<&[TransferLine]>,
    into: Shelf,
) -> Result<Vec<Event>, Refusal> {
    let state = State::from(into);
    settle(stock, transfer, lines, |location, quantity| Change::TransferReceived {
        transfer,
        location,
        quantity,
        state,
    })
}

pub(super) fn lose(
    stock: &Stock,
    transfer: TransferId,
    lines: Option<&[TransferLine]>,
) -> Result<Vec<Event>, Refusal> {
    settle(stock, transfer, lines, |location, quantity| Change::TransferLost { transfer, location, quantity })
}

/// Ends the waiting for the units of the lines, or for all that are outstanding. When none are, nothing is left to
/// happen.
fn settle(
    stock: &Stock,
    id: TransferId,
    lines: Option<&[TransferLine]>,
    change: impl Fn(LocationId, i64) -> Change,
) -> Result<Vec<Event>, Refusal> {
    lines.map_or(Ok(()), check_lines)?;
    let transfer = stock.transfers.get(&id).ok_or(Refusal::TransferUnknown { transfer: id })?;
    let units = match lines {
        Some(lines) => outstanding(stock, id, transfer, lines)?,
        None => {
            let left = transfer.lines.iter().map(|line| (line.item, line.outstanding()));
            left.filter(|(_, units)| *units > 0).collect()
        }
    };
    Ok(units.into_iter().map(|(item, units)| Event { item, change: change(transfer.to, units) }).collect())
}

/// The units of the lines, each item once. Refuses what was not shipped, and more than is on its way.
fn outstanding(
    stock: &Stock,
    id: TransferId,
    transfer: &Transfer,
    lines: &[TransferLine],
) -> Result<Vec<(ItemId, i64)>, Refusal> {
    let units = units_of(lines);
    for (item, requested) in &units {
        let line = transfer.lines.iter().find(|line| line.item == *item);
        let outstanding = line
            .map(ShippedLine::outstanding)
            .ok_or(Refusal::TransferLineUnknown { transfer: id, item: *item })?;
        if *requested > outstanding {
            let sku = known(stock, *item)?.identity.sku.to_string();
            return Err(Refusal::TransferExceeded { sku, requested: *requested, outstanding });
        }
    }
    Ok(units)
}

fn units_of(lines: &[TransferLine]) -> Vec<(ItemId, i64)> {
    added_up(lines.iter().map(|line| (line.item, line.quantity)))
}

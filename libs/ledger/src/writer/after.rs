//! How things stand after a command: what its caller is answered.

use domain::{Command, HoldId, HoldLine, ItemId, ShippedLine, Stock, Timestamp, TransferId};
use uuid::Uuid;

use crate::request::{Done, HeldLine, HoldAfter, ItemAfter, Request, ShippedAfter, TransferAfter};

/// What was done, and how what it is about stands now.
pub(super) fn done(stock: &Stock, request: &Request, command_id: Uuid, now: Timestamp) -> Done {
    let command = &request.command;
    let hold = match command {
        Command::Reserve { hold, .. } => Some(*hold),
        other => other.hold(),
    };
    let transfer = match command {
        Command::Ship { transfer, .. } => Some(*transfer),
        other => other.transfer(),
    };
    let reservation = hold.and_then(|hold| hold_after(stock, hold));
    let transfer = transfer.and_then(|transfer| transfer_after(stock, transfer));
    let mut items = command.items();
    items.extend(reservation.iter().flat_map(|hold| &hold.lines).map(|line| line.item_id));
    items.extend(transfer.iter().flat_map(|transfer| &transfer.lines).map(|line| line.item_id));
    items.sort_unstable();
    items.dedup();
    let items = items.into_iter().filter_map(|id| item_after(stock, id)).collect();
    Done { command_id, recorded_at: now, items, reservation, transfer, difference: None }
}

fn item_after(stock: &Stock, id: ItemId) -> Option<ItemAfter> {
    let item = stock.items.get(&id)?;
    let total = item.total();
    Some(ItemAfter {
        item_id: id,
        sku: item.identity.sku.as_str().to_owned(),
        product_id: item.identity.product_id.as_str().to_owned(),
        version: item.version,
        on_hand: total.on_hand(),
        available: total.available,
        reserved: total.reserved,
        incoming: total.incoming,
        in_transit: total.in_transit,
    })
}

fn hold_after(stock: &Stock, id: HoldId) -> Option<HoldAfter> {
    let hold = stock.holds.get(&id)?;
    let first = hold.lines.first()?;
    let line = |line: &HoldLine| HeldLine {
        item_id: line.item,
        location_id: line.location,
        quantity: line.quantity,
        confirmed: line.confirmed,
    };
    let lines = hold.lines.iter().map(line).collect();
    Some(HoldAfter { reservation_id: id, status: hold.status(), expires_at: first.expires_at, lines })
}

fn transfer_after(stock: &Stock, id: TransferId) -> Option<TransferAfter> {
    let transfer = stock.transfers.get(&id)?;
    let line = |line: &ShippedLine| ShippedAfter {
        item_id: line.item,
        shipped: line.shipped,
        received: line.received,
        lost: line.lost,
        outstanding: line.outstanding(),
    };
    Some(TransferAfter {
        transfer_id: id,
        from_location_id: transfer.from,
        to_location_id: transfer.to,
        lines: transfer.lines.iter().map(line).collect(),
    })
}

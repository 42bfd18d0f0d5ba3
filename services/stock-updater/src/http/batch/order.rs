//! Which lines wait for which: those that touch the same item, hold or transfer are done in the order of their lines.
//!
//! Lines of the same lane are done in the order in which they are queued, so a line behind another of its lane need
//! only be queued after it. Else it waits until that one is answered.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use domain::{Command, HoldId, ItemId, TransferId};
use ledger::{ReadError, Reader, Writer};
use uuid::Uuid;

use super::flow::Entry;

/// What must not be touched out of turn.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Touched {
    Item(ItemId),
    Hold(HoldId),
    Transfer(TransferId),
    /// An SKU or a product id that is to be taken.
    Name(String),
}

/// What is still to be done, by place in the batch.
pub(super) struct Order {
    /// How many others each of them still waits for.
    waits: Vec<u32>,
    /// Those that wait until one is queued.
    until_queued: Vec<Vec<usize>>,
    /// Those that wait until one is answered.
    until_answered: Vec<Vec<usize>>,
    /// Those that wait for nothing, the first in front.
    ready: BinaryHeap<Reverse<usize>>,
}

impl Order {
    pub(super) async fn of(entries: &[Entry], reader: &Reader, writer: &Writer) -> Result<Order, ReadError> {
        let commands = || entries.iter().flat_map(Entry::commands);
        let holds: Vec<HoldId> = commands().filter_map(Command::hold).collect();
        let transfers: Vec<TransferId> = commands().filter_map(Command::transfer).collect();
        let items_of = reader.items_of(&holds, &transfers).await?;
        let mut order = Order {
            waits: vec![0; entries.len()],
            until_queued: vec![vec![]; entries.len()],
            until_answered: vec![vec![]; entries.len()],
            ready: BinaryHeap::new(),
        };
        let mut last: HashMap<Touched, (usize, usize)> = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let Some(first) = entry.commands().next() else { continue };
            let lane = writer.lane(first);
            if let Some(before) = entry.after {
                order.waits[at] += 1;
                order.until_answered[before].push(at);
            }
            for touched in entry.commands().flat_map(|command| touched(command, &items_of)) {
                let Some((before, its_lane)) = last.insert(touched, (at, lane)) else { continue };
                if before == at {
                    continue;
                }
                order.waits[at] += 1;
                let until =
                    if its_lane == lane { &mut order.until_queued } else { &mut order.until_answered };
                until[before].push(at);
            }
            if order.waits[at] == 0 {
                order.ready.push(Reverse(at));
            }
        }
        Ok(order)
    }

    /// The first that waits for nothing.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop().map(|Reverse(at)| at)
    }

    pub(super) fn queued(&mut self, at: usize) {
        let released = std::mem::take(&mut self.until_queued[at]);
        self.release(released);
    }

    pub(super) fn answered(&mut self, at: usize) {
        let released = std::mem::take(&mut self.until_answered[at]);
        self.release(released);
    }

    fn release(&mut self, released: Vec<usize>) {
        for at in released {
            self.waits[at] -= 1;
            if self.waits[at] == 0 {
                self.ready.push(Reverse(at));
            }
        }
    }
}

fn touched(command: &Command, items_of: &HashMap<Uuid, Vec<ItemId>>) -> Vec<Touched> {
    let mut touched: Vec<Touched> = command.items().into_iter().map(Touched::Item).collect();
    let items = |id| items_of.get(&id).into_iter().flatten().map(|item| Touched::Item(*item));
    if let Some(hold) = command.hold() {
        touched.push(Touched::Hold(hold));
        touched.extend(items(hold.0));
    }
    if let Some(transfer) = command.transfer() {
        touched.push(Touched::Transfer(transfer));
        touched.extend(items(transfer.0));
    }
    if let Command::CreateItem(new) = command {
        let names = [&new.identity.sku, &new.identity.product_id];
        touched.extend(names.map(|name| Touched::Name(name.as_str().to_owned())));
    }
    touched
}

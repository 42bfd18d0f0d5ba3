//! What one transaction writes, row by row, before any database has seen it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use domain::{
    Attributes, Change, Event, HoldId, HoldLine, Identity, Item, ItemId, Level, LocationId, Place,
    ShippedLine, Stock, Timestamp, TransferId,
};
use events::outbox;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::request::Request;
use crate::snapshot::Snapshot;

/// Everything that a batch of commands comes to. One instant for all of it: the database's clock, read when
/// its items were.
pub(super) struct Recording {
    pub(super) at: Timestamp,
    pub(super) created: Vec<Item>,
    pub(super) attributes: Vec<Item>,
    pub(super) totals: Vec<TotalRow>,
    pub(super) new_levels: Vec<LevelRow>,
    pub(super) levels: Vec<LevelRow>,
    pub(super) ledger: Vec<LedgerRow>,
    pub(super) new_holds: Vec<HoldRow>,
    pub(super) holds: Vec<HoldRow>,
    pub(super) new_transfers: Vec<TransferRow>,
    pub(super) transfers: Vec<TransferRow>,
    pub(super) snapshots: Vec<SnapshotRow>,
    pub(super) keys: Vec<KeyRow>,
    /// What others are told of it.
    pub(super) news: Vec<outbox::Entry>,
}

/// An item's version and its units over all locations.
pub(super) struct TotalRow {
    pub(super) item: ItemId,
    pub(super) version: i64,
    pub(super) level: Level,
}

pub(super) struct LevelRow {
    pub(super) item: ItemId,
    pub(super) location: LocationId,
    pub(super) level: Level,
}

pub(super) struct LedgerRow {
    pub(super) item: ItemId,
    pub(super) version: i64,
    pub(super) kind: &'static str,
    pub(super) quantity: i64,
    pub(super) from: Option<Place>,
    pub(super) to: Option<Place>,
    pub(super) hold: Option<HoldId>,
    pub(super) transfer: Option<TransferId>,
    pub(super) cause: Arc<Cause>,
    /// What changed beside units, as JSON: the item's attributes, or until when something is held.
    pub(super) attributes: Option<String>,
}

/// A line of a hold as it is in the end.
pub(super) struct HoldRow {
    pub(super) hold: HoldId,
    pub(super) line: HoldLine,
    /// Who made it. None: it was made before.
    pub(super) cause: Option<Arc<Cause>>,
}

/// A line of a transfer as it is in the end.
pub(super) struct TransferRow {
    pub(super) transfer: TransferId,
    pub(super) from: LocationId,
    pub(super) to: LocationId,
    pub(super) line: ShippedLine,
    /// Who made it. None: it was made before.
    pub(super) cause: Option<Arc<Cause>>,
}

pub(super) struct SnapshotRow {
    pub(super) item: ItemId,
    pub(super) version: i64,
    pub(super) body: String,
}

/// Who changed something, and why. Shared by the rows of a command.
pub(super) struct Cause {
    pub(super) command_id: Uuid,
    pub(super) actor: String,
    pub(super) role: String,
    pub(super) reason: Option<String>,
    pub(super) reference_type: Option<String>,
    pub(super) reference_id: Option<String>,
}

pub(super) struct KeyRow {
    pub(super) scope: String,
    pub(super) key: String,
    pub(super) fingerprint: Option<String>,
    pub(super) command_id: Uuid,
    pub(super) answer: String,
}

/// What changed, by place; the rows are read off the stock at the end, so that an item that a thousand commands
/// touched is written once.
#[derive(Default)]
pub(super) struct Touched {
    created: BTreeSet<ItemId>,
    attributes: BTreeSet<ItemId>,
    /// With the version that each had before.
    items: BTreeMap<ItemId, i64>,
    levels: BTreeSet<(ItemId, LocationId)>,
    /// With who made it, when it is new.
    holds: BTreeMap<(HoldId, ItemId, LocationId), Option<Arc<Cause>>>,
    transfers: BTreeMap<(TransferId, ItemId), Option<Arc<Cause>>>,
}

/// The item as the ledger keeps it.
#[derive(Serialize)]
struct Described<'a> {
    #[serde(flatten)]
    identity: Option<&'a Identity>,
    #[serde(flatten)]
    attributes: &'a Attributes,
}

impl Cause {
    pub(super) fn of(request: &Request, command_id: Uuid) -> Arc<Cause> {
        let reference = request.reference.as_ref();
        Arc::new(Cause {
            command_id,
            actor: request.by.actor.clone(),
            role: request.by.role.clone(),
            reason: request.reason.clone(),
            reference_type: reference.map(|reference| reference.kind.clone()),
            reference_id: reference.map(|reference| reference.id.clone()),
        })
    }
}

impl Recording {
    pub(super) fn new(at: Timestamp) -> Recording {
        Recording {
            at,
            created: vec![],
            attributes: vec![],
            totals: vec![],
            new_levels: vec![],
            levels: vec![],
            ledger: vec![],
            new_holds: vec![],
            holds: vec![],
            new_transfers: vec![],
            transfers: vec![],
            snapshots: vec![],
            keys: vec![],
            news: vec![],
        }
    }

    /// Writes down what happened. The stock must have evolved by the event already.
    pub(super) fn happened(
        &mut self,
        event: &Event,
        stock: &Stock,
        cause: &Arc<Cause>,
        touched: &mut Touched,
    ) {
        let Some(item) = stock.items.get(&event.item) else { return };
        let movement = event.change.movement();
        self.ledger.push(LedgerRow {
            item: event.item,
            version: item.version,
            kind: event.change.kind(),
            quantity: movement.map_or(0, |movement| movement.quantity),
            from: movement.map(|movement| movement.from),
            to: movement.map(|movement| movement.to),
            hold: event.change.hold(),
            transfer: event.change.transfer(),
            cause: Arc::clone(cause),
            attributes: described(&event.change),
        });
        for place in movement.iter().flat_map(|movement| [movement.from, movement.to]) {
            touched.levels.extend(place.location().map(|location| (event.item, location)));
        }
        touched.note(event, item.version, cause);
    }

    /// Reads the rows of what was touched off the stock as it is in the end. `kept` are the levels that the
    /// database has a row for.
    pub(super) fn settle(&mut self, touched: Touched, stock: &Stock, kept: &HashSet<(ItemId, LocationId)>) {
        for (id, before) in touched.items {
            let Some(item) = stock.items.get(&id) else { continue };
            if Snapshot::is_due(before, item.version) {
                // Plain data: there is nothing in it that JSON cannot say.
                let body = serde_json::to_string(&Snapshot::of(item)).unwrap_or_default();
                self.snapshots.push(SnapshotRow { item: id, version: item.version, body });
            }
            if touched.created.contains(&id) {
                self.created.push(item.clone());
                continue;
            }
            if touched.attributes.contains(&id) {
                self.attributes.push(item.clone());
            }
            self.totals.push(TotalRow { item: id, version: item.version, level: item.total() });
        }
        for (item, location) in touched.levels {
            let Some(level) = stock.items.get(&item).map(|item| item.at(location)) else { continue };
            let row = LevelRow { item, location, level };
            if kept.contains(&(item, location)) { self.levels.push(row) } else { self.new_levels.push(row) }
        }
        for ((hold, item, location), cause) in touched.holds {
            let mut lines = stock.holds.get(&hold).into_iter().flat_map(|hold| &hold.lines);
            let line = lines.find(|line| (line.item, line.location) == (item, location));
            let rows = if cause.is_some() { &mut self.new_holds } else { &mut self.holds };
            rows.extend(line.map(|line| HoldRow { hold, line: line.clone(), cause }));
        }
        for ((id, item), cause) in touched.transfers {
            let Some(transfer) = stock.transfers.get(&id) else { continue };
            let (from, to) = (transfer.from, transfer.to);
            let line = transfer.lines.iter().find(|line| line.item == item);
            let rows = if cause.is_some() { &mut self.new_transfers } else { &mut self.transfers };
            rows.extend(line.map(|line| TransferRow { transfer: id, from, to, line: line.clone(), cause }));
        }
        // By what is unique about them. As items: of two batches that want the same keys one waits, and not each for the other.
        self.created.sort_unstable_by(|a, b| a.identity.sku.cmp(&b.identity.sku));
        self.keys.sort_unstable_by(|a, b| (&a.scope, &a.key).cmp(&(&b.scope, &b.key)));
    }
}

impl Touched {
    fn note(&mut self, event: &Event, version: i64, cause: &Arc<Cause>) {
        let item = event.item;
        self.items.entry(item).or_insert(version - 1);
        match event.change {
            Change::Created(_) => _ = self.created.insert(item),
            Change::Updated(_) => _ = self.attributes.insert(item),
            Change::Held { hold, location, .. } => {
                self.holds.insert((hold, item, location), Some(Arc::clone(cause)));
            }
            Change::HoldExtended { hold, location, .. }
            | Change::HoldConfirmed { hold, location, .. }
            | Change::HoldCancelled { hold, location, .. }
            | Change::HoldExpired { hold, location, .. } => {
                self.holds.entry((hold, item, location)).or_default();
            }
            Change::Shipped { transfer, .. } => {
                self.transfers.insert((transfer, item), Some(Arc::clone(cause)));
            }
            Change::TransferReceived { transfer, .. } | Change::TransferLost { transfer, .. } => {
                self.transfers.entry((transfer, item)).or_default();
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
            | Change::CountedFewer { .. } => {}
        }
    }
}

/// What the places of a movement do not tell.
fn described(change: &Change) -> Option<String> {
    let text = match change {
        Change::Created(new) => {
            serde_json::to_string(&Described { identity: Some(&new.0), attributes: &new.1 })
        }
        Change::Updated(attributes) => serde_json::to_string(&Described { identity: None, attributes }),
        Change::Held { expires_at, .. } | Change::HoldExtended { expires_at, .. } => {
            serde_json::to_string(&json!({ "expires_at": crate::time::text(*expires_at) }))
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
        | Change::Shipped { .. }
        | Change::TransferReceived { .. }
        | Change::TransferLost { .. }
        | Change::HoldConfirmed { .. }
        | Change::HoldCancelled { .. }
        | Change::HoldExpired { .. } => return None,
    };
    text.ok()
}

//! What one transaction writes, row by row, before any database has seen it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use domain::{
    Attributes, Change, Event, HoldId, HoldStatus, Identity, Item, ItemId, Level, LocationId, Place, Stock,
    Timestamp,
};
use events::outbox;
use serde::Serialize;
use uuid::Uuid;

use crate::request::Request;

/// Everything that a batch of commands comes to. One instant for all of it: the database's clock, read when
/// all its items were locked.
pub(super) struct Recording {
    pub(super) at: Timestamp,
    pub(super) created: Vec<Item>,
    pub(super) attributes: Vec<Item>,
    pub(super) totals: Vec<TotalRow>,
    pub(super) new_levels: Vec<LevelRow>,
    pub(super) levels: Vec<LevelRow>,
    pub(super) ledger: Vec<LedgerRow>,
    pub(super) holds: Vec<HoldRow>,
    pub(super) ended: Vec<EndedRow>,
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
    pub(super) cause: Arc<Cause>,
    /// The item's attributes as JSON, when they are what changed.
    pub(super) attributes: Option<String>,
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

pub(super) struct HoldRow {
    pub(super) hold: HoldId,
    pub(super) item: ItemId,
    pub(super) location: LocationId,
    pub(super) quantity: i64,
    pub(super) expires_at: Timestamp,
    pub(super) cause: Arc<Cause>,
}

pub(super) struct EndedRow {
    pub(super) hold: HoldId,
    pub(super) item: ItemId,
    pub(super) location: LocationId,
    pub(super) status: HoldStatus,
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
    items: BTreeSet<ItemId>,
    levels: BTreeSet<(ItemId, LocationId)>,
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
            holds: vec![],
            ended: vec![],
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
            cause: Arc::clone(cause),
            attributes: described(&event.change),
        });
        for place in movement.iter().flat_map(|movement| [movement.from, movement.to]) {
            touched.levels.extend(place.location().map(|location| (event.item, location)));
        }
        touched.items.insert(event.item);
        match &event.change {
            Change::Created(_) => _ = touched.created.insert(event.item),
            Change::Updated(_) => _ = touched.attributes.insert(event.item),
            Change::Held { hold, location, quantity, expires_at } => self.holds.push(HoldRow {
                hold: *hold,
                item: event.item,
                location: *location,
                quantity: *quantity,
                expires_at: *expires_at,
                cause: Arc::clone(cause),
            }),
            Change::HoldConfirmed { hold, location, .. } => {
                self.ends(*hold, event.item, *location, HoldStatus::Confirmed);
            }
            Change::HoldCancelled { hold, location, .. } => {
                self.ends(*hold, event.item, *location, HoldStatus::Cancelled);
            }
            Change::HoldExpired { hold, location, .. } => {
                self.ends(*hold, event.item, *location, HoldStatus::Expired);
            }
            Change::Expected { .. }
            | Change::Unexpected { .. }
            | Change::Received { .. }
            | Change::Arrived { .. }
            | Change::Increased { .. }
            | Change::Decreased { .. } => {}
        }
    }

    fn ends(&mut self, hold: HoldId, item: ItemId, location: LocationId, status: HoldStatus) {
        self.ended.push(EndedRow { hold, item, location, status });
    }

    /// Reads the rows of what was touched off the stock as it is in the end. `kept` are the levels that the
    /// database has a row for.
    pub(super) fn settle(&mut self, touched: Touched, stock: &Stock, kept: &HashSet<(ItemId, LocationId)>) {
        for id in touched.items {
            let Some(item) = stock.items.get(&id) else { continue };
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
        // As items: of two batches that want the same keys one waits, and not each for the other.
        self.keys.sort_unstable_by(|a, b| (&a.scope, &a.key).cmp(&(&b.scope, &b.key)));
    }
}

fn described(change: &Change) -> Option<String> {
    let item = match change {
        Change::Created(new) => Described { identity: Some(&new.0), attributes: &new.1 },
        Change::Updated(attributes) => Described { identity: None, attributes },
        Change::Expected { .. }
        | Change::Unexpected { .. }
        | Change::Received { .. }
        | Change::Arrived { .. }
        | Change::Increased { .. }
        | Change::Decreased { .. }
        | Change::Held { .. }
        | Change::HoldConfirmed { .. }
        | Change::HoldCancelled { .. }
        | Change::HoldExpired { .. } => return None,
    };
    serde_json::to_string(&item).ok()
}

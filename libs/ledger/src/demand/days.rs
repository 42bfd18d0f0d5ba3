//! What rows of the ledger come to, day by day.
//!
//! **Invariants.** A day is UTC's. What goes to a customer is sold, however it went; what comes from one is returned. An
//! item's days never go back: if the clock was set back, what was recorded then counts for the last day that had begun.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use domain::{State, Timestamp};
use sea_orm::{DbBackend, FromQueryResult, Value};
use uuid::Uuid;

use crate::history::state;

/// An item's day at a location: of days on which something moved there.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub(crate) struct DayRow {
    pub(crate) inventory_item_id: Uuid,
    pub(crate) warehouse_id: Uuid,
    pub(crate) day: NaiveDate,
    /// Units that left to customers.
    pub(crate) sold: i64,
    /// Units that customers brought back.
    pub(crate) returned: i64,
    /// The most that was available at any time of the day, its beginning included: with none it was sold out all day.
    pub(crate) peak_available: i64,
    /// What was available at the end.
    pub(crate) available: i64,
    /// What was on the shelf at the end.
    pub(crate) on_hand: i64,
}

/// What of a ledger row matters here.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Moved {
    pub(super) inventory_item_id: Uuid,
    pub(super) version: i64,
    pub(super) quantity: i64,
    pub(super) from_place: Option<String>,
    pub(super) from_warehouse_id: Option<Uuid>,
    pub(super) to_place: Option<String>,
    pub(super) to_warehouse_id: Option<Uuid>,
    pub(super) recorded_at: Timestamp,
}

/// An item's days, told up to a version.
#[derive(Clone, Debug)]
pub(crate) struct Days {
    item: Uuid,
    pub(crate) version: i64,
    /// Every row that there is of those that were told here.
    rows: BTreeMap<(Uuid, NaiveDate), DayRow>,
    /// Rows that were written or changed.
    changed: BTreeSet<(Uuid, NaiveDate)>,
    /// The last day of each location.
    last: BTreeMap<Uuid, NaiveDate>,
}

/// What a row does to a location.
#[derive(Default)]
struct Effect {
    sold: i64,
    returned: i64,
    available: i64,
    on_hand: i64,
}

/// Where units were or went, as far as it matters.
enum Spot {
    Customer,
    At(Uuid, State),
    Elsewhere,
}

impl Days {
    /// Of an item of which nothing was told.
    pub(crate) fn none(item: Uuid) -> Days {
        let (rows, changed, last) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Days { item, version: 0, rows, changed, last }
    }

    /// Of an item that was told up to a version, with the last row of each location.
    pub(super) fn at(item: Uuid, version: i64, rows: impl Iterator<Item = DayRow>) -> Days {
        let mut days = Days { version, ..Days::none(item) };
        for row in rows {
            days.last.insert(row.warehouse_id, row.day);
            days.rows.insert((row.warehouse_id, row.day), row);
        }
        days
    }

    /// All rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &DayRow> {
        self.rows.values()
    }

    /// Those that are to be written.
    pub(super) fn changed(&self) -> impl Iterator<Item = &DayRow> {
        self.changed.iter().filter_map(|key| self.rows.get(key))
    }

    /// Goes on by the next row; says what is wrong with one that cannot be.
    pub(super) fn take(&mut self, row: &Moved) -> Result<(), String> {
        let bad = |what: String| format!("item {}, version {}: {what}", self.item, row.version);
        if row.version != self.version + 1 {
            return Err(bad(format!("version {} is missing", self.version + 1)));
        }
        let from = spot(row.from_place.as_deref(), row.from_warehouse_id).map_err(bad)?;
        let to = spot(row.to_place.as_deref(), row.to_warehouse_id).map_err(bad)?;
        let day = self.last.values().copied().fold(row.recorded_at.date_naive(), NaiveDate::max);
        for (location, effect) in effects(&from, &to, row.quantity) {
            self.apply(location, day, &effect);
        }
        self.version = row.version;
        Ok(())
    }

    fn apply(&mut self, location: Uuid, day: NaiveDate, effect: &Effect) {
        let opening = self.last.get(&location).and_then(|last| self.rows.get(&(location, *last)));
        let (available, on_hand) = opening.map_or((0, 0), |row| (row.available, row.on_hand));
        let row = self.rows.entry((location, day)).or_insert_with(|| DayRow {
            inventory_item_id: self.item,
            warehouse_id: location,
            day,
            sold: 0,
            returned: 0,
            peak_available: available,
            available,
            on_hand,
        });
        row.sold += effect.sold;
        row.returned += effect.returned;
        row.available += effect.available;
        row.on_hand += effect.on_hand;
        row.peak_available = row.peak_available.max(row.available);
        self.last.insert(location, day);
        self.changed.insert((location, day));
    }
}

/// What a movement does, location by location. On their way to us units are on no shelf: such rows do nothing.
fn effects(from: &Spot, to: &Spot, units: i64) -> Vec<(Uuid, Effect)> {
    let mut effects: Vec<(Uuid, Effect)> = Vec::with_capacity(2);
    for (here, other, sign) in [(from, to, -units), (to, from, units)] {
        let Spot::At(location, state) = here else { continue };
        let customer = matches!(other, Spot::Customer);
        let effect = Effect {
            sold: if customer && sign < 0 { units } else { 0 },
            returned: if customer && sign > 0 { units } else { 0 },
            available: if *state == State::Available { sign } else { 0 },
            on_hand: if matches!(state, State::Incoming | State::InTransit) { 0 } else { sign },
        };
        match effects.iter_mut().find(|(other, _)| other == location) {
            Some((_, same)) => same.add(&effect),
            None => effects.push((*location, effect)),
        }
    }
    effects.retain(|(_, effect)| !effect.is_none());
    effects
}

fn spot(place: Option<&str>, location: Option<Uuid>) -> Result<Spot, String> {
    match (place, location) {
        (Some("customer"), _) => Ok(Spot::Customer),
        (None | Some("supplier" | "adjustment"), _) => Ok(Spot::Elsewhere),
        (Some(word), Some(location)) => match state(word) {
            Some(state) => Ok(Spot::At(location, state)),
            None => Err(format!("{word:?} is no such place")),
        },
        (Some(word), None) => Err(format!("it is {word} at no location")),
    }
}

impl Effect {
    fn add(&mut self, other: &Effect) {
        self.sold += other.sold;
        self.returned += other.returned;
        self.available += other.available;
        self.on_hand += other.on_hand;
    }

    fn is_none(&self) -> bool {
        matches!(self, Effect { sold: 0, returned: 0, available: 0, on_hand: 0 })
    }
}

impl DayRow {
    pub(crate) const TABLE: &'static str = "demand_days";
    /// Those of the key in front.
    pub(crate) const COLUMNS: [&'static str; 8] = [
        "inventory_item_id",
        "warehouse_id",
        "day",
        "sold",
        "returned",
        "peak_available",
        "available",
        "on_hand",
    ];
    pub(crate) const KEYS: usize = 3;

    /// In the order of the columns. A day is written alike on both databases.
    pub(crate) fn values(&self, _: DbBackend) -> Vec<Value> {
        vec![
            self.inventory_item_id.into(),
            self.warehouse_id.into(),
            self.day.into(),
            self.sold.into(),
            self.returned.into(),
            self.peak_available.into(),
            self.available.into(),
            self.on_hand.into(),
        ]
    }
}

//! Why a number is what it is: the snapshot, the movements since, and the holds on it, added up.

use std::collections::VecDeque;

use domain::{ItemId, Level, LocationId, State, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::past::{Moment, OVER, PastError, Told, tell, view};
use super::transactions::{TransactionView, codes};
use super::views::{ItemRow, ItemView, LevelView, items, items_sql};
use super::{ReadError, Reader};
use crate::history::{Row, moment, state};
use crate::instant;

/// The most movements that are listed one by one: more than lie between two snapshots. Earlier ones are summed up.
const MOVEMENTS_LISTED: usize = 2_000;
/// The most holds that are listed one by one, those that end first. The rest are summed up.
const HOLDS_LISTED: usize = 500;

/// The units that a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pile {
    /// Those in one state.
    In(State),
    /// All that are on the shelf.
    OnHand,
}

/// Which number to explain.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Which units.
    pub pile: Pile,
    /// Where; over all locations when not given.
    pub location: Option<LocationId>,
    /// When; now when not given.
    pub moment: Option<Moment>,
}

/// A number and what it is made of: `total = snapshot + earlier + movements`, and holds that are over count as
/// available and not as reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Of what.
    pub item_id: Uuid,
    /// Its SKU.
    pub sku: String,
    /// The item's version that the number is of.
    pub version: i64,
    /// Where the sum begins; with nothing when there is none.
    pub snapshot: Option<SnapshotUnits>,
    /// Movements that are too many to be listed, right after the snapshot.
    pub earlier: Option<Earlier>,
    /// What came and went since, the oldest first. Quantities are negative for what went.
    pub movements: Vec<TransactionView>,
    /// What is held of the units, those that end first in front. Of a past time only the holds that were over and not
    /// recorded as over.
    pub holds: Vec<HeldUnits>,
    /// Holds that are too many to be listed.
    pub holds_unlisted: i64,
    /// Units of holds that are over: part of the total of what is available, no part of what is reserved.
    pub overdue: i64,
    /// What it all comes to.
    pub total: i64,
    /// The level that is answered.
    pub level: i64,
    /// Whether the two are the same; and of reserved units, whether they are those of the holds that are not over.
    pub adds_up: bool,
}

/// The units that a snapshot counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotUnits {
    /// The item's version that it is of.
    pub version: i64,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// How many.
    pub units: i64,
}

/// Movements summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// How many movements.
    pub movements: i64,
    /// What they come to.
    pub units: i64,
}

/// What a hold still holds at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromQueryResult)]
pub struct HeldUnits {
    /// The hold.
    pub reservation_id: Uuid,
    /// Where.
    pub location_id: Uuid,
    /// How many.
    pub remaining: i64,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether that is over.
    pub overdue: bool,
}

/// Holds summed up.
#[derive(FromQueryResult)]
struct HeldSums {
    holds: i64,
    binding: i64,
    overdue: i64,
}

/// The movements of a pile since the snapshot.
struct Tally {
    question: Question,
    listed: VecDeque<(Row, i64)>,
    earlier: Earlier,
    units: i64,
}

impl Reader {
    /// What a number is made of.
    pub async fn explain(&self, id: ItemId, question: Question) -> Result<Explanation, PastError> {
        let db = instant::begin(&self.db).await?;
        let mut tally = Tally::new(question);
        let told = tell(&db, id, question.moment, |row| tally.count(row)).await?;
        let now = instant::now(&db).await?;
        let answered = match question.moment {
            None => present(&db, id, now).await?,
            moment => view(&db, &told, moment).await?,
        };
        let (holds, sums) = held(&db, id, &question, now).await?;
        let codes = codes(&db).await?;
        db.commit().await?;
        let level = answered.levels.iter().filter(|level| question.is_at(level.location_id));
        let level = level.map(|level| question.pile.answered(level)).sum();
        let snapshot = question.snapshot(&told);
        let sku = told.item.sku;
        let movements = tally.listed.into_iter().map(|(row, units)| {
            let row = TransactionView::of(row, sku.clone(), &codes)?;
            Ok(TransactionView { quantity: units, ..row })
        });
        let movements = movements.collect::<Result<_, String>>().map_err(ReadError::Row)?;
        let recorded = snapshot.as_ref().map_or(0, |snapshot| snapshot.units) + tally.units;
        let total = recorded + question.pile.freed(sums.overdue);
        let reserved = question.pile == Pile::In(State::Reserved) && question.moment.is_none();
        Ok(Explanation {
            item_id: id.0,
            sku,
            version: told.past.version(),
            snapshot,
            earlier: Some(tally.earlier).filter(|earlier| earlier.movements > 0),
            movements,
            holds_unlisted: sums.holds - i64::try_from(holds.len()).unwrap_or(i64::MAX),
            holds,
            overdue: sums.overdue,
            total,
            level,
            adds_up: total == level && (!reserved || sums.binding == total),
        })
    }
}

/// The item as a reader is answered now.
async fn present(db: &DatabaseTransaction, id: ItemId, now: Timestamp) -> Result<ItemView, PastError> {
    let backend = db.get_database_backend();
    let values = [Value::from(id.0), moment(backend, now)];
    let statement = Statement::from_sql_and_values(backend, items_sql(backend, "= $1", "$2"), values);
    items(ItemRow::find_by_statement(statement).all(db).await?).pop().ok_or(PastError::Unknown)
}

/// The holds that have to do with the number, and what they come to.
async fn held(
    db: &DatabaseTransaction,
    id: ItemId,
    question: &Question,
    now: Timestamp,
) -> Result<(Vec<HeldUnits>, HeldSums), DbErr> {
    let none = HeldSums { holds: 0, binding: 0, overdue: 0 };
    let (which, at) = match (question.pile, question.moment) {
        (Pile::In(State::Available | State::Reserved), None) => {
            ("inventory_item_id = $1 AND status = 'open'", now)
        }
        (Pile::In(State::Available | State::Reserved), Some(Moment::At(at))) => (OVER, at),
        // The books as they were recorded.
        (_, Some(Moment::Version(_))) => return Ok((vec![], none)),
        // Nothing else is held.
        (_, None | Some(Moment::At(_))) => return Ok((vec![], none)),
    };
    let backend = db.get_database_backend();
    let mut values = vec![id.0.into(), moment(backend, at)];
    let there = question.location.map(|LocationId(location)| {
        values.push(location.into());
        "AND warehouse_id = $3"
    });
    let wanted = format!("{which} {}", there.unwrap_or_default());
    let sql = format!(
        "SELECT id AS reservation_id, warehouse_id AS location_id, quantity - confirmed_quantity AS remaining,
             expires_at, expires_at <= $2 AS overdue
         FROM inventory_reservations WHERE {wanted} ORDER BY expires_at, id LIMIT {HOLDS_LISTED}"
    );
    let listed = Statement::from_sql_and_values(backend, sql, values.clone());
    let sum = |what: &str| {
        let units = format!("CASE WHEN {what} THEN quantity - confirmed_quantity ELSE 0 END");
        format!("CAST(coalesce(sum({units}), 0) AS bigint)")
    };
    let (binding, overdue) = (sum("expires_at > $2"), sum("expires_at <= $2"));
    let sql = format!(
        "SELECT count(*) AS holds, {binding} AS binding, {overdue} AS overdue
         FROM inventory_reservations WHERE {wanted}"
    );
    let sums = Statement::from_sql_and_values(backend, sql, values);
    let sums = HeldSums::find_by_statement(sums).one(db).await?;
    Ok((HeldUnits::find_by_statement(listed).all(db).await?, sums.unwrap_or(none)))
}

impl Pile {
    fn has(self, state: State) -> bool {
        match self {
            Pile::In(one) => one == state,
            Pile::OnHand => match state {
                State::Available | State::Reserved | State::Damaged | State::QualityControl => true,
                State::Incoming | State::InTransit => false,
            },
        }
    }

    fn recorded(self, level: &Level) -> i64 {
        match self {
            Pile::In(state) => level.get(state),
            Pile::OnHand => level.on_hand(),
        }
    }

    fn answered(self, level: &LevelView) -> i64 {
        match self {
            Pile::In(State::Available) => level.available,
            Pile::In(State::Reserved) => level.reserved,
            Pile::In(State::Damaged) => level.damaged,
            Pile::In(State::QualityControl) => level.quality_control,
            Pile::In(State::Incoming) => level.incoming,
            Pile::In(State::InTransit) => level.in_transit,
            Pile::OnHand => level.on_hand,
        }
    }

    /// What holds that are over add to it.
    fn freed(self, units: i64) -> i64 {
        match self {
            Pile::In(State::Available) => units,
            Pile::In(State::Reserved) => -units,
            Pile::In(State::Damaged | State::QualityControl | State::Incoming | State::InTransit)
            | Pile::OnHand => 0,
        }
    }
}

impl Question {
    fn is_at(&self, location: Uuid) -> bool {
        self.location.is_none_or(|named| named.0 == location)
    }

    fn snapshot(&self, told: &Told) -> Option<SnapshotUnits> {
        let (recorded_at, past) = told.base.as_ref()?;
        let levels = &past.item()?.levels;
        let there = levels.iter().filter(|(location, _)| self.is_at(location.0));
        let units = there.map(|(_, level)| self.pile.recorded(level)).sum();
        Some(SnapshotUnits { version: past.version(), recorded_at: *recorded_at, units })
    }
}

impl Tally {
    fn new(question: Question) -> Tally {
        Tally { question, listed: VecDeque::new(), earlier: Earlier::default(), units: 0 }
    }

    fn count(&mut self, row: &Row) {
        let is_in = |place: &Option<String>, location: Option<Uuid>| {
            let there = location.is_some_and(|location| self.question.is_at(location));
            there && place.as_deref().and_then(state).is_some_and(|state| self.question.pile.has(state))
        };
        let came = if is_in(&row.to_place, row.to_warehouse_id) { row.quantity } else { 0 };
        let went = if is_in(&row.from_place, row.from_warehouse_id) { row.quantity } else { 0 };
        if came == went {
            return;
        }
        self.units += came - went;
        self.listed.push_back((row.clone(), came - went));
        if self.listed.len() > MOVEMENTS_LISTED
            && let Some((_, units)) = self.listed.pop_front()
        {
            self.earlier.movements += 1;
            self.earlier.units += units;
        }
    }
}

//! What items sold day after day, and when they could not be had.
//!
//! **Invariants.** Answers are of one instant. Today is not over and is no day of a series. A day without a row is like
//! the end of the one before: nothing moved.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use domain::{ItemId, LocationId, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::{ReadError, Reader};
use crate::demand::{days::DayRow, last_rows, places};
use crate::instant;

/// What some items sold, as far as it was summed up at an instant.
#[derive(Clone, Debug)]
pub struct Demands {
    /// When that was, by the database's clock.
    pub as_of: Timestamp,
    /// By item. Of those of which nothing ever moved there is nothing.
    pub items: BTreeMap<ItemId, Demand>,
}

/// What an item sold, from the first day on that is asked for, or that it was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The first of the days.
    pub first_day: NaiveDate,
    /// Every day up to yesterday.
    pub days: Vec<DemandDay>,
    /// The last day on which any was sold, however long ago, today included.
    pub last_sold: Option<NaiveDate>,
    /// Up to which version of the item the ledger is summed.
    pub version: i64,
}

/// A day of an item, in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DemandDay {
    /// Left to customers.
    pub sold: i64,
    /// Brought back by customers.
    pub returned: i64,
    /// On the shelf at its end.
    pub on_hand: i64,
    /// Whether none was available all day, and none was sold.
    pub sold_out: bool,
}

#[derive(FromQueryResult)]
struct Last {
    id: Uuid,
    version: i64,
    day: Option<NaiveDate>,
}

impl Reader {
    /// What the items sold in the last so many days before today, at a location or at all together.
    pub async fn demand(
        &self,
        ids: &[ItemId],
        location: Option<LocationId>,
        days: u32,
    ) -> Result<Demands, ReadError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let db = instant::begin(&self.db).await?;
        let as_of = instant::now(&db).await?;
        let mut demands = Demands { as_of, items: BTreeMap::new() };
        if ids.is_empty() {
            return Ok(demands);
        }
        let today = as_of.date_naive();
        let from = today.checked_sub_days(Days::new(u64::from(days))).unwrap_or(today);
        let rows = rows(&db, &ids, from).await?;
        let before = last_rows(&db, &ids, Some(from)).await?;
        let last = last_sold(&db, &ids, location).await?;
        db.commit().await?;
        let mut by_item: BTreeMap<Uuid, Vec<DayRow>> = before;
        for row in rows {
            by_item.entry(row.inventory_item_id).or_default().push(row);
        }
        for Last { id, version, day } in last {
            let rows = by_item.remove(&id).unwrap_or_default();
            let here = rows.into_iter().filter(|row| location.is_none_or(|at| at.0 == row.warehouse_id));
            if let Some((first_day, days)) = told(here, from, today) {
                demands.items.insert(ItemId(id), Demand { first_day, days, last_sold: day, version });
            }
        }
        Ok(demands)
    }
}

/// The days from the first on, of rows in the order of their days but for each location's last one before.
fn told(
    rows: impl Iterator<Item = DayRow>,
    from: NaiveDate,
    today: NaiveDate,
) -> Option<(NaiveDate, Vec<DemandDay>)> {
    let mut locations: BTreeMap<Uuid, Vec<DayRow>> = BTreeMap::new();
    for row in rows {
        locations.entry(row.warehouse_id).or_default().push(row);
    }
    let first = locations.values().flatten().map(|row| row.day).min()?.max(from);
    let number = usize::try_from((today - first).num_days()).unwrap_or(0);
    let nothing = DemandDay { sold_out: true, ..DemandDay::default() };
    let mut days = vec![nothing; number];
    for rows in locations.into_values() {
        let mut rows = rows.into_iter().peekable();
        let mut last = None::<DayRow>;
        for (day, told) in first.iter_days().zip(&mut days) {
            while let Some(row) = rows.next_if(|row| row.day <= day) {
                last = Some(row);
            }
            if let Some(row) = &last {
                told.add(row, row.day == day);
            }
        }
    }
    Some((first, days))
}

impl DemandDay {
    /// Adds a location: its row of the day, or its last one before.
    fn add(&mut self, row: &DayRow, of_day: bool) {
        self.on_hand += row.on_hand;
        if of_day {
            self.sold += row.sold;
            self.returned += row.returned;
        }
        let there = if of_day { row.peak_available > 0 || row.sold > 0 } else { row.available > 0 };
        self.sold_out &= !there;
    }
}

async fn rows(db: &DatabaseTransaction, ids: &[Uuid], from: NaiveDate) -> Result<Vec<DayRow>, DbErr> {
    let sql = format!(
        "SELECT {} FROM demand_days WHERE inventory_item_id IN ({}) AND day >= $1 ORDER BY day",
        DayRow::COLUMNS.join(", "),
        places(ids.len(), 2)
    );
    let values = [from.into()].into_iter().chain(ids.iter().map(|id| Value::from(*id)));
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    DayRow::find_by_statement(statement).all(db).await
}

/// When each last sold any, as far back as the ledger goes.
async fn last_sold(
    db: &DatabaseTransaction,
    ids: &[Uuid],
    location: Option<LocationId>,
) -> Result<Vec<Last>, DbErr> {
    let mut values: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
    let here = match location {
        Some(location) => {
            values.push(location.0.into());
            format!("AND d.warehouse_id = ${}", values.len())
        }
        None => String::new(),
    };
    let sql = format!(
        "SELECT p.inventory_item_id AS id, p.version, (SELECT max(d.day) FROM demand_days d
             WHERE d.inventory_item_id = p.inventory_item_id AND d.sold > 0 {here}) AS day
         FROM demand_progress p WHERE p.inventory_item_id IN ({})",
        places(ids.len(), 1)
    );
    Last::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values))
        .all(db)
        .await
}

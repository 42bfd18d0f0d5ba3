//! A few items brought up: read at one instant, summed in memory, written if nobody was faster.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::days::{DayRow, Days, Moved};
use crate::history::HistoryError;
use crate::instant;

/// Versions of an item that a step takes on: with [`super::CHUNK`] items some megabytes of rows.
const VERSIONS: i64 = 1_000;
/// Rows that one statement writes: each has eight values, and SQLite binds at most 32,766.
const WRITTEN: usize = 500;

/// What a step came to.
pub(super) struct Step {
    pub(super) transactions: u64,
    /// Items that may still be behind.
    pub(super) more: Vec<Uuid>,
}

/// How far an item is summed.
#[derive(FromQueryResult)]
struct Progress {
    id: Uuid,
    version: i64,
}

/// Items as they were read, and what is to be written of them.
struct Read {
    /// Up to which version each was summed, before and after.
    items: BTreeMap<Uuid, (i64, Days)>,
    more: Vec<Uuid>,
}

/// Brings up the items. Reading holds no lock; what another replica or a rebuild summed meanwhile stays as they left it.
pub(super) async fn step(db: &DatabaseConnection, ids: &[Uuid]) -> Result<Step, DbErr> {
    let Read { mut items, more } = read(db, ids).await?;
    items.retain(|_, (before, days)| days.version > *before);
    if items.is_empty() {
        return Ok(Step { transactions: 0, more });
    }
    let list: Vec<Uuid> = items.keys().copied().collect();
    let tx = platform::db::begin(db).await?;
    let none: Vec<Vec<Value>> = items
        .iter()
        .filter(|(_, (before, _))| *before == 0)
        .map(|(id, _)| vec![(*id).into(), 0_i64.into()])
        .collect();
    // A row to lock for each. In the order of ids, as everywhere.
    write(&tx, "demand_progress (inventory_item_id, version)", &none, "ON CONFLICT DO NOTHING").await?;
    let locked = lock(&tx, &list).await?;
    items.retain(|id, (before, _)| locked.get(id) == Some(&*before));
    let days: Vec<Vec<Value>> = items
        .values()
        .flat_map(|(_, days)| days.changed())
        .map(|row| row.values(tx.get_database_backend()))
        .collect();
    let into = format!("{} ({})", DayRow::TABLE, DayRow::COLUMNS.join(", "));
    write(&tx, &into, &days, &replace(&DayRow::COLUMNS, DayRow::KEYS)).await?;
    let progress: Vec<Vec<Value>> =
        items.iter().map(|(id, (_, days))| vec![(*id).into(), days.version.into()]).collect();
    let columns = ["inventory_item_id", "version"];
    write(&tx, "demand_progress (inventory_item_id, version)", &progress, &replace(&columns, 1)).await?;
    tx.commit().await?;
    let transactions = items.values().map(|(before, days)| days.version.abs_diff(*before)).sum();
    Ok(Step { transactions, more })
}

/// The items and their rows since, at one instant.
async fn read(db: &DatabaseConnection, ids: &[Uuid]) -> Result<Read, DbErr> {
    let tx = instant::begin(db).await?;
    by_key(&tx).await?;
    let mut items: BTreeMap<Uuid, (i64, Days)> = BTreeMap::new();
    let mut last = last_rows(&tx, ids, None).await?;
    for Progress { id, version } in summed(&tx, ids).await? {
        let rows = last.remove(&id).unwrap_or_default();
        items.insert(id, (version, Days::at(id, version, rows.into_iter())));
    }
    let list = places(ids.len(), 1);
    let sql = format!(
        "SELECT {MOVED} FROM inventory_items i
         LEFT JOIN demand_progress p ON p.inventory_item_id = i.id
         JOIN inventory_transactions t ON t.inventory_item_id = i.id AND t.version > coalesce(p.version, 0)
             AND t.version <= coalesce(p.version, 0) + {VERSIONS}
         WHERE i.id IN ({list}) ORDER BY t.inventory_item_id, t.version"
    );
    let values = ids.iter().map(|id| Value::from(*id));
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    let rows = Moved::find_by_statement(statement).all(&tx).await?;
    tx.commit().await?;
    let mut broken = None;
    for row in rows {
        let Some((_, days)) = items.get_mut(&row.inventory_item_id) else { continue };
        if broken == Some(row.inventory_item_id) {
            continue;
        }
        if let Err(why) = days.take(&row) {
            // The audit tells of it too. The others go on.
            tracing::error!(why, "demand cannot be summed up");
            broken = Some(row.inventory_item_id);
        }
    }
    let full =
        |(id, (before, days)): (&Uuid, &(i64, Days))| (days.version == before + VERSIONS).then_some(*id);
    let more = items.iter().filter_map(full).collect();
    Ok(Read { items, more })
}

const MOVED: &str =
    "t.inventory_item_id, t.version, t.quantity, t.from_place, t.from_warehouse_id, t.to_place,
     t.to_warehouse_id, t.recorded_at";

/// How far items are summed: 0 is nothing.
async fn summed<C: ConnectionTrait>(db: &C, ids: &[Uuid]) -> Result<Vec<Progress>, DbErr> {
    let sql = format!(
        "SELECT i.id, coalesce(p.version, 0) AS version FROM inventory_items i
         LEFT JOIN demand_progress p ON p.inventory_item_id = i.id WHERE i.id IN ({}) ORDER BY i.id",
        places(ids.len(), 1)
    );
    let values = ids.iter().map(|id| Value::from(*id));
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Progress::find_by_statement(statement).all(db).await
}

/// The last row of each location, of days before one if it is given.
pub(crate) async fn last_rows<C: ConnectionTrait>(
    db: &C,
    ids: &[Uuid],
    before: Option<NaiveDate>,
) -> Result<BTreeMap<Uuid, Vec<DayRow>>, DbErr> {
    let columns = DayRow::COLUMNS.map(|column| format!("d.{column}")).join(", ");
    let earlier = if before.is_some() { "AND e.day < $1" } else { "" };
    let sql = format!(
        "SELECT {columns} FROM inventory_locations l
         JOIN demand_days d ON d.inventory_item_id = l.inventory_item_id AND d.warehouse_id = l.warehouse_id
         WHERE d.day = (SELECT max(e.day) FROM demand_days e WHERE e.inventory_item_id = l.inventory_item_id
             AND e.warehouse_id = l.warehouse_id {earlier}) AND l.inventory_item_id IN ({})",
        places(ids.len(), 1 + usize::from(before.is_some()))
    );
    let values = before.map(Value::from).into_iter().chain(ids.iter().map(|id| Value::from(*id)));
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let mut last: BTreeMap<Uuid, Vec<DayRow>> = BTreeMap::new();
    for row in DayRow::find_by_statement(statement).all(db).await? {
        last.entry(row.inventory_item_id).or_default().push(row);
    }
    Ok(last)
}

/// How far an item is summed.
pub(crate) async fn progress<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT inventory_item_id AS id, version FROM demand_progress WHERE inventory_item_id = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [Value::from(id)]);
    Ok(Progress::find_by_statement(statement).one(db).await?.map_or(0, |row| row.version))
}

/// All rows of an item.
pub(crate) async fn rows<C: ConnectionTrait>(db: &C, id: Uuid) -> Result<Vec<DayRow>, DbErr> {
    let columns = DayRow::COLUMNS.join(", ");
    let sql =
        format!("SELECT {columns} FROM demand_days WHERE inventory_item_id = $1 ORDER BY warehouse_id, day");
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [Value::from(id)]);
    DayRow::find_by_statement(statement).all(db).await
}

/// Goes on with an item's days up to a version.
pub(crate) async fn tell<C: ConnectionTrait>(
    db: &C,
    item: Uuid,
    days: &mut Days,
    up_to: i64,
) -> Result<(), HistoryError> {
    while days.version < up_to {
        let last = up_to.min(days.version + VERSIONS);
        let sql = format!(
            "SELECT {MOVED} FROM inventory_transactions t
             WHERE t.inventory_item_id = $1 AND t.version > $2 AND t.version <= $3 ORDER BY t.version"
        );
        let values = [item.into(), days.version.into(), last.into()];
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        for row in Moved::find_by_statement(statement).all(db).await? {
            days.take(&row).map_err(HistoryError::Row)?;
        }
        if days.version < last {
            break;
        }
    }
    Ok(())
}

/// How far the items are summed, theirs until the transaction ends. SQLite's has the only lock there is.
async fn lock<C: ConnectionTrait>(db: &C, ids: &[Uuid]) -> Result<BTreeMap<Uuid, i64>, DbErr> {
    let lock = if db.get_database_backend() == DbBackend::Postgres { "FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT inventory_item_id AS id, version FROM demand_progress WHERE inventory_item_id IN ({})
         ORDER BY inventory_item_id {lock}",
        places(ids.len(), 1)
    );
    let values = ids.iter().map(|id| Value::from(*id));
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = Progress::find_by_statement(statement).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.version)).collect())
}

/// Inserts rows, all of one shape, with what to do about those that are there.
async fn write<C: ConnectionTrait>(
    db: &C,
    into: &str,
    rows: &[Vec<Value>],
    conflict: &str,
) -> Result<(), DbErr> {
    for rows in rows.chunks(WRITTEN) {
        let mut next = 1;
        let mut tuples = Vec::with_capacity(rows.len());
        for row in rows {
            tuples.push(format!("({})", places(row.len(), next)));
            next += row.len();
        }
        let sql = format!("INSERT INTO {into} VALUES {} {conflict}", tuples.join(", "));
        let values = rows.iter().flatten().cloned();
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}

/// The clause by which a row takes the place of the one with its key.
fn replace(columns: &[&str], keys: usize) -> String {
    let set: Vec<String> = columns[keys..].iter().map(|name| format!("{name} = excluded.{name}")).collect();
    format!("ON CONFLICT ({}) DO UPDATE SET {}", columns[..keys].join(", "), set.join(", "))
}

/// So many values in a list, from the first number on.
pub(crate) fn places(count: usize, first: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}

/// Has PostgreSQL look for rows by their keys, whatever it thinks of the number of items.
async fn by_key<C: ConnectionTrait>(db: &C) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        let settings = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";
        db.execute_unprepared(settings).await?;
    }
    Ok(())
}

//! What is stored, made the same as what the ledger tells.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, Value};

use super::Rebuilt;
use super::tables::{ItemRow, Projected};
use super::told::Told;
use crate::demand::{self, days::DayRow};

/// Writes what differs of an item, and says whether anything did.
pub(super) async fn settle(
    db: &DatabaseTransaction,
    item: &Told,
    dry_run: bool,
    rebuilt: &mut Rebuilt,
) -> Result<bool, DbErr> {
    let mut settling = Settling { db, item, dry_run, rebuilt, changed: false };
    let row = item.item();
    let gone = row.is_none();
    if !gone {
        // First: levels refer to it.
        settling.table(row.into_iter().collect()).await?;
    }
    settling.table(item.levels()).await?;
    settling.table(item.holds()).await?;
    settling.table(item.transfers()).await?;
    settling.table(item.snapshots()).await?;
    settling.demand().await?;
    if gone {
        settling.table(Vec::<ItemRow>::new()).await?;
    }
    Ok(settling.changed)
}

struct Settling<'a> {
    db: &'a DatabaseTransaction,
    item: &'a Told,
    dry_run: bool,
    rebuilt: &'a mut Rebuilt,
    changed: bool,
}

impl Settling<'_> {
    async fn table<T: Projected>(&mut self, told: Vec<T>) -> Result<(), DbErr> {
        let backend = self.db.get_database_backend();
        let sql = format!("SELECT {} FROM {} WHERE {} = $1", T::COLUMNS.join(", "), T::TABLE, T::ITEM);
        let statement = Statement::from_sql_and_values(backend, sql, [Value::from(self.item.id())]);
        let mut is: Vec<(String, T)> = T::find_by_statement(statement)
            .all(self.db)
            .await?
            .into_iter()
            .map(|row| (self.key(&row), row))
            .collect();
        // Sorted, so that each is found at once however many there are.
        is.sort_by(|a, b| a.0.cmp(&b.0));
        let mut known = vec![false; is.len()];
        for mut row in told {
            let key = self.key(&row);
            if let Ok(at) = is.binary_search_by(|(other, _)| other.cmp(&key)) {
                known[at] = true;
                row.keep(&is[at].1);
                if row.values(backend) == is[at].1.values(backend) {
                    continue;
                }
            }
            self.rebuilt.tables.entry(T::TABLE).or_default().written += 1;
            self.differs::<T>(key);
            self.run(&upsert::<T>(), row.values(backend)).await?;
        }
        for ((key, row), _) in is.into_iter().zip(known).filter(|(_, known)| !known) {
            self.rebuilt.tables.entry(T::TABLE).or_default().removed += 1;
            self.differs::<T>(key);
            let mut values = row.values(backend);
            values.truncate(T::KEYS);
            self.run(&delete::<T>(), values).await?;
        }
        Ok(())
    }

    /// What differs of what was sold is thrown away, for all of the item's is summed again then.
    async fn demand(&mut self) -> Result<(), DbErr> {
        let key = |row: &DayRow| (row.warehouse_id, row.day);
        let is = demand::rows(self.db, self.item.id()).await?;
        let mut is: BTreeMap<_, DayRow> = is.into_iter().map(|row| (key(&row), row)).collect();
        let told = self.item.demand.rows();
        let mut wrong: Vec<_> =
            told.filter(|row| is.remove(&key(row)).as_ref() != Some(*row)).map(key).collect();
        let (written, removed) = (wrong.len() as u64, is.len() as u64);
        wrong.extend(is.into_keys());
        let ahead = demand::progress(self.db, self.item.id()).await? > self.item.demand.version;
        if wrong.is_empty() && !ahead {
            return Ok(());
        }
        self.changed = true;
        let count = self.rebuilt.tables.entry(DayRow::TABLE).or_default();
        count.written += written;
        count.removed += removed;
        for (location, day) in wrong {
            self.rebuilt.name(DayRow::TABLE, self.item, format!("{location} {day}"));
        }
        let id = || vec![Value::from(self.item.id())];
        self.run("DELETE FROM demand_days WHERE inventory_item_id = $1", id()).await?;
        match self.item.item() {
            // Whoever is summing it up finds that it is not where it was.
            Some(_) => {
                self.run("UPDATE demand_progress SET version = 0 WHERE inventory_item_id = $1", id()).await
            }
            None => self.run("DELETE FROM demand_progress WHERE inventory_item_id = $1", id()).await,
        }
    }

    fn key<T: Projected>(&self, row: &T) -> String {
        let values = row.values(self.db.get_database_backend());
        values[..T::KEYS].iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    fn differs<T: Projected>(&mut self, key: String) {
        self.changed = true;
        self.rebuilt.name(T::TABLE, self.item, key);
    }

    async fn run(&self, sql: &str, values: Vec<Value>) -> Result<(), DbErr> {
        if !self.dry_run {
            let backend = self.db.get_database_backend();
            self.db.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        }
        Ok(())
    }
}

fn upsert<T: Projected>() -> String {
    let places: Vec<String> = (1..=T::COLUMNS.len()).map(|number| format!("${number}")).collect();
    let columns = T::COLUMNS[T::KEYS..].iter().map(|column| format!("{column} = excluded.{column}"));
    format!(
        "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}",
        T::TABLE,
        T::COLUMNS.join(", "),
        places.join(", "),
        T::COLUMNS[..T::KEYS].join(", "),
        columns.collect::<Vec<_>>().join(", ")
    )
}

fn delete<T: Projected>() -> String {
    let keys = T::COLUMNS[..T::KEYS].iter().enumerate();
    let keys: Vec<String> = keys.map(|(at, column)| format!("{column} = ${}", at + 1)).collect();
    format!("DELETE FROM {} WHERE {}", T::TABLE, keys.join(" AND "))
}

//! Items, levels, holds, transfers, snapshots and demand, made again from the ledger alone.
//!
//! Reading order: [`rebuild`] (a few items at a time, locked) → `told` (what an item's ledger comes to, as rows) →
//! `tables` (those rows) → `settle` (what differs is written). **Invariants.** Only rows that differ are written. What
//! the ledger does not know is removed. It may run while stock changes: what a command computed from a row that was
//! wrong can still be written after the row was mended, so items that were mended are looked at once more. Demand is
//! compared as far as it was summed; at the end all of it is.

mod settle;
mod tables;
mod told;

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, FromQueryResult, Statement,
    Value,
};
use uuid::Uuid;

use crate::demand::Sums;
use crate::history::HistoryError;
use told::Told;

/// Items that are locked at once: few, for commands on them wait.
const CHUNK: usize = 50;
/// How long a command may take that had read a row before it was mended. Then it is looked at again.
pub const SETTLED: Duration = Duration::from_secs(10);
/// How often items are looked at that were mended and then did not agree again.
const LOOKS: usize = 5;
/// The most rows that are named one by one.
const NAMED: usize = 1_000;

/// How to go about it.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Change nothing, only say what would be changed.
    pub dry_run: bool,
    /// How long to wait before what was mended is looked at again: [`SETTLED`], or nothing when nobody else writes.
    pub settled: Duration,
}

/// What was looked at, and what was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Items looked at.
    pub items: u64,
    /// Ledger rows read.
    pub transactions: u64,
    /// How many rows were written and removed, by table.
    pub tables: BTreeMap<&'static str, Count>,
    /// Which, as far as they are named.
    pub changed: Vec<Changed>,
    /// Items whose ledger does not make sense. They were left alone.
    pub broken: Vec<Broken>,
}

/// Rows that differed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Written: they were missing, or said something else.
    pub written: u64,
    /// Removed: the ledger does not know them.
    pub removed: u64,
}

/// A row that differed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Where.
    pub table: &'static str,
    /// Of which item.
    pub item: Uuid,
    /// Its SKU, if it has one.
    pub sku: Option<String>,
    /// Which row of the item's.
    pub row: String,
}

/// An item that was left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub item: Uuid,
    /// What is wrong with its ledger.
    pub why: String,
}

#[derive(FromQueryResult)]
struct Id {
    id: Uuid,
}

/// Makes everything again that follows from the ledger. `progress` is told after every few items.
pub async fn rebuild(
    db: &DatabaseConnection,
    how: How,
    mut progress: impl FnMut(&Rebuilt),
) -> Result<Rebuilt, DbErr> {
    let mut rebuilt = Rebuilt::default();
    let mut mended = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let sql = format!("SELECT id FROM inventory_items WHERE id > $1 ORDER BY id LIMIT {CHUNK}");
        let ids = ids(db, &sql, vec![after.into()]).await?;
        let Some(last) = ids.last() else { break };
        after = *last;
        mended.extend(chunk(db, &ids, how, &mut rebuilt).await?);
        progress(&rebuilt);
    }
    for ids in ids(db, STRAYS, vec![]).await?.chunks(CHUNK) {
        mended.extend(chunk(db, ids, how, &mut rebuilt).await?);
        progress(&rebuilt);
    }
    // On SQLite nobody reads what another is about to write.
    let again = db.get_database_backend() == DbBackend::Postgres && !how.dry_run && !how.settled.is_zero();
    for _ in 0..LOOKS {
        if mended.is_empty() || !again {
            break;
        }
        tokio::time::sleep(how.settled).await;
        // What was looked at is counted once, what was changed each time.
        let (items, transactions) = (rebuilt.items, rebuilt.transactions);
        let mut once_more = Vec::new();
        for ids in mended.chunks(CHUNK) {
            once_more.extend(chunk(db, ids, how, &mut rebuilt).await?);
        }
        (rebuilt.items, rebuilt.transactions) = (items, transactions);
        mended = once_more;
        progress(&rebuilt);
    }
    if !how.dry_run {
        Sums::new(db.clone()).catch_up().await?;
    }
    Ok(rebuilt)
}

/// Items that some table knows and `inventory_items` does not.
const STRAYS: &str = "
SELECT id FROM (SELECT inventory_item_id AS id FROM inventory_transactions
    UNION SELECT inventory_item_id FROM inventory_reservations
    UNION SELECT inventory_item_id FROM inventory_transfers
    UNION SELECT inventory_item_id FROM inventory_snapshots
    UNION SELECT inventory_item_id FROM demand_progress
    UNION SELECT inventory_item_id FROM demand_days) AS known
WHERE NOT EXISTS (SELECT 1 FROM inventory_items i WHERE i.id = known.id) ORDER BY id";

async fn ids(db: &DatabaseConnection, sql: &str, values: Vec<Value>) -> Result<Vec<Uuid>, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(Id::find_by_statement(statement).all(db).await?.into_iter().map(|row| row.id).collect())
}

/// Rebuilds a few items, and says which of them differed.
async fn chunk(
    db: &DatabaseConnection,
    ids: &[Uuid],
    how: How,
    rebuilt: &mut Rebuilt,
) -> Result<Vec<Uuid>, DbErr> {
    let mut told = Vec::with_capacity(ids.len());
    for id in ids {
        // Most of a long history is read before anybody has to wait for it.
        let mut item = Told::none(*id);
        item.go_on(db).await.or_else(broken_for_now)?;
        told.push(item);
    }
    let transaction = platform::db::begin(db).await?;
    lock(&transaction, ids).await?;
    let mut mended = Vec::new();
    for mut item in told {
        match item.go_on(&transaction).await {
            Ok(()) => {}
            Err(HistoryError::Database(error)) => return Err(error),
            Err(HistoryError::Row(why)) => {
                rebuilt.broken.push(Broken { item: item.id(), why });
                continue;
            }
        }
        rebuilt.items += 1;
        rebuilt.transactions += item.rows;
        if settle::settle(&transaction, &item, how.dry_run, rebuilt).await? {
            mended.push(item.id());
        }
    }
    if how.dry_run {
        transaction.rollback().await?
    } else {
        transaction.commit().await?
    }
    Ok(mended)
}

/// What does not make sense is told of when the item is locked.
fn broken_for_now(error: HistoryError) -> Result<(), DbErr> {
    match error {
        HistoryError::Database(error) => Err(error),
        HistoryError::Row(_) => Ok(()),
    }
}

/// In the order of their ids, as the writer does. SQLite's transaction holds the only lock there is.
async fn lock(transaction: &DatabaseTransaction, ids: &[Uuid]) -> Result<(), DbErr> {
    let backend = transaction.get_database_backend();
    if backend != DbBackend::Postgres {
        return Ok(());
    }
    let list: Vec<String> = (1..=ids.len()).map(|number| format!("${number}")).collect();
    let list = list.join(", ");
    let items = format!("SELECT id FROM inventory_items WHERE id IN ({list}) ORDER BY id FOR NO KEY UPDATE");
    // There is a row to lock for items, too, that nobody has summed up yet.
    let begun = format!(
        "INSERT INTO demand_progress (inventory_item_id, version)
         SELECT id, 0 FROM inventory_items WHERE id IN ({list}) ORDER BY id ON CONFLICT DO NOTHING"
    );
    let sums = format!(
        "SELECT version FROM demand_progress WHERE inventory_item_id IN ({list})
         ORDER BY inventory_item_id FOR UPDATE"
    );
    for sql in [items, begun, sums] {
        let values = ids.iter().map(|id| Value::from(*id));
        transaction.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

impl Rebuilt {
    /// Whether everything was as the ledger says.
    pub fn is_clean(&self) -> bool {
        self.tables.is_empty() && self.broken.is_empty()
    }

    fn name(&mut self, table: &'static str, item: &Told, row: String) {
        if self.changed.len() < NAMED {
            self.changed.push(Changed { table, item: item.id(), sku: item.sku(), row });
        }
    }
}

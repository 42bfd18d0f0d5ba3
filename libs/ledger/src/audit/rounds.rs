//! The audit that goes on for ever, a part at a time.
//!
//! Each round checks the rules over how things stand, for all items, and the ledger of some: of those that have
//! changed since the last round, of those that did not agree then, and of the next [`SLICE`] in the order of their
//! ids, so that the walk comes round to each. An item is checked from its latest snapshot on: what is before is the
//! full audit's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use domain::{Level, LocationId, Timestamp};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, FromQueryResult, Statement,
    Value,
};
use uuid::Uuid;

use super::rules::{self, LEDGER_SUM, VERSIONS_RUN, moved};
use super::snapshots::difference;
use super::{Difference, Report, patiently};
use crate::history::moment;
use crate::instant;
use crate::snapshot::Snapshot;

/// How many items the walk checks in a round, and how many that have changed. Each costs the rows since its latest
/// snapshot, a thousand or so at most: with this many a round takes seconds, not minutes.
pub const SLICE: usize = 5_000;
/// Items that are checked by one statement.
const CHUNK: usize = 500;
/// Differing items that are looked at again in the next round.
const SUSPECTS: usize = 1_000;
/// How much later than it was recorded a row may become visible: more than a transaction may take.
const MARGIN: chrono::Duration = chrono::Duration::seconds(30);
/// The longest that one statement of a round may take: a round that takes longer is told of as a failure.
const LIMIT: &str = "60s";

const SNAPSHOT_READ: &str = "a snapshot can be read";

/// Where the audit is. In memory: after a start it begins a new walk.
pub struct Rounds {
    db: DatabaseConnection,
    /// Up to when changes were looked at.
    mark: Option<Timestamp>,
    /// The last item of the walk.
    after: Uuid,
    suspects: BTreeSet<Uuid>,
}

#[derive(FromQueryResult)]
struct Id {
    id: Uuid,
}

#[derive(FromQueryResult)]
struct ItemRow {
    id: Uuid,
    sku: String,
    version: i64,
}

#[derive(FromQueryResult)]
struct BaseRow {
    inventory_item_id: Uuid,
    version: i64,
    body: String,
}

/// Units of an item at a location: of a level, or moved.
#[derive(FromQueryResult)]
struct Units {
    item: Uuid,
    warehouse: Uuid,
    available: i64,
    reserved: i64,
    damaged: i64,
    quality_control: i64,
    incoming: i64,
    in_transit: i64,
}

/// The versions of an item since its snapshot.
#[derive(FromQueryResult)]
struct Versions {
    item: Uuid,
    number: i64,
    first: i64,
    last: i64,
}

/// An item with what its ledger comes to.
struct Checked {
    sku: String,
    version: i64,
    base: i64,
    versions: Option<Versions>,
    told: BTreeMap<LocationId, Level>,
    is: BTreeMap<LocationId, Level>,
}

impl Rounds {
    /// An audit of the database behind `db` that has looked at nothing yet.
    pub fn new(db: DatabaseConnection) -> Rounds {
        Rounds { db, mark: None, after: Uuid::nil(), suspects: BTreeSet::new() }
    }

    /// Goes on by a round.
    pub async fn round(&mut self) -> Result<Report, DbErr> {
        let started = Instant::now();
        let db = instant::begin(&self.db).await?;
        patiently(&db, LIMIT).await?;
        let now = instant::now(&db).await?;
        let mut report = Report::begun();
        for rule in rules::standing() {
            report.check(&db, &rule).await?;
        }
        let walked = walk(&db, self.after).await?;
        let mut items: BTreeSet<Uuid> = walked.iter().copied().collect();
        items.append(&mut self.suspects.clone());
        if let Some(mark) = self.mark {
            items.extend(changed(&db, mark - MARGIN).await?);
        }
        by_key(&db).await?;
        let codes = crate::reader::codes(&db).await?;
        let mut suspects = BTreeSet::new();
        let items: Vec<Uuid> = items.into_iter().collect();
        for chunk in items.chunks(CHUNK) {
            for (id, item) in check(&db, chunk, &mut report).await? {
                let found = item.differences(&codes);
                suspects.extend((!found.is_empty()).then_some(id));
                found.into_iter().for_each(|difference| report.add(difference));
            }
        }
        db.commit().await?;
        report.items = i64::try_from(items.len()).unwrap_or(i64::MAX);
        self.mark = Some(now);
        // After the last one it begins anew.
        self.after = walked.last().copied().filter(|_| walked.len() == SLICE).unwrap_or(Uuid::nil());
        self.suspects = suspects.into_iter().take(SUSPECTS).collect();
        Ok(report.ended(started))
    }
}

/// Has PostgreSQL look for rows by their keys, whatever it thinks of the number of items: a plan that reads the whole
/// ledger is never the better one here.
async fn by_key(db: &DatabaseTransaction) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        let settings = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";
        db.execute_unprepared(settings).await?;
    }
    Ok(())
}

/// The next items of the walk.
async fn walk(db: &DatabaseTransaction, after: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let sql = format!("SELECT id FROM inventory_items WHERE id > $1 ORDER BY id LIMIT {SLICE}");
    ids(db, sql, after.into()).await
}

/// Items that have changed since. Where there is no index of the ledger by time, the items say so themselves.
async fn changed(db: &DatabaseTransaction, since: Timestamp) -> Result<Vec<Uuid>, DbErr> {
    let backend = db.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => {
            "SELECT DISTINCT inventory_item_id AS id FROM inventory_transactions WHERE recorded_at >= $1"
        }
        _ => "SELECT id FROM inventory_items WHERE updated_at >= $1",
    };
    ids(db, format!("{sql} LIMIT {SLICE}"), moment(backend, since)).await
}

async fn ids(db: &DatabaseTransaction, sql: String, value: Value) -> Result<Vec<Uuid>, DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [value]);
    let rows = Id::find_by_statement(statement).all(db).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Loads the items with what their ledgers come to, from their latest snapshots on.
async fn check(
    db: &DatabaseTransaction,
    ids: &[Uuid],
    report: &mut Report,
) -> Result<BTreeMap<Uuid, Checked>, DbErr> {
    let list: Vec<String> = (1..=ids.len()).map(|number| format!("${number}")).collect();
    let list = list.join(", ");
    let ask = |sql: String| {
        let values = ids.iter().map(|id| Value::from(*id));
        Statement::from_sql_and_values(db.get_database_backend(), sql, values)
    };
    let items = format!("SELECT id, sku, version FROM inventory_items WHERE id IN ({list})");
    let items = ItemRow::find_by_statement(ask(items)).all(db).await?;
    let mut checked: BTreeMap<Uuid, Checked> =
        items.into_iter().map(|row| (row.id, Checked::of(row))).collect();
    // The latest snapshot of each, in one row or none.
    let latest = format!(
        "SELECT inventory_item_id, max(version) AS version FROM inventory_snapshots
         WHERE inventory_item_id IN ({list}) GROUP BY inventory_item_id"
    );
    let bases = format!(
        "SELECT s.inventory_item_id, s.version, s.body FROM ({latest}) AS latest
         JOIN inventory_snapshots s ON s.inventory_item_id = latest.inventory_item_id AND s.version = latest.version"
    );
    for row in BaseRow::find_by_statement(ask(bases)).all(db).await? {
        let Some(item) = checked.get_mut(&row.inventory_item_id) else { continue };
        match serde_json::from_str::<Snapshot>(&row.body) {
            Ok(snapshot) => (item.base, item.told) = (row.version, snapshot.levels),
            Err(_) => {
                report.add(difference(SNAPSHOT_READ, Some(item.sku.clone()), row.version));
                checked.remove(&row.inventory_item_id);
            }
        }
    }
    let tail = format!(
        "inventory_items i LEFT JOIN ({latest}) AS latest ON latest.inventory_item_id = i.id
         JOIN inventory_transactions t ON t.inventory_item_id = i.id AND t.version > coalesce(latest.version, 0)"
    );
    let versions = format!(
        "SELECT t.inventory_item_id AS item, count(*) AS number, min(t.version) AS first, max(t.version) AS last
         FROM {tail} WHERE i.id IN ({list}) GROUP BY t.inventory_item_id"
    );
    for row in Versions::find_by_statement(ask(versions)).all(db).await? {
        report.transactions += row.number;
        checked.entry(row.item).and_modify(|item| item.versions = Some(row));
    }
    let moved = moved(&format!("(SELECT t.* FROM {tail} WHERE i.id IN ({list})) AS t"));
    for row in Units::find_by_statement(ask(moved)).all(db).await? {
        let Some(item) = checked.get_mut(&row.item) else { continue };
        let level = item.told.entry(LocationId(row.warehouse)).or_default();
        *level = *level + row.level();
    }
    let columns = rules::STATES.map(|state| format!("{state}_quantity AS {state}")).join(", ");
    let levels = format!(
        "SELECT inventory_item_id AS item, warehouse_id AS warehouse, {columns} FROM inventory_locations
         WHERE inventory_item_id IN ({list})"
    );
    for row in Units::find_by_statement(ask(levels)).all(db).await? {
        let Some(item) = checked.get_mut(&row.item) else { continue };
        item.is.insert(LocationId(row.warehouse), row.level());
    }
    Ok(checked)
}

impl Units {
    fn level(&self) -> Level {
        Level {
            available: self.available,
            reserved: self.reserved,
            damaged: self.damaged,
            quality_control: self.quality_control,
            incoming: self.incoming,
            in_transit: self.in_transit,
        }
    }
}

impl Checked {
    fn of(row: ItemRow) -> Checked {
        let ItemRow { sku, version, .. } = row;
        let (told, is) = (BTreeMap::new(), BTreeMap::new());
        Checked { sku, version, base: 0, versions: None, told, is }
    }

    /// What does not agree, named as the full audit names it.
    fn differences(&self, codes: &std::collections::HashMap<Uuid, String>) -> Vec<Difference> {
        let mut found = Vec::new();
        let (number, first, last) = match &self.versions {
            Some(versions) => (versions.number, versions.first, versions.last),
            None => (0, self.base + 1, self.base),
        };
        if first != self.base + 1 || last != self.version || self.base + number != self.version {
            let (expected, actual) = (Some(self.version), Some(self.base + number));
            let broken = difference(VERSIONS_RUN, Some(self.sku.clone()), last);
            found.push(Difference { expected, actual, ..broken });
        }
        let locations: BTreeSet<&LocationId> = self.told.keys().chain(self.is.keys()).collect();
        for location in locations {
            let at = |levels: &BTreeMap<LocationId, Level>| levels.get(location).copied().unwrap_or_default();
            let (told, is) = (at(&self.told), at(&self.is));
            for word in rules::STATES {
                let Some(state) = crate::history::state(word) else { continue };
                if told.get(state) != is.get(state) {
                    let broken =
                        difference(&LEDGER_SUM.replace("{}", word), Some(self.sku.clone()), self.version);
                    let (expected, actual) = (Some(told.get(state)), Some(is.get(state)));
                    found.push(Difference {
                        location: codes.get(&location.0).cloned(),
                        expected,
                        actual,
                        ..broken
                    });
                }
            }
        }
        found
    }
}

//! The ledger as one sequence of changes, told from any position on: for feeds that can be resumed.
//!
//! Reading order: [`Position`] → [`Reader::feed_page`] → [`Order`] → `retell` (rows as what was announced of them).
//!
//! **Invariants.** The sequence is the same for everybody who reads it, on the primary and on its replicas, and nothing
//! is ever put in front of what was told: a row is told only when every transaction that might have written one before
//! it has ended. In it an item's versions rise without a gap.

mod retell;

use domain::Timestamp;
use events::StockUpdated;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

pub use retell::Folds;

use super::{ReadError, Reader};
use crate::history::{COLUMNS, Row, moment};
use crate::instant;

/// Rows of the ledger in a page.
const PAGE: usize = 1_000;

/// PostgreSQL: how long before the sequence's last row one may have been recorded that comes after it. A lane takes the
/// time of a batch while the one before it is being committed, then waits for locks at most; each of the two is given up
/// after `statement_timeout_ms` and two seconds. Only then is its transaction numbered. What happens later, above all a
/// slow commit, does not count: the numbers tell.
const LAG: chrono::Duration = chrono::Duration::seconds(20);

/// How far behind the present a feed begins: changes whose commit is on its way are in it.
const UNDER_WAY: chrono::Duration = chrono::Duration::seconds(30);

/// How much time the first look at a far past covers; then so many times as much, until there is something. What is in
/// its last [`LAG`] is read for nothing; what it covers besides is sorted for every page.
const FIRST_STRETCH: chrono::Duration = chrono::Duration::seconds(40);
const STRETCH_GROWS: i32 = 4;

/// A place in the sequence: everything up to it was told. See [`Position::place`] for which comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// PostgreSQL: the number of the transaction, or of one before it in the item's history if that is higher: who
    /// waited for a lock may have got his number early. SQLite: the row's number.
    pub order: i64,
    /// The item.
    pub item: Uuid,
    /// Its version.
    pub version: i64,
    /// When the last row up to there was recorded, in microseconds since 1970: where to look for what comes after.
    pub at_us: i64,
}

/// A change of an item's levels, as `stock_updated` announced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it is in the sequence.
    pub position: Position,
    /// What was announced.
    pub update: StockUpdated,
}

/// Some of the sequence.
#[derive(Debug)]
pub struct FeedPage {
    /// Changes of those that were wanted, in their order.
    pub changes: Vec<Change>,
    /// Everything wanted up to there is among them.
    pub last: Position,
    /// Whether there is more to be read at once.
    pub more: bool,
    /// Whether there are rows that cannot be told yet: an older transaction has not ended.
    pub waiting: bool,
    /// For the next page, see [`Reader::feed_page`].
    pub floor: i64,
}

/// How things stand: what is sure, and what time it is.
#[derive(FromQueryResult)]
struct Order {
    /// No row below will be added.
    horizon: i64,
    now: Timestamp,
}

#[derive(FromQueryResult)]
struct FeedRow {
    #[sea_orm(nested)]
    row: Row,
    owner: String,
    /// [`Position::order`].
    place: i64,
    /// The transaction's own number.
    xid: i64,
    /// The highest place before which nothing is missing, of a question about a stretch of time.
    sure: Option<i64>,
    /// Whether it is the last of its command for the item.
    is_last: bool,
}

/// Rows, and below which place they can be told.
struct Stretch {
    rows: Vec<FeedRow>,
    below: i64,
    /// Whether it reaches up to the present.
    present: bool,
}

impl Position {
    /// What places are compared by.
    pub fn place(&self) -> (i64, Uuid, i64) {
        (self.order, self.item, self.version)
    }

    fn of(row: &FeedRow, before: i64) -> Position {
        let at_us = before.max(row.row.recorded_at.timestamp_micros());
        Position { order: row.place, item: row.row.inventory_item_id, version: row.row.version, at_us }
    }

    /// The last one below a horizon.
    fn below(horizon: i64, at_us: i64) -> Position {
        Position { order: horizon - 1, item: Uuid::max(), version: i64::MAX, at_us }
    }

    fn recorded(&self) -> Timestamp {
        Timestamp::from_timestamp_micros(self.at_us).unwrap_or_default()
    }
}

impl Reader {
    /// Where a feed of what happens from now on begins. A change that is read or told elsewhere later than this is in
    /// it.
    pub async fn feed_start(&self) -> Result<Position, ReadError> {
        let Order { horizon, now } = self.order().await?;
        Ok(Position::below(horizon, (now - UNDER_WAY).timestamp_micros()))
    }

    /// What tells this database from any other: positions are good in it and its replicas alone. SQLite has none.
    pub async fn feed_identity(&self) -> Result<i64, ReadError> {
        let backend = self.db.get_database_backend();
        if backend != DbBackend::Postgres {
            return Ok(0);
        }
        let sql = "SELECT system_identifier # (SELECT oid::bigint << 32 FROM pg_database
                       WHERE datname = current_database()) AS identity FROM pg_control_system()";
        let row = self.db.query_one_raw(Statement::from_string(backend, sql)).await?;
        let row = row.ok_or_else(|| ReadError::Row("the database does not say which it is".to_owned()))?;
        Ok(row.try_get("", "identity")?)
    }

    /// Whether SQLite has come to a position; a file that has not is another one, or an older one. A replica may be
    /// behind.
    pub async fn feed_knows(&self, position: &Position) -> Result<bool, ReadError> {
        if self.db.get_database_backend() == DbBackend::Postgres {
            return Ok(true);
        }
        Ok(position.order < self.order().await?.horizon)
    }

    /// What comes after a position, of the items that are `wanted` by id and owner.
    ///
    /// `floor` is what the page before said, or 0: below it everything was told, whatever the position says. It only
    /// saves work. `folds` are kept between the pages of one reader for the same reason.
    pub async fn feed_page(
        &self,
        after: &Position,
        floor: i64,
        folds: &mut Folds,
        wanted: &(dyn Fn(Uuid, &str) -> bool + Sync),
    ) -> Result<FeedPage, ReadError> {
        let order = self.order().await?;
        let Stretch { rows, below, present } = self.stretch(after, floor, &order).await?;
        let full = rows.len() == PAGE;
        let sure = rows.iter().take_while(|row| row.place < below).count();
        let (told, pending) = rows.split_at(sure);
        let mut page = FeedPage {
            changes: vec![],
            last: *after,
            more: sure > 0 && (full || !present),
            waiting: !pending.is_empty(),
            floor,
        };
        for row in told {
            page.last = Position::of(row, page.last.at_us);
            if !wanted(row.row.inventory_item_id, &row.owner) {
                continue;
            }
            folds.apply(&self.db, &row.row).await?;
            if row.is_last && row.row.kind != "created" && row.row.kind != "updated" {
                let update = folds.update(&self.db, &row.row).await?;
                page.changes.push(Change { position: page.last, update });
            }
        }
        if present && !full {
            let all = Position::below(order.horizon, page.last.at_us);
            page.last = if all.place() > page.last.place() { all } else { page.last };
            page.floor = pending.iter().map(|row| row.xid).fold(order.horizon, i64::min);
        }
        Ok(page)
    }

    /// Rows after a position, over more and more time until there are some that are sure.
    async fn stretch(&self, after: &Position, floor: i64, order: &Order) -> Result<Stretch, DbErr> {
        if self.db.get_database_backend() != DbBackend::Postgres {
            let rows = self.feed_rows(SQLITE, vec![after.order.into(), page_limit()]).await?;
            return Ok(Stretch { rows, below: i64::MAX, present: true });
        }
        let from = after.recorded() - LAG;
        let mut stretch = FIRST_STRETCH;
        loop {
            let until = from + stretch;
            let present = until >= order.now;
            let (until, sure) = match present {
                true => (None, None),
                false => (Some(until), Some(until - LAG)),
            };
            let time = |at: Option<Timestamp>| at.map_or_else(none, |at| moment(DbBackend::Postgres, at));
            let values = vec![
                moment(DbBackend::Postgres, from),
                floor.into(),
                after.order.into(),
                after.item.into(),
                after.version.into(),
                page_limit(),
                time(until),
                time(sure),
            ];
            let rows = self.feed_rows(POSTGRES, values).await?;
            let below = match present {
                true => order.horizon,
                false => rows.first().and_then(|row| row.sure).map_or(i64::MIN, |sure| sure + 1),
            };
            let below = below.min(order.horizon);
            if present || rows.first().is_some_and(|row| row.place < below) {
                return Ok(Stretch { rows, below, present });
            }
            stretch = stretch * STRETCH_GROWS;
        }
    }

    async fn feed_rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<FeedRow>, DbErr> {
        let backend = self.db.get_database_backend();
        let sql = sql.replace("{COLUMNS}", COLUMNS).replace("{LAST}", LAST);
        FeedRow::find_by_statement(Statement::from_sql_and_values(backend, sql, values)).all(&self.db).await
    }

    /// To be asked before the rows are: what was sure then is so for all that is read after it.
    async fn order(&self) -> Result<Order, DbErr> {
        let backend = self.db.get_database_backend();
        let horizon = match backend {
            DbBackend::Postgres => "pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
            _ => "(SELECT coalesce(max(rowid), 0) + 1 FROM inventory_transactions)",
        };
        let sql = format!("SELECT {horizon} AS horizon, {} AS now", instant::clock(backend));
        let order = Order::find_by_statement(Statement::from_string(backend, sql)).one(&self.db).await?;
        order.ok_or_else(|| DbErr::RecordNotFound("the database does not say how things stand".to_owned()))
    }
}

fn page_limit() -> Value {
    i64::try_from(PAGE).unwrap_or(i64::MAX).into()
}

/// No time.
fn none() -> Value {
    Value::from(None::<Timestamp>)
}

/// A command's rows are there together or not at all.
const LAST: &str = "NOT EXISTS (SELECT 1 FROM inventory_transactions n
     WHERE n.inventory_item_id = t.inventory_item_id AND n.version = t.version + 1 AND n.command_id = t.command_id)
     AS is_last";

/// The number of the transaction that wrote a row is in every row (`xmin`, its lower half): no column, no index, and
/// nothing that the writer does for it. Whoever waited for another's lock on an item may have a lower number than the
/// other, and comes after him nevertheless.
const POSTGRES: &str = "WITH recent AS (
         SELECT t.inventory_item_id, t.version, t.recorded_at,
             latest.xid - ((latest.xid - t.xmin::text::bigint) & 4294967295) AS xid
         FROM inventory_transactions t,
             (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xid) AS latest
         WHERE t.recorded_at >= $1 AND ($7::timestamptz IS NULL OR t.recorded_at < $7)
     ), ordered AS (
         SELECT inventory_item_id, version, recorded_at, xid,
             max(xid) OVER (PARTITION BY inventory_item_id ORDER BY version) AS place
         FROM recent WHERE xid >= $2
     ), page AS (
         SELECT inventory_item_id, version, xid, place,
             max(place) FILTER (WHERE recorded_at < $8::timestamptz) OVER () AS sure
         FROM ordered WHERE (place, inventory_item_id, version) > ($3, $4, $5)
         ORDER BY place, inventory_item_id, version LIMIT $6
     )
     SELECT {COLUMNS}, i.owner, p.place, p.xid, p.sure, {LAST}
     FROM page p
     JOIN inventory_transactions t ON t.inventory_item_id = p.inventory_item_id AND t.version = p.version
     JOIN inventory_items i ON i.id = p.inventory_item_id
     ORDER BY p.place, p.inventory_item_id, p.version";

/// One writes at a time, and nothing is deleted: rows are numbered in the order of their commits.
const SQLITE: &str = "SELECT {COLUMNS}, i.owner, t.rowid AS place, t.rowid AS xid, NULL AS sure, {LAST}
     FROM inventory_transactions t JOIN inventory_items i ON i.id = t.inventory_item_id
     WHERE t.rowid > $1 ORDER BY t.rowid LIMIT $2";

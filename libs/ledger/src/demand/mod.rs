//! Demand: what left to customers, by item, location and UTC day, summed up from the ledger behind the writer's back.
//!
//! Reading order: [`task`] → [`Sums::round`] (who is behind) → `step` (a few items, brought up) → `days` (what rows
//! come to) → `lead_times` (how long suppliers take).
//!
//! **Invariants.** Each item is summed in the order of its versions, from the one that it was summed up to: they have
//! no gap, so whatever commits late is not passed over, and no number of a transaction is kept. Where a sum and the
//! version that it is of are written, it is in one transaction. The writer knows nothing of this. What is here says
//! nothing that the ledger does not say, lead times excepted: it may be thrown away, and is summed again.

pub(crate) mod days;
pub mod lead_times;
mod step;

use std::time::{Duration, Instant};

use platform::hosting::Task;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

pub(crate) use step::{last_rows, places, progress, rows, tell};

use crate::history::moment;
use crate::instant;

/// Items that the walk passes in a round, and changed ones that a round takes on: some seconds' work at most.
const SLICE: usize = 5_000;
/// Items that are brought up by one transaction: it is over in some milliseconds, for SQLite's has the only lock.
const CHUNK: usize = 50;
/// Steps of a round. What is left is told of, and the next round goes on.
const STEPS: usize = 500;
/// How much later than it was recorded a row may become visible and still be found at once. After that the walk finds
/// it.
const MARGIN_US: i64 = 60_000_000;
/// Rounds that bring everything up before whoever waits for it gives up. Each sums millions of rows, or all there are.
const ROUNDS: usize = 100_000;

/// The sums and how far they are. In memory is only where to look: after a start it looks everywhere.
pub struct Sums {
    db: DatabaseConnection,
    /// Up to where changes were looked for: PostgreSQL's clock in microseconds, SQLite's last row.
    mark: Option<i64>,
    /// The last item of the walk.
    after: Uuid,
    /// Whether every item was passed once.
    walked: bool,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summed {
    /// Ledger rows that were summed up.
    pub transactions: u64,
    /// Whether everything is summed that there was when it began, as far as is known.
    pub complete: bool,
}

#[derive(FromQueryResult)]
struct Id {
    id: Uuid,
}

/// The task that keeps the sums, a round every `period`. A round that left something is followed by the next as soon as
/// it rested as long as it took: half of a connection's time is the most that it takes.
pub fn task(db: DatabaseConnection, period: Duration) -> Task {
    Task::new("demand", move |stop| async move {
        let (mut sums, mut complete, mut rest) = (Sums::new(db), Instant::now(), period);
        while stop.run_until_cancelled(tokio::time::sleep(rest)).await.is_some() {
            let began = Instant::now();
            let Some(summed) = stop.run_until_cancelled(sums.round()).await else { return };
            rest = period;
            match summed {
                Ok(Summed { transactions, complete: all }) => {
                    metrics::counter!("demand_transactions_total").increment(transactions);
                    if all {
                        complete = began;
                    } else {
                        rest = began.elapsed().min(period);
                    }
                }
                Err(error) => tracing::warn!(%error, "demand could not be summed up"),
            }
            metrics::gauge!("demand_lag_seconds").set(complete.elapsed().as_secs_f64());
        }
    })
}

impl Sums {
    /// Sums of the database behind `db`.
    pub fn new(db: DatabaseConnection) -> Sums {
        Sums { db, mark: None, after: Uuid::nil(), walked: false }
    }

    /// Brings up what is behind: of those that changed of late, and of the next [`SLICE`] in the order of their ids.
    pub async fn round(&mut self) -> Result<Summed, DbErr> {
        let now = self.present().await?;
        let mut behind = self.changed().await?;
        let many = behind.len() == SLICE;
        let (walked, end) = self.walk().await?;
        behind.extend(walked);
        behind.sort_unstable();
        behind.dedup();
        let mut summed = Summed::default();
        let mut steps = 0;
        while !behind.is_empty() && steps < STEPS {
            let mut again = Vec::new();
            for ids in behind.chunks(CHUNK) {
                let step = step::step(&self.db, ids).await?;
                summed.transactions += step.transactions;
                again.extend(step.more);
                steps += 1;
            }
            behind = again;
        }
        let left = many || !behind.is_empty();
        if !left {
            self.mark = Some(now);
            self.walked |= end.is_none();
            self.after = end.unwrap_or(Uuid::nil());
        }
        summed.complete = !left && self.walked;
        Ok(summed)
    }

    /// Round after round until everything is summed that there was at the beginning.
    pub async fn catch_up(&mut self) -> Result<u64, DbErr> {
        let mut transactions = 0;
        for _ in 0..ROUNDS {
            let summed = self.round().await?;
            transactions += summed.transactions;
            if summed.complete {
                return Ok(transactions);
            }
        }
        Err(DbErr::Custom(format!("demand is not summed up after {ROUNDS} rounds")))
    }

    /// What the next round's mark is.
    async fn present(&self) -> Result<i64, DbErr> {
        if self.db.get_database_backend() == DbBackend::Postgres {
            return Ok(instant::now(&self.db).await?.timestamp_micros());
        }
        let sql = "SELECT coalesce(max(rowid), 0) AS last FROM inventory_transactions";
        let row = self.db.query_one_raw(Statement::from_string(DbBackend::Sqlite, sql)).await?;
        row.map_or(Ok(0), |row| row.try_get("", "last"))
    }

    /// Items with rows since the mark that are not summed. Before there is one, the walk finds them.
    async fn changed(&self) -> Result<Vec<Uuid>, DbErr> {
        let Some(mark) = self.mark else { return Ok(vec![]) };
        let backend = self.db.get_database_backend();
        let (since, value) = match backend {
            DbBackend::Postgres => {
                let at = chrono::DateTime::from_timestamp_micros(mark - MARGIN_US).unwrap_or_default();
                ("t.recorded_at >= $1", moment(backend, at))
            }
            _ => ("t.rowid > $1", mark.into()),
        };
        let sql = format!(
            "SELECT DISTINCT t.inventory_item_id AS id FROM inventory_transactions t
             LEFT JOIN demand_progress p ON p.inventory_item_id = t.inventory_item_id
             WHERE {since} AND t.version > coalesce(p.version, 0) LIMIT {SLICE}"
        );
        self.ids(sql, value).await
    }

    /// Those of the next items that are behind, and the last of the items; none at the end.
    async fn walk(&self) -> Result<(Vec<Uuid>, Option<Uuid>), DbErr> {
        let next = "FROM inventory_items WHERE id > $1 ORDER BY id";
        let end = format!("SELECT id {next} LIMIT 1 OFFSET {}", SLICE - 1);
        let end = self.ids(end, self.after.into()).await?.pop();
        let sql = format!(
            "SELECT i.id FROM (SELECT id, version {next} LIMIT {SLICE}) AS i
             LEFT JOIN demand_progress p ON p.inventory_item_id = i.id WHERE i.version > coalesce(p.version, 0)"
        );
        Ok((self.ids(sql, self.after.into()).await?, end))
    }

    async fn ids(&self, sql: String, value: Value) -> Result<Vec<Uuid>, DbErr> {
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, [value]);
        Ok(Id::find_by_statement(statement).all(&self.db).await?.into_iter().map(|row| row.id).collect())
    }
}

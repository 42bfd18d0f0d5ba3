//! What the database itself counted: transactions, bytes of its log, and how often that was flushed.

use sqlx::postgres::PgPool;

use crate::measure::Measured;

/// The database's counts so far. Backends hand theirs in once a second at most, when they commit: whoever compares two
/// of these lets each of them commit after a pause before either.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    commits: f64,
    log_bytes: f64,
    flushes: f64,
}

/// What one command cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Transactions. What nobody else is in the way of reads and writes by single statements, each a transaction of its
    /// own: so these are also queries.
    pub queries: f64,
    /// Flushes of the log to disk.
    pub flushes: f64,
    /// Bytes of the log, those of the checkpoints' full pages included.
    pub log_bytes: f64,
}

/// Since version 18 flushes are counted elsewhere.
const IN_PG_STAT_IO: i32 = 180_000;

impl Counters {
    /// As they are now.
    pub async fn read(pool: &PgPool) -> Counters {
        let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
            .fetch_one(pool)
            .await
            .unwrap();
        let sql = if version >= IN_PG_STAT_IO {
            "SELECT xact_commit::float8, wal_bytes::float8,
                 (SELECT sum(fsyncs)::float8 FROM pg_stat_io WHERE object = 'wal')
             FROM pg_stat_database, pg_stat_wal WHERE datname = current_database()"
        } else {
            "SELECT xact_commit::float8, wal_bytes::float8, wal_sync::float8
             FROM pg_stat_database, pg_stat_wal WHERE datname = current_database()"
        };
        let (commits, log_bytes, flushes) = sqlx::query_as(sql).fetch_one(pool).await.unwrap();
        Counters { commits, log_bytes, flushes }
    }

    /// What each of so many commands cost since `earlier`.
    pub fn since(&self, earlier: &Counters, commands: usize) -> Cost {
        let each = |now: f64, then: f64| (now - then) / commands as f64;
        Cost {
            queries: each(self.commits, earlier.commits),
            flushes: each(self.flushes, earlier.flushes),
            log_bytes: each(self.log_bytes, earlier.log_bytes),
        }
    }
}

/// The run in the middle by its rate, with what it cost.
pub fn median(mut runs: Vec<(Measured, Cost)>) -> (Measured, Cost) {
    runs.sort_by(|a, b| a.0.rate.total_cmp(&b.0.rate));
    runs.swap_remove(runs.len() / 2)
}

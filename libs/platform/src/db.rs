//! Databases: PostgreSQL or SQLite, chosen by the URL's scheme.
//!
//! **Invariants.** Every connection to PostgreSQL bounds its statements, its waits for locks and its
//! pauses inside a transaction, and notices a dead peer. SQLite is durable: a commit that was answered
//! survives a power cut. A transaction that writes starts with [`begin`].

mod alone;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    SqlxPostgresConnector, SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::hosting::Check;

pub use alone::{Alone, alone};

/// Keeps concurrent starts from migrating one database at once. Any number will do that no other
/// program on the database picks.
const MIGRATION_LOCK: i64 = 0x0E1_4A1D;

/// Section `database` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DbConfig {
    /// Connections in the pool.
    pub max_connections: u32,
    /// How long to wait for one.
    pub acquire_timeout_ms: u64,
    /// PostgreSQL: the longest statement.
    pub statement_timeout_ms: u64,
    /// PostgreSQL: the longest wait for a lock.
    pub lock_timeout_ms: u64,
    /// PostgreSQL: the longest pause inside a transaction.
    pub idle_in_transaction_timeout_ms: u64,
    /// SQLite: the longest wait for another writer.
    pub busy_timeout_ms: u64,
}

/// Why a database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is neither `postgres://…` nor `sqlite:<file>`, or wrong in another way.
    #[error("database URL: {0}")]
    Url(String),
    /// The folder of the SQLite file could not be made.
    #[error("the database's folder: {0}")]
    Folder(#[from] std::io::Error),
    /// There is no such SQLite file.
    #[error("there is no database at {}: run this where the data is, or say where it is", .0.display())]
    Missing(PathBuf),
    /// It did not answer as it should.
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
}

/// Opens a pool, and proves it by one connection.
pub async fn connect(url: &str, config: &DbConfig) -> Result<DatabaseConnection, Error> {
    let acquire = Duration::from_millis(config.acquire_timeout_ms);
    if url.starts_with("sqlite:") {
        let pool = SqlitePoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(acquire)
            .connect_with(sqlite_options(url, config)?)
            .await?;
        Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
    } else {
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(acquire)
            .connect_with(pg_options(url, config)?)
            .await?;
        Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
    }
}

/// As [`connect`], but makes no SQLite file where there is none.
pub async fn connect_existing(url: &str, config: &DbConfig) -> Result<DatabaseConnection, Error> {
    if let Some(file) = sqlite_file(url)?.filter(|file| !file.exists()) {
        return Err(Error::Missing(file));
    }
    connect(url, config).await
}

/// The file of a database that is one, whether or not it is there yet; none on a server or in memory.
fn sqlite_file(url: &str) -> Result<Option<PathBuf>, Error> {
    let Some(rest) = url.strip_prefix("sqlite:") else { return Ok(None) };
    let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
    if name.trim_start_matches('/') == ":memory:" || query.split('&').any(|part| part == "mode=memory") {
        return Ok(None);
    }
    let options = SqliteConnectOptions::from_str(url).map_err(|error| Error::Url(error.to_string()))?;
    Ok(Some(std::path::absolute(options.get_filename())?))
}

/// How to connect to PostgreSQL, for those who own their connections.
pub fn pg_options(url: &str, config: &DbConfig) -> Result<PgConnectOptions, Error> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(Error::Url("must start with postgres:// or sqlite:".to_owned()));
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| Error::Url(error.to_string()))?;
    let ms = |value: u64| value.to_string();
    Ok(options.options([
        ("statement_timeout", ms(config.statement_timeout_ms)),
        ("lock_timeout", ms(config.lock_timeout_ms)),
        ("idle_in_transaction_session_timeout", ms(config.idle_in_transaction_timeout_ms)),
        // The server gives up a client that vanished without a word within half a minute, locks and all.
        ("tcp_keepalives_idle", "10".to_owned()),
        ("tcp_keepalives_interval", "5".to_owned()),
        ("tcp_keepalives_count", "3".to_owned()),
        ("tcp_user_timeout", "20000".to_owned()),
    ]))
}

/// How to open a SQLite file, for those who own their connections. Makes its folder.
pub fn sqlite_options(url: &str, config: &DbConfig) -> Result<SqliteConnectOptions, Error> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| Error::Url(error.to_string()))?;
    if let Some(folder) = options.get_filename().parent().filter(|folder| *folder != Path::new("")) {
        std::fs::create_dir_all(folder)?;
    }
    Ok(options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(config.busy_timeout_ms)))
}

/// Begins a transaction that writes. SQLite takes its one write lock at once: a transaction that reads
/// first and asks for it later is refused without waiting.
pub async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let sqlite_transaction_mode =
        (db.get_database_backend() == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
    db.begin_with_options(TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() })
        .await
}

/// The present by the database's clock, to the microsecond: what several processes agree on, whatever their machines'
/// clocks say. A SQLite file has no other clock than its machine's.
pub async fn now<C: ConnectionTrait>(db: &C) -> Result<DateTime<Utc>, DbErr> {
    let backend = db.get_database_backend();
    if backend == DbBackend::Sqlite {
        return Ok(Utc::now().trunc_subsecs(6));
    }
    let row = db.query_one_raw(Statement::from_string(backend, "SELECT clock_timestamp() AS now")).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?.try_get("", "now")
}

/// Brings a database's tables up to date, all or nothing. Several processes may try at once.
pub async fn migrate<M: MigratorTrait>(db: &DatabaseConnection) -> Result<(), DbErr> {
    let tx = begin(db).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        // A migration may take its time, and wait for another process to end its own.
        tx.execute_unprepared("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
        tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await?;
    }
    M::up(&tx, None).await?;
    tx.commit().await
}

/// Whether the database answers.
pub fn check(db: &DatabaseConnection) -> Check {
    let db = db.clone();
    Check::new("database", move || {
        let db = db.clone();
        async move { db.ping().await.map_err(|error| error.to_string()) }
    })
}

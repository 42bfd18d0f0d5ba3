//! A lane's own connection: what it reads and what it writes, on either database.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Command, HoldId, Item, ItemId, Location, LocationId, Stock, Timestamp, TransferId};
use platform::db::DbConfig;
use uuid::Uuid;

use super::batch::{Job, Loaded};
use super::recording::Recording;
use super::rows::{HoldRow, ItemRow, StoredKey, TransferRow, holds, stock, transfers};
use super::{postgres, sqlite};

/// An open connection, owned by one lane alone: no pool can hand it to anybody while a transaction is open.
pub(super) enum Connection {
    Postgres(sqlx::PgConnection),
    Sqlite(sqlx::SqliteConnection),
}

/// Some versions of an item at a location.
pub(super) struct Span {
    pub(super) item: Uuid,
    pub(super) location: Uuid,
    /// Later than this one.
    pub(super) after: i64,
    /// This one included.
    pub(super) up_to: i64,
}

/// How a batch goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Approach {
    /// Which commands to look up first.
    pub(super) keys: Keys,
    /// Whether to lock the items before they are read. Without, two batches may decide on the same item: then the
    /// ledger, whose key is item and version, takes the rows of one and refuses the other.
    pub(super) locked: bool,
}

/// Which commands to look up before they are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// None but our own jobs': they are new until writing their keys says otherwise.
    None,
    /// Those that have a key of the caller's.
    Callers,
    /// Those without as well: what became of them is not known.
    All,
}

/// Why a batch did not get through.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("a row does not parse: {0}")]
    Row(String),
    #[error("no database is spoken to with {0}")]
    Url(String),
    #[error("the database did not answer")]
    Silent,
    #[error("others are making items")]
    Names,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The connection is of no more use, and what became of an open commit is not known.
    Reconnect,
    /// Somebody else recorded the next version of an item. Lock the items, and look again.
    Lock,
    /// Somebody was faster otherwise; most likely the same command was done before. Look again.
    Again,
    /// One of the commands cannot be recorded; each on its own will show which.
    Apart,
    /// Somebody else keeps a row to himself, and trying again would only keep more callers waiting.
    GiveUp,
}

impl StoreError {
    pub(super) fn remedy(&self) -> Remedy {
        let error = match self {
            StoreError::Database(error) => error,
            StoreError::Silent => return Remedy::Reconnect,
            StoreError::Names => return Remedy::Again,
            StoreError::Row(_) | StoreError::Url(_) => return Remedy::Apart,
        };
        let Some(database) = error.as_database_error() else { return Remedy::Reconnect };
        let code = database.code().unwrap_or_default();
        match code.as_ref() {
            "23505" if database.constraint() == Some(LEDGER_KEY) => Remedy::Lock,
            // PostgreSQL: unique violation, serialization failure, deadlock.
            "23505" | "40001" | "40P01" => Remedy::Again,
            // PostgreSQL: lock not available, statement timeout.
            "55P03" | "57014" => Remedy::GiveUp,
            // SQLite: busy, locked, unique and primary key violations.
            "5" | "6" | "261" | "517" | "1555" | "2067" => Remedy::Again,
            // PostgreSQL: connection trouble, shutdown, out of resources, a primary that became a replica.
            code if ["08", "57", "53", "25"].iter().any(|class| code.starts_with(class)) => Remedy::Reconnect,
            _ => Remedy::Apart,
        }
    }
}

/// The primary key of the ledger: item and version.
const LEDGER_KEY: &str = "inventory_transactions_pkey";

/// A lane's statements find their rows by key, however many there are. Told so, PostgreSQL plans each of them
/// once and never reads a whole table because it was small on the day of the plan.
const PLANS: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

impl Connection {
    pub(super) async fn open(url: &str, config: &DbConfig) -> Result<Connection, StoreError> {
        use sqlx::ConnectOptions;
        let bad = |error: platform::db::Error| StoreError::Url(error.to_string());
        if url.starts_with("postgres") {
            let options = platform::db::pg_options(url, config).map_err(bad)?;
            return Ok(Connection::Postgres(options.options(PLANS).connect().await?));
        }
        let options = platform::db::sqlite_options(url, config).map_err(bad)?;
        Ok(Connection::Sqlite(options.connect().await?))
    }

    pub(super) fn is_postgres(&self) -> bool {
        matches!(self, Connection::Postgres(_))
    }

    /// Whether what is read may change before it is written.
    pub(super) fn reads_without_locks(&self, approach: Approach) -> bool {
        self.is_postgres() && !approach.locked
    }

    pub(super) async fn rollback(&mut self) -> Result<(), StoreError> {
        match self {
            Connection::Postgres(pg) => postgres::run(pg, "ROLLBACK").await,
            Connection::Sqlite(sqlite) => sqlite::run(sqlite, "ROLLBACK").await,
        }
    }

    /// Every location, the one to take from first in front.
    pub(super) async fn locations(&mut self) -> Result<Arc<[Location]>, StoreError> {
        let rows = match self {
            Connection::Postgres(pg) => postgres::locations(pg).await?,
            Connection::Sqlite(sqlite) => sqlite::locations(sqlite).await?,
        };
        Ok(rows.into_iter().map(|row| row.location()).collect())
    }

    /// Loads what the decisions need. SQLite, and PostgreSQL when `approach` says so, lock the items first, in the
    /// order of their ids: then this begins the transaction that [`Connection::record`] ends.
    pub(super) async fn load(
        &mut self,
        jobs: &[Job],
        locations: Arc<[Location]>,
        approach: Approach,
    ) -> Result<Loaded, StoreError> {
        let commands = || jobs.iter().flat_map(Job::commands);
        self.begin(approach).await?;
        if let Connection::Postgres(pg) = self
            && commands().any(|command| matches!(command, Command::CreateItem(_)))
        {
            postgres::lock_names(pg).await?;
        }
        let held: Vec<Uuid> = unique(commands().filter_map(Command::hold).map(|HoldId(id)| id));
        let shipped: Vec<Uuid> = unique(commands().filter_map(Command::transfer).map(|TransferId(id)| id));
        let mut ids: Vec<Uuid> = commands().flat_map(Command::items).map(|ItemId(id)| id).collect();
        if !(held.is_empty() && shipped.is_empty()) {
            ids.extend(self.items_of(&held, &shipped).await?);
        }
        let ids = unique(ids);
        let (clock, rows) = self.items(&ids, approach).await?;
        // A clock that was set back does not turn a history around.
        let now = rows.iter().map(|row| row.updated_at).fold(clock, Timestamp::max);
        let (mut stock, kept) = stock(rows, locations)?;
        // Holds and transfers are read after their items: one that changes in between takes its item's version along.
        let reserved = |item: &&Item| item.levels.values().any(|level| level.reserved > 0);
        let reserved: Vec<Uuid> =
            stock.items.values().filter(reserved).map(|item| item.identity.id.0).collect();
        let mut found = if held.is_empty() { vec![] } else { self.holds(&held).await? };
        if !reserved.is_empty() {
            found.extend(self.overdue(&unique(reserved), now).await?);
        }
        stock.holds = holds(found)?;
        if !shipped.is_empty() {
            stock.transfers = transfers(self.transfers(&shipped).await?);
        }
        for count in commands().filter_map(Command::stocktake) {
            self.load_counted(count, &mut stock).await?;
        }
        self.load_rivals(jobs, &mut stock).await?;
        let keys = self.load_keys(jobs, approach.keys).await?;
        Ok(Loaded { stock, kept, keys, now })
    }

    /// The level that was counted, as it was at the version that the counter saw, but for what other counts have
    /// corrected since: the present one without what has happened since.
    async fn load_counted(
        &mut self,
        count @ (item, location, version): (ItemId, LocationId, i64),
        stock: &mut Stock,
    ) -> Result<(), StoreError> {
        let Some(present) = stock.items.get(&item).filter(|item| (1..=item.version).contains(&version))
        else {
            return Ok(());
        };
        let mut level = present.at(location);
        if version < present.version {
            let span = Span { item: item.0, location: location.0, after: version, up_to: present.version };
            let moved = match self {
                Connection::Postgres(pg) => postgres::moved(pg, &span).await?,
                Connection::Sqlite(sqlite) => sqlite::moved(sqlite, &span).await?,
            };
            for row in moved {
                row.undo(&mut level)?;
            }
        }
        stock.counted.insert(count, level);
        Ok(())
    }

    /// Items that have a name of one that is to be created.
    async fn load_rivals(&mut self, jobs: &[Job], stock: &mut Stock) -> Result<(), StoreError> {
        let mut names = Vec::new();
        for job in jobs {
            for command in job.commands() {
                let Command::CreateItem(new) = command else { continue };
                names.push(new.identity.sku.as_str().to_owned());
                names.push(new.identity.product_id.as_str().to_owned());
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        let rows = match self {
            Connection::Postgres(pg) => postgres::items_named(pg, &names).await?,
            Connection::Sqlite(sqlite) => sqlite::items_named(sqlite, &names).await?,
        };
        let (rivals, _) = super::rows::stock(rows, Arc::clone(&stock.locations))?;
        for (id, rival) in rivals.items {
            stock.items.entry(id).or_insert(rival);
        }
        Ok(())
    }

    async fn load_keys(
        &mut self,
        jobs: &[Job],
        keys: Keys,
    ) -> Result<HashMap<(String, String), super::recording::KeyRow>, StoreError> {
        let asked = jobs.iter().filter(|job| match keys {
            // What a job of ours is refused is not kept, so its key would not be found out to be there.
            Keys::None => job.key.is_some() && job.is_a_jobs(),
            Keys::Callers => job.key.is_some(),
            Keys::All => true,
        });
        let (scopes, keys): (Vec<String>, Vec<String>) = asked.map(Job::key).unzip();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = match self {
            Connection::Postgres(pg) => postgres::keys(pg, &scopes, &keys).await?,
            Connection::Sqlite(sqlite) => sqlite::keys(sqlite, &scopes, &keys).await?,
        };
        let rows = rows.into_iter().map(StoredKey::row);
        Ok(rows.map(|row| ((row.scope.clone(), row.key.clone()), row)).collect())
    }

    async fn items_of(&mut self, holds: &[Uuid], transfers: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        match self {
            Connection::Postgres(pg) => postgres::items_of(pg, holds, transfers).await,
            Connection::Sqlite(sqlite) => sqlite::items_of(sqlite, holds, transfers).await,
        }
    }

    async fn transfers(&mut self, transfers: &[Uuid]) -> Result<Vec<TransferRow>, StoreError> {
        match self {
            Connection::Postgres(pg) => postgres::transfers(pg, transfers).await,
            Connection::Sqlite(sqlite) => sqlite::transfers(sqlite, transfers).await,
        }
    }

    async fn begin(&mut self, approach: Approach) -> Result<(), StoreError> {
        match self {
            Connection::Postgres(pg) if approach.locked => postgres::run(pg, "BEGIN").await,
            Connection::Postgres(_) => Ok(()),
            // The write lock at once: upgrading a read lock later could only fail.
            Connection::Sqlite(sqlite) => sqlite::run(sqlite, "BEGIN IMMEDIATE").await,
        }
    }

    /// The items with their levels, as they were at one instant, and what time it is by the database's clock.
    async fn items(
        &mut self,
        items: &[Uuid],
        approach: Approach,
    ) -> Result<(Timestamp, Vec<ItemRow>), StoreError> {
        match self {
            Connection::Postgres(pg) => {
                if approach.locked {
                    postgres::lock(pg, items).await?;
                }
                postgres::items(pg, items).await
            }
            Connection::Sqlite(sqlite) => sqlite::items(sqlite, items).await,
        }
    }

    async fn holds(&mut self, holds: &[Uuid]) -> Result<Vec<HoldRow>, StoreError> {
        match self {
            Connection::Postgres(pg) => postgres::holds(pg, holds).await,
            Connection::Sqlite(sqlite) => sqlite::holds(sqlite, holds).await,
        }
    }

    async fn overdue(&mut self, items: &[Uuid], now: Timestamp) -> Result<Vec<HoldRow>, StoreError> {
        match self {
            Connection::Postgres(pg) => postgres::overdue(pg, items, now).await,
            Connection::Sqlite(sqlite) => sqlite::overdue(sqlite, items, now).await,
        }
    }

    /// Writes all of it, durably.
    pub(super) async fn record(
        &mut self,
        recording: &Recording,
        approach: Approach,
    ) -> Result<(), StoreError> {
        match self {
            Connection::Postgres(pg) => postgres::record(pg, recording, approach.locked).await,
            Connection::Sqlite(sqlite) => {
                sqlite::record(sqlite, recording).await?;
                sqlite::run(sqlite, "COMMIT").await
            }
        }
    }
}

/// In order and once each: rows are locked, and changed, in the order of their items' ids.
fn unique(ids: impl IntoIterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

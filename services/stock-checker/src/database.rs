//! The stock database, asked by so many at once and no more.
//!
//! Without the cache every read comes here. Letting all of them in would make each wait for all others; so only
//! some are let in, the rest wait for their turn a while, and are then told to come back. Those who wait for items are
//! asked for together.

mod together;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::ItemId;
use ledger::{ItemQuery, ItemView, Listing, ReadError, Reader, Resolved};
use platform::hosting::Check;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::error::Error;
use crate::settings::Settings;
use together::{Together, Waiting};

/// The reader and its waiting room. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) reader: Reader,
    db: DatabaseConnection,
    slots: Arc<Semaphore>,
    /// For questions that may read every item: so many of them that the others have room beside them.
    wide: Arc<Semaphore>,
    together: Arc<Together>,
    wait: Duration,
}

impl Database {
    pub(crate) fn new(db: DatabaseConnection, settings: &Settings) -> Database {
        let slots = Arc::new(Semaphore::new(settings.database_reads_at_once));
        let wide = Arc::new(Semaphore::new(settings.database_scans_at_once));
        let (reader, together) = (Reader::new(db.clone()), Arc::new(Together::new()));
        Database { reader, db, slots, wide, together, wait: settings.database_wait() }
    }

    /// Asks the reader's `question` when it is its turn.
    pub(crate) async fn ask<T, E>(&self, question: impl Future<Output = Result<T, E>>) -> Result<T, Error>
    where
        Error: From<E>,
    {
        let _slot = self.turn(self.deadline(), 1).await?;
        Ok(question.await?)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.wait
    }

    /// Waits for one of the slots, for as many reads.
    async fn turn(&self, by: Instant, reads: usize) -> Result<SemaphorePermit<'_>, Error> {
        let Ok(Ok(slot)) = timeout_at(by, self.slots.acquire()).await else { return Err(Error::Busy) };
        metrics::counter!("stock_reads_total", "source" => "database").increment(reads as u64);
        Ok(slot)
    }

    /// An item and its levels, asked for together with others that are asked for just now.
    pub(crate) async fn item(&self, id: ItemId) -> Result<Option<ItemView>, Error> {
        let by = self.deadline();
        self.together.item(id, by, |all| self.answer(by, all)).await
    }

    async fn answer(&self, by: Instant, all: Vec<Waiting>) {
        let ids: Vec<ItemId> = all.iter().map(|one| one.item).collect();
        let asked = async {
            let _slot = self.turn(by, ids.len()).await?;
            Ok::<_, Error>(self.reader.items(&ids).await?)
        };
        match asked.await {
            Ok(found) => {
                let found: HashMap<_, _> = found.into_iter().map(|item| (ItemId(item.id), item)).collect();
                all.into_iter().for_each(|one| {
                    let item = found.get(&one.item).cloned();
                    one.tell(Ok(item));
                });
            }
            Err(error) => {
                let error = Arc::new(error);
                all.into_iter().for_each(|one| one.tell(Err(Arc::clone(&error))));
            }
        }
    }

    /// The same for a question that may have to read every item.
    pub(crate) async fn ask_wide<T, E>(
        &self,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error>
    where
        Error: From<E>,
    {
        let Ok(Ok(_one_of_few)) = timeout_at(self.deadline(), self.wide.acquire()).await else {
            return Err(Error::Busy);
        };
        self.ask(question).await
    }

    /// A page of items, found or gathered.
    pub(crate) async fn items(&self, query: &ItemQuery) -> Result<Listing, Error> {
        match self.ask(self.reader.look(query)).await? {
            Some(page) => Ok(page),
            None => self.ask_wide(self.reader.gather(query)).await,
        }
    }

    /// Finds the item that `name` stands for. Not one of so many at once: nearly all names are remembered, and a
    /// cached item must not wait behind questions to a database that is stuck. The rest has the pool's own bound.
    pub(crate) async fn resolve(&self, name: &str, owner: Option<&str>) -> Result<Option<Resolved>, Error> {
        Ok(self.reader.resolve(name, owner).await?)
    }

    /// Whether it is the one that is written to, and no copy of it.
    pub(crate) async fn is_primary(&self) -> Result<bool, Error> {
        if self.db.get_database_backend() != DbBackend::Postgres {
            return Ok(true);
        }
        let statement = Statement::from_string(DbBackend::Postgres, "SELECT pg_is_in_recovery() AS copy");
        let row = self.db.query_one_raw(statement).await.map_err(ReadError::from)?;
        Ok(row.is_some_and(|row| matches!(row.try_get("", "copy"), Ok(false))))
    }

    /// Whether there is a stock database: it answers, and has its tables.
    pub(crate) fn check(&self) -> Check {
        let reader = self.reader.clone();
        Check::new("database", move || {
            let reader = reader.clone();
            async move {
                let nothing = reader.item(ItemId(Uuid::nil())).await;
                nothing.map(drop).map_err(|error| error.to_string())
            }
        })
    }
}

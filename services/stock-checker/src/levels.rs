//! Items with their levels, cached as they are answered.
//!
//! Reading order: [`Levels::item`] → `look` (the cache) → `find` (one replica at a time) → `fill` (the database) →
//! `known` (what an entry is).
//!
//! An entry lies under the item's id, at the item's version. **Invariants.** What an event outdated is buried under a
//! tombstone of the event's version, which no older read can replace (see [`platform::cache`]). An entry is not used
//! after the first hold on it ends by itself: from then on more is available, without a new version. Of those who ask
//! for an item that is not cached one asks the database, in all replicas that share a cache, for as long as the lock's
//! lease; the lock is never waited for longer, and nothing is right because of it. Nobody is given the answer to a
//! question older than the last event that he could know of.

mod known;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{ItemId, Sku};
use moka::future::Cache as Flights;
use platform::cache::{CacheError, Held, Layers};
use platform::lock::{Lease, Lock};
use uuid::Uuid;

use crate::database::Database;
use crate::error::Error;
use crate::settings::Settings;
use crate::unknown::Unknown;
pub(crate) use known::{Known, Source};

/// Stands in every key, and changes with the shape of an entry: those that an older release left in a shared cache
/// are not read.
const SHAPE: u32 = 3;

/// How soon a database that is behind, or another replica, is asked again; then after twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause while another replica asks the database: its answer is seen this much later at worst.
const LONGEST_PAUSE: Duration = Duration::from_millis(40);

/// Answers for one item at a time.
pub(crate) struct Levels {
    database: Database,
    /// The database that the other is a copy of.
    primary: Option<Database>,
    layers: Layers,
    lock: Arc<dyn Lock>,
    lease: Duration,
    /// Questions under way, by the item and the version that whoever asks knows of. Keeps nothing.
    flights: Flights<(Uuid, i64), Option<Known>>,
    /// The same for names, by for whom they are looked for, and the creations that whoever asks knows of.
    lookups: Flights<(Option<String>, String, u64), Option<ItemId>>,
    unknown: Unknown,
    patience: Duration,
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Freshness {
    /// Of this version or a later one.
    pub(crate) min_version: i64,
    /// With all that was committed before it was asked for.
    pub(crate) strong: bool,
}

/// What an item is looked for in.
pub(crate) struct Sources {
    pub(crate) database: Database,
    pub(crate) primary: Option<Database>,
    pub(crate) layers: Layers,
    pub(crate) lock: Arc<dyn Lock>,
}

impl Levels {
    pub(crate) fn new(sources: Sources, settings: &Settings) -> Levels {
        let Sources { database, primary, layers, lock } = sources;
        Levels {
            database,
            primary,
            layers,
            lock,
            lease: settings.fill_lease(),
            flights: Flights::builder().time_to_live(Duration::ZERO).build(),
            lookups: Flights::builder().time_to_live(Duration::ZERO).build(),
            unknown: Unknown::new(settings.unknown_ttl()),
            patience: settings.version_wait(),
        }
    }

    /// The item that `name` stands for, for those who may see `owner`'s, as new as `fresh` says.
    ///
    /// Somebody who knows of a version knows that it exists: a database that does not have it yet, or not even
    /// the item, is given a moment to catch up.
    pub(crate) async fn item(
        &self,
        name: &str,
        owner: Option<&str>,
        fresh: Freshness,
    ) -> Result<Known, Error> {
        let min_version = fresh.min_version;
        if fresh.strong {
            return self.primary_item(name, owner, min_version).await;
        }
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let behind = match self.look(name, owner, min_version).await {
                Ok(known) if known.version < min_version => behind(&known, min_version),
                Err(Error::ItemUnknown) if min_version > 0 => Error::ItemUnknown,
                answer => return answer,
            };
            if Instant::now() + pause > deadline {
                return match &self.primary {
                    Some(_) => self.primary_item(name, owner, min_version).await,
                    None => Err(behind),
                };
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// The item that `name` stands for, for those who may see `owner`'s.
    pub(crate) async fn named(&self, name: &str, owner: Option<&str>) -> Result<ItemId, Error> {
        self.resolve(name, owner, false).await
    }

    /// Buries what is cached of an item from before `version`.
    pub(crate) async fn outdate(&self, item: Uuid, version: i64) -> Result<(), CacheError> {
        self.layers.outdate(&key(ItemId(item)), version).await.inspect_err(failed)
    }

    /// The same where only this replica looks.
    pub(crate) async fn outdate_own(&self, item: Uuid, version: i64) -> Result<(), CacheError> {
        self.layers.outdate_own(&key(ItemId(item)), version).await.inspect_err(failed)
    }

    /// There is a new item, whose names may have stood for nothing.
    pub(crate) fn created(&self) {
        self.unknown.forget();
    }

    /// Forgets everything that only this replica's events keep right: they may have been missed.
    pub(crate) async fn forget_own(&self) {
        self.unknown.forget();
        if let Err(error) = self.layers.forget_own().await {
            failed(&error);
        }
    }

    async fn look(&self, name: &str, owner: Option<&str>, min_version: i64) -> Result<Known, Error> {
        let id = self.resolve(name, owner, min_version > 0).await?;
        let key = key(id);
        let Held { value, error } = self.layers.get(&key).await;
        if let Some(error) = &error {
            failed(error);
        }
        let knowing = value.as_ref().map_or(0, |held| held.version).max(min_version);
        if let Some(known) = value.and_then(|held| usable(held, min_version)) {
            metrics::counter!("stock_reads_total", "source" => "cache").increment(1);
            return Ok(known);
        }
        let alone = error.is_some() || !self.layers.is_shared();
        let found =
            async { if alone { self.fill(id, &key).await } else { self.find(id, &key, knowing).await } };
        self.flights.try_get_with((id.0, knowing), found).await?.ok_or(Error::ItemUnknown)
    }

    /// Asks the database unless another replica is at it, whose answer is then waited for as long as it may take.
    async fn find(&self, id: ItemId, key: &str, knowing: i64) -> Result<Option<Known>, Error> {
        let deadline = Instant::now() + self.lease;
        let mut pause = FIRST_PAUSE;
        loop {
            let Ok(lease) = self.lock.acquire(key, self.lease).await else { return self.fill(id, key).await };
            // Since this replica looked there, another may have found it.
            let answer = match self.layers.get_beyond(key).await.value.and_then(|held| usable(held, knowing))
            {
                Some(known) => Some(Ok(Some(known))),
                None if lease.is_some() || Instant::now() + pause > deadline => {
                    Some(self.fill(id, key).await)
                }
                None => None,
            };
            if let Some(lease) = &lease {
                self.release(lease).await;
            }
            if let Some(answer) = answer {
                return answer;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn release(&self, lease: &Lease) {
        if let Err(error) = self.lock.release(lease).await {
            // It runs out.
            tracing::debug!(%error, "a lock was not given back");
        }
    }

    async fn fill(&self, id: ItemId, key: &str) -> Result<Option<Known>, Error> {
        let began = self.layers.begin();
        let Some(item) = self.database.item(id).await? else { return Ok(None) };
        let known = Known::read(item)?;
        if let Err(error) = self.layers.put(key, known.entry(), began).await {
            failed(&error);
        }
        Ok(Some(known))
    }

    /// The item as the database has it that is written to.
    async fn primary_item(&self, name: &str, owner: Option<&str>, min_version: i64) -> Result<Known, Error> {
        require_name(name)?;
        let database = match &self.primary {
            Some(primary) => primary,
            None if self.database.is_primary().await? => &self.database,
            None => return Err(Error::NoPrimary),
        };
        let began = self.layers.begin();
        let id = database.resolve(name, owner).await?.ok_or(Error::ItemUnknown)?.id;
        let item = database.item(id).await?.ok_or(Error::ItemUnknown)?;
        let known = Known::read(item)?;
        if let Err(error) = self.layers.put(&key(id), known.entry(), began).await {
            failed(&error);
        }
        if known.version < min_version { Err(behind(&known, min_version)) } else { Ok(known) }
    }

    /// Whoever is `knowing` that the item exists is not told that it does not because nobody knew a moment ago.
    async fn resolve(&self, name: &str, owner: Option<&str>, knowing: bool) -> Result<ItemId, Error> {
        if let Some(id) = self.database.reader.remembered(name, owner).await {
            return Ok(id);
        }
        require_name(name)?;
        if knowing {
            return Ok(self.database.resolve(name, owner).await?.ok_or(Error::ItemUnknown)?.id);
        }
        if self.unknown.has(name, owner) {
            return Err(Error::ItemUnknown);
        }
        let began = self.unknown.begin();
        let lookup = async {
            let found = self.database.resolve(name, owner).await?;
            if found.is_none() {
                self.unknown.remember(name, owner, began);
            }
            Ok::<_, Error>(found.map(|found| found.id))
        };
        let asked_for = (owner.map(str::to_owned), name.to_owned(), began);
        self.lookups.try_get_with(asked_for, lookup).await?.ok_or(Error::ItemUnknown)
    }
}

/// Ids, product ids and SKUs are texts of the same kind; what is none of it need not be looked for.
fn require_name(name: &str) -> Result<(), Error> {
    Sku::try_from(name.to_owned()).map(drop).map_err(|_| Error::ItemUnknown)
}

fn key(id: ItemId) -> String {
    format!("item.{SHAPE}:{id}")
}

/// What lies in the cache, if it will do.
fn usable(held: platform::cache::Versioned, min_version: i64) -> Option<Known> {
    Known::of(held).filter(|known| known.version >= min_version && known.is_current())
}

fn behind(known: &Known, min_version: i64) -> Error {
    Error::Behind { version: known.version, min_version }
}

fn failed(error: &CacheError) {
    metrics::counter!("stock_cache_errors_total").increment(1);
    // Not a warning: with the cache gone there is one for every read. The metric tells.
    tracing::debug!(%error, "the cache failed");
}

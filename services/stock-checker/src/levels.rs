//! Items with their levels, cached as they are answered.
//!
//! An entry is the JSON of an item under its id, at the item's version. **Invariants.** What an event outdated is
//! buried under a tombstone of the event's version, which no older read can replace (see [`platform::cache`]).
//! What a read finds is cached only if the read took less than half as long as entries live, so that whatever was
//! newer is still there to refuse it. An entry is not used after the first hold on it ends by itself: from then on
//! more is available, without a new version. Of those who ask for an item that is not cached one asks the
//! database, and nobody is given the answer to a question older than the last event that he could know of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::Utc;
use domain::{ItemId, Sku, Timestamp};
use ledger::ItemView;
use moka::future::Cache as Flights;
use platform::cache::{Cache, CacheError, Versioned};
use serde::Deserialize;
use uuid::Uuid;

use crate::answers::ItemDetails;
use crate::database::Database;
use crate::error::Error;
use crate::settings::Settings;

/// Stands in every key, and changes with the shape of [`ItemDetails`]: entries that an older release left in a
/// shared cache are not read.
const SHAPE: u32 = 2;

/// How much of its time an entry lives at least; the rest is chance, so that entries made together do not all
/// have to be made again at the same time.
const SURE_SHARE: f64 = 0.9;

/// How soon a database that is behind is asked again; then after twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Answers for one item at a time.
pub(crate) struct Levels {
    database: Database,
    cache: Arc<dyn Cache>,
    /// Questions under way, by the item and the version that whoever asks knows of. Keeps nothing.
    flights: Flights<(Uuid, i64), Option<Known>>,
    /// Stands in every key. Raised when everything cached is to be forgotten: a read that was under way then
    /// caches what it finds where nobody looks.
    generation: AtomicU64,
    ttl: Duration,
    patience: Duration,
}

/// An item as it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The item's version.
    pub(crate) version: i64,
    /// An [`ItemDetails`].
    pub(crate) json: Bytes,
    /// Where it is from.
    pub(crate) source: Source,
}

/// Where an answer is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Cache,
    Database,
}

impl Known {
    /// An item as it was read from the database.
    pub(crate) fn read(item: ItemView) -> Result<Known, Error> {
        let version = item.version;
        let json = Bytes::from(serde_json::to_vec(&ItemDetails::from(item))?);
        Ok(Known { version, json, source: Source::Database })
    }

    /// The item, read.
    pub(crate) fn details(&self) -> Result<ItemDetails, Error> {
        Ok(serde_json::from_slice(&self.json)?)
    }
}

impl Levels {
    pub(crate) fn new(database: Database, cache: Arc<dyn Cache>, settings: &Settings) -> Levels {
        Levels {
            database,
            cache,
            flights: Flights::builder().time_to_live(Duration::ZERO).build(),
            generation: AtomicU64::new(0),
            ttl: settings.cache_ttl(),
            patience: settings.version_wait(),
        }
    }

    /// The item that `name` stands for, for those who may see `owner`'s, at `min_version` or later.
    ///
    /// Somebody who knows of a version knows that it exists: a database that does not have it yet, or not even
    /// the item, is given a moment to catch up.
    pub(crate) async fn item(
        &self,
        name: &str,
        owner: Option<&str>,
        min_version: i64,
    ) -> Result<Known, Error> {
        require_name(name)?;
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let behind = match self.look(name, owner, min_version).await {
                Ok(known) if known.version < min_version => {
                    Error::Behind { version: known.version, min_version }
                }
                Err(Error::ItemUnknown) if min_version > 0 => Error::ItemUnknown,
                answer => return answer,
            };
            if Instant::now() + pause > deadline {
                return Err(behind);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// The item that `name` stands for, for those who may see `owner`'s.
    pub(crate) async fn named(&self, name: &str, owner: Option<&str>) -> Result<ItemId, Error> {
        require_name(name)?;
        Ok(self.database.resolve(name, owner).await?.ok_or(Error::ItemUnknown)?.id)
    }

    /// Buries what is cached of an item from before `version`.
    pub(crate) async fn outdate(&self, item: Uuid, version: i64) -> Result<(), CacheError> {
        let put = self.cache.put(&self.key(ItemId(item)), Versioned::tombstone(version), self.ttl).await;
        put.map(drop).inspect_err(failed)
    }

    /// Forgets everything: events may have been missed.
    pub(crate) async fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        // Nobody looks there any more; it only makes room.
        if let Err(error) = self.cache.clear().await {
            failed(&error);
        }
    }

    async fn look(&self, name: &str, owner: Option<&str>, min_version: i64) -> Result<Known, Error> {
        let id = self.database.resolve(name, owner).await?.ok_or(Error::ItemUnknown)?.id;
        let key = self.key(id);
        let held = match self.cache.get(&key).await {
            Ok(held) => held,
            Err(error) => {
                failed(&error);
                return self.read(id, None, min_version).await;
            }
        };
        let version = held.as_ref().map_or(0, |held| held.version);
        if let Some(Versioned { version, bytes }) = held
            && version >= min_version
            && is_current(&bytes)
        {
            metrics::counter!("stock_reads_total", "source" => "cache").increment(1);
            return Ok(Known { version, json: bytes, source: Source::Cache });
        }
        self.read(id, Some(key), min_version.max(version)).await
    }

    /// Asks the database, or waits for the answer of another who asks and knows as much; caches under `key`.
    async fn read(&self, id: ItemId, key: Option<String>, knowing: i64) -> Result<Known, Error> {
        let known = self.flights.try_get_with((id.0, knowing), self.fill(id, key)).await?;
        known.ok_or(Error::ItemUnknown)
    }

    async fn fill(&self, id: ItemId, key: Option<String>) -> Result<Option<Known>, Error> {
        let began = Instant::now();
        let Some(item) = self.database.ask(self.database.reader.item(id)).await? else { return Ok(None) };
        let known = Known::read(item)?;
        if let Some(key) = key.filter(|_| began.elapsed() < self.ttl / 2) {
            let ttl = self.ttl.mul_f64(rand::random_range(SURE_SHARE..=1.0));
            let entry = Versioned { version: known.version, bytes: known.json.clone() };
            if let Err(error) = self.cache.put(&key, entry, ttl).await {
                failed(&error);
            }
        }
        Ok(Some(known))
    }

    fn key(&self, id: ItemId) -> String {
        format!("item.{SHAPE}.{}:{id}", self.generation.load(Ordering::SeqCst))
    }
}

/// Ids, product ids and SKUs are texts of the same kind; what is none of it need not be looked for.
fn require_name(name: &str) -> Result<(), Error> {
    Sku::try_from(name.to_owned()).map(drop).map_err(|_| Error::ItemUnknown)
}

/// Whether what is cached still holds: it is no tombstone, and no hold on it ended since. By our clock, where the
/// database has its own: if they differ, an entry is used so much too long, until the event of the hold's end.
fn is_current(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Expiry {
        #[serde(default)]
        next_expiry: Option<Timestamp>,
    }
    let expiry: Result<Expiry, _> = serde_json::from_slice(bytes);
    expiry.is_ok_and(|item| item.next_expiry.is_none_or(|at| at > Utc::now()))
}

fn failed(error: &CacheError) {
    metrics::counter!("stock_cache_errors_total").increment(1);
    // Not a warning: with the cache gone there is one for every read. The metric tells.
    tracing::debug!(%error, "the cache failed");
}

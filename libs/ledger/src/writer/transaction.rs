//! One batch from what is read: load, decide, record.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::{Command, Item, ItemId, Location};

use super::batch::{Decided, Job, decide_all};
use super::connection::{Approach, Connection, StoreError};
use super::dealt;
use super::lane::Lane;
use super::recording::Recording;
use crate::measure;
use crate::request::{Stopped, Together, Unanswered};

/// How old the list of locations may be: another replica may have changed it.
const LOCATIONS_MAX_AGE: Duration = Duration::from_secs(1);

/// The locations, when they were read, and how often they had been changed here by then.
pub(super) struct Known {
    locations: Arc<[Location]>,
    read: Instant,
    epoch: u64,
}

impl Lane {
    /// Reads, decides and writes.
    pub(super) async fn transaction(
        &mut self,
        jobs: &[Job],
        approach: Approach,
    ) -> Result<Vec<Result<Together, Unanswered>>, StoreError> {
        let started = Instant::now();
        let mut approach = approach;
        // Two new items must not take one name, which no key of a table refuses: one batch after the other makes some.
        approach.locked |= jobs.iter().flat_map(Job::commands).any(is_creation);
        if approach.locked {
            self.locations = None;
        }
        let aged = self.known_locations().is_some();
        let locations = self.locations().await?;
        let connection = self.connection().await?;
        let loaded = connection.load(jobs, locations, approach).await?;
        // A hold that ended between the reading of its item and of the holds makes its units look promised. What is
        // written then is refused by the ledger's key; a refusal writes nothing, so it is decided again under locks.
        // So is one because of a location that another replica may just have made or opened.
        let mut read = Instant::now();
        let reserved = loaded.has_reserved();
        let unsure = |stopped: &Stopped| reserved || (aged && stopped.refusal.is_about_locations());
        let unlocked = connection.reads_without_locks(approach);
        let mut decided = decide_all(jobs, loaded);
        let refused = decided.answers.iter().flatten().filter_map(|answer| answer.outcome.as_ref().err());
        if unlocked && refused.into_iter().any(unsure) {
            approach.locked = true;
            self.locations = None;
            let locations = self.locations().await?;
            let loaded = self.connection().await?.load(jobs, locations, approach).await?;
            read = Instant::now();
            decided = decide_all(jobs, loaded);
        }
        let connection = self.connection().await?;
        connection.record(&decided.recording, approach).await?;
        // On SQLite others write between two batches, and reading costs no round trip.
        let postgres = connection.is_postgres();
        let Decided { answers, recording, items } = decided;
        if postgres {
            self.learn(items, &recording, read);
        }
        self.told(&recording, started, jobs);
        if answers.iter().flatten().any(|answer| answer.replayed) {
            self.repeated = Some(Instant::now());
        }
        Ok(answers)
    }

    async fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.url, &self.database).await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn locations(&mut self) -> Result<Arc<[Location]>, StoreError> {
        if let Some(locations) = self.known_locations() {
            return Ok(locations);
        }
        let epoch = self.shared.locations.load(Ordering::Acquire);
        let locations = self.connection().await?.locations().await?;
        self.locations = Some(Known { locations: Arc::clone(&locations), read: Instant::now(), epoch });
        Ok(locations)
    }

    /// The locations, unless they may have changed.
    pub(super) fn known_locations(&self) -> Option<Arc<[Location]>> {
        let known = self.locations.as_ref()?;
        let same = known.epoch == self.shared.locations.load(Ordering::Acquire);
        (same && known.read.elapsed() < LOCATIONS_MAX_AGE).then(|| Arc::clone(&known.locations))
    }

    /// Keeps the items in mind that were changed and are this lane's, with the time that it was when they were `read`;
    /// tells the other lanes of theirs.
    fn learn(&mut self, mut items: HashMap<ItemId, Item>, recording: &Recording, read: Instant) {
        let lane = |id: &ItemId| dealt(id, self.shared.strays.lanes());
        let changed: HashSet<ItemId> = recording.ledger.iter().map(|row| row.item).collect();
        items.retain(|id, _| changed.contains(id));
        let (ours, theirs): (HashMap<_, _>, HashMap<_, _>) =
            items.into_iter().partition(|(id, _)| lane(id) == self.number);
        theirs.keys().for_each(|id| self.shared.strays.tell(lane(id), *id));
        self.memory.learn(ours, recording.at, read);
    }

    /// Tells of a commit.
    pub(super) fn told(&self, recording: &Recording, started: Instant, jobs: &[Job]) {
        let commands: usize = jobs.iter().map(|job| job.requests.len()).sum();
        measure::committed(commands, started.elapsed());
        if !recording.news.is_empty() {
            self.shared.wake.notify_one();
        }
    }
}

fn is_creation(command: &Command) -> bool {
    matches!(command, Command::CreateItem(_))
}

//! The decisions of one batch: in memory, in order of arrival, over items as they were at one instant.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::{Command, Event, HoldId, Item, ItemId, Location, LocationId, Place, Refusal, Stock, Timestamp};
use platform::telemetry::{self, SpanContext};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::after::done;
use super::announce::{announce, available};
use super::memory::Memory;
use super::recording::{Cause, KeyRow, Recording, Touched};
use crate::request::{By, Done, Outcome, Request, Stopped, Together, Unanswered, fingerprint};

/// Requests on their way to their answer: one, or several that are done together or not at all.
pub(super) struct Job {
    pub(super) requests: Vec<Request>,
    /// Whether they came as several. One alone may come as several too; the stored answer is another then.
    pub(super) together: bool,
    pub(super) key: Option<String>,
    pub(super) command_id: Uuid,
    pub(super) fingerprint: Option<String>,
    /// Whose trace its events are part of.
    pub(super) trace: Option<SpanContext>,
    pub(super) reply: oneshot::Sender<Result<Together, Unanswered>>,
}

/// What was loaded for a batch.
pub(super) struct Loaded {
    pub(super) stock: Stock,
    /// The levels that have a row.
    pub(super) kept: HashSet<(ItemId, LocationId)>,
    pub(super) keys: HashMap<(String, String), KeyRow>,
    pub(super) now: Timestamp,
}

impl Loaded {
    /// Nothing yet.
    pub(super) fn nothing(now: Timestamp, locations: Arc<[Location]>) -> Loaded {
        let stock = Stock { locations, ..Stock::default() };
        Loaded { stock, kept: HashSet::new(), keys: HashMap::new(), now }
    }

    /// Whether units of any item are promised.
    pub(super) fn has_reserved(&self) -> bool {
        self.stock.items.values().flat_map(|item| item.levels.values()).any(|level| level.reserved > 0)
    }
}

/// The scope of the keys that we make ourselves, one for each command that came without one: they let a command
/// whose commit was never acknowledged find out what became of it.
const OWN_SCOPE: &str = "";

impl Job {
    /// Requests that ask under `key`.
    pub(super) fn new(
        requests: Vec<Request>,
        together: bool,
        key: Option<String>,
        reply: oneshot::Sender<Result<Together, Unanswered>>,
    ) -> Job {
        let fingerprint = key.is_some().then(|| fingerprint(&requests, together));
        let trace = telemetry::current();
        Job { requests, together, key, command_id: Uuid::now_v7(), fingerprint, trace, reply }
    }

    /// Under which the answer is kept.
    pub(super) fn key(&self) -> (String, String) {
        match (&self.key, self.requests.first()) {
            (Some(key), Some(request)) => (request.by.scope(), key.clone()),
            (_, _) => (OWN_SCOPE.to_owned(), self.command_id.to_string()),
        }
    }

    /// Whether a job or consumer of our own asks.
    pub(super) fn is_a_jobs(&self) -> bool {
        self.requests.iter().any(|request| request.by.is_job())
    }

    /// All that it asks for.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Command> {
        self.requests.iter().map(|request| &request.command)
    }
}

/// What came of a batch.
pub(super) struct Decided {
    /// One a job, in their order.
    pub(super) answers: Vec<Result<Together, Unanswered>>,
    pub(super) recording: Recording,
    /// The items as they are after it.
    pub(super) items: HashMap<ItemId, Item>,
}

/// Decides each job and writes down what came of it.
pub(super) fn decide_all(jobs: &[Job], loaded: Loaded) -> Decided {
    let mut batch = Batch::over(loaded);
    batch.expire_due();
    jobs.iter().for_each(|job| batch.answer(job));
    batch.close()
}

/// A batch that is being decided.
pub(super) struct Batch {
    stock: Stock,
    kept: HashSet<(ItemId, LocationId)>,
    keys: HashMap<(String, String), KeyRow>,
    /// The keys of this batch, by their place in the recording: a request may come twice in one batch.
    fresh: HashMap<(String, String), usize>,
    now: Timestamp,
    answers: Vec<Result<Together, Unanswered>>,
    recording: Recording,
    touched: Touched,
}

impl Batch {
    pub(super) fn over(Loaded { stock, kept, keys, now }: Loaded) -> Batch {
        Batch {
            stock,
            kept,
            keys,
            fresh: HashMap::new(),
            now,
            answers: vec![],
            recording: Recording::new(now),
            touched: Touched::default(),
        }
    }

    /// Decides one more job from what a lane remembers; says whether that sufficed. If not, nothing of this batch is
    /// good any more.
    ///
    /// It suffices for a command that takes every item that it depends on to a next version: of what was decided on
    /// an item that somebody else has changed meanwhile the ledger's key refuses that version. A refusal, or an answer
    /// that changes nothing, would be refused by nobody; nor would one that holds or earlier versions count for.
    pub(super) fn remembers(&mut self, job: &Job, memory: &mut Memory) -> bool {
        let [Request { command, .. }] = job.requests.as_slice() else { return false };
        let more = command.hold().is_some() || command.transfer().is_some() || command.stocktake().is_some();
        if more || matches!(command, Command::CreateItem(_)) || (job.key.is_some() && job.is_a_jobs()) {
            return false;
        }
        let items = command.items();
        if !items.iter().all(|id| self.knows(*id, memory)) {
            return false;
        }
        let rows = self.recording.ledger.len();
        self.answer(job);
        let done = matches!(self.answers.last(), Some(Ok(Together { outcome: Ok(_), replayed: false })));
        let rows = &self.recording.ledger[rows..];
        done && items.iter().all(|id| rows.iter().any(|row| row.item == *id))
    }

    /// Whether an item is known here or remembered, with no hold on it that may have ended.
    fn knows(&mut self, id: ItemId, memory: &mut Memory) -> bool {
        if let Entry::Vacant(place) = self.stock.items.entry(id) {
            let Some(item) = memory.take(id) else { return false };
            self.kept.extend(item.levels.keys().map(|location| (id, *location)));
            place.insert(item);
        }
        let levels = self.stock.items.get(&id).into_iter().flat_map(|item| item.levels.values());
        levels.map(|level| level.reserved).sum::<i64>() == 0
    }

    /// Reads what to record off the stock.
    pub(super) fn close(mut self) -> Decided {
        self.recording.settle(self.touched, &self.stock, &self.kept);
        Decided { answers: self.answers, recording: self.recording, items: self.stock.items }
    }

    /// Ends the holds whose time is up on the batch's items, whether or not a sweeper runs.
    fn expire_due(&mut self) {
        let due = domain::expire_due(&self.stock, self.now);
        for event in due {
            let request = Request::new(Command::Expire { hold: hold_of(&event) }, By::job("expiry"));
            self.record(&request, Uuid::now_v7(), None, vec![event]);
        }
    }

    fn answer(&mut self, job: &Job) {
        let answer = self.found_or_decided(job);
        self.answers.push(answer);
    }

    fn found_or_decided(&mut self, job: &Job) -> Result<Together, Unanswered> {
        let key = job.key();
        let fresh = self.fresh.get(&key).map(|at| &self.recording.keys[*at]);
        if let Some(stored) = fresh.or_else(|| self.keys.get(&key)) {
            let same = stored.fingerprint == job.fingerprint;
            return if same { replay(stored, job.together) } else { Err(Unanswered::KeyReused) };
        }
        let outcome = self.decide(job);
        // A refusal without a key has nothing that anybody could ask for again. One of an event is not kept either:
        // when somebody looked into it and sends the event again, it is decided anew.
        let asked = job.key.is_some() && !job.is_a_jobs();
        if outcome.is_ok() || asked {
            self.keep(job, key, &outcome);
        }
        Ok(Together { outcome, replayed: false })
    }

    fn keep(&mut self, job: &Job, (scope, key): (String, String), outcome: &Result<Vec<Done>, Stopped>) {
        if job.key.is_some() {
            self.fresh.insert((scope.clone(), key.clone()), self.recording.keys.len());
        }
        let answer = match outcome {
            outcome if job.together => serde_json::to_string(outcome),
            Ok(done) => serde_json::to_string(&Result::<_, Refusal>::Ok(done.first())),
            Err(stopped) => serde_json::to_string(&Outcome::Err(stopped.refusal.clone())),
        };
        // Plain data: there is nothing in an outcome that JSON cannot say.
        let answer = answer.unwrap_or_default();
        let fingerprint = job.fingerprint.clone();
        self.recording.keys.push(KeyRow { scope, key, fingerprint, command_id: job.command_id, answer });
    }

    fn decide(&mut self, job: &Job) -> Result<Vec<Done>, Stopped> {
        let decided = match job.requests.as_slice() {
            [request] => {
                let decided = decide(&self.stock, request, self.now);
                vec![decided.map_err(|refusal| Stopped { line: 0, refusal })?]
            }
            requests => decide_together(&self.stock, requests, self.now)?,
        };
        let mut command_id = job.command_id;
        let recorded = job.requests.iter().zip(decided).map(|(request, events)| {
            let difference = difference(&request.command, &events);
            self.record(request, command_id, job.trace.as_ref(), events);
            let done = Done { difference, ..done(&self.stock, request, command_id, self.now) };
            command_id = Uuid::now_v7();
            done
        });
        Ok(recorded.collect())
    }

    fn record(
        &mut self,
        request: &Request,
        command_id: Uuid,
        trace: Option<&SpanContext>,
        events: Vec<Event>,
    ) {
        let cause = Cause::of(request, command_id);
        let mut before: Vec<(ItemId, i64)> = Vec::with_capacity(events.len());
        before.extend(events.iter().map(|event| (event.item, available(&self.stock, event.item))));
        for event in &events {
            domain::evolve(&mut self.stock, event);
            self.recording.happened(event, &self.stock, &cause, &mut self.touched);
        }
        let news = announce(request, command_id, &events, &before, &self.stock, self.now);
        let traceparent = || trace.map(telemetry::traceparent);
        let entry = |event| events::outbox::Entry::new(super::SOURCE, event, self.now, traceparent());
        self.recording.news.extend(news.into_iter().map(entry));
    }
}

/// What a request comes to: whether the caller may see what it is about, whether that is as he last saw it, and then
/// the rules.
fn decide(stock: &Stock, request: &Request, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    visible(stock, request)?;
    if let (Some(version), [item]) = (request.if_match, request.command.items().as_slice()) {
        domain::require_version(stock, *item, version)?;
    }
    domain::decide(stock, &request.command, now)
}

/// The same of several, each as things stand after those before it; or which of them stops all.
fn decide_together(stock: &Stock, requests: &[Request], now: Timestamp) -> Result<Vec<Vec<Event>>, Stopped> {
    let mut trial = part(stock, requests);
    let decided = requests.iter().enumerate().map(|(line, request)| {
        let events = decide(&trial, request, now).map_err(|refusal| Stopped { line, refusal })?;
        events.iter().for_each(|event| domain::evolve(&mut trial, event));
        Ok(events)
    });
    decided.collect()
}

/// A copy of what the requests are about.
fn part(stock: &Stock, requests: &[Request]) -> Stock {
    let commands = || requests.iter().map(|request| &request.command);
    let mut part = Stock { locations: Arc::clone(&stock.locations), ..Stock::default() };
    let holds = commands().filter_map(Command::hold);
    part.holds.extend(holds.filter_map(|id| Some((id, stock.holds.get(&id)?.clone()))));
    let transfers = commands().filter_map(Command::transfer);
    part.transfers.extend(transfers.filter_map(|id| Some((id, stock.transfers.get(&id)?.clone()))));
    let counted = commands().filter_map(Command::stocktake);
    part.counted.extend(counted.filter_map(|count| Some((count, *stock.counted.get(&count)?))));
    if commands().any(|command| matches!(command, Command::CreateItem(_))) {
        // Any item may be in a new one's way.
        part.items.clone_from(&stock.items);
        return part;
    }
    let held = part.holds.values().flat_map(|hold| &hold.lines).map(|line| line.item);
    let shipped = part.transfers.values().flat_map(|transfer| &transfer.lines).map(|line| line.item);
    let items = commands().flat_map(Command::items).chain(held).chain(shipped);
    let items = items.filter_map(|id| Some((id, stock.items.get(&id)?.clone())));
    part.items = items.collect();
    part
}

/// Another owner's items, holds and transfers do not exist for the caller.
fn visible(stock: &Stock, request: &Request) -> Result<(), Refusal> {
    let Some(owner) = &request.by.owner else { return Ok(()) };
    let theirs =
        |item: &ItemId| stock.items.get(item).is_some_and(|item| item.identity.owner.as_str() != owner);
    if let Command::CreateItem(new) = &request.command {
        return if new.identity.owner.as_str() == owner { Ok(()) } else { Err(Refusal::ItemUnknown) };
    }
    if request.command.items().iter().any(theirs) {
        return Err(Refusal::ItemUnknown);
    }
    if let Some(id) = request.command.hold() {
        let mut lines = stock.holds.get(&id).into_iter().flat_map(|hold| &hold.lines);
        if lines.any(|line| theirs(&line.item)) {
            return Err(Refusal::HoldUnknown { hold: id });
        }
    }
    if let Some(id) = request.command.transfer() {
        let mut lines = stock.transfers.get(&id).into_iter().flat_map(|transfer| &transfer.lines);
        if lines.any(|line| theirs(&line.item)) {
            return Err(Refusal::TransferUnknown { transfer: id });
        }
    }
    Ok(())
}

/// What a stocktake found: each of its movements comes from outside, or goes there.
fn difference(command: &Command, events: &[Event]) -> Option<i64> {
    if !matches!(command, Command::Stocktake { .. }) {
        return None;
    }
    let moved = events.iter().filter_map(|event| event.change.movement());
    let found = moved.map(|movement| match movement.from {
        Place::Outside(_) => movement.quantity,
        Place::At(..) => -movement.quantity,
    });
    Some(found.sum())
}

/// Only hold events are ever due.
fn hold_of(event: &Event) -> HoldId {
    event.change.hold().unwrap_or(HoldId(Uuid::nil()))
}

fn replay(stored: &KeyRow, together: bool) -> Result<Together, Unanswered> {
    let outcome = if together {
        serde_json::from_str(&stored.answer)
    } else {
        let outcome = serde_json::from_str::<Outcome>(&stored.answer);
        outcome.map(|outcome| outcome.map(|done| vec![done]).map_err(|refusal| Stopped { line: 0, refusal }))
    };
    match outcome {
        Ok(outcome) => Ok(Together { outcome, replayed: true }),
        Err(error) => {
            tracing::error!(key = stored.key, %error, "a stored answer does not parse");
            Err(Unanswered::Unavailable)
        }
    }
}

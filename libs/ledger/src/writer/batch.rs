//! The decisions of one batch: in memory, in order of arrival, over items as they were at one instant.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::{
    Command, Event, HoldId, HoldLine, ItemId, LocationId, Place, Refusal, ShippedLine, Stock, Timestamp,
    TransferId,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::announce::{announce, available};
use super::recording::{Cause, KeyRow, Recording, Touched};
use crate::request::{
    By, Done, HeldLine, HoldAfter, ItemAfter, Outcome, Request, ShippedAfter, Stopped, Together,
    TransferAfter, Unanswered, fingerprint,
};

/// Requests on their way to their answer: one, or several that are done together or not at all.
pub(super) struct Job {
    pub(super) requests: Vec<Request>,
    /// Whether they came as several. One alone may come as several too; the stored answer is another then.
    pub(super) together: bool,
    pub(super) key: Option<String>,
    pub(super) command_id: Uuid,
    pub(super) fingerprint: Option<String>,
    pub(super) traceparent: Option<String>,
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
        let traceparent = platform::telemetry::current_traceparent();
        Job { requests, together, key, command_id: Uuid::now_v7(), fingerprint, traceparent, reply }
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

/// Decides each job and writes down what came of it. Returns an answer a job, in their order, and what to
/// record.
pub(super) fn decide_all(jobs: &[Job], loaded: Loaded) -> (Vec<Result<Together, Unanswered>>, Recording) {
    let mut batch = Batch {
        recording: Recording::new(loaded.now),
        touched: Touched::default(),
        stock: loaded.stock,
        keys: loaded.keys,
        fresh: HashMap::new(),
        now: loaded.now,
    };
    batch.expire_due();
    let answers = jobs.iter().map(|job| batch.answer(job)).collect();
    batch.recording.settle(batch.touched, &batch.stock, &loaded.kept);
    (answers, batch.recording)
}

struct Batch {
    stock: Stock,
    keys: HashMap<(String, String), KeyRow>,
    /// The keys of this batch, by their place in the recording: a request may come twice in one batch.
    fresh: HashMap<(String, String), usize>,
    now: Timestamp,
    recording: Recording,
    touched: Touched,
}

impl Batch {
    /// Ends the holds whose time is up on the batch's items, whether or not a sweeper runs.
    fn expire_due(&mut self) {
        let due = domain::expire_due(&self.stock, self.now);
        for event in due {
            let request = Request::new(Command::Expire { hold: hold_of(&event) }, By::job("expiry"));
            self.record(&request, Uuid::now_v7(), None, vec![event]);
        }
    }

    fn answer(&mut self, job: &Job) -> Result<Together, Unanswered> {
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
            self.record(request, command_id, job.traceparent.clone(), events);
            let done = Done { difference, ..self.done(request, command_id) };
            command_id = Uuid::now_v7();
            done
        });
        Ok(recorded.collect())
    }

    fn record(
        &mut self,
        request: &Request,
        command_id: Uuid,
        traceparent: Option<String>,
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
        let entry = |event| events::outbox::Entry::new(super::SOURCE, event, self.now, traceparent.clone());
        self.recording.news.extend(news.into_iter().map(entry));
    }

    fn done(&self, request: &Request, command_id: Uuid) -> Done {
        let command = &request.command;
        let hold = match command {
            Command::Reserve { hold, .. } => Some(*hold),
            other => other.hold(),
        };
        let transfer = match command {
            Command::Ship { transfer, .. } => Some(*transfer),
            other => other.transfer(),
        };
        let reservation = hold.and_then(|hold| self.hold_after(hold));
        let transfer = transfer.and_then(|transfer| self.transfer_after(transfer));
        let mut items = command.items();
        items.extend(reservation.iter().flat_map(|hold| &hold.lines).map(|line| line.item_id));
        items.extend(transfer.iter().flat_map(|transfer| &transfer.lines).map(|line| line.item_id));
        items.sort_unstable();
        items.dedup();
        let items = items.into_iter().filter_map(|id| self.item_after(id)).collect();
        Done { command_id, recorded_at: self.now, items, reservation, transfer, difference: None }
    }

    fn item_after(&self, id: ItemId) -> Option<ItemAfter> {
        let item = self.stock.items.get(&id)?;
        let total = item.total();
        Some(ItemAfter {
            item_id: id,
            sku: item.identity.sku.as_str().to_owned(),
            product_id: item.identity.product_id.as_str().to_owned(),
            version: item.version,
            on_hand: total.on_hand(),
            available: total.available,
            reserved: total.reserved,
            incoming: total.incoming,
            in_transit: total.in_transit,
        })
    }

    fn hold_after(&self, id: HoldId) -> Option<HoldAfter> {
        let hold = self.stock.holds.get(&id)?;
        let first = hold.lines.first()?;
        let line = |line: &HoldLine| HeldLine {
            item_id: line.item,
            location_id: line.location,
            quantity: line.quantity,
            confirmed: line.confirmed,
        };
        let lines = hold.lines.iter().map(line).collect();
        Some(HoldAfter { reservation_id: id, status: hold.status(), expires_at: first.expires_at, lines })
    }

    fn transfer_after(&self, id: TransferId) -> Option<TransferAfter> {
        let transfer = self.stock.transfers.get(&id)?;
        let line = |line: &ShippedLine| ShippedAfter {
            item_id: line.item,
            shipped: line.shipped,
            received: line.received,
            lost: line.lost,
            outstanding: line.outstanding(),
        };
        Some(TransferAfter {
            transfer_id: id,
            from_location_id: transfer.from,
            to_location_id: transfer.to,
            lines: transfer.lines.iter().map(line).collect(),
        })
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

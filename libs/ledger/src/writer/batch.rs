//! The decisions of one batch: in memory, in order of arrival, over rows that are locked.

use std::collections::{HashMap, HashSet};

use domain::{Command, Event, HoldId, HoldStatus, ItemId, LocationId, Refusal, Stock, Timestamp};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::announce::{announce, available};
use super::recording::{Cause, KeyRow, Recording, Touched};
use crate::request::{Answer, By, Done, HeldLine, HoldAfter, ItemAfter, Outcome, Request, Unanswered};

/// A request on its way to its answer.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) command_id: Uuid,
    pub(super) fingerprint: Option<String>,
    pub(super) traceparent: Option<String>,
    pub(super) reply: oneshot::Sender<Result<Answer, Unanswered>>,
}

/// What was loaded for a batch, under the locks of its items.
pub(super) struct Loaded {
    pub(super) stock: Stock,
    /// The levels that have a row.
    pub(super) kept: HashSet<(ItemId, LocationId)>,
    pub(super) keys: HashMap<(String, String), KeyRow>,
    pub(super) now: Timestamp,
}

/// The scope of the keys that we make ourselves, one for each command that came without one: they let a command
/// whose commit was never acknowledged find out what became of it.
const OWN_SCOPE: &str = "";

impl Job {
    /// Under which the answer is kept.
    pub(super) fn key(&self) -> (String, String) {
        match &self.request.key {
            Some(key) => (self.request.by.scope(), key.clone()),
            None => (OWN_SCOPE.to_owned(), self.command_id.to_string()),
        }
    }
}

/// Decides each job and writes down what came of it. Returns an answer a job, in their order, and what to
/// record.
pub(super) fn decide_all(jobs: &[Job], loaded: Loaded) -> (Vec<Result<Answer, Unanswered>>, Recording) {
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

    fn answer(&mut self, job: &Job) -> Result<Answer, Unanswered> {
        let key = job.key();
        let fresh = self.fresh.get(&key).map(|at| &self.recording.keys[*at]);
        if let Some(stored) = fresh.or_else(|| self.keys.get(&key)) {
            let same = stored.fingerprint == job.fingerprint;
            return if same { replay(stored) } else { Err(Unanswered::KeyReused) };
        }
        let outcome = self.decide(job);
        // A refusal without a key has nothing that anybody could ask for again. One of an event is not kept either:
        // when somebody looked into it and sends the event again, it is decided anew.
        let asked = job.request.key.is_some() && !job.request.by.is_job();
        if outcome.is_ok() || asked {
            self.keep(job, key, &outcome);
        }
        Ok(Answer { outcome, replayed: false })
    }

    fn keep(&mut self, job: &Job, (scope, key): (String, String), outcome: &Outcome) {
        if job.request.key.is_some() {
            self.fresh.insert((scope.clone(), key.clone()), self.recording.keys.len());
        }
        // Plain data: there is nothing in an outcome that JSON cannot say.
        let answer = serde_json::to_string(outcome).unwrap_or_default();
        let fingerprint = job.fingerprint.clone();
        self.recording.keys.push(KeyRow { scope, key, fingerprint, command_id: job.command_id, answer });
    }

    fn decide(&mut self, job: &Job) -> Outcome {
        let Job { request, command_id, traceparent, .. } = job;
        self.visible(request)?;
        if let (Some(version), [item]) = (request.if_match, request.command.items().as_slice()) {
            domain::require_version(&self.stock, *item, version)?;
        }
        let events = domain::decide(&self.stock, &request.command, self.now)?;
        self.record(request, *command_id, traceparent.clone(), events);
        Ok(self.done(request, *command_id))
    }

    /// Another owner's items and holds do not exist for the caller.
    fn visible(&self, request: &Request) -> Result<(), Refusal> {
        let Some(owner) = &request.by.owner else { return Ok(()) };
        let theirs = |item: &ItemId| {
            self.stock.items.get(item).is_some_and(|item| item.identity.owner.as_str() != owner)
        };
        if let Command::CreateItem(new) = &request.command {
            return if new.identity.owner.as_str() == owner { Ok(()) } else { Err(Refusal::ItemUnknown) };
        }
        if request.command.items().iter().any(theirs) {
            return Err(Refusal::ItemUnknown);
        }
        match request.command.hold() {
            Some(hold) if self.lines(hold).iter().any(|line| theirs(&line.item_id)) => {
                Err(Refusal::HoldUnknown { hold })
            }
            Some(_) | None => Ok(()),
        }
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
        let hold = match &request.command {
            Command::Reserve { hold, .. } => Some(*hold),
            other => other.hold(),
        };
        let reservation = hold.and_then(|hold| self.hold_after(hold));
        let mut items = request.command.items();
        items.extend(reservation.iter().flat_map(|hold| &hold.lines).map(|line| line.item_id));
        items.sort_unstable();
        items.dedup();
        let items = items.into_iter().filter_map(|id| self.item_after(id)).collect();
        Done { command_id, recorded_at: self.now, items, reservation }
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
        })
    }

    fn hold_after(&self, id: HoldId) -> Option<HoldAfter> {
        let hold = self.stock.holds.get(&id)?;
        let first = hold.lines.first()?;
        // A hold with one line that expired has expired.
        let expired = hold.lines.iter().any(|line| line.status == HoldStatus::Expired);
        let status = if expired { HoldStatus::Expired } else { first.status };
        Some(HoldAfter { reservation_id: id, status, expires_at: first.expires_at, lines: self.lines(id) })
    }

    fn lines(&self, id: HoldId) -> Vec<HeldLine> {
        let lines = self.stock.holds.get(&id).into_iter().flat_map(|hold| &hold.lines);
        lines
            .map(|line| HeldLine { item_id: line.item, location_id: line.location, quantity: line.quantity })
            .collect()
    }
}

/// Only hold events are ever due.
fn hold_of(event: &Event) -> HoldId {
    event.change.hold().unwrap_or(HoldId(Uuid::nil()))
}

fn replay(stored: &KeyRow) -> Result<Answer, Unanswered> {
    match serde_json::from_str(&stored.answer) {
        Ok(outcome) => Ok(Answer { outcome, replayed: true }),
        Err(error) => {
            tracing::error!(key = stored.key, %error, "a stored answer does not parse");
            Err(Unanswered::Unavailable)
        }
    }
}

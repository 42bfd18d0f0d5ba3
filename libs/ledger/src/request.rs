//! A command with its caller, and the answer to it.

use domain::{Command, HoldId, HoldStatus, ItemId, LocationId, Refusal, Timestamp, TransferId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A command, who gives it and why.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// Who asks for it.
    pub by: By,
    /// The caller's own name for this request: given again, it is answered again and not done again.
    pub key: Option<String>,
    /// The version that the item must be at.
    pub if_match: Option<i64>,
    /// Why, for people. At most 500 characters.
    pub reason: Option<String>,
    /// What it is for, such as an order.
    pub reference: Option<Reference>,
    /// What the whole batch said that it is a line of: under the same key a line of another batch is another request.
    pub batch: Option<String>,
}

/// Who gives a command, for the ledger and for what he may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The subject of the caller's token, or the name of a job of ours.
    pub actor: String,
    /// The word for the caller's role.
    pub role: String,
    /// Sees and changes only items of this owner; `None` is bound to no owner.
    pub owner: Option<String>,
}

/// Another system's thing that a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// What kind of thing it is, such as `order`.
    pub kind: String,
    /// Which one.
    pub id: String,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was recorded, or why nothing was.
    pub outcome: Outcome,
    /// Whether it was done on an earlier request with the same key.
    pub replayed: bool,
}

/// What was recorded, or why nothing was. Stored as it is under the idempotency key.
pub type Outcome = Result<Done, Refusal>;

/// What was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The command's id in the ledger.
    pub command_id: Uuid,
    /// By the database's clock.
    pub recorded_at: Timestamp,
    /// Each item that the command is about, after it.
    pub items: Vec<ItemAfter>,
    /// The hold that the command is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<HoldAfter>,
    /// The transfer that the command is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferAfter>,
    /// How many units more a stocktake found than the books had said; fewer when it is negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<i64>,
}

/// What came of requests that were to be done together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Together {
    /// What was recorded for each, in their order, or which of them stopped all.
    pub outcome: Result<Vec<Done>, Stopped>,
    /// Whether it was done on an earlier request with the same key.
    pub replayed: bool,
}

/// The request that stopped those that were to be done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("request {line}: {refusal}")]
pub struct Stopped {
    /// Its place among them, from 0.
    pub line: usize,
    /// Why.
    pub refusal: Refusal,
}

/// An item after a command; units over all locations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemAfter {
    /// Its id.
    pub item_id: ItemId,
    /// Its SKU.
    pub sku: String,
    /// Its product.
    pub product_id: String,
    /// The version that a reader can wait for.
    pub version: i64,
    /// On the shelf.
    pub on_hand: i64,
    /// Free to promise.
    pub available: i64,
    /// Promised.
    pub reserved: i64,
    /// On order from suppliers.
    pub incoming: i64,
    /// On their way from another location.
    #[serde(default)]
    pub in_transit: i64,
}

/// A hold after a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldAfter {
    /// Its id.
    pub reservation_id: HoldId,
    /// Whether it binds.
    pub status: HoldStatus,
    /// When it stops binding by itself.
    pub expires_at: Timestamp,
    /// What it binds, and where.
    pub lines: Vec<HeldLine>,
}

/// One item at one location in a hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLine {
    /// Of what.
    pub item_id: ItemId,
    /// Where.
    pub location_id: LocationId,
    /// How many were held, in units.
    pub quantity: i64,
    /// How many of them were handed over.
    #[serde(default)]
    pub confirmed: i64,
}

/// A transfer after a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferAfter {
    /// Its id.
    pub transfer_id: TransferId,
    /// Where it comes from.
    pub from_location_id: LocationId,
    /// Where it goes.
    pub to_location_id: LocationId,
    /// What is on it.
    pub lines: Vec<ShippedAfter>,
}

/// One item on a transfer. Units: `outstanding = shipped - received - lost`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippedAfter {
    /// Of what.
    pub item_id: ItemId,
    /// How many left.
    pub shipped: i64,
    /// How many arrived.
    pub received: i64,
    /// How many never will.
    pub lost: i64,
    /// How many are still on their way.
    pub outstanding: i64,
}

/// Why a request was not even decided. All but [`KeyReused`](Unanswered::KeyReused) may be tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// More is queued than will be done soon.
    #[error("too many commands are waiting")]
    Busy,
    /// The database did not take it, after several attempts. Under the same key it is safe to try again.
    #[error("the stock database is not available")]
    Unavailable,
    /// The process is ending.
    #[error("the service is stopping")]
    Stopping,
}

/// The role of our own jobs and consumers. No token can have it.
const JOB: &str = "system";

/// The scope of the keys that restock orders are counted under. An order may stay open for long, so they are kept for
/// longer than a caller's.
pub const RESTOCK_SCOPE: &str = "system:restock";

impl By {
    /// A job or consumer of our own, bound to no owner.
    pub fn job(name: &str) -> By {
        By { actor: name.to_owned(), role: JOB.to_owned(), owner: None }
    }

    pub(crate) fn is_job(&self) -> bool {
        self.role == JOB
    }

    /// Whose keys its keys are among: the role stands in front, so that no caller can pass for a job of ours.
    pub(crate) fn scope(&self) -> String {
        format!("{}:{}", self.role, self.actor)
    }
}

impl Request {
    /// A command without a key, a condition, a reason or a reference.
    pub fn new(command: Command, by: By) -> Request {
        Request { command, by, key: None, if_match: None, reason: None, reference: None, batch: None }
    }

    /// Under the caller's own name for it.
    pub fn with_key(mut self, key: impl Into<String>) -> Request {
        self.key = Some(key.into());
        self
    }

    /// For a reason.
    pub fn because(mut self, reason: impl Into<String>) -> Request {
        self.reason = Some(reason.into());
        self
    }

    /// As a line of the batch that said `batch`.
    pub fn in_batch(mut self, batch: impl Into<String>) -> Request {
        self.batch = Some(batch.into());
        self
    }
}

/// What the same requests would have again: their commands without the ids that we made for them, the conditions, the
/// reasons and the references.
pub(crate) fn fingerprint(requests: &[Request], together: bool) -> String {
    let mut digest = Sha256::new();
    if together {
        // One alone is another request than the same one in a list.
        digest.update("together");
    }
    for request in requests {
        // Plain data: there is nothing in a command that JSON cannot say.
        let text = match &request.batch {
            None => {
                serde_json::to_vec(&(&request.command, request.if_match, &request.reason, &request.reference))
            }
            Some(batch) => serde_json::to_vec(&(
                &request.command,
                request.if_match,
                &request.reason,
                &request.reference,
                batch,
            )),
        };
        digest.update(text.unwrap_or_default());
    }
    hex::encode(&digest.finalize()[..FINGERPRINT_BYTES])
}

/// Enough that two requests never look alike by chance, and half the size of a whole digest.
const FINGERPRINT_BYTES: usize = 16;

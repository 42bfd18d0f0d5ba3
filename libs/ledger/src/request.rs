//! A command with its caller, and the answer to it.

use domain::{Command, HoldId, HoldStatus, ItemId, LocationId, Refusal, Timestamp};
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
    /// The hold that the command made or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<HoldAfter>,
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
    /// On their way.
    pub incoming: i64,
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
    /// How many, in units.
    pub quantity: i64,
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
        Request { command, by, key: None, if_match: None, reason: None, reference: None }
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

    /// What the same request would have again: the command without the ids that we made for it, the condition,
    /// the reason and the reference.
    pub(crate) fn fingerprint(&self) -> String {
        let parts = (&self.command, self.if_match, &self.reason, &self.reference);
        // Plain data: there is nothing in a command that JSON cannot say.
        let text = serde_json::to_vec(&parts).unwrap_or_default();
        hex::encode(&Sha256::digest(text)[..FINGERPRINT_BYTES])
    }
}

/// Enough that two requests never look alike by chance, and half the size of a whole digest.
const FINGERPRINT_BYTES: usize = 16;

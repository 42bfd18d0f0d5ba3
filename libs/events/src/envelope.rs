//! The CloudEvents 1.0 envelope that every event travels in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::Event;

/// The longest body that is parsed, in bytes. Our own largest event (200 products) has under 100 KB.
pub(crate) const BODY_MAX_BYTES: usize = 1024 * 1024;

/// An event in its envelope: structured-mode CloudEvents JSON, field for field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    specversion: SpecVersion,
    /// Time-ordered, unique per event. A redelivery has the same one.
    pub id: Uuid,
    /// Which service says so, as a URI reference.
    pub source: String,
    /// The SKU it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    pub time: DateTime<Utc>,
    datacontenttype: ContentType,
    /// What happened: the envelope's `type` and `data`.
    #[serde(flatten)]
    pub event: Event,
}

/// The only version of CloudEvents there is; anything else does not parse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum SpecVersion {
    #[default]
    #[serde(rename = "1.0")]
    V1,
}

/// `data` is always JSON. Left out it means the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum ContentType {
    #[default]
    #[serde(rename = "application/json")]
    Json,
}

/// A body that is not what its routing key promised. Park the message with this as the reason.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Too large to be one of ours.
    #[error("the body has {0} bytes and {BODY_MAX_BYTES} are the limit")]
    TooLarge(usize),
    /// A [`ProductChanged`](crate::legacy::ProductChanged) that does not say what changed.
    #[error("the header MessageType is Create, Update or Delete, not {0}")]
    MessageType(String),
    /// Not JSON, or not of the right shape, type or version.
    #[error("the body does not parse: {0}")]
    Json(#[from] serde_json::Error),
}

impl Envelope {
    /// Puts an event that happened at `at` into a new envelope.
    pub fn new(source: &str, event: Event, at: DateTime<Utc>) -> Self {
        Self {
            specversion: SpecVersion::V1,
            id: Uuid::now_v7(),
            source: source.to_owned(),
            subject: event.sku().map(str::to_owned),
            time: at,
            datacontenttype: ContentType::Json,
            event,
        }
    }

    /// Reads a message's body.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        parse(body)
    }

    /// The message's body.
    pub fn to_json(&self) -> String {
        // An envelope is strings, numbers and maps with string keys: there is nothing that JSON lacks.
        serde_json::to_string(self).unwrap_or_else(|error| unreachable!("an envelope is JSON: {error}"))
    }
}

/// Reads any body within the limit.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Malformed> {
    if body.len() > BODY_MAX_BYTES {
        return Err(Malformed::TooLarge(body.len()));
    }
    Ok(serde_json::from_slice(body)?)
}

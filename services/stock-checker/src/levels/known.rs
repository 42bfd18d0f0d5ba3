//! An item as it is answered, and as it lies in the cache: written once, whoever asks.
//!
//! In the cache it is: when the first hold on it ends (microseconds since 1970; 8 bytes), whether it differs from the
//! books (1), how long the item's JSON is (4), the item as JSON, its levels alone as JSON. Numbers are big-endian.

use bytes::{BufMut, Bytes, BytesMut};
use chrono::Utc;
use ledger::ItemView;
use platform::cache::Versioned;

use crate::answers::{ItemDetails, ItemLevels};
use crate::error::Error;

/// Bytes before the item's JSON.
const HEAD: usize = 13;

/// An item as it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The item's version.
    pub(crate) version: i64,
    /// Where it is from.
    pub(crate) source: Source,
    entry: Bytes,
    /// Where the item's JSON ends in it, and that of its levels begins.
    end: usize,
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
        let (version, freed) = (item.version, item.freed > 0);
        let expiry = item.next_expiry.map_or(i64::MAX, |at| at.timestamp_micros());
        let details = ItemDetails::from(item);
        let json = serde_json::to_vec(&details)?;
        let levels = serde_json::to_vec(&ItemLevels::from(details))?;
        let mut entry = BytesMut::with_capacity(HEAD + json.len() + levels.len());
        entry.put_i64(expiry);
        entry.put_u8(u8::from(freed));
        // An item has as many levels as there are locations: megabytes at the very most.
        entry.put_u32(json.len() as u32);
        entry.put_slice(&json);
        entry.put_slice(&levels);
        Ok(Known { version, source: Source::Database, entry: entry.freeze(), end: HEAD + json.len() })
    }

    /// What lay in the cache; none if it was a tombstone, or nothing of ours.
    pub(super) fn of(held: Versioned) -> Option<Known> {
        let length = held.bytes.get(HEAD - 4..HEAD)?;
        let end = HEAD + u32::from_be_bytes(length.try_into().ok()?) as usize;
        let whole = held.bytes.len() >= end;
        whole.then_some(Known { version: held.version, source: Source::Cache, entry: held.bytes, end })
    }

    /// As it is to lie in the cache.
    pub(super) fn entry(&self) -> Versioned {
        Versioned { version: self.version, bytes: self.entry.clone() }
    }

    /// Whether no hold on it ended since it was read. By our clock, where the database has its own: if they differ, it
    /// is used so much too long, until the event of the hold's end.
    pub(super) fn is_current(&self) -> bool {
        let expiry = self.entry.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
        expiry > Utc::now().timestamp_micros()
    }

    /// Whether whoever has this version has the same: not so after a hold on it ended and before that is a version.
    pub(crate) fn is_as_recorded(&self) -> bool {
        self.entry.get(HEAD - 5) == Some(&0)
    }

    /// An [`ItemDetails`].
    pub(crate) fn item(&self) -> Bytes {
        self.entry.slice(HEAD..self.end)
    }

    /// An [`ItemLevels`].
    pub(crate) fn levels(&self) -> Bytes {
        self.entry.slice(self.end..)
    }

    /// The item, read.
    pub(crate) fn details(&self) -> Result<ItemDetails, Error> {
        Ok(serde_json::from_slice(&self.entry[HEAD..self.end])?)
    }
}

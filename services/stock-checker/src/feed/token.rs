//! Positions as clients see them: opaque texts, good at every replica.
//!
//! Hexadecimal: a shape, the position, when it was told, which database it is of, and a checksum. It says nothing that
//! its reader may not know, and grants nothing: what a feed tells is decided by who asks.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ledger::Position;
use uuid::Uuid;

/// Changes with what is written.
const SHAPE: u8 = 1;
/// Shape, order, item, version, at, told, database.
const BYTES: usize = 1 + 8 + 16 + 8 + 8 + 8 + 8;
const CHECKSUM_BYTES: usize = 4;
/// How far clocks may be apart before a position is from a future that has not been.
const CLOCKS_APART: chrono::Duration = chrono::Duration::minutes(5);

/// Writes and reads the positions of one database.
#[derive(Clone, Copy)]
pub(super) struct Codec {
    database: i64,
}

/// Why a position is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("Last-Event-ID (or `after`) {0}")]
    Invalid(&'static str),
    #[error(
        "it is from {told}, and goes back {max_age_s} s at most: read the levels, and listen from now on"
    )]
    TooOld { told: DateTime<Utc>, max_age_s: u64 },
    #[error("this database never was there: read the levels, and listen from now on")]
    Unknown,
}

impl Codec {
    pub(super) fn new(database: i64) -> Codec {
        Codec { database }
    }

    /// A position that is told at a time.
    pub(super) fn write(&self, position: &Position, told: DateTime<Utc>) -> String {
        let mut bytes = Vec::with_capacity(BYTES + CHECKSUM_BYTES);
        bytes.push(SHAPE);
        bytes.extend(position.order.to_be_bytes());
        bytes.extend(position.item.as_bytes());
        for number in [position.version, position.at_us, told.timestamp_micros(), self.database] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(checksum(&bytes));
        hex::encode(bytes)
    }

    /// The position that a client gave back.
    pub(super) fn read(&self, token: &str, max_age: Duration) -> Result<Position, Unusable> {
        let invalid = || Unusable::Invalid("is not one that this service gave");
        let mut bytes = [0; BYTES + CHECKSUM_BYTES];
        hex::decode_to_slice(token, &mut bytes).map_err(|_| invalid())?;
        let (said, sum) = bytes.split_at(BYTES);
        if said.first() != Some(&SHAPE) || checksum(said) != sum {
            return Err(invalid());
        }
        let item = said.get(9..25).and_then(|item| Uuid::from_slice(item).ok()).ok_or_else(invalid)?;
        let number = |at: usize| -> Result<i64, Unusable> {
            let bytes = said.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map(i64::from_be_bytes).ok_or_else(invalid)
        };
        let position = Position { order: number(1)?, item, version: number(25)?, at_us: number(33)? };
        let time = |us: i64| DateTime::<Utc>::from_timestamp_micros(us).ok_or_else(invalid);
        let (recorded, told) = (time(position.at_us)?, time(number(41)?)?);
        let now = Utc::now();
        if told > now + CLOCKS_APART || recorded > now + CLOCKS_APART || position.order < 0 {
            return Err(Unusable::Invalid("is of a time that has not come"));
        }
        if now - told > chrono::Duration::from_std(max_age).unwrap_or(chrono::Duration::MAX) {
            return Err(Unusable::TooOld { told, max_age_s: max_age.as_secs() });
        }
        if number(49)? != self.database {
            return Err(Unusable::Unknown);
        }
        Ok(position)
    }
}

/// Against what gets lost on the way, not against forgers.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, ..] = Uuid::new_v5(&Uuid::NAMESPACE_OID, bytes).into_bytes();
    [a, b, c, d]
}

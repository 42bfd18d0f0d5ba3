//! Counted units: whole, bounded, never floats.

use serde::{Deserialize, Serialize};

/// The most units that one command may move, and that one level may hold. Far above any shop's stock, far
/// below where sums of them could overflow 64 bits.
pub const MAX_UNITS: i64 = 1_000_000_000_000;

/// How many to move, from 1 to [`MAX_UNITS`]. Never none: a request for zero does not deserialise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(i64);

/// By how many to correct a level: from −[`MAX_UNITS`] to [`MAX_UNITS`], never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Delta(i64);

/// Why a number is not a count of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A quantity below one.
    #[error("a quantity is at least 1, and this is {0}")]
    TooFew(i64),
    /// A quantity, or the size of a delta, above [`MAX_UNITS`].
    #[error("a quantity is at most {MAX_UNITS}, and this is {0}")]
    TooMany(i64),
    /// A delta of zero.
    #[error("a correction by zero corrects nothing")]
    Nothing,
}

impl Quantity {
    /// The units as a plain number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl Delta {
    /// The units as a plain number, negative to take away.
    pub fn get(self) -> i64 {
        self.0
    }

    /// How many units it moves, whichever way.
    pub fn size(self) -> Quantity {
        Quantity(self.0.abs())
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityError;

    fn try_from(units: i64) -> Result<Quantity, QuantityError> {
        match units {
            ..1 => Err(QuantityError::TooFew(units)),
            1..=MAX_UNITS => Ok(Quantity(units)),
            _ => Err(QuantityError::TooMany(units)),
        }
    }
}

impl TryFrom<i64> for Delta {
    type Error = QuantityError;

    fn try_from(units: i64) -> Result<Delta, QuantityError> {
        match units {
            0 => Err(QuantityError::Nothing),
            _ if units.unsigned_abs() > MAX_UNITS.unsigned_abs() => Err(QuantityError::TooMany(units)),
            _ => Ok(Delta(units)),
        }
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> i64 {
        quantity.0
    }
}

impl From<Delta> for i64 {
    fn from(delta: Delta) -> i64 {
        delta.0
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

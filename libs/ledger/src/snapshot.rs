//! An item as it was at a version, so that its past need not be told from the beginning.
//!
//! The writer takes one in the transaction in which an item's version passes a multiple of [`EVERY`]. It says nothing
//! that the ledger does not say: it may be deleted, and taken again.

use std::collections::BTreeMap;

use domain::{Attributes, Item, Level, LocationId};
use serde::{Deserialize, Serialize};

/// How many versions of an item lie between two snapshots, but for the rest of a batch. A past instant is told from as
/// many rows at most, and one sale in a thousand writes one.
pub(crate) const EVERY: i64 = 1_000;

/// What a row of `inventory_snapshots` holds, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    /// The item's attributes.
    pub(crate) attributes: Attributes,
    /// Its units by location.
    pub(crate) levels: BTreeMap<LocationId, Level>,
}

impl Snapshot {
    pub(crate) fn of(item: &Item) -> Snapshot {
        Snapshot { attributes: item.attributes.clone(), levels: item.levels.clone() }
    }

    /// Whether one is due when an item goes from one version to another.
    pub(crate) fn is_due(before: i64, after: i64) -> bool {
        before / EVERY != after / EVERY
    }
}

//! Counts over all items.

use chrono::{DateTime, Utc};
use ledger::{LocationCount, Overview, OwnerCount};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Counts over all items that the caller may see.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct StockOverview {
    /// When it was so.
    as_of: DateTime<Utc>,
    #[serde(flatten)]
    total: Counts,
    /// The same by owner, the largest first, at most 100.
    by_owner: Vec<OwnerOverview>,
    /// What lies where, the location to take from first in front.
    by_location: Vec<LocationOverview>,
}

/// Items by status, and units.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Counts {
    items: i64,
    /// Items that may be promised.
    active: i64,
    /// Items that may not.
    inactive: i64,
    /// Active items with nothing available.
    out_of_stock: i64,
    /// Active items with something available, at or below their reorder point.
    low_stock: i64,
    /// Active items above their reorder point.
    in_stock: i64,
    on_hand: i64,
    available: i64,
    reserved: i64,
    incoming: i64,
    in_transit: i64,
}

/// One owner's share of the overview.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct OwnerOverview {
    owner: String,
    #[serde(flatten)]
    counts: Counts,
}

/// One location's share of the overview.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct LocationOverview {
    location_id: Uuid,
    /// The location's code.
    location: String,
    /// Items that are, or were, kept there.
    items: i64,
    on_hand: i64,
    available: i64,
    reserved: i64,
    damaged: i64,
    quality_control: i64,
    incoming: i64,
    in_transit: i64,
}

impl From<Overview> for StockOverview {
    fn from(overview: Overview) -> StockOverview {
        StockOverview {
            as_of: overview.as_of,
            total: overview.total.into(),
            by_owner: overview.by_owner.into_iter().map(OwnerOverview::from).collect(),
            by_location: overview.by_location.into_iter().map(LocationOverview::from).collect(),
        }
    }
}

impl From<ledger::Counts> for Counts {
    fn from(counts: ledger::Counts) -> Counts {
        Counts {
            inactive: counts.inactive(),
            in_stock: counts.in_stock(),
            items: counts.items,
            active: counts.active,
            out_of_stock: counts.out_of_stock,
            low_stock: counts.low_stock,
            on_hand: counts.on_hand,
            available: counts.available,
            reserved: counts.reserved,
            incoming: counts.incoming,
            in_transit: counts.in_transit,
        }
    }
}

impl From<OwnerCount> for OwnerOverview {
    fn from(count: OwnerCount) -> OwnerOverview {
        OwnerOverview { owner: count.owner, counts: count.counts.into() }
    }
}

impl From<LocationCount> for LocationOverview {
    fn from(count: LocationCount) -> LocationOverview {
        LocationOverview {
            location_id: count.location_id,
            location: count.location,
            items: count.items,
            on_hand: count.on_hand,
            available: count.available,
            reserved: count.reserved,
            damaged: count.damaged,
            quality_control: count.quality_control,
            incoming: count.incoming,
            in_transit: count.in_transit,
        }
    }
}

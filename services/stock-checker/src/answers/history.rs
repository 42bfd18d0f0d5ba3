//! The shapes of what is told of the past: the ledger's rows, transfers, and why a number is what it is.

use chrono::{DateTime, Utc};
use ledger::{Explanation, HeldUnits, PlaceView, ShippedAfter, SnapshotUnits, TransactionView, TransferView};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A row of the ledger: units that went from one place to another, or a change of attributes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Transaction {
    item_id: Uuid,
    sku: String,
    /// The item's version from then on.
    version: i64,
    /// What happened, such as `received`, `held` or `shipped`.
    kind: String,
    /// Units that moved; in an explanation negative for those that went. 0 when only attributes changed.
    quantity: i64,
    /// Where they came from.
    from: Option<Place>,
    /// Where they went.
    to: Option<Place>,
    reservation_id: Option<Uuid>,
    transfer_id: Option<Uuid>,
    reason: Option<String>,
    reference_type: Option<String>,
    reference_id: Option<String>,
    /// Who did it.
    actor: String,
    /// In which role.
    role: String,
    /// The command that it was part of.
    command_id: Uuid,
    /// What else changed: the item's attributes, or until when something is held.
    #[schema(value_type = Option<Object>)]
    attributes: Option<serde_json::Value>,
    recorded_at: DateTime<Utc>,
}

/// Where units were.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Place {
    /// A state of units at a location, such as `available`; or `supplier`, `customer`, `adjustment`.
    place: String,
    location_id: Option<Uuid>,
    /// The location's code.
    location: Option<String>,
}

/// Rows of the ledger, the newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TransactionPage {
    pub(crate) transactions: Vec<Transaction>,
    /// Give it as `cursor` to get those after these; none when there are no more.
    pub(crate) next_cursor: Option<String>,
}

/// Units that go from one location to another.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Transfer {
    transfer_id: Uuid,
    from_location_id: Uuid,
    /// That location's code.
    from_location: String,
    to_location_id: Uuid,
    /// That location's code.
    to_location: String,
    /// Whether anything is still on its way.
    open: bool,
    reference_type: Option<String>,
    reference_id: Option<String>,
    /// Who shipped it.
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    lines: Vec<TransferredItem>,
}

/// One item on a transfer: `outstanding = shipped - received - lost`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TransferredItem {
    item_id: Uuid,
    sku: String,
    shipped: i64,
    received: i64,
    lost: i64,
    outstanding: i64,
}

/// A number and what it is made of: the snapshot, the movements since, and holds that are over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct NumberExplained {
    item_id: Uuid,
    sku: String,
    /// The item's version that the number is of.
    version: i64,
    /// Which units.
    state: &'static str,
    /// Where, as it was asked; none for all locations.
    location: Option<String>,
    /// Where the sum begins; with nothing when there is none.
    snapshot: Option<SnapshotPart>,
    /// Movements right after the snapshot that are too many to be listed.
    earlier: Option<EarlierPart>,
    /// What came (above zero) and went (below) since, the oldest first.
    movements: Vec<Transaction>,
    /// What is held of the units, those that end first in front.
    holds: Vec<HeldPart>,
    /// Holds beyond those that are listed.
    holds_unlisted: i64,
    /// Units of holds that are over: they count as available and not as reserved.
    overdue: i64,
    /// What the parts come to.
    total: i64,
    /// What is answered as the level.
    level: i64,
    /// Whether the two are the same.
    adds_up: bool,
}

/// The units that a snapshot counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SnapshotPart {
    version: i64,
    recorded_at: DateTime<Utc>,
    units: i64,
}

/// Movements summed up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EarlierPart {
    movements: i64,
    units: i64,
}

/// What a hold still holds at a location.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct HeldPart {
    reservation_id: Uuid,
    location_id: Uuid,
    remaining: i64,
    expires_at: DateTime<Utc>,
    /// Whether that is over.
    overdue: bool,
}

impl From<TransactionView> for Transaction {
    fn from(row: TransactionView) -> Transaction {
        Transaction {
            item_id: row.item_id,
            sku: row.sku,
            version: row.version,
            kind: row.kind,
            quantity: row.quantity,
            from: row.from.map(Place::from),
            to: row.to.map(Place::from),
            reservation_id: row.reservation_id,
            transfer_id: row.transfer_id,
            reason: row.reason,
            reference_type: row.reference_type,
            reference_id: row.reference_id,
            actor: row.actor,
            role: row.role,
            command_id: row.command_id,
            attributes: row.attributes,
            recorded_at: row.recorded_at,
        }
    }
}

impl From<PlaceView> for Place {
    fn from(PlaceView { place, location_id, location }: PlaceView) -> Place {
        Place { place, location_id, location }
    }
}

impl From<TransferView> for Transfer {
    fn from(transfer: TransferView) -> Transfer {
        let lines = transfer.lines.into_iter().zip(transfer.skus);
        Transfer {
            transfer_id: transfer.transfer_id.0,
            from_location_id: transfer.from_location_id,
            from_location: transfer.from_location,
            to_location_id: transfer.to_location_id,
            to_location: transfer.to_location,
            open: transfer.open,
            reference_type: transfer.reference_type,
            reference_id: transfer.reference_id,
            created_by: transfer.created_by,
            created_at: transfer.created_at,
            updated_at: transfer.updated_at,
            lines: lines.map(TransferredItem::from).collect(),
        }
    }
}

impl From<(ShippedAfter, String)> for TransferredItem {
    fn from((line, sku): (ShippedAfter, String)) -> TransferredItem {
        TransferredItem {
            item_id: line.item_id.0,
            sku,
            shipped: line.shipped,
            received: line.received,
            lost: line.lost,
            outstanding: line.outstanding,
        }
    }
}

impl NumberExplained {
    pub(crate) fn version(&self) -> i64 {
        self.version
    }

    pub(crate) fn of(
        explained: Explanation,
        state: &'static str,
        location: Option<String>,
    ) -> NumberExplained {
        NumberExplained {
            item_id: explained.item_id,
            sku: explained.sku,
            version: explained.version,
            state,
            location,
            snapshot: explained.snapshot.map(SnapshotPart::from),
            earlier: explained
                .earlier
                .map(|earlier| EarlierPart { movements: earlier.movements, units: earlier.units }),
            movements: explained.movements.into_iter().map(Transaction::from).collect(),
            holds: explained.holds.into_iter().map(HeldPart::from).collect(),
            holds_unlisted: explained.holds_unlisted,
            overdue: explained.overdue,
            total: explained.total,
            level: explained.level,
            adds_up: explained.adds_up,
        }
    }
}

impl From<SnapshotUnits> for SnapshotPart {
    fn from(SnapshotUnits { version, recorded_at, units }: SnapshotUnits) -> SnapshotPart {
        SnapshotPart { version, recorded_at, units }
    }
}

impl From<HeldUnits> for HeldPart {
    fn from(held: HeldUnits) -> HeldPart {
        let HeldUnits { reservation_id, location_id, remaining, expires_at, overdue } = held;
        HeldPart { reservation_id, location_id, remaining, expires_at, overdue }
    }
}

//! The shapes of what is answered.
//!
//! Our own, and not those of the ledger: what clients were promised does not change with it. Units are whole numbers;
//! times are in UTC.

use chrono::{DateTime, Utc};
use domain::HoldStatus;
use ledger::{Done, HeldLine, HoldAfter, HoldView, ItemAfter, ShippedAfter, TransferAfter};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a command came to.
#[derive(Serialize, ToSchema)]
pub(super) struct Change {
    /// The command's id in the ledger.
    command_id: Uuid,
    recorded_at: DateTime<Utc>,
    /// Each item that the command is about, after it.
    items: Vec<ChangedItem>,
    /// The reservation that the command is about, after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reservation: Option<ChangedReservation>,
    /// The transfer that the command is about, after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    transfer: Option<ChangedTransfer>,
    /// How many units more a stocktake found than the books had said; fewer when it is negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    difference: Option<i64>,
}

/// An item after a command; totals are over all locations.
#[derive(Serialize, ToSchema)]
struct ChangedItem {
    item_id: Uuid,
    sku: String,
    product_id: String,
    /// The version that a reader can wait for with `min_version`.
    version: i64,
    /// On the shelf.
    on_hand: i64,
    /// Free to promise.
    available: i64,
    /// Promised.
    reserved: i64,
    /// Ordered from suppliers.
    incoming: i64,
    /// On their way from another location.
    in_transit: i64,
}

/// A reservation after a command.
#[derive(Serialize, ToSchema)]
struct ChangedReservation {
    reservation_id: Uuid,
    #[schema(value_type = ReservationStatus)]
    status: HoldStatus,
    /// When it stops binding by itself.
    expires_at: DateTime<Utc>,
    lines: Vec<ReservedLine>,
}

/// One item at one location in a reservation.
#[derive(Serialize, ToSchema)]
struct ReservedLine {
    item_id: Uuid,
    location_id: Uuid,
    /// How many were held.
    quantity: i64,
    /// How many of them were handed over.
    confirmed: i64,
}

/// A transfer after a command.
#[derive(Serialize, ToSchema)]
struct ChangedTransfer {
    transfer_id: Uuid,
    from_location_id: Uuid,
    to_location_id: Uuid,
    lines: Vec<ShippedLine>,
}

/// One item on a transfer: `outstanding = shipped - received - lost`.
#[derive(Serialize, ToSchema)]
struct ShippedLine {
    item_id: Uuid,
    shipped: i64,
    received: i64,
    lost: i64,
    outstanding: i64,
}

/// A reservation as it is now.
#[derive(Serialize, ToSchema)]
pub(super) struct Reservation {
    reservation_id: Uuid,
    #[schema(value_type = ReservationStatus)]
    status: HoldStatus,
    /// When it stops, or stopped, binding by itself.
    expires_at: DateTime<Utc>,
    /// What kind of thing it is for.
    reference_type: Option<String>,
    /// Which one.
    reference_id: Option<String>,
    created_at: DateTime<Utc>,
    lines: Vec<ReservedLine>,
    /// The SKUs that it is on, in the order of its lines.
    skus: Vec<String>,
}

/// Whether a reservation binds, and if not, how it ended.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "names the words for the API's description")]
pub(super) enum ReservationStatus {
    Open,
    Confirmed,
    Cancelled,
    Expired,
}

impl From<Done> for Change {
    fn from(done: Done) -> Change {
        let Done { command_id, recorded_at, items, reservation, transfer, difference } = done;
        Change {
            command_id,
            recorded_at,
            items: items.into_iter().map(Into::into).collect(),
            reservation: reservation.map(Into::into),
            transfer: transfer.map(Into::into),
            difference,
        }
    }
}

impl From<ItemAfter> for ChangedItem {
    fn from(item: ItemAfter) -> ChangedItem {
        let ItemAfter {
            item_id,
            sku,
            product_id,
            version,
            on_hand,
            available,
            reserved,
            incoming,
            in_transit,
        } = item;
        let item_id = item_id.0;
        ChangedItem { item_id, sku, product_id, version, on_hand, available, reserved, incoming, in_transit }
    }
}

impl From<HoldAfter> for ChangedReservation {
    fn from(hold: HoldAfter) -> ChangedReservation {
        let HoldAfter { reservation_id, status, expires_at, lines } = hold;
        let lines = lines.into_iter().map(Into::into).collect();
        ChangedReservation { reservation_id: reservation_id.0, status, expires_at, lines }
    }
}

impl From<HeldLine> for ReservedLine {
    fn from(line: HeldLine) -> ReservedLine {
        let HeldLine { item_id, location_id, quantity, confirmed } = line;
        ReservedLine { item_id: item_id.0, location_id: location_id.0, quantity, confirmed }
    }
}

impl From<TransferAfter> for ChangedTransfer {
    fn from(transfer: TransferAfter) -> ChangedTransfer {
        ChangedTransfer {
            transfer_id: transfer.transfer_id.0,
            from_location_id: transfer.from_location_id.0,
            to_location_id: transfer.to_location_id.0,
            lines: transfer.lines.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ShippedAfter> for ShippedLine {
    fn from(line: ShippedAfter) -> ShippedLine {
        let ShippedAfter { item_id, shipped, received, lost, outstanding } = line;
        ShippedLine { item_id: item_id.0, shipped, received, lost, outstanding }
    }
}

impl From<HoldView> for Reservation {
    fn from(view: HoldView) -> Reservation {
        Reservation {
            reservation_id: view.reservation_id.0,
            status: view.status,
            expires_at: view.expires_at,
            reference_type: view.reference_type,
            reference_id: view.reference_id,
            created_at: view.created_at,
            lines: view.lines.into_iter().map(Into::into).collect(),
            skus: view.skus,
        }
    }
}

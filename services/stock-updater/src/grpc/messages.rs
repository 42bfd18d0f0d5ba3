//! What callers are told: our values as messages.

use std::time::SystemTime;

use axum::http::StatusCode;
use domain::{HoldStatus, ItemId, LocationId, Timestamp};
use ledger::locations::LocationView;
use ledger::{HeldLine, HoldAfter, Kept, KeptAt, Standing};
use platform::grpc::status;
use platform::problem::Problem;
use proto::inventory::{InventoryItem, InventoryLocation, InventoryReservation, Warehouse};
use tonic::{Code, Status};
use uuid::Uuid;

/// The status that no item has: nothing is promised that is not there.
pub(super) const BACKORDERED: &str = "BACKORDERED";

/// A number as the interface can say it.
pub(super) fn int32(field: &str, number: i64) -> Result<i32, Status> {
    i32::try_from(number).map_err(|_| {
        let problem = Problem::new(StatusCode::CONFLICT, "out-of-range", "A number does not fit into int32");
        status(problem.detail(format!("{field} is {number}, and int32 cannot say that")), Code::OutOfRange)
    })
}

/// The word for how an item stands.
pub(super) fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::InStock => "IN_STOCK",
        Standing::LowStock => "LOW_STOCK",
        Standing::OutOfStock => "OUT_OF_STOCK",
        Standing::Discontinued => "DISCONTINUED",
    }
}

/// The word for how a reservation stands. What is confirmed has left: there is nothing to fulfil after it.
fn hold_word(status: HoldStatus) -> &'static str {
    match status {
        HoldStatus::Open => "PENDING",
        HoldStatus::Confirmed => "CONFIRMED",
        HoldStatus::Cancelled => "CANCELLED",
        HoldStatus::Expired => "EXPIRED",
    }
}

pub(super) fn item(kept: &Kept, warehouses: &[LocationView]) -> Result<InventoryItem, Status> {
    let locations = kept.levels.iter().map(|level| location(level, warehouses));
    Ok(InventoryItem {
        id: kept.id.to_string(),
        product_id: kept.product_id.clone(),
        variant_id: kept.variant_id.clone(),
        sku: kept.sku.clone(),
        total_quantity: int32("total_quantity", kept.on_hand())?,
        available_quantity: int32("available_quantity", kept.available())?,
        reserved_quantity: int32("reserved_quantity", kept.reserved())?,
        reorder_point: int32("reorder_point", kept.reorder_point)?,
        reorder_quantity: int32("reorder_quantity", kept.reorder_quantity)?,
        status: word(kept.standing()).to_owned(),
        last_updated: time(kept.updated_at),
        created_at: time(kept.created_at),
        updated_at: time(kept.updated_at),
        locations: locations.collect::<Result<_, _>>()?,
    })
}

pub(super) fn location(level: &KeptAt, warehouses: &[LocationView]) -> Result<InventoryLocation, Status> {
    let there = warehouses.iter().find(|warehouse| warehouse.id == level.location.0);
    Ok(InventoryLocation {
        id: place_id(level.item, level.location).to_string(),
        inventory_item_id: level.item.to_string(),
        warehouse_id: level.location.to_string(),
        quantity: int32("quantity", level.on_hand)?,
        available_quantity: int32("available_quantity", level.available)?,
        reserved_quantity: int32("reserved_quantity", level.reserved)?,
        created_at: time(level.created_at),
        updated_at: time(level.updated_at),
        warehouse: there.map(warehouse),
    })
}

/// An item at a location has no id of its own: it is known by theirs.
fn place_id(item: ItemId, location: LocationId) -> Uuid {
    Uuid::new_v5(&item.0, location.0.as_bytes())
}

pub(super) fn warehouse(view: &LocationView) -> Warehouse {
    let view = view.clone();
    Warehouse {
        id: view.id.to_string(),
        name: view.name,
        code: view.code,
        address: view.address,
        city: view.city,
        state: view.state,
        country: view.country,
        postal_code: view.postal_code,
        is_active: view.active,
        priority: view.priority,
        created_at: time(view.created_at),
        updated_at: time(view.updated_at),
    }
}

/// What a reservation is for, and when it was made and last changed.
pub(super) struct Story {
    pub(super) reference_type: Option<String>,
    pub(super) reference_id: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// The one message that stands for a whole reservation. It names an item or a warehouse only if there is no other.
pub(super) fn reservation(hold: &HoldAfter, story: Story) -> Result<InventoryReservation, Status> {
    Ok(InventoryReservation {
        id: hold.reservation_id.to_string(),
        inventory_item_id: only(&hold.lines, |line| line.item_id.0).unwrap_or_default(),
        warehouse_id: only(&hold.lines, |line| line.location_id.0),
        quantity: held(&hold.lines)?,
        status: hold_word(hold.status).to_owned(),
        expiration_time: time(hold.expires_at),
        reference_id: story.reference_id.filter(|id| !id.is_empty()),
        reference_type: story.reference_type.unwrap_or_default(),
        created_at: time(story.created_at),
        updated_at: time(story.updated_at),
    })
}

/// How many units a reservation was made for, over all lines.
pub(super) fn held(lines: &[HeldLine]) -> Result<i32, Status> {
    int32("quantity", lines.iter().map(|line| line.quantity).sum())
}

fn only(lines: &[HeldLine], id: fn(&HeldLine) -> Uuid) -> Option<String> {
    let first = id(lines.first()?);
    lines.iter().all(|line| id(line) == first).then(|| first.to_string())
}

fn time<T: From<SystemTime>>(at: Timestamp) -> Option<T> {
    Some(T::from(SystemTime::from(at)))
}

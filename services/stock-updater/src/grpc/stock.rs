//! Units at a warehouse: put some in, take some out, see what is there.

use domain::{Command, Delta, ItemId, LocationId, Outside, Refusal, Shelf};
use ledger::{Called, Reference};
use platform::auth::Caller;
use proto::inventory::{
    AddInventoryToLocationRequest, GetInventoryByLocationRequest, InventoryLocationResponse,
    ListInventoryLocationsResponse, RemoveInventoryFromLocationRequest,
};
use tonic::Status;

use super::messages::int32;
use super::{Answered, answered, fields, messages, request};
use crate::App;
use crate::error::Error;
use crate::http::Asked;
use crate::http::text::Note;

/// Units that come to or leave a place.
struct Movement {
    item: ItemId,
    location: LocationId,
    delta: Delta,
    reason: Option<Note>,
    reference: Option<Reference>,
}

pub(super) async fn add(
    app: &App,
    asked: &Asked,
    body: AddInventoryToLocationRequest,
) -> Answered<InventoryLocationResponse> {
    let units = fields::quantity("quantity", body.quantity)?.get();
    let movement = Movement {
        item: fields::item("inventory_item_id", &body.inventory_item_id)?,
        location: fields::location("warehouse_id", &body.warehouse_id)?,
        delta: delta("quantity", units)?,
        reason: fields::note("notes", body.notes)?,
        reference: fields::reference(body.reference_type, body.reference_id)?,
    };
    app.move_units(asked, movement).await
}

pub(super) async fn remove(
    app: &App,
    asked: &Asked,
    body: RemoveInventoryFromLocationRequest,
) -> Answered<InventoryLocationResponse> {
    let units = fields::quantity("quantity", body.quantity)?.get();
    let movement = Movement {
        item: fields::item("inventory_item_id", &body.inventory_item_id)?,
        location: fields::location("warehouse_id", &body.warehouse_id)?,
        delta: delta("quantity", -units)?,
        reason: fields::note("notes", body.notes)?,
        reference: fields::reference(body.reference_type, body.reference_id)?,
    };
    app.move_units(asked, movement).await
}

pub(super) fn delta(field: &str, units: i64) -> Result<Delta, Status> {
    Delta::try_from(units).map_err(|error| fields::invalid(field, error))
}

/// Units that come are received; those that go are taken from what is available.
pub(super) fn command(item: ItemId, location: Option<LocationId>, delta: Delta) -> Command {
    if delta.get() > 0 {
        let (expected, into) = (false, Shelf::Available);
        Command::Receive { item, location, quantity: delta.size(), expected, into }
    } else {
        Command::Adjust { item, location, delta, against: Outside::Adjustment, shelf: Shelf::Available }
    }
}

pub(super) async fn at_warehouse(
    app: &App,
    caller: &Caller,
    body: &GetInventoryByLocationRequest,
) -> Answered<ListInventoryLocationsResponse> {
    let location = fields::location("warehouse_id", &body.warehouse_id)?;
    let page = fields::page(body.page, body.limit)?;
    let warehouses = app.warehouses().await?;
    if !warehouses.iter().any(|warehouse| warehouse.id == location.0) {
        return Err(Error::from(Refusal::LocationUnknown { location }).into());
    }
    let (levels, total) =
        app.reader.kept_at(location, caller.owner_scope(), page).await.map_err(Error::from)?;
    let levels = levels.iter().map(|level| messages::location(level, &warehouses));
    let inventory_locations = levels.collect::<Result<_, _>>()?;
    answered(
        ListInventoryLocationsResponse { inventory_locations, total: int32("total", total)? },
        None,
        false,
    )
}

impl App {
    async fn move_units(&self, asked: &Asked, movement: Movement) -> Answered<InventoryLocationResponse> {
        let Movement { item, location, delta, reason, reference } = movement;
        let before = self.kept(&asked.caller, &Called::Id(item)).await?;
        let there = before.at(location).map_or(0, |level| level.on_hand);
        let mut request = request(asked, command(item, Some(location), delta));
        request.reason = reason.map(Note::into_string);
        request.reference = reference;
        self.unless_done(&request, int32("quantity", there + delta.get()).map(drop)).await?;
        let answer = self.writer.submit(request).await.map_err(Error::from)?;
        answer.outcome.map_err(Error::from)?;
        let after = self.kept(&asked.caller, &Called::Id(item)).await?;
        let level = after.at(location).ok_or(Error::Refused(Refusal::LocationUnknown { location }))?;
        let message = messages::location(level, &self.warehouses().await?)?;
        let message = InventoryLocationResponse { inventory_location: Some(message) };
        answered(message, Some(after.version), answer.replayed)
    }
}

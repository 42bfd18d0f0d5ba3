//! Warehouses: the locations of REST, opened and changed by the same functions.

use domain::Refusal;
use ledger::locations::LocationView;
use platform::idempotency::Replayable;
use platform::problem::Problem;
use proto::inventory::get_warehouse_request::Identifier;
use proto::inventory::{
    CreateWarehouseRequest, GetWarehouseRequest, ListWarehousesRequest, ListWarehousesResponse,
    UpdateWarehouseRequest, WarehouseResponse,
};
use tonic::Status;

use super::messages::int32;
use super::{Answered, answered, fields, messages};
use crate::App;
use crate::error::Error;
use crate::http::Asked;
use crate::http::locations::LocationBody;
use crate::http::text::Note;

pub(super) async fn create(
    app: &App,
    asked: Asked,
    body: CreateWarehouseRequest,
) -> Answered<WarehouseResponse> {
    let location = LocationBody {
        code: Some(fields::sku("code", body.code)?),
        // Without a name it is called by its code.
        name: Some(body.name)
            .filter(|name| !name.is_empty())
            .map(|name| fields::name("name", name))
            .transpose()?,
        address: fields::note("address", body.address)?,
        city: fields::note("city", body.city)?,
        state: fields::note("state", body.state)?,
        country: fields::note("country", body.country)?,
        postal_code: fields::note("postal_code", body.postal_code)?,
        priority: Some(body.priority),
        active: None,
    };
    tell(app.open_location(&asked.caller, asked.key, location).await?)
}

pub(super) async fn update(
    app: &App,
    asked: Asked,
    body: UpdateWarehouseRequest,
) -> Answered<WarehouseResponse> {
    let id = fields::location("id", &body.id)?;
    let location = LocationBody {
        code: None,
        name: body.name.map(|name| fields::name("name", name)).transpose()?,
        address: text("address", body.address)?,
        city: text("city", body.city)?,
        state: text("state", body.state)?,
        country: text("country", body.country)?,
        postal_code: text("postal_code", body.postal_code)?,
        priority: body.priority,
        active: body.is_active,
    };
    tell(app.change_location(&asked.caller, asked.key, &id.to_string(), location).await?)
}

/// A text to set; an empty one empties it.
fn text(field: &str, text: Option<String>) -> Result<Option<Note>, Status> {
    text.map(|text| Note::try_from(text).map_err(|error| fields::invalid(field, error))).transpose()
}

/// What is kept under a caller's key is what REST answers: the location as JSON.
fn tell(done: Replayable) -> Answered<WarehouseResponse> {
    let view: LocationView = serde_json::from_str(&done.answer.body).map_err(|error| {
        tracing::error!(%error, "a stored answer does not parse");
        Problem::internal()
    })?;
    answered(WarehouseResponse { warehouse: Some(messages::warehouse(&view)) }, None, done.replayed)
}

pub(super) async fn get(app: &App, body: GetWarehouseRequest) -> Answered<WarehouseResponse> {
    let warehouses = app.warehouses().await?;
    let found = match body.identifier {
        None => return Err(fields::invalid("identifier", "name a warehouse by id or code")),
        Some(Identifier::Id(id)) => {
            let location = fields::location("id", &id)?;
            let found = warehouses.iter().find(|warehouse| warehouse.id == location.0);
            found.ok_or(Error::Refused(Refusal::LocationUnknown { location }))?
        }
        Some(Identifier::Code(code)) => {
            let found = warehouses.iter().find(|warehouse| warehouse.code == code);
            found.ok_or_else(|| Error::from(crate::http::unknown_location(&code)))?
        }
    };
    answered(WarehouseResponse { warehouse: Some(messages::warehouse(found)) }, None, false)
}

pub(super) async fn list(app: &App, body: &ListWarehousesRequest) -> Answered<ListWarehousesResponse> {
    let page = fields::page(body.page, body.limit)?;
    let mut wanted = app.warehouses().await?;
    wanted.retain(|warehouse| body.is_active.is_none_or(|active| active == warehouse.active));
    let total = int32("total", wanted.len().try_into().unwrap_or(i64::MAX))?;
    let (offset, limit) = (page.offset.try_into().unwrap_or(usize::MAX), page.limit.try_into().unwrap_or(0));
    let warehouses = wanted.iter().skip(offset).take(limit).map(messages::warehouse).collect();
    answered(ListWarehousesResponse { warehouses, total }, None, false)
}

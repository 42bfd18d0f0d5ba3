//! gRPC: `inventory.InventoryService`, a second way to the same commands and questions.
//!
//! Reading order: [`calls`] → the sixteen methods, each of which reads its message, calls one function and answers →
//! `items`, `stock`, `bulk`, `reservations`, `warehouses`, `availability` → `fields` (what a message says) and
//! `messages` (what it is told).
//!
//! **Invariants.** No rule of stock is here, and no role that REST does not have. A number that the interface cannot
//! say is refused, and never cut. What can be known before a change is refused before it: nothing is changed then.

mod availability;
mod bulk;
mod fields;
mod items;
mod messages;
mod reservations;
mod stock;
mod warehouses;

use ledger::locations::LocationView;
use ledger::{Called, Kept};
use platform::auth::Caller;
use platform::grpc::{caller, idempotency_key, if_match, status};
use platform::hosting::Grpc;
use platform::problem::Problem;
use proto::inventory::inventory_service_server::{InventoryService, InventoryServiceServer};
use proto::inventory::*;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Response, Status};

use crate::App;
use crate::error::Error;
use crate::http::{Asked, MAY_CHANGE, MAY_READ, by};

/// Problems of a name that somebody else has.
const TAKEN: [&str; 3] = ["sku-taken", "product-taken", "location-code-taken"];

/// All calls of the service.
pub(crate) fn calls(app: App) -> Grpc {
    let server = InventoryServiceServer::new(Calls(app));
    // The host bounds messages.
    Grpc::default().add(server.max_decoding_message_size(usize::MAX), DESCRIPTORS)
}

struct Calls(App);

type Answered<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl InventoryService for Calls {
    async fn create_inventory_item(
        &self,
        request: Request<CreateInventoryItemRequest>,
    ) -> Answered<InventoryItemResponse> {
        let (asked, body) = change(request)?;
        items::create(&self.0, &asked, body).await
    }

    async fn get_inventory_item(
        &self,
        request: Request<GetInventoryItemRequest>,
    ) -> Answered<InventoryItemResponse> {
        let (caller, body) = question(request)?;
        items::get(&self.0, &caller, body).await
    }

    async fn update_inventory_item(
        &self,
        request: Request<UpdateInventoryItemRequest>,
    ) -> Answered<InventoryItemResponse> {
        let (asked, body) = change(request)?;
        items::update(&self.0, &asked, body).await
    }

    async fn list_inventory_items(
        &self,
        request: Request<ListInventoryItemsRequest>,
    ) -> Answered<ListInventoryItemsResponse> {
        let (caller, body) = question(request)?;
        items::list(&self.0, &caller, &body).await
    }

    async fn create_warehouse(
        &self,
        request: Request<CreateWarehouseRequest>,
    ) -> Answered<WarehouseResponse> {
        let (asked, body) = asked(request)?;
        warehouses::create(&self.0, asked, body).await
    }

    async fn get_warehouse(&self, request: Request<GetWarehouseRequest>) -> Answered<WarehouseResponse> {
        let (_, body) = question(request)?;
        warehouses::get(&self.0, body).await
    }

    async fn update_warehouse(
        &self,
        request: Request<UpdateWarehouseRequest>,
    ) -> Answered<WarehouseResponse> {
        let (asked, body) = asked(request)?;
        warehouses::update(&self.0, asked, body).await
    }

    async fn list_warehouses(
        &self,
        request: Request<ListWarehousesRequest>,
    ) -> Answered<ListWarehousesResponse> {
        let (_, body) = question(request)?;
        warehouses::list(&self.0, &body).await
    }

    async fn add_inventory_to_location(
        &self,
        request: Request<AddInventoryToLocationRequest>,
    ) -> Answered<InventoryLocationResponse> {
        let (asked, body) = change(request)?;
        stock::add(&self.0, &asked, body).await
    }

    async fn remove_inventory_from_location(
        &self,
        request: Request<RemoveInventoryFromLocationRequest>,
    ) -> Answered<InventoryLocationResponse> {
        let (asked, body) = change(request)?;
        stock::remove(&self.0, &asked, body).await
    }

    async fn get_inventory_by_location(
        &self,
        request: Request<GetInventoryByLocationRequest>,
    ) -> Answered<ListInventoryLocationsResponse> {
        let (caller, body) = question(request)?;
        stock::at_warehouse(&self.0, &caller, &body).await
    }

    async fn reserve_inventory(
        &self,
        request: Request<ReserveInventoryRequest>,
    ) -> Answered<ReservationResponse> {
        let (asked, body) = change(request)?;
        reservations::reserve(&self.0, &asked, body).await
    }

    async fn confirm_reservation(
        &self,
        request: Request<ConfirmReservationRequest>,
    ) -> Answered<ReservationResponse> {
        let (asked, body) = change(request)?;
        reservations::confirm(&self.0, &asked, &body.reservation_id).await
    }

    async fn cancel_reservation(
        &self,
        request: Request<CancelReservationRequest>,
    ) -> Answered<ReservationResponse> {
        let (asked, body) = change(request)?;
        reservations::cancel(&self.0, &asked, &body.reservation_id).await
    }

    async fn check_inventory_availability(
        &self,
        request: Request<CheckInventoryAvailabilityRequest>,
    ) -> Answered<InventoryAvailabilityResponse> {
        let (caller, body) = question(request)?;
        availability::check(&self.0, &caller, body).await
    }

    async fn bulk_update_inventory(
        &self,
        request: Request<BulkUpdateInventoryRequest>,
    ) -> Answered<BulkUpdateInventoryResponse> {
        let (asked, body) = change(request)?;
        bulk::update(&self.0, &asked, body).await
    }
}

/// What a change is asked with, as over HTTP.
fn asked<T>(request: Request<T>) -> Result<(Asked, T), Status> {
    let (caller, key, if_match) = (caller(&request)?, idempotency_key(&request)?, if_match(&request)?);
    Ok((Asked { caller, key, if_match }, request.into_inner()))
}

/// A change of stock, if the caller's role allows any.
fn change<T>(request: Request<T>) -> Result<(Asked, T), Status> {
    let (asked, body) = asked(request)?;
    asked.caller.must_be(MAY_CHANGE)?;
    Ok((asked, body))
}

/// A question, if the caller's role allows any.
fn question<T>(request: Request<T>) -> Result<(Caller, T), Status> {
    let caller = caller(&request)?;
    caller.must_be(MAY_READ)?;
    Ok((caller, request.into_inner()))
}

/// The request for a command, under the caller's key and condition.
fn request(asked: &Asked, command: domain::Command) -> ledger::Request {
    let mut request = ledger::Request::new(command, by(&asked.caller));
    request.key.clone_from(&asked.key.0);
    request.if_match = asked.if_match.0;
    request
}

/// An answer, with the version of the item that it is about and whether it was given before.
fn answered<T>(message: T, version: Option<i64>, replayed: bool) -> Answered<T> {
    let mut response = Response::new(message);
    if let Some(etag) = version.and_then(|version| MetadataValue::try_from(format!("\"{version}\"")).ok()) {
        response.metadata_mut().insert("etag", etag);
    }
    if replayed {
        response.metadata_mut().insert("idempotent-replayed", MetadataValue::from_static("true"));
    }
    Ok(response)
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let problem = Problem::from(error);
        if TAKEN.contains(&problem.code()) { status(problem, Code::AlreadyExists) } else { problem.into() }
    }
}

impl App {
    /// Refuses what could not be answered, so that it is not done; but not what was done before.
    async fn unless_done(
        &self,
        request: &ledger::Request,
        sayable: Result<(), Status>,
    ) -> Result<(), Status> {
        let (Err(status), Some(key)) = (&sayable, &request.key) else { return sayable };
        let done = self.reader.has_answered(&request.by, key).await.map_err(Error::from)?;
        if done { Ok(()) } else { Err(status.clone()) }
    }

    /// The item that is called so, if the caller may see it.
    async fn kept(&self, caller: &Caller, called: &Called) -> Result<Kept, Error> {
        let kept = self.reader.kept(called, caller.owner_scope()).await?;
        kept.ok_or(Error::Refused(domain::Refusal::ItemUnknown))
    }

    /// All warehouses, the one to take from first in front.
    async fn warehouses(&self) -> Result<Vec<LocationView>, Error> {
        Ok(ledger::locations::list(&self.db).await?)
    }
}

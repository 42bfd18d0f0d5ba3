//! gRPC: the one question of older clients, `Inventory.Get`, and the live feed (`watch`).
//!
//! Thin: the same functions as `GET /v1/items/{item}` and `GET /v1/feed`, for the same roles.

mod watch;

use platform::grpc::caller;
use platform::hosting::Grpc;
use platform::problem::Problem;
use proto::get::inventory_server::{Inventory, InventoryServer};
use proto::get::{DESCRIPTORS, InventoryRequest, InventoryResponse};
use tonic::{Request, Response, Status};

use crate::App;
use crate::error::Error;
use crate::http::Asker;
use crate::levels::Freshness;

/// All calls of the service.
pub(crate) fn calls(app: App) -> Grpc {
    let server = InventoryServer::new(Questions(app.clone()));
    // The host bounds messages.
    let grpc = Grpc::default().add(server.max_decoding_message_size(usize::MAX), DESCRIPTORS);
    watch::add(grpc, app)
}

struct Questions(App);

#[tonic::async_trait]
impl Inventory for Questions {
    async fn get(&self, request: Request<InventoryRequest>) -> Result<Response<InventoryResponse>, Status> {
        let asker = Asker::of(caller(&request)?)?;
        let count = self.available(&request.get_ref().id, &asker).await.map_err(Problem::from)?;
        Ok(Response::new(InventoryResponse { count: count.to_string() }))
    }
}

impl Questions {
    async fn available(&self, name: &str, asker: &Asker) -> Result<i64, Error> {
        let known = self.0.levels.item(name, asker.owner(), Freshness::default()).await?;
        Ok(known.details()?.available)
    }
}

//! The dialect of clients that send deltas: `POST /api/v1/inventories`.
//!
//! Two spellings: `{"SKU", "deltaQuantity"}` and `{"sku", "change"}`. The quantity that is answered is what is
//! available over all locations.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::{Command, Delta, Name, Outside, Refusal, Shelf, Sku};
use platform::auth::Caller;
use platform::http::{Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::instruction::{Draft, Instruction};
use super::items::NewItemBody;
use super::names::Names;
use super::{Asked, MAY_CHANGE, MAY_READ, replayable};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change)).routes(routes!(read))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InventoryDelta {
    /// `sku` means the same.
    #[serde(rename = "SKU", alias = "sku")]
    #[schema(value_type = String)]
    sku: Sku,
    /// By how many, up or down, never 0. `change` means the same.
    #[serde(rename = "deltaQuantity", alias = "change")]
    #[schema(value_type = i64)]
    delta: Delta,
}

#[derive(Serialize, ToSchema)]
struct Inventory {
    #[serde(rename = "SKU")]
    sku: String,
    /// How many are available.
    quantity: i64,
}

/// Change how many there are of an SKU. One that is not known is created by a delta above zero.
#[utoipa::path(post, path = "/api/v1/inventories", tag = "older clients", request_body = InventoryDelta,
    responses(
    (status = 200, description = "How many there are after it", body = Inventory),
    (status = 404, description = "There is no such SKU to take from"),
    (status = 409, description = "There is not enough"),
))]
async fn change(
    State(app): State<App>,
    asked: Asked,
    Json(body): Json<InventoryDelta>,
) -> Result<Response, Error> {
    asked.caller.must_be(MAY_CHANGE)?;
    let InventoryDelta { sku, delta } = body;
    let item = match app.item(&asked.caller, sku.as_str()).await {
        Err(Error::Refused(Refusal::ItemUnknown)) if delta.get() > 0 => {
            app.begin(&asked.caller, sku.clone()).await?;
            app.item(&asked.caller, sku.as_str()).await?
        }
        found => found?,
    };
    let (against, shelf) = (Outside::Adjustment, Shelf::Available);
    let command = Command::Adjust { item: item.id, location: None, delta, against, shelf };
    let answer = app.writer.submit(asked.request(command)?).await?;
    let done = answer.outcome?;
    let quantity = done.items.first().map_or(0, |after| after.available);
    Ok(replayable(Json(Inventory { sku: item.sku, quantity }).into_response(), answer.replayed))
}

/// How many there are of an SKU.
#[utoipa::path(get, path = "/api/v1/inventories/{sku}", tag = "older clients",
    params(("sku" = String, Path)), responses(
    (status = 200, description = "How many there are", body = Inventory),
    (status = 404, description = "There is no such SKU"),
))]
async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(sku): Path<String>,
) -> Result<Json<Inventory>, Error> {
    caller.must_be(MAY_READ)?;
    let item = app.item(&caller, &sku).await?;
    let view = app.reader.item(item.id).await?.ok_or(Error::Refused(Refusal::ItemUnknown))?;
    Ok(Json(Inventory { sku: item.sku, quantity: view.available }))
}

impl App {
    /// Begins to keep an SKU, unless somebody was faster.
    async fn begin(&self, caller: &Caller, sku: Sku) -> Result<(), Error> {
        let name = Name::try_from(sku.to_string());
        let names = Names::default();
        let draft = Draft { app: self, caller, names: &names, key: None };
        // An SKU is always a name as well.
        let new = NewItemBody::bare(sku, name.unwrap_or_else(|error| unreachable!("{error}")));
        let request = Instruction::CreateItem(new).request(&draft, None)?;
        match self.writer.submit(request).await?.outcome {
            Ok(_) | Err(Refusal::SkuTaken { .. } | Refusal::ProductTaken { .. }) => Ok(()),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

//! Units of one item: take them in, correct them.

use axum::extract::State;
use axum::http::StatusCode;
use domain::{Command, Delta, Outside, Quantity};
use platform::http::{Json, Path};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::text::{Note, ReferenceBody};
use super::{Asked, Recorded};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(receive)).routes(routes!(adjust))
}

/// Goods that came in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReceiptBody {
    /// How many: 1 to 10^12.
    #[schema(value_type = i64, minimum = 1)]
    quantity: Quantity,
    /// Where, by id or code; the first location when absent.
    location: Option<String>,
    /// Why, for people.
    #[schema(value_type = Option<String>)]
    reason: Option<Note>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// A correction of what is available.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdjustmentBody {
    /// By how many: up or down to 10^12, never 0.
    #[schema(value_type = i64)]
    delta: Delta,
    /// Why, for people.
    #[schema(value_type = String)]
    reason: Note,
    /// Where, by id or code. When absent: up at the first location, down wherever there is some.
    location: Option<String>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// Take goods in.
#[utoipa::path(post, path = "/v1/items/{item}/receipts", tag = "stock", request_body = ReceiptBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 201, description = "Taken in: the command, and the item after it"),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "The location is not active, or a level would be too large"),
))]
async fn receive(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<ReceiptBody>,
) -> Result<Recorded, Error> {
    let item = app.item(&asked.caller, &item).await?.id;
    let location = app.location(body.location.as_deref()).await?;
    let command = Command::Receive { item, location, quantity: body.quantity, expected: false };
    let mut request = asked.request(command)?;
    request.reason = body.reason.map(Note::into_string);
    request.reference = body.reference.map(Into::into);
    Recorded::of(app.writer.submit(request).await?, StatusCode::CREATED)
}

/// Correct what is available by a delta.
#[utoipa::path(post, path = "/v1/items/{item}/adjustments", tag = "stock", request_body = AdjustmentBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 201, description = "Corrected: the command, and the item after it"),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "There is not enough available to take away"),
    (status = 412, description = "The item is not at the version that If-Match names"),
))]
async fn adjust(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<AdjustmentBody>,
) -> Result<Recorded, Error> {
    let item = app.item(&asked.caller, &item).await?.id;
    let location = app.location(body.location.as_deref()).await?;
    let command = Command::Adjust { item, location, delta: body.delta, against: Outside::Adjustment };
    let mut request = asked.request(command)?;
    request.reason = Some(body.reason.into_string());
    request.reference = body.reference.map(Into::into);
    Recorded::of(app.writer.submit(request).await?, StatusCode::CREATED)
}

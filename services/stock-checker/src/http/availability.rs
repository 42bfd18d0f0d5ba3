//! Availability of many lines.

use axum::extract::State;
use domain::Quantity;
use platform::http::Json;
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Asker;
use crate::App;
use crate::answers::Availability;
use crate::availability::{self, Line};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(check))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AvailabilityCheck {
    /// 1 to 500 of them.
    #[schema(min_items = 1, max_items = 500)]
    lines: Vec<LineCheck>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LineCheck {
    /// An item's id, product_id or SKU.
    item: String,
    #[schema(value_type = i64, minimum = 1)]
    quantity: Quantity,
    /// Where, by id or code; anywhere when not given.
    location: Option<String>,
}

/// Check whether there is enough of many items, all together.
#[utoipa::path(post, path = "/v1/availability", tag = "stock", request_body = AvailabilityCheck, responses(
    (status = 200, description = "Whether there is enough for each line, and for all", body = Availability),
    (status = 422, description = "There are no lines, or too many"),
    (status = 503, description = "There is too much to do; see Retry-After")))]
async fn check(
    asker: Asker,
    State(app): State<App>,
    Json(body): Json<AvailabilityCheck>,
) -> Result<Json<Availability>, Problem> {
    let line =
        |line: LineCheck| Line { item: line.item, quantity: line.quantity.into(), location: line.location };
    let lines = body.lines.into_iter().map(line).collect();
    Ok(Json(availability::check(&app.database, lines, asker.owner()).await?))
}

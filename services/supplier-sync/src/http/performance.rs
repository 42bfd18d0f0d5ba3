//! `/v1/suppliers/{id}/performance`: what became of the orders at a supplier.

use super::Reader;
use crate::App;
use crate::error::Error;
use crate::restock::{Performance, performance};
use crate::{store, suppliers};
use axum::extract::State;
use platform::http::{Json, Path};
use platform::problem::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(one))
}

/// Get what became of the orders at a supplier.
#[utoipa::path(get, path = "/v1/suppliers/{id}/performance", tag = "suppliers", params(("id" = String, Path)),
    responses((status = 200, description = "Its lead time, and how much of what was ordered came", body = Performance),
    (status = 404, description = "There is no such supplier")))]
async fn one(
    _: Reader,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Performance>, Problem> {
    suppliers::find(&app.db, &id).await?;
    Ok(Json(performance(&app.db, &id, store::now()).await.map_err(Error::from)?))
}

//! The audit, on demand.

use axum::extract::State;
use ledger::audit::Report;
use platform::auth::Caller;
use platform::http::Json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::operator;
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(audit))
}

/// Check every item against its ledger. It reads everything: on a large database it takes its time.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", responses(
    (status = 200, description = "What was looked at, and what does not agree: nothing on a sound database"),
))]
async fn audit(State(app): State<App>, caller: Caller) -> Result<Json<Report>, Error> {
    operator(&caller)?;
    Ok(Json(app.audit().await?))
}

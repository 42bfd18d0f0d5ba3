//! `/v1/restock-policies`: how an item is restocked.

use super::suppliers::tagged;
use super::{Reader, Write, Writer};
use crate::App;
use crate::error::Error;
use crate::restock::{self, NewPolicy, RestockPolicy};
use crate::store::entities::order;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use platform::http::{ETag, IdempotencyKey, IfMatch, Json, Path};
use platform::idempotency::Replayable;
use platform::problem::Problem;
use sea_orm::DatabaseTransaction;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(one, set, remove))
}

/// Get how an item is restocked.
#[utoipa::path(get, path = "/v1/restock-policies/{item}", tag = "restock orders", params(("item" = String, Path)),
    responses((status = 200, description = "The policy that counts", body = RestockPolicy),
    (status = 404, description = "There is no such item, or no event has told of it yet")))]
async fn one(_: Reader, State(app): State<App>, Path(item): Path<String>) -> Result<Response, Problem> {
    let item = restock::find_item(&app.db, &item).await?;
    let policy = restock::policy_of(&app.db, &item).await.map_err(Error::from)?;
    Ok((ETag(policy.version), Json(policy)).into_response())
}

/// Set how an item is restocked. An item that is short by it is ordered at once.
#[utoipa::path(put, path = "/v1/restock-policies/{item}", tag = "restock orders", params(("item" = String, Path)),
    request_body = NewPolicy, responses(
    (status = 200, description = "Set", body = RestockPolicy),
    (status = 404, description = "There is no such item, or no event has told of it yet"),
    (status = 412, description = "It was changed meanwhile"),
    (status = 422, description = "A value cannot be")))]
async fn set(
    Writer(caller): Writer,
    State(app): State<App>,
    Path(item): Path<String>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
    Json(new): Json<NewPolicy>,
) -> Result<Response, Problem> {
    let item = restock::find_item(&app.db, &item).await?.item_id;
    let write = Write { app: &app, caller, key, route: format!("PUT /v1/restock-policies/{item}") };
    let body = (version, new.clone());
    let set = async |tx: &DatabaseTransaction| restock::set_policy(&app, tx, item, version, new).await;
    changed(&app, write.once(&body, StatusCode::OK, async |tx| Ok(told(set(tx).await?))).await?)
}

/// Take an item's own policy away: what the item itself says counts again.
#[utoipa::path(delete, path = "/v1/restock-policies/{item}", tag = "restock orders",
    params(("item" = String, Path)), responses(
    (status = 200, description = "Taken away; the policy that counts now", body = RestockPolicy),
    (status = 404, description = "There is no such item, or no event has told of it yet"),
    (status = 412, description = "It was changed meanwhile")))]
async fn remove(
    Writer(caller): Writer,
    State(app): State<App>,
    Path(item): Path<String>,
    IfMatch(version): IfMatch,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let item = restock::find_item(&app.db, &item).await?.item_id;
    let write = Write { app: &app, caller, key, route: format!("DELETE /v1/restock-policies/{item}") };
    let remove = async |tx: &DatabaseTransaction| restock::remove_policy(&app, tx, item, version).await;
    changed(&app, write.once(&version, StatusCode::OK, async |tx| Ok(told(remove(tx).await?))).await?)
}

fn told((policy, order): (RestockPolicy, Option<order::Model>)) -> RestockPolicy {
    if let Some(order) = order {
        tracing::info!(order = %order.id, sku = order.sku, quantity = order.quantity, "a policy planned an order");
    }
    policy
}

fn changed(app: &App, written: Replayable) -> Result<Response, Problem> {
    // There may be an order.
    app.wake_for_order();
    Ok(tagged(written))
}

//! One item: all of it, or its levels alone.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use platform::http::{ETag, Json, Path, Query};
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Asker, parameters};
use crate::App;
use crate::answers::{ItemDetails, ItemLevels};
use crate::levels::{Known, Source};

/// Says where an answer is from: `cache` or `database`.
const SOURCE: HeaderName = HeaderName::from_static("x-onhand-source");

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(item)).routes(routes!(levels))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ItemQuery {
    /// Answer nothing older than this version, such as one that a write answered.
    #[param(minimum = 0)]
    min_version: Option<i64>,
    /// As it was at this time: what a reader would have been answered then.
    at: Option<DateTime<Utc>>,
    /// As the books were at this version.
    #[param(minimum = 1)]
    version: Option<i64>,
}

/// Get an item with its levels.
#[utoipa::path(get, path = "/v1/items/{item}", tag = "items",
    params(("item" = String, Path, description = "Its id, product_id or SKU"), ItemQuery), responses(
    (status = 200, description = "The item; its version is the ETag", body = ItemDetails),
    (status = 404, description = "There is no such item, or not then, or no such version"),
    (status = 409, description = "The name stands for several items"),
    (status = 422, description = "That time has not come yet"),
    (status = 503, description = "min_version is not here yet, or there is too much to do; see Retry-After")))]
async fn item(
    asker: Asker,
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<ItemQuery>,
) -> Result<impl IntoResponse, Problem> {
    let known = known(&asker, &app, &name, &query).await?;
    Ok((head(&known), [(header::CONTENT_TYPE, "application/json")], known.json))
}

/// Get an item's levels alone.
#[utoipa::path(get, path = "/v1/items/{item}/levels", tag = "items",
    params(("item" = String, Path, description = "Its id, product_id or SKU"), ItemQuery), responses(
    (status = 200, description = "Its levels; its version is the ETag", body = ItemLevels),
    (status = 404, description = "There is no such item, or not then, or no such version"),
    (status = 409, description = "The name stands for several items"),
    (status = 422, description = "That time has not come yet"),
    (status = 503, description = "min_version is not here yet, or there is too much to do; see Retry-After")))]
async fn levels(
    asker: Asker,
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<ItemQuery>,
) -> Result<impl IntoResponse, Problem> {
    let known = known(&asker, &app, &name, &query).await?;
    Ok((head(&known), Json(ItemLevels::from(known.details()?))))
}

async fn known(asker: &Asker, app: &App, name: &str, query: &ItemQuery) -> Result<Known, Problem> {
    let min_version = query.min_version.unwrap_or(0);
    if min_version < 0 {
        let problem =
            Problem::new(StatusCode::BAD_REQUEST, "min-version-invalid", "There is no such version");
        return Err(problem.detail(format!("min_version must be 0 or more, not {min_version}")));
    }
    let Some(moment) = parameters::moment(query.at, query.version)? else {
        return Ok(app.levels.item(name, asker.owner(), min_version).await?);
    };
    if query.min_version.is_some() {
        return Err(parameters::invalid("min_version", "is about the present, and at and version are not"));
    }
    let id = app.item(asker, name).await?;
    let past = app.database.ask(app.database.reader.item_at(id, moment)).await?;
    Ok(Known::read(past)?)
}

fn head(known: &Known) -> (ETag, [(HeaderName, &'static str); 1]) {
    let source = match known.source {
        Source::Cache => "cache",
        Source::Database => "database",
    };
    (ETag(known.version), [(SOURCE, source)])
}

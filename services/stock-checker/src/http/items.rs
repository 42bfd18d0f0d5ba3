//! One item: all of it, or its levels alone.
//!
//! **Invariant.** What is answered from the cache is sent as it lies there: nothing is parsed, nothing written anew.

use axum::extract::{FromRequestParts, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use platform::http::{ETag, IfNoneMatch, JSON, Path, Query};
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Asker, parameters};
use crate::App;
use crate::answers::{ItemDetails, ItemLevels};
use crate::levels::{Freshness, Known, Source};

/// Says where an answer is from: `cache` or `database`.
const SOURCE: HeaderName = HeaderName::from_static("x-onhand-source");

/// How new an answer has to be: `strong`, or as the query says.
const CONSISTENCY: HeaderName = HeaderName::from_static("consistency");

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
    params(("item" = String, Path, description = "Its id, product_id or SKU"), ItemQuery,
        ("Consistency" = Option<String>, Header, description = "strong: answer with all that was committed before"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that you have")), responses(
    (status = 200, description = "The item; its version is the ETag", body = ItemDetails),
    (status = 304, description = "It is as the version that If-None-Match names"),
    (status = 404, description = "There is no such item, or not then, or no such version"),
    (status = 409, description = "The name stands for several items"),
    (status = 422, description = "That time has not come yet"),
    (status = 503, description = "min_version is not here yet, strong reads are not to be had, or there is too much to \
        do; see Retry-After")))]
async fn item(
    asker: Asker,
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<ItemQuery>,
    Reader { strong, has }: Reader,
) -> Result<Response, Problem> {
    let known = known(&asker, &app, &name, &query, strong).await?;
    Ok(answer(&known, &query, &has, Known::item))
}

/// Get an item's levels alone.
#[utoipa::path(get, path = "/v1/items/{item}/levels", tag = "items",
    params(("item" = String, Path, description = "Its id, product_id or SKU"), ItemQuery,
        ("Consistency" = Option<String>, Header, description = "strong: answer with all that was committed before"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer that you have")), responses(
    (status = 200, description = "Its levels; its version is the ETag", body = ItemLevels),
    (status = 304, description = "It is as the version that If-None-Match names"),
    (status = 404, description = "There is no such item, or not then, or no such version"),
    (status = 409, description = "The name stands for several items"),
    (status = 422, description = "That time has not come yet"),
    (status = 503, description = "min_version is not here yet, strong reads are not to be had, or there is too much to \
        do; see Retry-After")))]
async fn levels(
    asker: Asker,
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<ItemQuery>,
    Reader { strong, has }: Reader,
) -> Result<Response, Problem> {
    let known = known(&asker, &app, &name, &query, strong).await?;
    Ok(answer(&known, &query, &has, Known::levels))
}

/// What the headers say of who reads.
struct Reader {
    /// Nothing that was committed before may be missing.
    strong: bool,
    /// What they have already.
    has: IfNoneMatch,
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Reader, Problem> {
        let mut values = parts.headers.get_all(CONSISTENCY).iter();
        let strong = match (values.next().map(HeaderValue::as_bytes), values.next()) {
            (None, _) => false,
            (Some(b"strong"), None) => true,
            _ => {
                let title = "Consistency is not right";
                let problem = Problem::new(StatusCode::BAD_REQUEST, "consistency-invalid", title);
                return Err(problem.detail("Consistency is strong, or is left out"));
            }
        };
        let has = IfNoneMatch::from_request_parts(parts, state).await?;
        Ok(Reader { strong, has })
    }
}

async fn known(
    asker: &Asker,
    app: &App,
    name: &str,
    query: &ItemQuery,
    strong: bool,
) -> Result<Known, Problem> {
    let min_version = query.min_version.unwrap_or(0);
    if min_version < 0 {
        let problem =
            Problem::new(StatusCode::BAD_REQUEST, "min-version-invalid", "There is no such version");
        return Err(problem.detail(format!("min_version must be 0 or more, not {min_version}")));
    }
    let Some(moment) = parameters::moment(query.at, query.version)? else {
        return Ok(app.levels.item(name, asker.owner(), Freshness { min_version, strong }).await?);
    };
    let present = [("min_version", query.min_version.is_some()), ("Consistency", strong)];
    if let Some((name, _)) = present.into_iter().find(|(_, given)| *given) {
        return Err(parameters::invalid(name, "is about the present, and at and version are not"));
    }
    let id = app.item(asker, name).await?;
    let past = app.database.ask(app.database.reader.item_at(id, moment)).await?;
    Ok(Known::read(past)?)
}

/// What they ask for, unless they have it. A moment of the past has no tag of its own: it is sent.
fn answer(known: &Known, query: &ItemQuery, has: &IfNoneMatch, body: fn(&Known) -> Bytes) -> Response {
    let source = match known.source {
        Source::Cache => HeaderValue::from_static("cache"),
        Source::Database => HeaderValue::from_static("database"),
    };
    let head = (ETag(known.version), [(SOURCE, source)]);
    let is_present = query.at.is_none() && query.version.is_none();
    if is_present && known.is_as_recorded() && has.version(known.version) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))];
    (head, media_type, body(known)).into_response()
}

//! Many items: lists by SKU, and the overview.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use domain::{MAX_UNITS, Name};
use ledger::ItemFilter;
use platform::http::{Json, Query};
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Asker;
use super::page::Page;
use crate::App;
use crate::answers::{ItemPage, StockOverview};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(items)).routes(routes!(low_stock)).routes(routes!(overview))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ItemsQuery {
    /// Only this owner's.
    #[param(value_type = Option<String>)]
    owner: Option<Name>,
    /// Only those that may be promised.
    #[serde(default)]
    active_only: bool,
    /// 1 to 500; 100 when not given.
    limit: Option<u64>,
    /// A `next_cursor`.
    cursor: Option<String>,
}

/// List items, by SKU.
#[utoipa::path(get, path = "/v1/items", tag = "items", params(ItemsQuery), responses(
    (status = 200, description = "A page of items", body = ItemPage)))]
async fn items(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<ItemsQuery>,
) -> Result<Json<ItemPage>, Problem> {
    let page = Page::asked("items", query.limit, query.cursor.as_deref())?;
    let filter = asker.items_of(query.owner.as_ref());
    let filter = filter.map(|filter| ItemFilter { active_only: query.active_only, ..filter });
    Ok(Json(page.of(&app, filter).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct LowStockQuery {
    /// Those with fewer available; those at or below their reorder point when not given.
    #[param(minimum = 0)]
    threshold: Option<i64>,
    /// Only this owner's.
    #[param(value_type = Option<String>)]
    owner: Option<Name>,
    /// 1 to 500; 100 when not given.
    limit: Option<u64>,
    /// A `next_cursor`.
    cursor: Option<String>,
}

/// List active items of which there is little, by SKU.
#[utoipa::path(get, path = "/v1/low-stock", tag = "stock", params(LowStockQuery), responses(
    (status = 200, description = "A page of items", body = ItemPage)))]
async fn low_stock(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<LowStockQuery>,
) -> Result<Json<ItemPage>, Problem> {
    let page = Page::asked("low-stock", query.limit, query.cursor.as_deref())?;
    let below = query.threshold.map(units).transpose()?;
    let filter = asker.items_of(query.owner.as_ref()).map(|filter| ItemFilter {
        active_only: true,
        below,
        at_reorder_point: below.is_none(),
        ..filter
    });
    Ok(Json(page.of(&app, filter).await?))
}

fn units(threshold: i64) -> Result<i64, Problem> {
    if (0..=MAX_UNITS).contains(&threshold) {
        return Ok(threshold);
    }
    Err(Problem::new(StatusCode::BAD_REQUEST, "threshold-invalid", "The threshold is not right")
        .detail(format!("threshold must be 0 to {MAX_UNITS}, not {threshold}")))
}

/// Takes no parameter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Get counts over all items.
#[utoipa::path(get, path = "/v1/overview", tag = "stock", responses(
    (status = 200, description = "The counts, at most a moment old", body = StockOverview)))]
async fn overview(
    asker: Asker,
    State(app): State<App>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<Arc<StockOverview>>, Problem> {
    Ok(Json(app.overviews.of(asker.owner()).await?))
}

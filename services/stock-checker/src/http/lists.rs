//! Many items: lists of them, and the overview.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use domain::{MAX_UNITS, Name, Sku};
use ledger::{ItemFilter, Order, Range, SortKey, Standing};
use platform::http::{Json, Query};
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::page::{self, Page};
use super::{Asker, parameters};
use crate::App;
use crate::answers::{ItemPage, StockOverview};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(items)).routes(routes!(low_stock)).routes(routes!(overview))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ItemsQuery {
    /// In the SKU, the product id or the name, in capitals or not; of one or two characters, at its beginning.
    #[param(min_length = 1, max_length = 200)]
    search: Option<String>,
    /// Only this owner's.
    #[param(value_type = Option<String>)]
    owner: Option<Name>,
    /// Only those ordered from this supplier.
    #[param(value_type = Option<String>)]
    supplier: Option<Sku>,
    /// Only those that are, or were, kept at this location, by id or code.
    location: Option<String>,
    /// in_stock, low_stock, out_of_stock, inactive: one or several, separated by commas.
    status: Option<String>,
    /// Only those that may be promised.
    #[serde(default)]
    active_only: bool,
    /// So many available, or more.
    #[param(minimum = 0)]
    available_min: Option<i64>,
    /// So many available, or fewer.
    #[param(minimum = 0)]
    available_max: Option<i64>,
    /// So many on the shelf, or more.
    #[param(minimum = 0)]
    on_hand_min: Option<i64>,
    /// So many on the shelf, or fewer.
    #[param(minimum = 0)]
    on_hand_max: Option<i64>,
    /// What they are sorted by.
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    /// Which way round.
    #[serde(default)]
    #[param(inline)]
    order: Way,
    /// 1 to 500; 100 when not given.
    limit: Option<u64>,
    /// A `next_cursor` of the same list: sorted and filtered as before.
    cursor: Option<String>,
}

/// What items are sorted by; those that are the same in it go by SKU.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Sort {
    #[default]
    Sku,
    Name,
    Available,
    Updated,
}

/// Which way round.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Way {
    #[default]
    Asc,
    Desc,
}

impl ItemsQuery {
    fn order(&self) -> Order {
        let by = match self.sort {
            Sort::Sku => SortKey::Sku,
            Sort::Name => SortKey::Name,
            Sort::Available => SortKey::Available,
            Sort::Updated => SortKey::Updated,
        };
        Order { by, descending: matches!(self.order, Way::Desc) }
    }
}

/// List items: search, filter, sort.
#[utoipa::path(get, path = "/v1/items", tag = "items", params(ItemsQuery), responses(
    (status = 200, description = "A page of items", body = ItemPage),
    (status = 404, description = "There is no such location"),
    (status = 503, description = "There is too much to do; see Retry-After")))]
async fn items(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<ItemsQuery>,
) -> Result<Json<ItemPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let order = query.order();
    let asked = ItemFilter {
        supplier: query.supplier.map(String::from),
        text: parameters::search(query.search)?,
        standings: parameters::standings(query.status.as_deref())?,
        active_only: query.active_only,
        available: parameters::range(
            ["available_min", "available_max"],
            query.available_min,
            query.available_max,
        )?,
        on_hand: parameters::range(["on_hand_min", "on_hand_max"], query.on_hand_min, query.on_hand_max)?,
        // Last, for the others cost nothing.
        location: parameters::location(&app, query.location.as_deref()).await?,
        owner: None,
    };
    let filter = asker.items_of(query.owner.as_ref(), asked);
    let page = Page::asked("items", limit, query.cursor.as_deref(), filter, order)?;
    Ok(Json(page.of(&app).await?))
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
    /// Only those ordered from this supplier.
    #[param(value_type = Option<String>)]
    supplier: Option<Sku>,
    /// Only those that are, or were, kept at this location, by id or code. What there is is counted everywhere.
    location: Option<String>,
    /// 1 to 500; 100 when not given.
    limit: Option<u64>,
    /// A `next_cursor` of the same list.
    cursor: Option<String>,
}

/// List active items of which there is little, by SKU.
#[utoipa::path(get, path = "/v1/low-stock", tag = "stock", params(LowStockQuery), responses(
    (status = 200, description = "A page of items", body = ItemPage),
    (status = 404, description = "There is no such location"),
    (status = 503, description = "There is too much to do; see Retry-After")))]
async fn low_stock(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<LowStockQuery>,
) -> Result<Json<ItemPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let below = query.threshold.map(units).transpose()?;
    let little = match below {
        // There is none with fewer than nothing.
        Some(below) => ItemFilter {
            active_only: true,
            available: Range { min: None, max: Some(below - 1) },
            ..ItemFilter::default()
        },
        None => {
            let standings = vec![Standing::LowStock, Standing::OutOfStock];
            ItemFilter { standings, ..ItemFilter::default() }
        }
    };
    let asked = ItemFilter {
        supplier: query.supplier.map(String::from),
        location: parameters::location(&app, query.location.as_deref()).await?,
        ..little
    };
    let filter = asker.items_of(query.owner.as_ref(), asked);
    let page = Page::asked("low-stock", limit, query.cursor.as_deref(), filter, Order::default())?;
    Ok(Json(page.of(&app).await?))
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

//! The dialect of older clients: `/stock/…`, without a version.
//!
//! Thin: the same functions as `/v1`, other words. A product there is an item here: `id` is its product id,
//! `stock` what is available over all locations. A supplier that was not heard of yet is called by its id. Errors
//! are `{"detail": "…"}`; unknown query parameters are passed over, and booleans are read as those clients write
//! them.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ledger::{ItemFilter, ItemQuery, Listed, Range};
use platform::http::{Json, Path, Query};
use platform::problem::Problem;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Asker;
use crate::App;
use crate::answers::ItemDetails;
use crate::error::Error;
use crate::levels::Freshness;

/// These lists have no cursor. What is beyond, by SKU, is left out: `/v1` has pages.
const MAX_PRODUCTS: u64 = 10_000;

/// Fewer available than this is `LOW`, and little when nobody says what little is.
const LOW: i64 = 10;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(product)).routes(routes!(low)).routes(routes!(status))
}

/// An error in the old words.
struct Detail(Problem);

impl IntoResponse for Detail {
    fn into_response(self) -> Response {
        let body: Value = serde_json::from_str(&self.0.body()).unwrap_or_default();
        let detail = match self.0.code() {
            "item-unknown" => json!("Product not found"),
            _ => body["detail"].clone(),
        };
        // Status and headers, such as Retry-After, are the problem's.
        let mut response = self.0.into_response();
        *response.body_mut() = json!({ "detail": detail }).to_string().into();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl From<Problem> for Detail {
    fn from(problem: Problem) -> Detail {
        Detail(problem)
    }
}

impl From<Error> for Detail {
    fn from(error: Error) -> Detail {
        Detail(error.into())
    }
}

#[derive(Serialize, ToSchema)]
struct OldProduct {
    id: String,
    name: String,
    stock: i64,
    supplier_id: Option<String>,
    supplier_name: Option<String>,
}

impl From<ItemDetails> for OldProduct {
    fn from(item: ItemDetails) -> OldProduct {
        OldProduct {
            id: item.product_id,
            name: item.name,
            stock: item.available,
            supplier_name: item.supplier_name.or_else(|| item.supplier_id.clone()),
            supplier_id: item.supplier_id,
        }
    }
}

impl From<Listed> for OldProduct {
    fn from(item: Listed) -> OldProduct {
        OldProduct {
            id: item.product_id,
            name: item.name,
            stock: item.available,
            supplier_name: item.supplier_name.or_else(|| item.supplier_id.clone()),
            supplier_id: item.supplier_id,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct OldStatus {
    id: String,
    name: String,
    stock: i64,
    status: OldWord,
    supplier_name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum OldWord {
    Ok,
    Low,
}

impl From<Listed> for OldStatus {
    fn from(item: Listed) -> OldStatus {
        OldStatus {
            id: item.product_id,
            name: item.name,
            stock: item.available,
            status: if item.available < LOW { OldWord::Low } else { OldWord::Ok },
            supplier_name: item.supplier_name.or(item.supplier_id),
        }
    }
}

/// Get a product's stock.
#[utoipa::path(get, path = "/stock/product/{product_id}", tag = "stock (older clients)",
    params(("product_id" = String, Path)), responses(
    (status = 200, description = "The product", body = OldProduct),
    (status = 404, description = "There is no such product")))]
async fn product(
    asker: Result<Asker, Problem>,
    State(app): State<App>,
    path: Result<Path<String>, Problem>,
) -> Result<Json<OldProduct>, Detail> {
    let (asker, Path(name)) = (asker?, path?);
    let known = app.levels.item(&name, asker.owner(), Freshness::default()).await?;
    Ok(Json(known.details()?.into()))
}

#[derive(Deserialize, IntoParams)]
struct LowQuery {
    /// Those with less stock.
    #[serde(default = "low_by_default")]
    threshold: i64,
}

fn low_by_default() -> i64 {
    LOW
}

/// List active products with little stock.
#[utoipa::path(get, path = "/stock/low", tag = "stock (older clients)", params(LowQuery), responses(
    (status = 200, description = "The products, 10,000 at most", body = Vec<OldProduct>)))]
async fn low(
    asker: Result<Asker, Problem>,
    State(app): State<App>,
    query: Result<Query<LowQuery>, Problem>,
) -> Result<Json<Vec<OldProduct>>, Detail> {
    let (asker, Query(query)) = (asker?, query?);
    list(&asker, &app, true, Some(query.threshold)).await
}

#[derive(Deserialize, IntoParams)]
struct StatusQuery {
    #[serde(default = "yes", deserialize_with = "flag")]
    active_only: bool,
}

fn yes() -> bool {
    true
}

/// As Python's clients write it.
fn flag<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    match String::deserialize(value)?.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        other => Err(serde::de::Error::custom(format!("`{other}` is not true or false"))),
    }
}

/// List products with a word for their stock.
#[utoipa::path(get, path = "/stock/status", tag = "stock (older clients)", params(StatusQuery), responses(
    (status = 200, description = "The products, 10,000 at most", body = Vec<OldStatus>)))]
async fn status(
    asker: Result<Asker, Problem>,
    State(app): State<App>,
    query: Result<Query<StatusQuery>, Problem>,
) -> Result<Json<Vec<OldStatus>>, Detail> {
    let (asker, Query(query)) = (asker?, query?);
    list(&asker, &app, query.active_only, None).await
}

async fn list<T: From<Listed>>(
    asker: &Asker,
    app: &App,
    active_only: bool,
    below: Option<i64>,
) -> Result<Json<Vec<T>>, Detail> {
    let available = Range { min: None, max: below.map(|below| below.saturating_sub(1)) };
    let filter = ItemFilter { active_only, available, ..asker.items() };
    let query = ItemQuery { filter, limit: MAX_PRODUCTS, ..ItemQuery::default() };
    let found = app.database.items(&query).await?;
    Ok(Json(found.items.into_iter().map(T::from).collect()))
}

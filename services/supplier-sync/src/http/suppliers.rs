//! `/v1/suppliers`: suppliers and their catalogs.

use super::{Reader, Write, Writer, page};
use crate::App;
use crate::error::Error;
use crate::restock::{Performance, performance};
use crate::store::{self, catalog, entities::product};
use crate::suppliers::{self, NewSupplier, Supplier, SupplierPatch};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use platform::http::{ETag, IdempotencyKey, IfMatch, Json, Path, Query};
use platform::idempotency::Replayable;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most units that a pack or a minimum order may have.
const MAX_TERMS: i64 = 1_000_000_000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(one, change))
        .routes(routes!(products))
        .routes(routes!(set_terms))
}

/// Register a supplier.
#[utoipa::path(post, path = "/v1/suppliers", tag = "suppliers", request_body = NewSupplier, responses(
    (status = 201, description = "Registered", body = Supplier),
    (status = 409, description = "Its id is taken"),
    (status = 422, description = "A value cannot be, or the address is refused")))]
async fn create(
    Writer(caller): Writer,
    State(app): State<App>,
    key: IdempotencyKey,
    Json(new): Json<NewSupplier>,
) -> Result<Response, Problem> {
    let write = Write { app: &app, caller, key, route: "POST /v1/suppliers".to_owned() };
    let body = serde_json::to_value(&new).map_err(Error::from)?;
    let written = write.once(&body, StatusCode::CREATED, async |tx| suppliers::register(&app, tx, new).await);
    Ok(tagged(written.await?))
}

/// Adds the version that an answer names as its ETag, also when it is answered again.
pub(super) fn tagged(written: Replayable) -> Response {
    #[derive(Deserialize)]
    struct Versioned {
        version: i64,
    }
    let version = serde_json::from_str::<Versioned>(&written.answer.body);
    match version {
        Ok(Versioned { version }) => (ETag(version), written).into_response(),
        Err(_) => written.into_response(),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ActivePage {
    /// Only active ones, or only inactive ones.
    active: Option<bool>,
    /// 1 to 500.
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct SupplierPage {
    suppliers: Vec<Supplier>,
    next_cursor: Option<String>,
}

/// List suppliers, by id.
#[utoipa::path(get, path = "/v1/suppliers", tag = "suppliers", params(ActivePage), responses(
    (status = 200, description = "A page of suppliers", body = SupplierPage)))]
async fn list(
    _: Reader,
    State(app): State<App>,
    Query(query): Query<ActivePage>,
) -> Result<Json<SupplierPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::after("suppliers", query.cursor.as_deref())?;
    let found =
        store::suppliers::list(&app.db, query.active, after.as_deref(), limit).await.map_err(Error::from)?;
    let full = found.len() as u64 == limit;
    let next_cursor = found.last().filter(|_| full).map(|last| page::cursor("suppliers", &last.id));
    let suppliers = found.into_iter().map(suppliers::shown).collect::<Result<_, _>>()?;
    Ok(Json(SupplierPage { suppliers, next_cursor }))
}

/// Get a supplier.
#[utoipa::path(get, path = "/v1/suppliers/{id}", tag = "suppliers", params(("id" = String, Path)), responses(
    (status = 200, description = "The supplier; its version is the ETag", body = SupplierInFull),
    (status = 404, description = "There is no such supplier")))]
async fn one(_: Reader, State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let supplier = suppliers::find(&app.db, &id).await?;
    let performance = performance(&app.db, &id, store::now()).await.map_err(Error::from)?;
    let version = supplier.version;
    let shown = SupplierInFull { supplier: suppliers::shown(supplier)?, performance };
    Ok((ETag(version), Json(shown)).into_response())
}

/// A supplier, and what became of the orders at it.
#[derive(Serialize, ToSchema)]
struct SupplierInFull {
    #[serde(flatten)]
    supplier: Supplier,
    performance: Performance,
}

/// Change a supplier.
#[utoipa::path(patch, path = "/v1/suppliers/{id}", tag = "suppliers", params(("id" = String, Path)),
    request_body = SupplierPatch, responses(
    (status = 200, description = "Changed", body = Supplier),
    (status = 404, description = "There is no such supplier"),
    (status = 412, description = "It is not at the version of If-Match"),
    (status = 422, description = "A value cannot be, or the address is refused")))]
async fn change(
    Writer(caller): Writer,
    State(app): State<App>,
    Path(id): Path<String>,
    key: IdempotencyKey,
    IfMatch(version): IfMatch,
    Json(patch): Json<SupplierPatch>,
) -> Result<Response, Problem> {
    let write = Write { app: &app, caller, key, route: format!("PATCH /v1/suppliers/{id} {version:?}") };
    let body = serde_json::to_value(&patch).map_err(Error::from)?;
    let written =
        write.once(&body, StatusCode::OK, async |tx| suppliers::change(&app, tx, &id, version, patch).await);
    Ok(tagged(written.await?))
}

/// A product in a supplier's catalog.
#[derive(Serialize, ToSchema)]
struct Product {
    supplier_id: String,
    product_id: String,
    supplier_sku: String,
    sku: String,
    name: String,
    /// Of one unit, as decimal text.
    cost: Option<String>,
    pack_size: i64,
    minimum_order: i64,
    /// What the supplier says that it has.
    supplier_stock: Option<i64>,
    active: bool,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize, ToSchema)]
struct ProductPage {
    products: Vec<Product>,
    next_cursor: Option<String>,
}

/// List a supplier's catalog, by product id.
#[utoipa::path(get, path = "/v1/suppliers/{id}/catalog", tag = "suppliers",
    params(("id" = String, Path), ActivePage), responses(
    (status = 200, description = "A page of products", body = ProductPage),
    (status = 404, description = "There is no such supplier")))]
async fn products(
    _: Reader,
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<ActivePage>,
) -> Result<Json<ProductPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = page::after("catalog", query.cursor.as_deref())?;
    suppliers::find(&app.db, &id).await?;
    let found =
        catalog::list(&app.db, &id, query.active, after.as_deref(), limit).await.map_err(Error::from)?;
    let full = found.len() as u64 == limit;
    let next_cursor = found.last().filter(|_| full).map(|last| page::cursor("catalog", &last.product_id));
    Ok(Json(ProductPage { products: found.into_iter().map(Product::from).collect(), next_cursor }))
}

impl From<product::Model> for Product {
    fn from(product: product::Model) -> Product {
        Product {
            supplier_id: product.supplier_id,
            product_id: product.product_id,
            supplier_sku: product.supplier_sku,
            sku: product.sku,
            name: product.name,
            cost: product.cost,
            pack_size: product.pack_size,
            minimum_order: product.minimum_order,
            supplier_stock: product.supplier_stock,
            active: product.active,
            updated_at: product.updated_at,
        }
    }
}

/// How a product is sold. What is left out stays.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TermsPatch {
    /// Orders are whole packs.
    pack_size: Option<i64>,
    /// The fewest units that the supplier takes an order for.
    minimum_order: Option<i64>,
}

/// Set how a product is sold.
#[utoipa::path(patch, path = "/v1/suppliers/{id}/catalog/{product_id}", tag = "suppliers",
    params(("id" = String, Path), ("product_id" = String, Path)), request_body = TermsPatch, responses(
    (status = 200, description = "Set", body = Product),
    (status = 404, description = "There is no such supplier or product"),
    (status = 422, description = "A value cannot be")))]
async fn set_terms(
    Writer(caller): Writer,
    State(app): State<App>,
    Path((id, product_id)): Path<(String, String)>,
    key: IdempotencyKey,
    Json(patch): Json<TermsPatch>,
) -> Result<Replayable, Problem> {
    for (field, units) in [("pack_size", patch.pack_size), ("minimum_order", patch.minimum_order)] {
        if units.is_some_and(|units| !(1..=MAX_TERMS).contains(&units)) {
            return Err(Error::invalid(field, format!("must be 1 to {MAX_TERMS}")).into());
        }
    }
    let write =
        Write { app: &app, caller, key, route: format!("PATCH /v1/suppliers/{id}/catalog/{product_id}") };
    let written = write.once(&patch, StatusCode::OK, async |tx| {
        suppliers::find(tx, &id).await?;
        catalog::set_terms(tx, (&id, &product_id), patch.pack_size, patch.minimum_order, store::now())
            .await?;
        let product = catalog::find(tx, &id, &product_id).await?;
        product
            .map(Product::from)
            .ok_or(Error::ProductUnknown { supplier_id: id.clone(), product_id: product_id.clone() })
    });
    written.await
}

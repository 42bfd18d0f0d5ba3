//! `/v1/suppliers/{id}/catalog/{product_id}/price-breaks`: lower prices for more.

use super::{Reader, Write, Writer};
use crate::App;
use crate::error::Error;
use crate::store::{catalog, price_breaks};
use crate::suppliers;
use axum::extract::State;
use axum::http::StatusCode;
use domain::MAX_UNITS;
use platform::http::{IdempotencyKey, Json, Path};
use platform::idempotency::Replayable;
use platform::problem::Problem;
use rust_decimal::Decimal;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The most price breaks of a product: price lists have a handful.
const MAX_BREAKS: usize = 20;
/// The dearest unit, and the most decimals of its price: the price of 10^12 of them still is a number.
const MAX_UNIT_COST: i64 = 1_000_000_000;
const MAX_DECIMALS: u32 = 6;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, replace))
}

/// From so many units on, one costs this.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PriceBreak {
    /// At least 2: the price of one is the catalog's.
    quantity: i64,
    /// Decimal text, such as `8.50`.
    unit_cost: String,
}

/// All price breaks of a product.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PriceBreaks {
    /// At most 20, each of another quantity.
    price_breaks: Vec<PriceBreak>,
}

/// List a product's price breaks, the smallest first.
#[utoipa::path(get, path = "/v1/suppliers/{id}/catalog/{product_id}/price-breaks", tag = "suppliers",
    params(("id" = String, Path), ("product_id" = String, Path)), responses(
    (status = 200, description = "The price breaks", body = PriceBreaks),
    (status = 404, description = "There is no such supplier or product")))]
async fn list(
    _: Reader,
    State(app): State<App>,
    Path((id, product_id)): Path<(String, String)>,
) -> Result<Json<PriceBreaks>, Problem> {
    known(&app.db, &id, &product_id).await?;
    Ok(Json(shown(&app.db, &id, &product_id).await?))
}

/// Set a product's price breaks: these, and no others. An order is raised to one when it then costs less in all.
#[utoipa::path(put, path = "/v1/suppliers/{id}/catalog/{product_id}/price-breaks", tag = "suppliers",
    params(("id" = String, Path), ("product_id" = String, Path)), request_body = PriceBreaks, responses(
    (status = 200, description = "Set", body = PriceBreaks),
    (status = 404, description = "There is no such supplier or product"),
    (status = 422, description = "A value cannot be")))]
async fn replace(
    Writer(caller): Writer,
    State(app): State<App>,
    Path((id, product_id)): Path<(String, String)>,
    key: IdempotencyKey,
    Json(new): Json<PriceBreaks>,
) -> Result<Replayable, Problem> {
    let breaks = checked(&new)?;
    let route = format!("PUT /v1/suppliers/{id}/catalog/{product_id}/price-breaks");
    let write = Write { app: &app, caller, key, route };
    let written = write.once(&new, StatusCode::OK, async |tx| {
        suppliers::find(tx, &id).await?;
        // Who sets them at the same time waits until these are whole.
        catalog::lock(tx, &id, &product_id).await?.ok_or_else(|| unknown(&id, &product_id))?;
        price_breaks::replace(tx, (&id, &product_id), &breaks).await?;
        shown(tx, &id, &product_id).await
    });
    written.await
}

async fn known<C: ConnectionTrait>(db: &C, id: &str, product_id: &str) -> Result<(), Error> {
    suppliers::find(db, id).await?;
    catalog::find(db, id, product_id).await?.map(|_| ()).ok_or_else(|| unknown(id, product_id))
}

fn unknown(id: &str, product_id: &str) -> Error {
    Error::ProductUnknown { supplier_id: id.to_owned(), product_id: product_id.to_owned() }
}

async fn shown<C: ConnectionTrait>(db: &C, id: &str, product_id: &str) -> Result<PriceBreaks, Error> {
    let breaks = price_breaks::of(db, id, product_id).await?.into_iter();
    let shown =
        breaks.map(|step| PriceBreak { quantity: step.quantity, unit_cost: step.unit_cost.to_string() });
    Ok(PriceBreaks { price_breaks: shown.collect() })
}

fn checked(new: &PriceBreaks) -> Result<Vec<domain::restock::PriceBreak>, Error> {
    if new.price_breaks.len() > MAX_BREAKS {
        return Err(Error::invalid("price_breaks", format!("must be at most {MAX_BREAKS}")));
    }
    let mut breaks: Vec<domain::restock::PriceBreak> = Vec::new();
    for step in &new.price_breaks {
        if !(2..=MAX_UNITS).contains(&step.quantity) {
            return Err(Error::invalid("quantity", format!("must be 2 to {MAX_UNITS}")));
        }
        if breaks.iter().any(|other| other.quantity == step.quantity) {
            return Err(Error::invalid(
                "quantity",
                format!("there are two price breaks at {}", step.quantity),
            ));
        }
        let cost = decimal(&step.unit_cost).filter(|cost| {
            *cost > Decimal::ZERO && *cost <= Decimal::from(MAX_UNIT_COST) && cost.scale() <= MAX_DECIMALS
        });
        let why = || {
            let most = MAX_UNIT_COST;
            Error::invalid(
                "unit_cost",
                format!("must be above 0, at most {most}, with at most {MAX_DECIMALS} decimals"),
            )
        };
        breaks
            .push(domain::restock::PriceBreak { quantity: step.quantity, unit_cost: cost.ok_or_else(why)? });
    }
    Ok(breaks)
}

/// Digits with a point, and nothing cleverer.
fn decimal(text: &str) -> Option<Decimal> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { Decimal::from_str(text).ok() } else { None }
}

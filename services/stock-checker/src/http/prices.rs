//! What an item costs. Open to every caller: customers buy.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::Sku;
use platform::auth::Caller;
use platform::http::{Json, Path, Query};
use platform::problem::Problem;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::parameters::invalid;
use crate::App;
use crate::error::Error;
use crate::prices::{Currency, Lang};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(price))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct PriceQuery {
    /// Three capital letters (ISO 4217); `prices.default_currency` when not given.
    currency: Option<String>,
    /// A language (BCP 47), if the price depends on it.
    lang: Option<String>,
}

/// What an item costs.
#[derive(Serialize, ToSchema)]
struct ItemPrice {
    sku: String,
    /// A decimal number.
    #[schema(value_type = String, example = "12.50")]
    amount: Decimal,
    currency: String,
    /// The language that it is for, if it depends on it.
    lang: Option<String>,
    /// Whether it may have changed since: the price service could not be asked.
    stale: bool,
    /// When the price service said so.
    as_of: DateTime<Utc>,
    /// Until when it is good, if the price service says.
    valid_until: Option<DateTime<Utc>>,
}

/// Get what an item costs.
#[utoipa::path(get, path = "/v1/prices/{sku}", tag = "prices",
    params(("sku" = String, Path, description = "A SKU, a product id, or an item's id"), PriceQuery), responses(
    (status = 200, description = "The price", body = ItemPrice),
    (status = 400, description = "That is no currency or no language"),
    (status = 404, description = "There is no such item, or it has no price"),
    (status = 409, description = "The name stands for several items"),
    (status = 501, description = "There is no price service"),
    (status = 503, description = "The price service does not answer, and no price is known; see Retry-After")))]
async fn price(
    caller: Caller,
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<PriceQuery>,
) -> Result<Json<ItemPrice>, Problem> {
    let currency = match query.currency.as_deref() {
        Some(text) => {
            Currency::of(text).ok_or_else(|| invalid("currency", "must be three capital letters"))?
        }
        None => app.prices.currency().clone(),
    };
    let lang = match query.lang.as_deref() {
        Some(text) => {
            Some(Lang::of(text).ok_or_else(|| invalid("lang", "must be a tag such as de or de-AT"))?)
        }
        None => None,
    };
    // What is no SKU need not be looked for.
    Sku::try_from(name.clone()).map_err(|_| Error::ItemUnknown)?;
    let item = app.database.resolve(&name, caller.owner_scope()).await?.ok_or(Error::ItemUnknown)?;
    let price = app.prices.of(&item, &currency, lang.as_ref()).await;
    let price = price.map_err(|error| Problem::from(&error))?;
    Ok(Json(ItemPrice {
        sku: item.sku,
        amount: price.amount,
        currency: currency.as_str().to_owned(),
        lang: price.lang,
        stale: price.stale,
        as_of: price.as_of,
        valid_until: price.valid_until,
    }))
}

//! What will be asked for, and what to order.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use domain::{ItemId, Name, Sku};
use forecast::{MAX_SERVICE_LEVEL, MIN_SERVICE_LEVEL};
use ledger::{ItemFilter, Listed, Order};
use platform::http::{Json, Path, Query};
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::page::{self, Page};
use super::{Asker, parameters};
use crate::App;
use crate::answers::{ItemForecast, ItemSuggestion, SuggestionPage, Units};
use crate::error::Error;
use crate::forecasts::{Asked, LONGEST_DAYS, Said};

/// How far ahead is told, at most and when nothing is said.
const MAX_AHEAD: u32 = 365;
const AHEAD: u32 = 28;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(of_item)).routes(routes!(suggestions))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ForecastQuery {
    /// How many days are told one by one, from today on: 1 to 365; 28 when not given.
    #[param(minimum = 1, maximum = 365)]
    days: Option<u32>,
    /// Where, by id or code; all locations together when not given.
    location: Option<String>,
    /// The share of deliveries that are to come before stock runs out, 0.5 to 0.9999; the configured one when not given.
    service_level: Option<f64>,
    /// How long a delivery takes, in days; what was observed or configured when not given.
    lead_time_days: Option<f64>,
    /// The standard deviation of that, in days.
    lead_time_sd_days: Option<f64>,
}

/// What a caller says of service and delivery.
fn said(service_level: Option<f64>, lead: Option<f64>, lead_sd: Option<f64>) -> Result<Said, Problem> {
    let level = MIN_SERVICE_LEVEL..=MAX_SERVICE_LEVEL;
    Ok(Said {
        service_level: parameters::number("service_level", service_level, level)?,
        lead_time_days: parameters::number("lead_time_days", lead, 0.0..=LONGEST_DAYS)?,
        lead_time_sd_days: parameters::number("lead_time_sd_days", lead_sd, 0.0..=LONGEST_DAYS)?,
    })
}

/// Forecast an item: what is expected day by day, how long stock lasts, when to order and how much.
#[utoipa::path(get, path = "/v1/items/{item}/forecast", tag = "forecasts",
    params(("item" = String, Path, description = "Its id, product_id or SKU"), ForecastQuery), responses(
    (status = 200, description = "The forecast, at most a moment old", body = ItemForecast),
    (status = 404, description = "There is no such item or location, or nothing of it ever was there"),
    (status = 409, description = "The name stands for several items"),
    (status = 503, description = "There is too much to do; see Retry-After")))]
async fn of_item(
    asker: Asker,
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<ForecastQuery>,
) -> Result<Json<Arc<ItemForecast>>, Problem> {
    let days = parameters::days(query.days, MAX_AHEAD, AHEAD)? as usize;
    let said = said(query.service_level, query.lead_time_days, query.lead_time_sd_days)?;
    let item = app.item(&asker, &name).await?;
    let numbers = [said.service_level, said.lead_time_days, said.lead_time_sd_days];
    let asked = (item, query.location.clone(), days, numbers.map(|number| number.map(f64::to_bits)));
    let place = parameters::location(&app, query.location.as_deref()).await?;
    let answer = async {
        let view = app.database.item(item).await?.ok_or(Error::ItemUnknown)?;
        let units = Units::of(&view, place.map(|place| place.0));
        let asked = Asked { item, supplier: view.supplier_id.clone(), available: units.available };
        let forecasts = &app.forecasts;
        let (as_of, mut items) = forecasts.of_items("item", &[asked], place, days, said).await?;
        let foretold = items.remove(&item).ok_or(Error::NoDemand)?;
        let told = (as_of, &foretold);
        Ok(ItemForecast::of(&view, query.location, &units, told, forecasts.service_level(said)))
    };
    Ok(Json(app.reports.forecasts.of(asked, answer).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct SuggestionsQuery {
    /// Only this owner's.
    #[param(value_type = Option<String>)]
    owner: Option<Name>,
    /// Only those ordered from this supplier.
    #[param(value_type = Option<String>)]
    supplier: Option<Sku>,
    /// Only those of which more should be ordered now.
    #[serde(default)]
    due_only: bool,
    /// The share of deliveries that are to come before stock runs out, 0.5 to 0.9999; the configured one when not given.
    service_level: Option<f64>,
    /// 1 to 500; 100 when not given.
    limit: Option<u64>,
    /// A `next_cursor` of the same list.
    cursor: Option<String>,
}

/// List what to order, and items whose levels should be others, by SKU.
#[utoipa::path(get, path = "/v1/restock/suggestions", tag = "forecasts", params(SuggestionsQuery), responses(
    (status = 200, description = "A page of suggestions", body = SuggestionPage),
    (status = 503, description = "There is too much to do; see Retry-After")))]
async fn suggestions(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<SuggestionsQuery>,
) -> Result<Json<SuggestionPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let said = said(query.service_level, None, None)?;
    let supplier = query.supplier.map(String::from);
    let wanted = ItemFilter { supplier, active_only: true, ..ItemFilter::default() };
    let filter = asker.items_of(query.owner.as_ref(), wanted);
    let page = Page::asked("suggestions", limit, query.cursor.as_deref(), filter, Order::default())?;
    let choose = |items: Vec<Listed>| suggest(&app, items, said, query.due_only);
    let (suggestions, next_cursor) = page.chosen(&app, choose).await?;
    Ok(Json(SuggestionPage { suggestions, next_cursor }))
}

/// What is suggested of some items, one after the other.
async fn suggest(
    app: &App,
    items: Vec<Listed>,
    said: Said,
    due_only: bool,
) -> Result<Vec<Option<ItemSuggestion>>, Error> {
    let asked: Vec<Asked> = items
        .iter()
        .map(|item| Asked {
            item: ItemId(item.id),
            supplier: item.supplier_id.clone(),
            available: item.available,
        })
        .collect();
    let (_, foretold) = app.forecasts.of_items("suggestions", &asked, None, AHEAD as usize, said).await?;
    let foretold: BTreeMap<_, _> = foretold;
    let suggest = |item: Listed| {
        let foretold = foretold.get(&ItemId(item.id))?;
        ItemSuggestion::of(item, foretold).filter(|suggestion| suggestion.due || !due_only)
    };
    Ok(items.into_iter().map(suggest).collect())
}

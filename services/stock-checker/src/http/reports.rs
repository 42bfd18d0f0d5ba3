//! Reports: ABC classes, turnover, dead stock.

use axum::extract::State;
use domain::{ItemId, Name, Sku};
use ledger::{AbcQuery, ItemFilter, Listed, Order, Range};
use platform::http::{Json, Query};
use platform::problem::Problem;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::page::{self, Page};
use super::{Asker, parameters};
use crate::App;
use crate::answers::{AbcItem, AbcReport, DeadItem, DeadStockReport, TurnoverItem, TurnoverReport};
use crate::error::Error;
use crate::reports::{is_dead, turned};

/// How far back a report looks, at most and when nothing is said.
const MAX_DAYS: u32 = 730;
const DAYS: u32 = 90;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(abc)).routes(routes!(turnover)).routes(routes!(dead_stock))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    /// Days before today that count: 1 to 730; 90 when not given.
    #[param(minimum = 1, maximum = 730)]
    days: Option<u32>,
    /// Only this owner's.
    #[param(value_type = Option<String>)]
    owner: Option<Name>,
    /// Only those ordered from this supplier.
    #[param(value_type = Option<String>)]
    supplier: Option<Sku>,
    /// 1 to 500; 100 when not given.
    limit: Option<u64>,
    /// A `next_cursor` of the same report.
    cursor: Option<String>,
}

impl ReportQuery {
    /// For how many days, and which page of which items.
    fn page(self, asker: &Asker, list: &'static str, on_hand: Range) -> Result<(u32, Page), Problem> {
        let days = parameters::days(self.days, MAX_DAYS, DAYS)?;
        let limit = page::limit(self.limit)?;
        let wanted =
            ItemFilter { supplier: self.supplier.map(String::from), on_hand, ..ItemFilter::default() };
        let filter = asker.items_of(self.owner.as_ref(), wanted);
        Ok((days, Page::asked(list, limit, self.cursor.as_deref(), filter, Order::default())?))
    }
}

/// List items by their share of what was sold, in classes A, B and C.
#[utoipa::path(get, path = "/v1/reports/abc", tag = "forecasts", params(ReportQuery), responses(
    (status = 200, description = "A page of the ranking", body = AbcReport),
    (status = 503, description = "There is too much to do; see Retry-After")))]
async fn abc(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<ReportQuery>,
) -> Result<Json<AbcReport>, Problem> {
    let limit = page::limit(query.limit)?;
    let days = parameters::days(query.days, MAX_DAYS, DAYS)?;
    let supplier = query.supplier.map(String::from);
    let filter = asker.items_of(query.owner.as_ref(), ItemFilter { supplier, ..ItemFilter::default() });
    let Some(ItemFilter { owner, supplier, .. }) = filter else {
        // Another's, of which they see nothing, and of which there never was a page.
        query.cursor.map_or(Ok(()), |_| Err(page::cursor_invalid()))?;
        let as_of = chrono::Utc::now();
        return Ok(Json(AbcReport { as_of, days, items: vec![], next_cursor: None }));
    };
    let mut asked = AbcQuery { owner, supplier, days, after: None, limit };
    if let Some(cursor) = query.cursor {
        let place = page::read_cursor("abc", &cursor).and_then(|text| place(&text, &asked));
        asked.after = Some(place.ok_or_else(page::cursor_invalid)?);
    }
    let found = app.reports.abc(&asked).await?;
    let last = found.items.last().filter(|_| found.more);
    let next_cursor = last.map(|last| {
        let end = format!("{} {}", last.units, last.sku);
        page::write_cursor("abc", &format!("{} {end}", print(&asked, &end)))
    });
    let items = found.items.iter().map(AbcItem::from).collect();
    Ok(Json(AbcReport { as_of: found.as_of, days, items, next_cursor }))
}

/// Where a page ended; none of another report's.
fn place(text: &str, asked: &AbcQuery) -> Option<(i64, String)> {
    let (given, end) = text.split_once(' ')?;
    if given != print(asked, end) {
        return None;
    }
    let (units, sku) = end.split_once(' ')?;
    Some((units.parse().ok()?, Sku::try_from(sku.to_owned()).ok()?.into()))
}

/// Binds the end of a page to what was asked. No secret.
fn print(asked: &AbcQuery, end: &str) -> String {
    let said = json!([asked.owner, asked.supplier, asked.days, end]).to_string();
    hex::encode(&Sha256::digest(said)[..page::PRINT_BYTES])
}

/// List how often stock turned over: what was sold by what there was on average, by SKU.
#[utoipa::path(get, path = "/v1/reports/turnover", tag = "forecasts", params(ReportQuery), responses(
    (status = 200, description = "A page of items", body = TurnoverReport),
    (status = 503, description = "There is too much to do; see Retry-After")))]
async fn turnover(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<ReportQuery>,
) -> Result<Json<TurnoverReport>, Problem> {
    let (days, page) = query.page(&asker, "turnover", Range::default())?;
    let choose = |items: Vec<Listed>| {
        let app = &app;
        async move {
            let demands = app.reports.demand(&ids(&items), days).await?;
            let of = |item: Listed| {
                let turned = turned(demands.items.get(&ItemId(item.id)));
                Some(TurnoverItem::of(item, turned))
            };
            Ok::<_, Error>(items.into_iter().map(of).collect())
        }
    };
    let (items, next_cursor) = page.chosen(&app, choose).await?;
    Ok(Json(TurnoverReport { days, items, next_cursor }))
}

/// List stock that nobody buys: on the shelf, there for so many days, and none of it sold in them; by SKU.
#[utoipa::path(get, path = "/v1/reports/dead-stock", tag = "forecasts", params(ReportQuery), responses(
    (status = 200, description = "A page of items", body = DeadStockReport),
    (status = 503, description = "There is too much to do; see Retry-After")))]
async fn dead_stock(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<ReportQuery>,
) -> Result<Json<DeadStockReport>, Problem> {
    let (days, page) = query.page(&asker, "dead-stock", Range { min: Some(1), max: None })?;
    let choose = |items: Vec<Listed>| {
        let app = &app;
        async move {
            let demands = app.reports.demand(&ids(&items), days).await?;
            let today = demands.as_of.date_naive();
            let of = |item: Listed| {
                let demand = demands.items.get(&ItemId(item.id))?;
                is_dead(demand, today, days).then(|| DeadItem::of(item, demand))
            };
            Ok::<_, Error>(items.into_iter().map(of).collect())
        }
    };
    let (items, next_cursor) = page.chosen(&app, choose).await?;
    Ok(Json(DeadStockReport { days, items, next_cursor }))
}

fn ids(items: &[Listed]) -> Vec<ItemId> {
    items.iter().map(|item| ItemId(item.id)).collect()
}

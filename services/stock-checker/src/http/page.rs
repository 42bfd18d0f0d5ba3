//! Paging: how many, and where the last page ended.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use chrono::DateTime;
use domain::Sku;
use ledger::{After, ItemFilter, ItemQuery, Listed, Listing, Order, Place, SortKey};
use platform::problem::Problem;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::parameters;
use crate::App;
use crate::answers::{ItemPage, ListedItem};
use crate::error::Error;

/// The most that a list answers at once.
const MAX_LIMIT: u64 = 500;
/// Enough to tell one place in one list of a caller's from another.
pub(super) const PRINT_BYTES: usize = 8;
/// A page for somebody who did not say how much.
const DEFAULT_LIMIT: u64 = 100;

/// Items that are looked at for a page of those that are chosen, and how many of them at once.
const LOOKED: u64 = 1_000;
/// How long a page is looked for: less than half of what a request may take, so that what was found is answered.
const LOOKING: Duration = Duration::from_secs(4);
const BATCH: u64 = 100;

/// A page of one list.
pub(super) struct Page {
    list: &'static str,
    /// Without one there are no items.
    query: Option<ItemQuery>,
}

impl Page {
    /// What a client asked for; a cursor is good for the list that gave it, sorted and filtered as it was.
    pub(super) fn asked(
        list: &'static str,
        limit: u64,
        cursor: Option<&str>,
        filter: Option<ItemFilter>,
        order: Order,
    ) -> Result<Page, Problem> {
        let mut query = filter.map(|filter| ItemQuery { filter, order, after: None, limit });
        if let Some(cursor) = cursor {
            // A list of nothing never gave one.
            let query = query.as_mut().ok_or_else(cursor_invalid)?;
            query.after = read_cursor(list, cursor).and_then(|end| after(&end, query));
            query.after.as_ref().ok_or_else(cursor_invalid)?;
        }
        Ok(Page { list, query })
    }

    /// The items of the page.
    pub(super) async fn of(self, app: &App) -> Result<ItemPage, Error> {
        let Some(query) = &self.query else { return Ok(ItemPage { items: vec![], next_cursor: None }) };
        let Listing { items, next } = app.database.items(query).await?;
        let next_cursor = next.map(|next| write_cursor(self.list, &end(&next, query)));
        Ok(ItemPage { items: items.into_iter().map(ListedItem::from).collect(), next_cursor })
    }
}

impl Page {
    /// What `choose` makes of items in the order of their SKUs, as many as the page has, and the cursor if there may be
    /// more: so many items are looked at, for so long, and no more, so a page may be short.
    pub(super) async fn chosen<T, F>(
        self,
        app: &App,
        choose: impl Fn(Vec<Listed>) -> F,
    ) -> Result<(Vec<T>, Option<String>), Error>
    where
        F: Future<Output = Result<Vec<Option<T>>, Error>>,
    {
        let Some(asked) = self.query else { return Ok((vec![], None)) };
        let wanted = usize::try_from(asked.limit).unwrap_or(usize::MAX);
        let mut query = ItemQuery { limit: BATCH, ..asked };
        let (mut chosen, mut looked) = (Vec::new(), 0);
        let began = Instant::now();
        loop {
            let Listing { items, next } = app.database.items(&query).await?;
            let skus: Vec<String> = items.iter().map(|item| item.sku.clone()).collect();
            looked += BATCH;
            for (sku, one) in skus.iter().zip(choose(items).await?) {
                chosen.extend(one);
                if chosen.len() == wanted && (next.is_some() || Some(sku) != skus.last()) {
                    let after = After { place: Place::Sku, sku: sku.clone() };
                    return Ok((chosen, Some(write_cursor(self.list, &end(&after, &query)))));
                }
            }
            let Some(next) = next else { return Ok((chosen, None)) };
            if looked >= LOOKED || began.elapsed() >= LOOKING {
                return Ok((chosen, Some(write_cursor(self.list, &end(&next, &query)))));
            }
            query.after = Some(next);
        }
    }
}

/// Where a page ended, as text, with the print of what it is the end of.
fn end(after: &After, query: &ItemQuery) -> String {
    let place = match &after.place {
        Place::Sku => String::new(),
        Place::Name(name) => name.clone(),
        Place::Available(units) => units.to_string(),
        Place::Updated(at) => at.timestamp_micros().to_string(),
    };
    let end = format!("{} {place}", after.sku);
    format!("{} {end}", print(query, &end))
}

/// What [`end`] wrote, of the same query. It could have been made up: nothing comes through that the database chokes on.
fn after(text: &str, query: &ItemQuery) -> Option<After> {
    let (given, end) = text.split_once(' ')?;
    if given != print(query, end) {
        return None;
    }
    let (sku, place) = end.split_once(' ')?;
    let place = match query.order.by {
        SortKey::Sku => Place::Sku,
        SortKey::Name if place.contains(char::is_control) => return None,
        SortKey::Name => Place::Name(place.to_owned()),
        SortKey::Available => Place::Available(place.parse().ok()?),
        SortKey::Updated => {
            let at = DateTime::from_timestamp_micros(place.parse().ok()?);
            Place::Updated(parameters::time("cursor", at).ok()??)
        }
    };
    Some(After { place, sku: Sku::try_from(sku.to_owned()).ok()?.into() })
}

/// Binds the end of a page to its filter and order. No secret: whoever makes one up sees no more than without it.
fn print(query: &ItemQuery, end: &str) -> String {
    let said = json!([query.filter, query.order, end]).to_string();
    hex::encode(&Sha256::digest(said)[..PRINT_BYTES])
}

/// How many a client asked for.
pub(super) fn limit(limit: Option<u64>) -> Result<u64, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "limit-invalid", "The limit is not right");
        return Err(problem.detail(format!("limit must be 1 to {MAX_LIMIT}, not {limit}")));
    }
    Ok(limit)
}

/// A cursor for where a page of a list ended.
pub(super) fn write_cursor(list: &str, end: &str) -> String {
    hex::encode(format!("{list} {end}"))
}

/// Where the page of this list ended that gave the cursor; none if another list gave it.
pub(super) fn read_cursor(list: &str, cursor: &str) -> Option<String> {
    let text = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    Some(text.strip_prefix(list)?.strip_prefix(' ')?.to_owned())
}

pub(super) fn cursor_invalid() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "cursor-invalid", "The cursor is not one of this list")
        .detail("cursor must be a next_cursor that this list answered, sorted and filtered as now")
}

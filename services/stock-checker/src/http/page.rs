//! Paging: how many, and where the last page ended.

use axum::http::StatusCode;
use domain::Sku;
use ledger::ItemFilter;
use platform::problem::Problem;

use crate::App;
use crate::answers::{ItemPage, ListedItem};
use crate::error::Error;

/// The most that a list answers at once.
const MAX_LIMIT: u64 = 500;
/// A page for somebody who did not say how much.
const DEFAULT_LIMIT: u64 = 100;

/// A page of one list.
pub(super) struct Page {
    list: &'static str,
    limit: u64,
    after: Option<String>,
}

impl Page {
    /// What a client asked for; a cursor is good for the list that gave it.
    pub(super) fn asked(
        list: &'static str,
        limit: Option<u64>,
        cursor: Option<&str>,
    ) -> Result<Page, Problem> {
        let limit = self::limit(limit)?;
        let after = cursor.map(|cursor| sku(list, cursor).ok_or_else(cursor_invalid)).transpose()?;
        Ok(Page { list, limit, after })
    }

    /// Lists the items that pass the filter; without a filter there are none.
    pub(super) async fn of(self, app: &App, filter: Option<ItemFilter>) -> Result<ItemPage, Error> {
        let Some(filter) = filter else { return Ok(ItemPage { items: vec![], next_cursor: None }) };
        let filter = ItemFilter { after: self.after, ..filter };
        // One more than asked for tells whether there are more.
        let mut found = app.database.ask(app.database.reader.list(&filter, self.limit + 1)).await?;
        let more = found.len() as u64 > self.limit;
        if more {
            found.pop();
        }
        let last = found.last().filter(|_| more);
        let next_cursor = last.map(|last| write_cursor(self.list, &last.sku));
        Ok(ItemPage { items: found.into_iter().map(ListedItem::from).collect(), next_cursor })
    }
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

/// The SKU that a page of this list ended with.
fn sku(list: &str, cursor: &str) -> Option<String> {
    Sku::try_from(read_cursor(list, cursor)?).ok().map(String::from)
}

pub(super) fn cursor_invalid() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "cursor-invalid", "The cursor is not one of this list")
        .detail("cursor must be a next_cursor that this list answered")
}

//! Paging: how many, and where the last page ended.

use axum::http::StatusCode;
use platform::problem::Problem;

/// The most that a list answers at once.
const MAX_LIMIT: u64 = 500;
/// A page for somebody who did not say how much.
const DEFAULT_LIMIT: u64 = 100;

/// A page's size.
pub(super) fn limit(asked: Option<u64>) -> Result<u64, Problem> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        limit => Err(Problem::new(StatusCode::BAD_REQUEST, "limit-invalid", "The limit is not right")
            .detail(format!("limit must be 1 to {MAX_LIMIT}, not {limit}"))),
    }
}

/// Where a page ended: opaque to clients, and good for this list only.
pub(super) fn cursor(list: &str, last: &str) -> String {
    hex::encode(format!("{list} {last}"))
}

/// Reads what [`cursor`] wrote for the same list.
pub(super) fn after(list: &str, cursor: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(cursor) = cursor else { return Ok(None) };
    let read = hex::decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match read.as_deref().and_then(|text| text.strip_prefix(list)?.strip_prefix(' ')) {
        Some(last) => Ok(Some(last.to_owned())),
        None => Err(invalid()),
    }
}

/// [`after`], where the last thing's name is an id.
pub(super) fn after_id(list: &str, cursor: Option<&str>) -> Result<Option<uuid::Uuid>, Problem> {
    after(list, cursor)?.map(|last| last.parse().map_err(|_| invalid())).transpose()
}

fn invalid() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "cursor-invalid", "The cursor is not one of this list")
}

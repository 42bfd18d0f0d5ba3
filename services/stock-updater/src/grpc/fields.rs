//! What the fields of a message say, or why they say nothing that makes sense.

use std::fmt::Display;

use axum::http::StatusCode;
use domain::{HoldId, ItemId, LocationId, Name, Quantity, Sku};
use ledger::{Page, Reference, Standing};
use platform::problem::Problem;
use tonic::Status;
use uuid::Uuid;

use super::messages::{BACKORDERED, word};
use crate::http::text::Note;

/// How many a page has that does not say.
const DEFAULT_LIMIT: i32 = 20;
/// The most that a page has.
const MAX_LIMIT: i32 = 500;

/// A field that makes no sense.
pub(super) fn invalid(field: &str, why: impl Display) -> Status {
    let problem = Problem::new(StatusCode::BAD_REQUEST, "field-invalid", "A field is not right");
    problem.detail(format!("{field}: {why}")).into()
}

fn uuid(field: &str, text: &str) -> Result<Uuid, Status> {
    Uuid::parse_str(text).map_err(|_| invalid(field, format!("{text:?} is not a UUID")))
}

pub(super) fn item(field: &str, text: &str) -> Result<ItemId, Status> {
    uuid(field, text).map(ItemId)
}

pub(super) fn location(field: &str, text: &str) -> Result<LocationId, Status> {
    uuid(field, text).map(LocationId)
}

pub(super) fn hold(field: &str, text: &str) -> Result<HoldId, Status> {
    uuid(field, text).map(HoldId)
}

pub(super) fn quantity(field: &str, units: i32) -> Result<Quantity, Status> {
    Quantity::try_from(i64::from(units)).map_err(|error| invalid(field, error))
}

pub(super) fn sku(field: &str, text: String) -> Result<Sku, Status> {
    Sku::try_from(text).map_err(|error| invalid(field, error))
}

pub(super) fn name(field: &str, text: String) -> Result<Name, Status> {
    Name::try_from(text).map_err(|error| invalid(field, error))
}

/// A text for people; an empty one is none.
pub(super) fn note(field: &str, text: String) -> Result<Option<Note>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    Note::try_from(text).map(Some).map_err(|error| invalid(field, error))
}

/// What a change is for. Either part may be missing, as clients may leave it out.
pub(super) fn reference(kind: String, id: String) -> Result<Option<Reference>, Status> {
    if kind.is_empty() && id.is_empty() {
        return Ok(None);
    }
    let part = |field: &str, text: String| {
        if text.is_empty() { Ok(text) } else { sku(field, text).map(String::from) }
    };
    Ok(Some(Reference { kind: part("reference_type", kind)?, id: part("reference_id", id)? }))
}

/// The part of a list that a page is: pages are counted from 1, and 0 says nothing.
pub(super) fn page(page: i32, limit: i32) -> Result<Page, Status> {
    if page < 0 {
        return Err(invalid("page", format!("pages are counted from 1, and this is {page}")));
    }
    let limit = match limit {
        0 => DEFAULT_LIMIT,
        1..=MAX_LIMIT => limit,
        _ => return Err(invalid("limit", format!("it is from 1 to {MAX_LIMIT}, not {limit}"))),
    };
    let limit = i64::from(limit);
    Ok(Page { offset: (i64::from(page.max(1)) - 1) * limit, limit })
}

/// How an item stands by a status's word; none for the status that no item has.
pub(super) fn standing(status: &str) -> Result<Option<Standing>, Status> {
    let all = [Standing::InStock, Standing::LowStock, Standing::OutOfStock, Standing::Discontinued];
    match all.into_iter().find(|standing| word(*standing) == status) {
        Some(standing) => Ok(Some(standing)),
        None if status == BACKORDERED => Ok(None),
        None => Err(invalid("status", format!("{status:?} is no status of an item"))),
    }
}

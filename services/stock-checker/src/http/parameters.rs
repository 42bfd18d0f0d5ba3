//! Parameters of questions about the past, checked; a refusal names the one that is not right.

use axum::http::StatusCode;
use chrono::{DateTime, Datelike, Utc};
use domain::LocationId;
use ledger::{KINDS, Moment};
use platform::problem::Problem;

use crate::App;
use crate::error::Error;

/// The years whose times have the same length as text, and so the same order.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// Says which parameter is not right, and why.
pub(crate) fn invalid(name: &'static str, why: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "parameter-invalid", "A parameter is not right")
        .detail(format!("{name} {why}"))
        .with("parameter", name)
}

/// A time of a year that can be told.
pub(super) fn time(name: &'static str, at: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, Problem> {
    match at {
        Some(at) if !YEARS.contains(&at.year()) => Err(invalid(name, "must be of the years 1 to 9999")),
        at => Ok(at),
    }
}

/// A moment in an item's past: a time, a version, or none for the present.
pub(super) fn moment(at: Option<DateTime<Utc>>, version: Option<i64>) -> Result<Option<Moment>, Problem> {
    match (time("at", at)?, version) {
        (Some(_), Some(_)) => Err(invalid("at", "and version are two moments: give one of them")),
        (_, Some(version)) if version < 1 => {
            Err(invalid("version", format!("must be 1 or more, not {version}")))
        }
        (_, Some(version)) => Ok(Some(Moment::Version(version))),
        (at, None) => Ok(at.map(Moment::At)),
    }
}

/// A stretch of time: from the first on, before the second.
pub(super) fn period(
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Result<[Option<DateTime<Utc>>; 2], Problem> {
    let period = [time("from", from)?, time("to", to)?];
    match period {
        [Some(from), Some(to)] if from >= to => Err(invalid("from", "must be before to")),
        period => Ok(period),
    }
}

/// Kinds of changes, separated by commas.
pub(super) fn kinds(words: Option<&str>) -> Result<Vec<String>, Problem> {
    let Some(words) = words else { return Ok(vec![]) };
    let kinds = words.split(',').map(|word| match KINDS.iter().find(|kind| **kind == word) {
        Some(kind) => Ok((*kind).to_owned()),
        None => Err(invalid("kind", format!("{word:?} is none: it is of {}", KINDS.join(", ")))),
    });
    kinds.collect()
}

/// A text that says something.
pub(super) fn text(name: &'static str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.is_empty() => Err(invalid(name, "must not be empty")),
        text => Ok(text),
    }
}

/// The location that an id or a code stands for.
pub(super) async fn location(app: &App, name: Option<&str>) -> Result<Option<LocationId>, Problem> {
    let Some(name) = name else { return Ok(None) };
    let found = app.database.ask(app.database.reader.location(name)).await?;
    match found {
        Some(location) => Ok(Some(location)),
        None => Err(Error::LocationUnknown(name.to_owned()).into()),
    }
}

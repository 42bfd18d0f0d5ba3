//! Parameters of questions, checked; a refusal names the one that is not right.

use axum::http::StatusCode;
use chrono::{DateTime, Datelike, Utc};
use domain::{LocationId, MAX_UNITS};
use ledger::{KINDS, Moment, Range, Standing};
use platform::problem::Problem;

use crate::App;
use crate::error::Error;

/// The years whose times have the same length as text, and so the same order.
const YEARS: std::ops::RangeInclusive<i32> = 1..=9999;

/// The longest text to search for: as long as the longest name.
const LONGEST_SEARCH: usize = 200;

/// All ways to stand.
const STANDINGS: [Standing; 4] =
    [Standing::InStock, Standing::LowStock, Standing::OutOfStock, Standing::Discontinued];

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

/// How items stand, separated by commas.
pub(super) fn standings(words: Option<&str>) -> Result<Vec<Standing>, Problem> {
    let Some(words) = words else { return Ok(vec![]) };
    let standing = |word: &str| match STANDINGS.iter().find(|standing| standing.as_str() == word) {
        Some(standing) => Ok(*standing),
        None => {
            let all = STANDINGS.map(Standing::as_str).join(", ");
            Err(invalid("status", format!("{word:?} is none: it is of {all}")))
        }
    };
    let mut standings = words.split(',').map(standing).collect::<Result<Vec<_>, _>>()?;
    // However they are named, the list is the same.
    standings.sort_unstable();
    standings.dedup();
    Ok(standings)
}

/// A text to search for: blanks around it say nothing.
pub(super) fn search(text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST_SEARCH {
        return Err(invalid("search", format!("must have 1 to {LONGEST_SEARCH} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid("search", "must not have control characters"));
    }
    Ok(Some(text.to_owned()))
}

/// From one number of units to another.
pub(super) fn range(
    [least, most]: [&'static str; 2],
    min: Option<i64>,
    max: Option<i64>,
) -> Result<Range, Problem> {
    for (name, units) in [(least, min), (most, max)] {
        if let Some(units) = units.filter(|units| !(0..=MAX_UNITS).contains(units)) {
            return Err(invalid(name, format!("must be 0 to {MAX_UNITS}, not {units}")));
        }
    }
    match (min, max) {
        (Some(min), Some(max)) if min > max => Err(invalid(least, format!("must not be more than {most}"))),
        _ => Ok(Range { min, max }),
    }
}

/// A whole number of days, or so many when none is given.
pub(super) fn days(days: Option<u32>, most: u32, default: u32) -> Result<u32, Problem> {
    match days.unwrap_or(default) {
        days if (1..=most).contains(&days) => Ok(days),
        days => Err(invalid("days", format!("must be 1 to {most}, not {days}"))),
    }
}

/// A number that is no whole one, within bounds. What is no number is in none.
pub(super) fn number(
    name: &'static str,
    number: Option<f64>,
    range: std::ops::RangeInclusive<f64>,
) -> Result<Option<f64>, Problem> {
    match number {
        Some(number) if !range.contains(&number) => {
            Err(invalid(name, format!("must be {} to {}, not {number}", range.start(), range.end())))
        }
        number => Ok(number),
    }
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

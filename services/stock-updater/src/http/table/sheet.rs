//! A CSV file: a header that names its columns, and rows.

use std::collections::HashMap;

use axum::http::StatusCode;
use csv::{ByteRecord, ReaderBuilder, StringRecord};
use platform::http::malformed;
use platform::problem::Problem;

use super::cell;
use crate::http::batch::bounded;

/// The columns that a file has or may have.
pub(super) struct Columns {
    pub(super) required: &'static [&'static str],
    pub(super) optional: &'static [&'static str],
}

/// A file whose header is right.
pub(super) struct Sheet {
    /// The place of each column that is there.
    places: HashMap<&'static str, usize>,
    pub(super) rows: Vec<Row>,
}

pub(super) struct Row {
    /// Where it begins in the file, from 1.
    pub(super) line: u64,
    /// None when it is no row of this file, and why.
    cells: Result<StringRecord, Problem>,
}

/// A row, and which of its cells stands for what.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    places: &'a HashMap<&'static str, usize>,
    record: &'a StringRecord,
}

impl Sheet {
    /// Reads a file. A row that is wrong is wrong for itself; the header is wrong for all.
    pub(super) fn read(body: &[u8], columns: &Columns) -> Result<Sheet, Problem> {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
        let mut records = reader.byte_records();
        let header = match records.next() {
            Some(Ok(header)) => header,
            Some(Err(error)) => return Err(malformed(error.to_string())),
            None => return Err(malformed("the file is empty: its first row names its columns")),
        };
        let width = header.len();
        let places = columns.places(&header)?;
        let mut rows = Vec::new();
        for record in records {
            let record = record.map_err(|error| malformed(error.to_string()))?;
            let line = record.position().map_or(0, |at| line(body, at));
            rows.push(Row { line, cells: cells(record, width) });
        }
        bounded(rows.len())?;
        Ok(Sheet { places, rows })
    }

    /// The cells of a row, or what is wrong with it.
    pub(super) fn cells<'a>(&'a self, row: &'a Row) -> Result<Cells<'a>, Problem> {
        let record = row.cells.as_ref().map_err(Problem::clone)?;
        Ok(Cells { places: &self.places, record })
    }
}

impl Columns {
    /// Where each column is; a problem that names those that are missing, unknown or there twice.
    fn places(&self, header: &ByteRecord) -> Result<HashMap<&'static str, usize>, Problem> {
        let names: Vec<String> =
            header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let known = || self.required.iter().chain(self.optional).copied();
        let mut wrong = Vec::new();
        let mut complain = |what: &str, columns: Vec<&str>| {
            if !columns.is_empty() {
                wrong.push(format!("{what}: {}", columns.join(", ")));
            }
        };
        let times = |column: &str| names.iter().filter(|name| *name == column).count();
        complain(
            "missing columns",
            self.required.iter().copied().filter(|column| times(column) == 0).collect(),
        );
        let unknown = names.iter().map(String::as_str).filter(|name| !known().any(|column| column == *name));
        complain("unknown columns", unknown.collect());
        complain("columns that are there twice", known().filter(|column| times(column) > 1).collect());
        if !wrong.is_empty() {
            let problem = Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "columns-invalid",
                "The header does not name the columns of such a file",
            );
            let columns: Vec<&str> = known().collect();
            return Err(problem.detail(format!("{}. There are {}", wrong.join("; "), columns.join(", "))));
        }
        let place = |column: &&'static str| names.iter().position(|name| name == column);
        Ok(known().filter_map(|column| Some((column, place(&column)?))).collect())
    }
}

/// The line that a row begins in. Its reader counts from the end of the row before, which is before the rest of that
/// one's line break and any blank lines.
fn line(body: &[u8], at: &csv::Position) -> u64 {
    let from = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let breaks = body.get(from..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    at.line() + breaks.filter(|byte| **byte == b'\n').count() as u64
}

fn cells(record: ByteRecord, width: usize) -> Result<StringRecord, Problem> {
    if record.len() != width {
        let detail = format!("it has {} cells, and the header has {width}", record.len());
        return Err(invalid(detail));
    }
    if record.as_slice().contains(&0) {
        return Err(invalid("NUL is not allowed in a text"));
    }
    StringRecord::from_byte_record(record).map_err(|_| invalid("it is not UTF-8"))
}

/// A row that does not say what it should.
pub(super) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "row-invalid", "The row is not right").detail(detail)
}

impl<'a> Cells<'a> {
    /// Whether the file has the column.
    pub(super) fn has(self, column: &str) -> bool {
        self.places.contains_key(column)
    }

    /// What a cell says; none when there is no such column, or nothing in it.
    pub(super) fn text(self, column: &str) -> Option<&'a str> {
        let text = self.record.get(*self.places.get(column)?)?;
        Some(cell::read(text)).filter(|text| !text.is_empty())
    }

    /// What a cell names, such as an SKU.
    pub(super) fn name<T>(self, column: &str) -> Result<Option<T>, Problem>
    where
        T: TryFrom<String>,
        T::Error: std::fmt::Display,
    {
        let Some(text) = self.text(column) else { return Ok(None) };
        T::try_from(text.to_owned()).map(Some).map_err(|error| invalid(format!("{column}: {error}")))
    }

    /// The whole number in a cell.
    pub(super) fn number(self, column: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.map(Some).ok_or_else(|| invalid(format!("{column}: {text:?} is not a whole number from 0")))
    }

    /// The word in a cell, `true` or `false`, in any case: spreadsheets shout.
    pub(super) fn truth(self, column: &str) -> Result<Option<bool>, Problem> {
        let Some(text) = self.text(column) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(invalid(format!("{column}: {text:?} is neither true nor false"))),
        }
    }
}

/// What a cell must say.
pub(super) fn required<T>(column: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| invalid(format!("{column}: it is empty")))
}

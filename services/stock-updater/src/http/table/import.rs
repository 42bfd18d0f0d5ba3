//! What the imports of files have in common: one is read, its rows become entries of a batch, and a report says what
//! came of them.

use std::collections::HashMap;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Sku;
use ledger::ItemRecord;
use platform::auth::Caller;
use platform::http::{Json, read};
use platform::idempotency;
use platform::problem::Problem;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;

use super::CSV;
use super::sheet::{Cells, Columns, Sheet, invalid, required};
use crate::App;
use crate::error::Error;
use crate::http::batch::flow::{self, Entry, Outcome};
use crate::http::batch::{claim, line_key};
use crate::http::{MAY_CHANGE, replayable};

/// What came of a file: `rows = accepted + unchanged + refused`.
#[derive(Serialize, ToSchema)]
pub(super) struct Report {
    rows: usize,
    /// Rows that changed something.
    accepted: usize,
    /// Rows that said what was so already.
    unchanged: usize,
    /// Rows that came to nothing.
    refused: Vec<RefusedRow>,
}

#[derive(Serialize, ToSchema)]
struct RefusedRow {
    /// Where it begins in the file, from 1: the header is line 1.
    line: u64,
    /// Its SKU, as far as it has one.
    sku: Option<String>,
    /// Why: a problem (RFC 9457).
    #[schema(value_type = Object)]
    problem: Box<RawValue>,
}

/// A file that was read.
pub(super) struct Import {
    pub(super) sheet: Sheet,
    /// The SKU of each row; the first of those that have the same one may be the only one that counts.
    pub(super) skus: Vec<Result<Sku, Problem>>,
    /// The items of these SKUs, as far as the caller may see them.
    pub(super) records: HashMap<String, ItemRecord>,
    /// What identifies it.
    said: String,
    _room: OwnedSemaphorePermit,
}

impl Import {
    pub(super) async fn begin(
        app: &App,
        caller: &Caller,
        request: Request,
        columns: &Columns,
    ) -> Result<Import, Error> {
        caller.must_be(MAY_CHANGE)?;
        let room = app.batches.body()?;
        let route = format!("POST {}", request.uri().path());
        let (_, body) = read(request, &[CSV]).await?;
        let sheet = Sheet::read(&body, columns)?;
        let sku = |cells: Cells<'_>| required("sku", cells.name::<Sku>("sku")?);
        let skus: Vec<Result<Sku, Problem>> =
            sheet.rows.iter().map(|row| sheet.cells(row).and_then(sku)).collect();
        let known: Vec<&str> = skus.iter().flatten().map(Sku::as_str).collect();
        let records = app.reader.records(&known, caller.owner_scope()).await?;
        let records = records.into_iter().map(|record| (record.sku.clone(), record)).collect();
        Ok(Import { said: idempotency::fingerprint(&route, &body), sheet, skus, records, _room: room })
    }

    /// The version of each row's item before anything is done; none when there was none. A file that is sent again
    /// under its key is told what it was told at first, so that the same rows are created and the same ones updated.
    pub(super) async fn before(
        &self,
        app: &App,
        caller: &Caller,
        key: Option<&str>,
    ) -> Result<Vec<Option<i64>>, Error> {
        let version = |sku: &Sku| Some(self.records.get(sku.as_str())?.version);
        let before: Vec<Option<i64>> =
            self.skus.iter().map(|sku| sku.as_ref().ok().and_then(version)).collect();
        let Some(key) = key else { return Ok(before) };
        // Numbers: there is nothing that JSON could not say, nor anything else that could have been kept.
        let kept = serde_json::to_string(&before).unwrap_or_default();
        let kept = claim(app, caller, key, self.said.clone(), kept).await?;
        Ok(serde_json::from_str(&kept).unwrap_or(before))
    }

    /// Does what the rows ask for, and reports. `unchanged` says of the row at a place whether it said nothing new.
    pub(super) async fn run(
        &self,
        app: &App,
        key: Option<&str>,
        requests: Vec<Result<Vec<ledger::Request>, Problem>>,
        unchanged: impl Fn(usize, &[ledger::Done]) -> bool,
    ) -> Result<Response, Error> {
        let entry = |(row, requests): (&super::sheet::Row, Result<Vec<ledger::Request>, Problem>)| {
            let batch = key.map(|_| self.said.clone());
            let requests = requests.map(|mut requests| {
                requests.iter_mut().for_each(|request| request.batch.clone_from(&batch));
                requests
            });
            let key = key.map(|key| line_key(key, row.line));
            Entry { line: row.line, status: StatusCode::OK, requests, key, after: None }
        };
        let entries = self.sheet.rows.iter().zip(requests).map(entry).collect();
        let outcomes = flow::run(app, entries).await?;
        let replayed = flow::replayed(&outcomes);
        let report = self.report(outcomes, unchanged);
        Ok(replayable(Json(report).into_response(), replayed))
    }

    fn report(&self, outcomes: Vec<Outcome>, unchanged: impl Fn(usize, &[ledger::Done]) -> bool) -> Report {
        let mut report = Report { rows: outcomes.len(), accepted: 0, unchanged: 0, refused: vec![] };
        for (at, outcome) in outcomes.into_iter().enumerate() {
            match outcome.done {
                Ok(done) if unchanged(at, &done) => report.unchanged += 1,
                Ok(_) => report.accepted += 1,
                Err(problem) => {
                    let row = &self.sheet.rows[at];
                    let said = self.sheet.cells(row).ok().and_then(|cells| cells.text("sku"));
                    // A problem's body is JSON.
                    let problem = RawValue::from_string(problem.body()).unwrap_or_default();
                    report.refused.push(RefusedRow { line: row.line, sku: said.map(str::to_owned), problem });
                }
            }
        }
        report
    }
}

/// Refuses a row that says again what an earlier one has said.
pub(super) fn once<T: std::hash::Hash + Eq>(
    seen: &mut HashMap<T, u64>,
    what: T,
    line: u64,
) -> Result<(), Problem> {
    match seen.insert(what, line) {
        None => Ok(()),
        Some(first) => Err(invalid(format!("it stands in line {first} already: which one is meant?"))),
    }
}

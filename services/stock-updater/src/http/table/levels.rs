//! Levels from a file: what was counted, by SKU and location.

use std::collections::HashMap;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::{ItemId, Refusal};
use platform::auth::Caller;
use platform::http::IdempotencyKey;
use platform::problem::Problem;

use super::import::{Import, Report, once};
use super::sheet::{Cells, Columns, required};
use crate::App;
use crate::error::Error;
use crate::http::instruction::Draft;
use crate::http::names::{Names, Wanted};
use crate::http::stock::{StocktakeBody, UnitState};

/// The columns of a file of levels, as it is exported too.
pub(super) const COLUMNS: [&str; 6] = ["sku", "location", "on_hand", "damaged", "quality_control", "version"];

/// Correct levels by what was counted, from a CSV file.
///
/// Its columns are `sku`, `location` (an id or a code) and `on_hand` (sellable units that lay there, promised ones
/// among them), and any of `damaged`, `quality_control` and `version` (the item's, as the counter saw it: what was sold
/// since then stays sold). Each row is a stocktake on its own: all that it counts is corrected, or nothing of it.
#[utoipa::path(post, path = "/v1/imports/levels", tag = "files",
    request_body(description = "Up to 10,000 rows, 8 MB", content((String = "text/csv"))), responses(
    (status = 200, description = "What came of the rows", body = Report),
    (status = 415, description = "It is not text/csv"),
    (status = 422, description = "Missing or unknown columns, no rows, or too many"),
))]
pub(super) async fn import(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    request: Request,
) -> Result<Response, Error> {
    let columns = Columns { required: &COLUMNS[..3], optional: &COLUMNS[3..] };
    let import = Import::begin(&app, &caller, request, &columns).await?;
    // Nothing depends on the versions here: this binds the key to the file.
    import.before(&app, &caller, key.as_deref()).await?;
    let names = names(&app, &caller, &import).await?;
    let draft = Draft { app: &app, caller: &caller, names: &names, key: None };
    let mut seen = HashMap::new();
    let mut requests = Vec::with_capacity(import.skus.len());
    for (row, sku) in import.sheet.rows.iter().zip(&import.skus) {
        requests.push(sku.clone().and_then(|sku| {
            let cells = import.sheet.cells(row)?;
            if !import.records.contains_key(sku.as_str()) {
                return Err(Error::Refused(Refusal::ItemUnknown).into());
            }
            let location = required("location", cells.text("location"))?;
            let at = draft.location(location)?;
            once(&mut seen, (sku.clone(), at), row.line)?;
            counts(cells, location)?
                .into_iter()
                .map(|count| count.request(&draft, sku.as_str()).map_err(Problem::from))
                .collect()
        }));
    }
    let found_nothing = |_, done: &[ledger::Done]| done.iter().all(|done| done.difference == Some(0));
    import.run(&app, key.as_deref(), requests, found_nothing).await
}

async fn names(app: &App, caller: &Caller, import: &Import) -> Result<Names, Error> {
    let rows = import.sheet.rows.iter().filter_map(|row| import.sheet.cells(row).ok());
    let locations = rows.filter_map(|cells| cells.text("location")).collect();
    let mut names = app.names(caller, &mut Wanted { items: vec![], locations }).await?;
    for record in import.records.values() {
        names.call(&record.sku, ItemId(record.id));
    }
    Ok(names)
}

/// What a row counted.
fn counts(cells: Cells<'_>, location: &str) -> Result<Vec<StocktakeBody>, Problem> {
    let version = cells.number("version")?;
    let sellable = required("on_hand", cells.number("on_hand")?)?;
    let states = [
        (UnitState::Available, Some(sellable)),
        (UnitState::Damaged, cells.number("damaged")?),
        (UnitState::QualityControl, cells.number("quality_control")?),
    ];
    let count = |(state, counted): (UnitState, Option<i64>)| {
        Some(StocktakeBody::of(location.to_owned(), state, counted?, version))
    };
    Ok(states.into_iter().filter_map(count).collect())
}

//! Items from a file: created, or changed, by their SKU.

use std::collections::HashMap;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::{ItemId, Sku};
use ledger::ItemRecord;
use platform::auth::Caller;
use platform::http::IdempotencyKey;
use platform::problem::Problem;

use super::import::{Import, Report, once};
use super::sheet::{Cells, Columns, invalid, required};
use crate::App;
use crate::error::Error;
use crate::http::instruction::{Draft, Instruction};
use crate::http::items::{ItemPatchBody, NewItemBody};
use crate::http::names::Names;

/// The columns of a file of items, as it is exported too.
pub(super) const COLUMNS: [&str; 9] = [
    "sku",
    "product_id",
    "variant_id",
    "name",
    "owner",
    "supplier_id",
    "reorder_point",
    "reorder_quantity",
    "active",
];

/// Create items and change their attributes from a CSV file.
///
/// Its columns are `sku`, and any of `product_id`, `variant_id`, `name`, `owner`, `supplier_id`, `reorder_point`,
/// `reorder_quantity` and `active`. An item that is not there yet is created, and needs a name. Of one that is there,
/// what the row says is changed; an empty cell leaves things as they are, but for `supplier_id`, which it takes away.
/// `product_id`, `variant_id` and `owner` never change. Each row is on its own.
#[utoipa::path(post, path = "/v1/imports/items", tag = "files",
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
    let columns = Columns { required: &COLUMNS[..1], optional: &COLUMNS[1..] };
    let import = Import::begin(&app, &caller, request, &columns).await?;
    let before = import.before(&app, &caller, key.as_deref()).await?;
    let mut names = Names::default();
    for record in import.records.values() {
        names.call(&record.sku, ItemId(record.id));
    }
    let draft = Draft { app: &app, caller: &caller, names: &names, key: None };
    let mut seen = HashMap::new();
    let mut requests = Vec::with_capacity(before.len());
    for ((row, sku), before) in import.sheet.rows.iter().zip(&import.skus).zip(&before) {
        let instruction = sku.clone().and_then(|sku| {
            once(&mut seen, sku.clone(), row.line)?;
            let record = before.and_then(|_| import.records.get(sku.as_str()));
            instruction(import.sheet.cells(row)?, sku, record)
        });
        let request = instruction.and_then(|given| given.request(&draft, None).map_err(Problem::from));
        requests.push(request.map(|request| vec![request]));
    }
    let same = |at: usize, done: &[ledger::Done]| {
        let after = done.iter().flat_map(|done| &done.items).map(|item| item.version).max();
        before[at].is_some() && after == before[at]
    };
    import.run(&app, key.as_deref(), requests, same).await
}

/// What a row asks for.
fn instruction(cells: Cells<'_>, sku: Sku, record: Option<&ItemRecord>) -> Result<Instruction, Problem> {
    let (reorder_point, reorder_quantity) =
        (cells.number("reorder_point")?, cells.number("reorder_quantity")?);
    let (active, supplier_id) = (cells.truth("active")?, cells.name("supplier_id")?);
    let Some(record) = record else {
        return Ok(Instruction::CreateItem(NewItemBody {
            sku,
            product_id: cells.name("product_id")?,
            variant_id: cells.name("variant_id")?,
            name: required("name", cells.name("name")?)?,
            owner: cells.name("owner")?,
            supplier_id,
            reorder_point: reorder_point.unwrap_or(0),
            reorder_quantity: reorder_quantity.unwrap_or(0),
            active: active.unwrap_or(true),
        }));
    };
    stays(cells, "product_id", Some(&record.product_id))?;
    stays(cells, "variant_id", record.variant_id.as_deref())?;
    stays(cells, "owner", Some(&record.owner))?;
    let patch = ItemPatchBody {
        name: cells.name("name")?,
        supplier_id: cells.has("supplier_id").then_some(supplier_id),
        reorder_point,
        reorder_quantity,
        active,
    };
    Ok(Instruction::UpdateItem(sku.into(), patch))
}

/// Refuses to change what never changes.
fn stays(cells: Cells<'_>, column: &str, is: Option<&str>) -> Result<(), Problem> {
    match cells.text(column) {
        Some(text) if Some(text) != is => {
            let is = is.map_or_else(|| "none".to_owned(), |is| format!("{is:?}"));
            Err(invalid(format!("{column}: it never changes, and is {is}, not {text:?}")))
        }
        Some(_) | None => Ok(()),
    }
}

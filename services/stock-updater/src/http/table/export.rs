//! Items and levels as files. Read page by page while they are sent, so that they may be of any size.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use ledger::{ItemRecord, LevelRecord, ReadError};
use platform::auth::Caller;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{CSV, cell, items, levels};
use crate::App;
use crate::error::Error;
use crate::http::MAY_READ;

/// Items that are read at once. With their levels at many locations that is still little memory.
const PAGE: u64 = 1_000;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(export_items)).routes(routes!(export_levels))
}

/// All items that you may see, as a CSV file that can be imported again.
///
/// Cells that a spreadsheet would take for a formula have an apostrophe in front; an import takes it off again.
#[utoipa::path(get, path = "/v1/exports/items", tag = "files", responses(
    (status = 200, description = "The items, by SKU", body = String, content_type = "text/csv")))]
async fn export_items(State(app): State<App>, caller: Caller) -> Result<Response, Error> {
    send(app, &caller, What::Items).await
}

/// What lies where of all items that you may see, as a CSV file that can be imported again.
///
/// `on_hand` is what a stocktake counts: sellable units, promised ones among them.
#[utoipa::path(get, path = "/v1/exports/levels", tag = "files", responses(
    (status = 200, description = "The levels, by SKU and location", body = String, content_type = "text/csv")))]
async fn export_levels(State(app): State<App>, caller: Caller) -> Result<Response, Error> {
    send(app, &caller, What::Levels).await
}

#[derive(Clone, Copy)]
enum What {
    Items,
    Levels,
}

/// Some rows, and the SKU after which there may be more.
struct Page {
    rows: Vec<u8>,
    next: Option<String>,
}

async fn send(app: App, caller: &Caller, what: What) -> Result<Response, Error> {
    caller.must_be(MAY_READ)?;
    let owner = caller.owner_scope().map(str::to_owned);
    // Before the answer begins, so that a database that is away is a problem and no broken file.
    let first = page(&app, what, "", owner.as_deref()).await?;
    let (name, header) = match what {
        What::Items => ("items.csv", items::COLUMNS.join(",")),
        What::Levels => ("levels.csv", levels::COLUMNS.join(",")),
    };
    let mut rows = format!("{header}\n").into_bytes();
    rows.extend(first.rows);
    let begun = (app, owner, Some(Page { rows, next: first.next }));
    let pages = stream::try_unfold(begun, move |(app, owner, at)| async move {
        let Some(Page { rows, next }) = at else { return Ok(None) };
        let following = match next {
            Some(after) => page(&app, what, &after, owner.as_deref()).await.map(Some),
            None => Ok(None),
        };
        let following = following.inspect_err(|error| tracing::error!(%error, "an export broke off"))?;
        Ok::<_, ReadError>(Some((Bytes::from(rows), (app, owner, following))))
    });
    let headers = [
        (header::CONTENT_TYPE, format!("{CSV}; charset=utf-8")),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

async fn page(app: &App, what: What, after: &str, owner: Option<&str>) -> Result<Page, ReadError> {
    let mut rows = csv::Writer::from_writer(vec![]);
    let (items, last) = match what {
        What::Items => {
            let records = app.reader.items_after(after, owner, PAGE).await?;
            records.iter().for_each(|record| item(&mut rows, record));
            (records.len(), records.last().map(|record| record.sku.clone()))
        }
        What::Levels => {
            let records = app.reader.levels_after(after, owner, PAGE).await?;
            records.iter().for_each(|record| level(&mut rows, record));
            let items = records.chunk_by(|one, other| one.sku == other.sku).count();
            (items, records.last().map(|record| record.sku.clone()))
        }
    };
    let full = items as u64 == PAGE;
    Ok(Page { rows: rows.into_inner().unwrap_or_default(), next: last.filter(|_| full) })
}

type Rows = csv::Writer<Vec<u8>>;

fn item(rows: &mut Rows, record: &ItemRecord) {
    let cells = [
        record.sku.as_str(),
        &record.product_id,
        record.variant_id.as_deref().unwrap_or_default(),
        &record.name,
        &record.owner,
        record.supplier_id.as_deref().unwrap_or_default(),
        &record.reorder_point.to_string(),
        &record.reorder_quantity.to_string(),
        if record.active { "true" } else { "false" },
    ];
    write(rows, cells);
}

/// Nothing for an item that has never been anywhere.
fn level(rows: &mut Rows, record: &LevelRecord) {
    let Some(location) = &record.location else { return };
    let units = [record.sellable, record.damaged, record.quality_control, record.version];
    let [sellable, damaged, quality_control, version] = units.map(|units| units.to_string());
    write(rows, [&record.sku, location, &sellable, &damaged, &quality_control, &version]);
}

fn write<const N: usize>(rows: &mut Rows, cells: [&str; N]) {
    // To memory, and each row has as many cells: there is nothing that could fail.
    _ = rows.write_record(cells.iter().map(|value| cell::written(value).into_owned()));
}

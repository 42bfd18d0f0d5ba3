//! Files: items and levels as CSV, in and out.
//!
//! Reading order: `sheet` (a file) and `cell` → `import` (what rows have in common) → `items`, `levels` (what a row
//! asks for) → `export`.
//!
//! **Invariant.** A row is commands like any other: it goes the way of a batch's lines.

mod cell;
mod export;
mod import;
mod items;
mod levels;
mod sheet;

use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::batch::BODY_LIMIT_BYTES;
use crate::App;

/// The media type of CSV.
const CSV: &str = "text/csv";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(items::import))
        .routes(routes!(levels::import))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .merge(export::routes())
}

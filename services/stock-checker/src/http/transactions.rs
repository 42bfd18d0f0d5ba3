//! The ledger: of one item, or of all that the caller may see.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ItemId;
use ledger::{Cursor, TransactionFilter};
use platform::http::{Json, Path, Query};
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Asker, page, parameters};
use crate::App;
use crate::answers::{Transaction, TransactionPage};
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(of_item)).routes(routes!(of_all))
}

/// What cursors begin with.
const LIST: &str = "transactions";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ItemQuery {
    /// Of these kinds, separated by commas.
    kind: Option<String>,
    /// From or to this location, by id or code.
    location: Option<String>,
    /// For this kind of thing, such as `order`.
    reference_type: Option<String>,
    /// For this one.
    reference_id: Option<String>,
    /// By this caller.
    actor: Option<String>,
    /// Recorded then or later.
    from: Option<DateTime<Utc>>,
    /// Recorded before then.
    to: Option<DateTime<Utc>>,
    /// Of this version or later.
    #[param(minimum = 1)]
    version_from: Option<i64>,
    /// Of this version or earlier.
    #[param(minimum = 1)]
    version_to: Option<i64>,
    /// 1 to 500; 100 when not given.
    limit: Option<u64>,
    /// A `next_cursor`.
    cursor: Option<String>,
}

/// List an item's transactions, the newest first.
#[utoipa::path(get, path = "/v1/items/{item}/transactions", tag = "history",
    params(("item" = String, Path, description = "Its id, product_id or SKU"), ItemQuery), responses(
    (status = 200, description = "A page of its ledger", body = TransactionPage),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "The name stands for several items")))]
async fn of_item(
    asker: Asker,
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<ItemQuery>,
) -> Result<Json<TransactionPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let versions = [("version_from", query.version_from), ("version_to", query.version_to)];
    for (name, version) in versions {
        if version.is_some_and(|version| version < 1) {
            return Err(parameters::invalid(name, "must be 1 or more"));
        }
    }
    if let (Some(from), Some(to)) = (query.version_from, query.version_to)
        && from > to
    {
        return Err(parameters::invalid("version_from", "must not be after version_to"));
    }
    let (version_from, version_to) = (query.version_from, query.version_to);
    let filter = filter(&app, &asker, query).await?;
    let item = app.item(&asker, &name).await?;
    let filter = TransactionFilter { item: Some(item), version_from, version_to, ..filter };
    answer(&app, filter, limit).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct LedgerQuery {
    /// Of these kinds, separated by commas.
    kind: Option<String>,
    /// From or to this location, by id or code.
    location: Option<String>,
    /// For this kind of thing, such as `order`.
    reference_type: Option<String>,
    /// For this one.
    reference_id: Option<String>,
    /// By this caller.
    actor: Option<String>,
    /// Recorded then or later; without it and a reference_id, 24 hours before `to` or now.
    from: Option<DateTime<Utc>>,
    /// Recorded before then.
    to: Option<DateTime<Utc>>,
    /// 1 to 500; 100 when not given.
    limit: Option<u64>,
    /// A `next_cursor`.
    cursor: Option<String>,
}

/// List transactions of all items, the newest first.
#[utoipa::path(get, path = "/v1/transactions", tag = "history", params(LedgerQuery), responses(
    (status = 200, description = "A page of the ledger", body = TransactionPage),
    (status = 404, description = "There is no such location")))]
async fn of_all(
    asker: Asker,
    State(app): State<App>,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<TransactionPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let LedgerQuery { kind, location, reference_type, reference_id, actor, from, to, cursor, .. } = query;
    let query = ItemQuery {
        kind,
        location,
        reference_type,
        reference_id,
        actor,
        from,
        to,
        version_from: None,
        version_to: None,
        limit: None,
        cursor,
    };
    let filter = filter(&app, &asker, query).await?;
    answer(&app, filter, limit).await
}

async fn filter(app: &App, asker: &Asker, query: ItemQuery) -> Result<TransactionFilter, Problem> {
    let [from, until] = parameters::period(query.from, query.to)?;
    let after = query.cursor.as_deref().map(|text| {
        let cursor = page::read_cursor(LIST, text).and_then(|text| cursor(&text));
        cursor.ok_or_else(page::cursor_invalid)
    });
    Ok(TransactionFilter {
        owner: asker.owner().map(str::to_owned),
        kinds: parameters::kinds(query.kind.as_deref())?,
        reference_type: parameters::text("reference_type", query.reference_type)?,
        reference_id: parameters::text("reference_id", query.reference_id)?,
        actor: parameters::text("actor", query.actor)?,
        after: after.transpose()?,
        from,
        until,
        // Last, for the others cost nothing.
        location: parameters::location(app, query.location.as_deref()).await?,
        item: None::<ItemId>,
        version_from: None,
        version_to: None,
    })
}

async fn answer(app: &App, filter: TransactionFilter, limit: u64) -> Result<Json<TransactionPage>, Problem> {
    let found = app.database.ask(app.database.reader.transactions(&filter, limit)).await?;
    Ok(Json(TransactionPage {
        transactions: found.transactions.into_iter().map(Transaction::from).collect(),
        next_cursor: found.next.map(|next| page::write_cursor(LIST, &written(&next))),
    }))
}

/// A cursor as text: when, which item, which version, and how far back.
fn written(cursor: &Cursor) -> String {
    let micros = |at: DateTime<Utc>| at.timestamp_micros();
    let from = cursor.from.map(|from| micros(from).to_string()).unwrap_or_default();
    format!("{} {} {} {from}", micros(cursor.recorded_at), cursor.item, cursor.version)
}

fn cursor(text: &str) -> Option<Cursor> {
    let time = |text: &str| {
        let at = DateTime::from_timestamp_micros(text.parse().ok()?)?;
        parameters::time("cursor", Some(at)).ok()?
    };
    let mut parts = text.split(' ');
    let recorded_at = time(parts.next()?)?;
    let (item, version) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let from = match parts.next()? {
        "" => None,
        from => Some(time(from)?),
    };
    parts.next().is_none().then_some(Cursor { recorded_at, item, version, from })
}

impl App {
    /// The item that a name stands for, if the caller may see it.
    pub(super) async fn item(&self, asker: &Asker, name: &str) -> Result<ItemId, Error> {
        self.levels.named(name, asker.owner()).await
    }
}

//! `/v1/restock-orders`: what is on order, what arrived, what is not wanted any more.

use super::{Reader, Write, Writer, page};
use crate::App;
use crate::error::Error;
use crate::restock::{self, CancelQuery, NewReceipt};
use crate::store::entities::order::{self, OrderState};
use crate::store::entities::receipt;
use crate::store::{orders, receipts};
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use platform::http::{IdempotencyKey, Json, Path, Query};
use platform::idempotency::Replayable;
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The most receipts that an order is shown with; real ones have a handful.
const MAX_RECEIPTS: u64 = 500;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(receive))
        .routes(routes!(cancel))
}

/// An order at a supplier.
#[derive(Serialize, ToSchema)]
struct RestockOrder {
    /// Also our reference at the supplier.
    id: Uuid,
    item_id: Uuid,
    sku: String,
    supplier_id: String,
    supplier_sku: String,
    state: OrderState,
    quantity: i64,
    /// What the supplier confirmed, when that is fewer.
    confirmed_quantity: Option<i64>,
    /// What one cost when the order was planned, as decimal text, when that is known.
    unit_cost: Option<String>,
    /// May be more than was ordered.
    accepted: i64,
    rejected: i64,
    /// Still to come.
    outstanding: i64,
    /// How many order requests may have gone out.
    attempts: i32,
    /// A request may have gone out whose answer is not known.
    in_doubt: bool,
    /// When the supplier is asked next.
    next_attempt_at: Option<DateTime<Utc>>,
    /// Why it ended, or does not go on.
    last_error: Option<String>,
    /// When the first request may have gone out.
    ordered_at: Option<DateTime<Utc>>,
    /// When the supplier says that it delivers.
    promised_at: Option<DateTime<Utc>>,
    /// The same, or by its lead time while it has not said so.
    expected_at: Option<DateTime<Utc>>,
    /// When nothing was left to come.
    received_at: Option<DateTime<Utc>>,
    /// When it was to be cancelled.
    cancel_requested_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<order::Model> for RestockOrder {
    fn from(order: order::Model) -> RestockOrder {
        RestockOrder {
            outstanding: order.outstanding(),
            id: order.id,
            item_id: order.item_id,
            sku: order.sku,
            supplier_id: order.supplier_id,
            supplier_sku: order.supplier_sku,
            state: order.state,
            quantity: order.quantity,
            confirmed_quantity: order.confirmed_quantity,
            unit_cost: order.unit_cost,
            accepted: order.accepted,
            rejected: order.rejected,
            attempts: order.attempts,
            in_doubt: order.in_doubt,
            next_attempt_at: order.next_attempt_at,
            last_error: order.last_error,
            ordered_at: order.ordered_at,
            promised_at: order.promised_at,
            expected_at: order.expected_at,
            received_at: order.received_at,
            cancel_requested_at: order.cancel_requested_at,
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct OrderQuery {
    state: Option<OrderState>,
    supplier_id: Option<String>,
    sku: Option<String>,
    /// 1 to 500.
    limit: Option<u64>,
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct RestockOrderPage {
    restock_orders: Vec<RestockOrder>,
    next_cursor: Option<String>,
}

/// List restock orders, newest first.
#[utoipa::path(get, path = "/v1/restock-orders", tag = "restock orders", params(OrderQuery), responses(
    (status = 200, description = "A page of orders", body = RestockOrderPage)))]
async fn list(
    _: Reader,
    State(app): State<App>,
    Query(query): Query<OrderQuery>,
) -> Result<Json<RestockOrderPage>, Problem> {
    let limit = page::limit(query.limit)?;
    let before = page::after_id("restock-orders", query.cursor.as_deref())?;
    let filter = orders::Filter { state: query.state, supplier_id: query.supplier_id, sku: query.sku };
    let found = orders::list(&app.db, filter, before, limit).await.map_err(Error::from)?;
    let full = found.len() as u64 == limit;
    let next_cursor =
        found.last().filter(|_| full).map(|last| page::cursor("restock-orders", &last.id.to_string()));
    Ok(Json(RestockOrderPage {
        restock_orders: found.into_iter().map(RestockOrder::from).collect(),
        next_cursor,
    }))
}

/// What came of an order at one time.
#[derive(Serialize, ToSchema)]
struct Receipt {
    id: Uuid,
    accepted: i64,
    rejected: i64,
    reference: Option<String>,
    received_at: DateTime<Utc>,
}

impl From<receipt::Model> for Receipt {
    fn from(receipt: receipt::Model) -> Receipt {
        Receipt {
            id: receipt.id,
            accepted: receipt.accepted,
            rejected: receipt.rejected,
            reference: receipt.reference,
            received_at: receipt.received_at,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct RestockOrderWithReceipts {
    #[serde(flatten)]
    order: RestockOrder,
    receipts: Vec<Receipt>,
}

/// Get a restock order with its receipts.
#[utoipa::path(get, path = "/v1/restock-orders/{id}", tag = "restock orders", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The order", body = RestockOrderWithReceipts),
    (status = 404, description = "There is no such order")))]
async fn one(
    _: Reader,
    State(app): State<App>,
    Path(id): Path<Uuid>,
) -> Result<Json<RestockOrderWithReceipts>, Problem> {
    let order = orders::find(&app.db, id).await.map_err(Error::from)?.ok_or(Error::OrderUnknown(id))?;
    let receipts = receipts::of_order(&app.db, id, MAX_RECEIPTS).await.map_err(Error::from)?;
    Ok(Json(RestockOrderWithReceipts {
        order: order.into(),
        receipts: receipts.into_iter().map(Receipt::from).collect(),
    }))
}

/// A receipt, and the order after it.
#[derive(Serialize, ToSchema)]
struct Received {
    receipt: Receipt,
    order: RestockOrder,
}

/// Record what arrived of an order. What is accepted raises stock, also when it is more than was ordered or comes
/// late; what is rejected will not come again.
#[utoipa::path(post, path = "/v1/restock-orders/{id}/receipts", tag = "restock orders", params(("id" = Uuid, Path)),
    request_body = NewReceipt, responses(
    (status = 201, description = "Recorded", body = Received),
    (status = 404, description = "There is no such order"),
    (status = 409, description = "Another receipt of the order has the reference"),
    (status = 422, description = "A value cannot be")))]
async fn receive(
    Writer(caller): Writer,
    State(app): State<App>,
    Path(id): Path<Uuid>,
    key: IdempotencyKey,
    Json(new): Json<NewReceipt>,
) -> Result<Replayable, Problem> {
    let write = Write { app: &app, caller, key, route: format!("POST /v1/restock-orders/{id}/receipts") };
    let body = new.clone();
    let written = write.once(&body, StatusCode::CREATED, async |tx| {
        let (order, receipt) = restock::receive(tx, id, new).await?;
        Ok(Received { receipt: receipt.into(), order: order.into() })
    });
    let written = written.await?;
    app.outbox_wake.notify_one();
    Ok(written)
}

/// Cancel what is still to come of an order. If it may be at the supplier, that is asked to cancel it, and the order is
/// cancelled once it says so.
#[utoipa::path(post, path = "/v1/restock-orders/{id}/cancel", tag = "restock orders",
    params(("id" = Uuid, Path), CancelQuery), responses(
    (status = 200, description = "Cancelled", body = RestockOrder),
    (status = 202, description = "The supplier is asked", body = RestockOrder),
    (status = 404, description = "There is no such order"),
    (status = 409, description = "Nothing more is to come of it")))]
async fn cancel(
    Writer(caller): Writer,
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<CancelQuery>,
    key: IdempotencyKey,
) -> Result<Replayable, Problem> {
    let route = format!("POST /v1/restock-orders/{id}/cancel {}", query.agreed);
    let write = Write { app: &app, caller, key, route };
    let written = write.answering(&(), async |tx| {
        let order = restock::cancel(tx, id, query.agreed).await?;
        let status = if order.state.is_open() { StatusCode::ACCEPTED } else { StatusCode::OK };
        Ok((status, RestockOrder::from(order)))
    });
    let written = written.await?;
    app.wake_for_order();
    Ok(written)
}

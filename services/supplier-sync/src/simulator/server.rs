//! The routes of the simulated supplier.

use super::{Mode, OrderPolicy, Shared, SimOrder, SimProduct, State, lock};
use axum::extract::{Path, Request, State as Extension};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/catalog", get(abc))
        .route("/products", get(xyz))
        .route("/orders", post(place))
        .route("/orders/{reference}", get(order))
        .fallback(generic)
        .layer(from_fn_with_state(shared.clone(), misbehave))
        .with_state(shared)
}

/// Counts the request, checks its key and fails if the simulator was told to.
async fn misbehave(Extension(shared): Extension<Shared>, mut request: Request, next: Next) -> Response {
    let (mode, key) = {
        let mut state = lock(&shared);
        state.requests += 1;
        (take_mode(&mut state), state.key.clone())
    };
    if let Some(answer) = mode.answer().await {
        return answer;
    }
    if key.is_some_and(|key| !shows(request.headers(), request.uri(), &key)) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "detail": "the key is missing or wrong" })))
            .into_response();
    }
    request.extensions_mut().insert(mode);
    next.run(request).await
}

fn take_mode(state: &mut State) -> Mode {
    match &mut state.failures_left {
        None => state.mode,
        Some(0) => Mode::Healthy,
        Some(left) => {
            *left -= 1;
            state.mode
        }
    }
}

/// Whether a request shows the key in any header, in any query parameter or as HTTP basic.
fn shows(headers: &HeaderMap, uri: &Uri, key: &str) -> bool {
    let basic = {
        let (user, password) = key.split_once(':').unwrap_or((key, ""));
        let probe =
            reqwest::Client::new().get("http://supplier.invalid").basic_auth(user, Some(password)).build();
        probe.ok().and_then(|probe| probe.headers().get(header::AUTHORIZATION).cloned())
    };
    let in_query = reqwest::Url::parse(&format!("http://supplier.invalid{uri}"))
        .is_ok_and(|url| url.query_pairs().any(|(_, value)| value == key));
    in_query
        || headers.values().any(|value| value.as_bytes() == key.as_bytes() || Some(value) == basic.as_ref())
}

/// The rows to send: as set, or the products in a dialect's words.
fn rows(shared: &Shared, mode: Mode, row: fn(&SimProduct) -> Value) -> Vec<Value> {
    let state = lock(shared);
    let mut rows = state.rows.clone().unwrap_or_else(|| state.products.iter().map(row).collect());
    match mode {
        Mode::EmptyFeed => rows.clear(),
        Mode::MostRowsGone => rows.truncate(1),
        _ => {}
    }
    rows
}

async fn abc(Extension(shared): Extension<Shared>, mode: axum::Extension<Mode>) -> Json<Value> {
    let rows = rows(&shared, mode.0, |p| {
        json!({ "id": p.id, "name": p.name, "inventory": p.stock, "price": p.price, "description": "", "category": "",
            "sku": p.sku, "updated_at": p.updated_at })
    });
    Json(json!({ "products": rows }))
}

async fn xyz(Extension(shared): Extension<Shared>, mode: axum::Extension<Mode>) -> Json<Value> {
    let rows = rows(&shared, mode.0, |p| {
        json!({ "product_id": p.id, "product_name": p.name, "stock_count": p.stock, "wholesale_price": p.price,
            "product_description": "", "category": "", "manufacturer": "", "last_update": p.updated_at })
    });
    Json(json!({ "items": rows }))
}

async fn generic(Extension(shared): Extension<Shared>, mode: axum::Extension<Mode>) -> Json<Value> {
    let rows = rows(
        &shared,
        mode.0,
        |p| json!({ "id": p.id, "name": p.name, "stock": p.stock, "price": p.price, "description": "" }),
    );
    Json(json!({ "items": rows }))
}

#[derive(Deserialize)]
struct Placed {
    reference: Uuid,
    sku: String,
    quantity: i64,
}

async fn place(
    Extension(shared): Extension<Shared>,
    mode: axum::Extension<Mode>,
    headers: HeaderMap,
    Json(placed): Json<Placed>,
) -> Response {
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = take_order(&shared, placed, traceparent);
    if mode.0 == Mode::LostAnswer {
        std::future::pending::<()>().await;
    }
    answer
}

fn take_order(shared: &Shared, placed: Placed, traceparent: Option<String>) -> Response {
    let mut state = lock(shared);
    let status = match &state.policy {
        OrderPolicy::Confirm => "confirmed",
        OrderPolicy::Accept => "accepted",
        OrderPolicy::Reject(reason) => {
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "reason": reason }))).into_response();
        }
    };
    let order = state.orders.entry(placed.reference).or_insert(SimOrder {
        reference: placed.reference,
        sku: placed.sku,
        quantity: placed.quantity,
        status: status.to_owned(),
        placed: 0,
        traceparent,
    });
    order.placed += 1;
    (StatusCode::CREATED, Json(json!({ "reference": order.reference, "status": order.status })))
        .into_response()
}

async fn order(Extension(shared): Extension<Shared>, Path(reference): Path<Uuid>) -> Response {
    match lock(&shared).orders.get(&reference) {
        Some(order) => Json(json!({ "reference": order.reference, "status": order.status })).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({ "detail": "no such order" }))).into_response(),
    }
}

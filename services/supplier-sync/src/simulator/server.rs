//! The routes of the simulated supplier.

use super::mode::packed;
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
        .route("/orders/{reference}/cancel", post(cancel))
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
    let answer = next.run(request).await;
    let mut held = lock(&shared).held.subscribe();
    // An error is the simulator's end, which ends this too.
    let _ = held.wait_for(|held| !held).await;
    match mode {
        Mode::Packed => match axum::body::to_bytes(answer.into_body(), usize::MAX).await {
            Ok(body) => packed(&body),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        _ => answer,
    }
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

/// An order request that is not looked at yet, and its trace.
pub(super) type Late = (Placed, Option<String>);

/// An order request.
#[derive(Deserialize)]
pub(super) struct Placed {
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
    if mode.0 == Mode::Late {
        lock(&shared).late.push((placed, traceparent));
        return std::future::pending().await;
    }
    if mode.0 == Mode::NotTaken {
        return (StatusCode::SERVICE_UNAVAILABLE, "not now").into_response();
    }
    let answer = take_order(&mut lock(&shared), placed, traceparent);
    if mode.0 == Mode::LostAnswer {
        std::future::pending::<()>().await;
    }
    answer
}

pub(super) fn take_order(state: &mut State, placed: Placed, traceparent: Option<String>) -> Response {
    let status = match &state.policy {
        OrderPolicy::Once if state.orders.contains_key(&placed.reference) => {
            let reason = json!({ "reason": "the reference was used before" });
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(reason)).into_response();
        }
        OrderPolicy::Confirm | OrderPolicy::Once => "confirmed",
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
        confirmed_quantity: None,
        promised_at: None,
        placed: 0,
        traceparent,
    });
    order.placed += 1;
    (StatusCode::CREATED, Json(told(order))).into_response()
}

fn told(order: &SimOrder) -> Value {
    json!({ "reference": order.reference, "status": order.status,
        "confirmed_quantity": order.confirmed_quantity, "promised_at": order.promised_at })
}

fn no_such_order() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "detail": "no such order" }))).into_response()
}

async fn order(Extension(shared): Extension<Shared>, Path(reference): Path<Uuid>) -> Response {
    let mut state = lock(&shared);
    if let Some(order) = state.orders.get(&reference) {
        return Json(told(order)).into_response();
    }
    // Only now does it come to the requests about it that lie there.
    let (about_it, others) =
        std::mem::take(&mut state.late).into_iter().partition(|(late, _)| late.reference == reference);
    state.late = others;
    let about_it: Vec<Late> = about_it;
    for (placed, traceparent) in about_it {
        take_order(&mut state, placed, traceparent);
    }
    no_such_order()
}

async fn cancel(Extension(shared): Extension<Shared>, Path(reference): Path<Uuid>) -> Response {
    let mut state = lock(&shared);
    let refused = state.no_cancelling.clone();
    match (state.orders.get_mut(&reference), refused) {
        (None, _) => no_such_order(),
        (Some(_), Some(reason)) => (StatusCode::CONFLICT, Json(json!({ "reason": reason }))).into_response(),
        (Some(order), None) => {
            "cancelled".clone_into(&mut order.status);
            Json(told(order)).into_response()
        }
    }
}

//! The dialect of older clients: `POST /stock/update/{product_id}`.
//!
//! A product there is an item here: `id` is its product id, `stock` what is available over all locations. Errors
//! are `{"detail": "…"}`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Command, Delta, Outside, Refusal, Shelf};
use platform::http::{Json, Path};
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::text::Note;
use super::{Asked, replayable};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(update))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Update {
    /// By how many, up or down, never 0.
    #[schema(value_type = i64)]
    quantity: Delta,
    #[schema(value_type = Option<String>)]
    reason: Option<Note>,
}

#[derive(Serialize, ToSchema)]
struct UpdatedProduct {
    id: String,
    name: String,
    stock: i64,
    supplier_id: Option<String>,
    active: bool,
}

/// A problem in their words.
struct Detail(Problem);

impl From<Problem> for Detail {
    fn from(problem: Problem) -> Detail {
        Detail(problem)
    }
}

impl From<Error> for Detail {
    fn from(error: Error) -> Detail {
        Detail(error.into())
    }
}

impl IntoResponse for Detail {
    fn into_response(self) -> Response {
        let mut response = self.0.clone().into_response();
        let body: serde_json::Value = serde_json::from_str(&self.0.body()).unwrap_or_default();
        let body = json!({ "detail": body["detail"] }).to_string();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = body.into();
        response
    }
}

/// Change a product's stock, as older clients do.
#[utoipa::path(post, path = "/stock/update/{product_id}", tag = "older clients", request_body = Update,
    params(("product_id" = String, Path)), responses(
    (status = 200, description = "The product after it", body = UpdatedProduct),
    (status = 400, description = "Stock would fall below zero"),
    (status = 404, description = "There is no such product"),
))]
async fn update(
    State(app): State<App>,
    asked: Result<Asked, Problem>,
    path: Result<Path<String>, Problem>,
    body: Result<Json<Update>, Problem>,
) -> Result<Response, Detail> {
    let (asked, Path(product), Json(body)) = (asked?, path?, body?);
    let item = match app.item(&asked.caller, &product).await {
        Err(Error::Refused(Refusal::ItemUnknown)) => return Err(not_found().into()),
        item => item?.id,
    };
    let (delta, against, shelf) = (body.quantity, Outside::Adjustment, Shelf::Available);
    let command = Command::Adjust { item, location: None, delta, against, shelf };
    let mut request = asked.request(command)?;
    request.reason = body.reason.map(Note::into_string);
    let answer = app.writer.submit(request).await.map_err(Error::from)?;
    let done = match answer.outcome {
        Ok(done) => done,
        Err(Refusal::NotEnough { requested, available, .. }) => {
            return Err(below_zero(available, requested).into());
        }
        Err(refusal) => return Err(Error::from(refusal).into()),
    };
    let view = app.reader.item(item).await.map_err(Error::from)?.ok_or_else(not_found)?;
    let stock = done.items.first().map_or(view.available, |after| after.available);
    let (supplier_id, active) = (view.supplier_id, view.active);
    let product = UpdatedProduct { id: view.product_id, name: view.name, stock, supplier_id, active };
    Ok(replayable(axum::Json(product).into_response(), answer.replayed))
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "item-unknown", "Product not found")
}

fn below_zero(stock: i64, reduction: i64) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "not-enough", "There is not enough available").detail(format!(
        "Cannot reduce stock below zero. Current stock: {stock}, Requested reduction: {reduction}"
    ))
}

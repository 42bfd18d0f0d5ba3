//! Reservations: promise stock, hand it over, give it back.

use axum::extract::State;
use axum::http::StatusCode;
use domain::{Command, HoldId, Line, Quantity};
use ledger::HoldView;
use platform::auth::Caller;
use platform::http::{Json, Path};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::text::ReferenceBody;
use super::{Asked, MAY_READ, Recorded};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(reserve))
        .routes(routes!(read))
        .routes(routes!(confirm))
        .routes(routes!(cancel))
}

/// What to hold: every line or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReservationBody {
    /// 1 to 500 lines.
    lines: Vec<LineBody>,
    /// For how long, in seconds, up to 90 days; as configured when absent.
    ttl_seconds: Option<i64>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// One item of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LineBody {
    /// An id, a product_id or a SKU.
    item: String,
    /// How many: 1 to 10^12.
    #[schema(value_type = i64, minimum = 1)]
    quantity: Quantity,
    /// From where, by id or code; when absent, from wherever there is some, by priority.
    location: Option<String>,
}

/// Hold stock for somebody, all lines or none.
#[utoipa::path(post, path = "/v1/reservations", tag = "reservations", request_body = ReservationBody, responses(
    (status = 201, description = "Held: the reservation, and the items after it"),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "There is not enough available, or an item is not active"),
    (status = 422, description = "No lines, too many lines, or no time that a reservation can last"),
))]
async fn reserve(
    State(app): State<App>,
    asked: Asked,
    Json(body): Json<ReservationBody>,
) -> Result<Recorded, Error> {
    if body.lines.len() > domain::MAX_LINES {
        // Before each of them is looked up.
        return Err(domain::Refusal::TooManyLines { lines: body.lines.len() }.into());
    }
    let mut lines = Vec::with_capacity(body.lines.len());
    for line in body.lines {
        let item = app.item(&asked.caller, &line.item).await?.id;
        let location = app.location(line.location.as_deref()).await?;
        lines.push(Line { item, location, quantity: line.quantity });
    }
    let seconds = body.ttl_seconds.unwrap_or(app.reservation_ttl_s);
    let mut request = asked.request(Command::Reserve { hold: HoldId(Uuid::now_v7()), lines, seconds })?;
    request.reference = body.reference.map(Into::into);
    Recorded::of(app.writer.submit(request).await?, StatusCode::CREATED)
}

/// A reservation as it is now.
#[utoipa::path(get, path = "/v1/reservations/{reservation}", tag = "reservations",
    params(("reservation" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "The reservation"),
    (status = 404, description = "There is no such reservation"),
))]
async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(reservation): Path<Uuid>,
) -> Result<Json<HoldView>, Error> {
    caller.must_be(MAY_READ)?;
    let hold = HoldId(reservation);
    let view = app.reader.hold(hold, caller.owner_scope()).await?;
    view.map(Json).ok_or(Error::Refused(domain::Refusal::HoldUnknown { hold }))
}

/// Hand over what was held. Doing it again changes nothing.
#[utoipa::path(post, path = "/v1/reservations/{reservation}/confirm", tag = "reservations",
    params(("reservation" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "Handed over, now or before"),
    (status = 404, description = "There is no such reservation"),
    (status = 409, description = "It has expired or was cancelled"),
))]
async fn confirm(
    State(app): State<App>,
    asked: Asked,
    Path(reservation): Path<Uuid>,
) -> Result<Recorded, Error> {
    let request = asked.request(Command::Confirm { hold: HoldId(reservation) })?;
    Recorded::of(app.writer.submit(request).await?, StatusCode::OK)
}

/// Give back what was held. Doing it again changes nothing.
#[utoipa::path(post, path = "/v1/reservations/{reservation}/cancel", tag = "reservations",
    params(("reservation" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "Given back, now or before"),
    (status = 404, description = "There is no such reservation"),
    (status = 409, description = "It has expired or was confirmed"),
))]
async fn cancel(
    State(app): State<App>,
    asked: Asked,
    Path(reservation): Path<Uuid>,
) -> Result<Recorded, Error> {
    let request = asked.request(Command::Cancel { hold: HoldId(reservation) })?;
    Recorded::of(app.writer.submit(request).await?, StatusCode::OK)
}

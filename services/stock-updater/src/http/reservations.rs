//! Reservations: promise stock, hand it over, give it back.

use axum::extract::State;
use domain::{Command, HoldId, Line, PartLine, Quantity};
use ledger::Request;
use platform::auth::Caller;
use platform::http::{Json, Path};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answers::{Change, Reservation};
use super::instruction::{Draft, Instruction};
use super::stock::because;
use super::text::ReferenceBody;
use super::transfers::ItemLine;
use super::{Asked, MAY_READ, Recorded};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(reserve))
        .routes(routes!(read))
        .routes(routes!(extend))
        .routes(routes!(confirm))
        .routes(routes!(cancel))
}

/// What to hold: every line or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReservationBody {
    /// 1 to 500 lines.
    pub(super) lines: Vec<LineBody>,
    /// For how long, in seconds, up to 90 days; as configured when absent.
    ttl_seconds: Option<i64>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// One item of it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LineBody {
    /// An id, a product_id or a SKU.
    pub(super) item: String,
    /// How many: 1 to 10^12.
    #[schema(value_type = i64, minimum = 1)]
    quantity: Quantity,
    /// From where, by id or code; when absent, from wherever there is some, by priority.
    pub(super) location: Option<String>,
}

/// For how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtensionBody {
    /// From now on, in seconds, up to 90 days.
    #[serde(alias = "ttl_s")]
    ttl_seconds: i64,
}

/// What is handed over.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandoverBody {
    /// 1 to 500 lines, and the rest stays held; all that is left when absent. An item in two lines is added up.
    pub(super) lines: Option<Vec<ItemLine>>,
}

impl ReservationBody {
    pub(super) fn request(self, draft: &Draft<'_>) -> Result<Request, Error> {
        let mut lines = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            let (item, location) = (draft.item(&line.item)?, draft.place(line.location.as_ref())?);
            lines.push(Line { item, location, quantity: line.quantity });
        }
        let seconds = self.ttl_seconds.unwrap_or(draft.app.reservation_ttl_s);
        let request = draft.request(Command::Reserve { hold: HoldId(Uuid::now_v7()), lines, seconds });
        Ok(because(request, None, self.reference))
    }
}

impl ExtensionBody {
    pub(super) fn request(&self, draft: &Draft<'_>, hold: HoldId) -> Request {
        draft.request(Command::Extend { hold, seconds: self.ttl_seconds })
    }
}

impl HandoverBody {
    pub(super) fn request(self, draft: &Draft<'_>, hold: HoldId) -> Result<Request, Error> {
        let line = |line: ItemLine| Ok(PartLine { item: draft.item(&line.item)?, quantity: line.quantity });
        let lines = self.lines.map(|lines| lines.into_iter().map(line).collect::<Result<_, Error>>());
        Ok(draft.request(Command::Confirm { hold, lines: lines.transpose()? }))
    }
}

/// Hold stock for somebody, all lines or none.
#[utoipa::path(post, path = "/v1/reservations", tag = "reservations", request_body = ReservationBody, responses(
    (status = 201, description = "Held: the reservation, and the items after it", body = Change),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "There is not enough available, or an item is not active"),
    (status = 422, description = "No lines, too many lines, or no time that a reservation can last"),
))]
async fn reserve(
    State(app): State<App>,
    asked: Asked,
    Json(body): Json<ReservationBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Reserve(body)).await
}

/// A reservation as it is now.
#[utoipa::path(get, path = "/v1/reservations/{reservation}", tag = "reservations",
    params(("reservation" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "The reservation", body = Reservation),
    (status = 404, description = "There is no such reservation"),
))]
async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(reservation): Path<Uuid>,
) -> Result<Json<Reservation>, Error> {
    caller.must_be(MAY_READ)?;
    let hold = HoldId(reservation);
    let view = app.reader.hold(hold, caller.owner_scope()).await?;
    view.map(|view| Json(view.into())).ok_or(Error::Refused(domain::Refusal::HoldUnknown { hold }))
}

/// Hold it for longer. Sooner than it would end anyway changes nothing.
#[utoipa::path(post, path = "/v1/reservations/{reservation}/extend", tag = "reservations",
    request_body = ExtensionBody, params(("reservation" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "It lasts that long, or longer", body = Change),
    (status = 404, description = "There is no such reservation"),
    (status = 409, description = "It has ended"),
    (status = 422, description = "No time that a reservation can last"),
))]
async fn extend(
    State(app): State<App>,
    asked: Asked,
    Path(reservation): Path<Uuid>,
    Json(body): Json<ExtensionBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Extend(reservation, body)).await
}

/// Hand over what was held, all or some. Without a body: all that is left, and doing it again changes nothing.
#[utoipa::path(post, path = "/v1/reservations/{reservation}/confirm", tag = "reservations",
    request_body = HandoverBody, params(("reservation" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "Handed over, now or before", body = Change),
    (status = 404, description = "There is no such reservation, or it holds none of the item"),
    (status = 409, description = "It has expired or was cancelled, or does not hold that many any more"),
))]
async fn confirm(
    State(app): State<App>,
    asked: Asked,
    Path(reservation): Path<Uuid>,
    body: Option<Json<HandoverBody>>,
) -> Result<Recorded, Error> {
    let body = body.map_or_else(HandoverBody::default, |Json(body)| body);
    app.give(asked, Instruction::Confirm(reservation, body)).await
}

/// Give back what is still held. Doing it again changes nothing.
#[utoipa::path(post, path = "/v1/reservations/{reservation}/cancel", tag = "reservations",
    params(("reservation" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "Given back, now or before", body = Change),
    (status = 404, description = "There is no such reservation"),
    (status = 409, description = "It has expired or was confirmed"),
))]
async fn cancel(
    State(app): State<App>,
    asked: Asked,
    Path(reservation): Path<Uuid>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Cancel(reservation)).await
}

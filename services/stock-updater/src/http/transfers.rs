//! Transfers: goods on their way from one of our locations to another.

use axum::extract::State;
use domain::{Command, Quantity, TransferId, TransferLine};
use ledger::Request;
use platform::http::{Json, Path};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::answers::Change;
use super::instruction::{Draft, Instruction};
use super::stock::{UnitState, because};
use super::text::{Note, ReferenceBody};
use super::{Asked, Recorded};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ship)).routes(routes!(receive)).routes(routes!(lose))
}

/// What to send: every line or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferBody {
    /// Where the goods leave, by id or code. It may be closed.
    pub(super) from: String,
    /// Where they go, by id or code.
    pub(super) to: String,
    /// 1 to 500 lines. An item in two lines is added up.
    pub(super) lines: Vec<ItemLine>,
    /// Why, for people.
    #[schema(value_type = Option<String>)]
    reason: Option<Note>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// So many of one item.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemLine {
    /// An id, a product_id or a SKU.
    pub(super) item: String,
    /// How many: 1 to 10^12.
    #[schema(value_type = i64, minimum = 1)]
    pub(super) quantity: Quantity,
}

/// What arrived.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrivalBody {
    /// 1 to 500 lines; all that is outstanding when absent.
    pub(super) lines: Option<Vec<ItemLine>>,
    /// What it is good for.
    #[serde(default)]
    into: UnitState,
    /// Why, for people.
    #[schema(value_type = Option<String>)]
    reason: Option<Note>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// What will not arrive.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LossBody {
    /// 1 to 500 lines; all that is outstanding when absent.
    pub(super) lines: Option<Vec<ItemLine>>,
    /// Why, for people.
    #[schema(value_type = Option<String>)]
    reason: Option<Note>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

impl TransferBody {
    pub(super) fn request(self, draft: &Draft<'_>) -> Result<Request, Error> {
        let (from, to) = (draft.location(&self.from)?, draft.location(&self.to)?);
        let (transfer, lines) = (TransferId(Uuid::now_v7()), lines(draft, &self.lines)?);
        let request = draft.request(Command::Ship { transfer, from, to, lines });
        Ok(because(request, self.reason, self.reference))
    }
}

impl ArrivalBody {
    pub(super) fn request(self, draft: &Draft<'_>, transfer: TransferId) -> Result<Request, Error> {
        let lines = self.lines.map(|given| lines(draft, &given)).transpose()?;
        let command = Command::ReceiveTransfer { transfer, lines, into: self.into.into() };
        Ok(because(draft.request(command), self.reason, self.reference))
    }
}

impl LossBody {
    pub(super) fn request(self, draft: &Draft<'_>, transfer: TransferId) -> Result<Request, Error> {
        let lines = self.lines.map(|given| lines(draft, &given)).transpose()?;
        let request = draft.request(Command::LoseTransfer { transfer, lines });
        Ok(because(request, self.reason, self.reference))
    }
}

fn lines(draft: &Draft<'_>, given: &[ItemLine]) -> Result<Vec<TransferLine>, Error> {
    let line = |line: &ItemLine| Ok(TransferLine { item: draft.item(&line.item)?, quantity: line.quantity });
    given.iter().map(line).collect()
}

/// Send goods from one location to another, all lines or none. They are in transit until they are received.
#[utoipa::path(post, path = "/v1/transfers", tag = "transfers", request_body = TransferBody, responses(
    (status = 201, description = "Shipped: the transfer, and the items after it", body = Change),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "There are not enough available, or the location they go to is not active"),
    (status = 422, description = "No lines, too many lines, or from and to are the same"),
))]
async fn ship(
    State(app): State<App>,
    asked: Asked,
    Json(body): Json<TransferBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Ship(body)).await
}

/// Take in what was shipped, all or some. Without a body: all that is outstanding, for sale.
#[utoipa::path(post, path = "/v1/transfers/{transfer}/receive", tag = "transfers", request_body = ArrivalBody,
    params(("transfer" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "Taken in; all of it was already, if nothing was outstanding", body = Change),
    (status = 404, description = "There is no such transfer, or the item is not on it"),
    (status = 409, description = "Not that many are on their way"),
))]
async fn receive(
    State(app): State<App>,
    asked: Asked,
    Path(transfer): Path<Uuid>,
    body: Option<Json<ArrivalBody>>,
) -> Result<Recorded, Error> {
    let body = body.map_or_else(ArrivalBody::default, |Json(body)| body);
    app.give(asked, Instruction::ReceiveTransfer(transfer, body)).await
}

/// Stop waiting for what was shipped, all or some. Without a body: for all that is outstanding.
#[utoipa::path(post, path = "/v1/transfers/{transfer}/losses", tag = "transfers", request_body = LossBody,
    params(("transfer" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "Given up; nothing was outstanding, if nothing changed", body = Change),
    (status = 404, description = "There is no such transfer, or the item is not on it"),
    (status = 409, description = "Not that many are on their way"),
))]
async fn lose(
    State(app): State<App>,
    asked: Asked,
    Path(transfer): Path<Uuid>,
    body: Option<Json<LossBody>>,
) -> Result<Recorded, Error> {
    let body = body.map_or_else(LossBody::default, |Json(body)| body);
    app.give(asked, Instruction::LoseTransfer(transfer, body)).await
}

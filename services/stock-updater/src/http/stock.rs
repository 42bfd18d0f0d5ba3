//! Units of one item: take them in, take them back, correct them, sort them, count them.

use axum::extract::State;
use domain::{Command, Delta, Outside, Quantity, Shelf};
use ledger::Request;
use platform::http::{Json, Path};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answers::Change;
use super::instruction::{Draft, Instruction};
use super::text::{Note, ReferenceBody};
use super::{Asked, Recorded};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(receive))
        .routes(routes!(take_back))
        .routes(routes!(adjust))
        .routes(routes!(move_units))
        .routes(routes!(count))
}

/// What units are good for.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnitState {
    #[default]
    Available,
    Damaged,
    QualityControl,
}

/// Goods that came in, or came back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiptBody {
    /// How many: 1 to 10^12.
    #[schema(value_type = i64, minimum = 1)]
    quantity: Quantity,
    /// Where, by id or code; the first location when absent.
    pub(super) location: Option<String>,
    /// What they are good for.
    #[serde(default)]
    into: UnitState,
    /// Why, for people.
    #[schema(value_type = Option<String>)]
    reason: Option<Note>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// A correction of what is there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdjustmentBody {
    /// By how many: up or down to 10^12, never 0.
    #[schema(value_type = i64)]
    delta: Delta,
    /// Which units.
    #[serde(default)]
    state: UnitState,
    /// Why, for people.
    #[schema(value_type = String)]
    reason: Note,
    /// Where, by id or code. When absent: up at the first location, down wherever there is some.
    pub(super) location: Option<String>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// Units that are good for something else than was thought.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveBody {
    /// Where, by id or code.
    pub(super) location: String,
    /// What they were taken to be good for.
    from: UnitState,
    /// What they are good for.
    to: UnitState,
    /// How many: 1 to 10^12.
    #[schema(value_type = i64, minimum = 1)]
    quantity: Quantity,
    /// Why, for people.
    #[schema(value_type = Option<String>)]
    reason: Option<Note>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

/// What was counted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StocktakeBody {
    /// Where, by id or code.
    pub(super) location: String,
    /// How many lay there: 0 to 10^12. Promised units still lie among the available, and are counted with them.
    counted: i64,
    /// Which units.
    #[serde(default)]
    state: UnitState,
    /// The item's version that the counter saw: what was sold since then stays sold. Now, when absent.
    version: Option<i64>,
    /// Why, for people.
    #[schema(value_type = Option<String>)]
    reason: Option<Note>,
    /// What it is for.
    reference: Option<ReferenceBody>,
}

impl From<UnitState> for Shelf {
    fn from(state: UnitState) -> Shelf {
        match state {
            UnitState::Available => Shelf::Available,
            UnitState::Damaged => Shelf::Damaged,
            UnitState::QualityControl => Shelf::QualityControl,
        }
    }
}

impl ReceiptBody {
    pub(super) fn received(self, draft: &Draft<'_>, item: &str) -> Result<Request, Error> {
        let (item, location) = (draft.item(item)?, draft.place(self.location.as_ref())?);
        let (quantity, into) = (self.quantity, self.into.into());
        let request = draft.request(Command::Receive { item, location, quantity, expected: false, into });
        Ok(because(request, self.reason, self.reference))
    }

    pub(super) fn returned(self, draft: &Draft<'_>, item: &str) -> Result<Request, Error> {
        let (item, location) = (draft.item(item)?, draft.place(self.location.as_ref())?);
        let (quantity, into) = (self.quantity, self.into.into());
        let request = draft.request(Command::Return { item, location, quantity, into });
        Ok(because(request, self.reason, self.reference))
    }
}

impl AdjustmentBody {
    pub(super) fn request(self, draft: &Draft<'_>, item: &str) -> Result<Request, Error> {
        let (item, location) = (draft.item(item)?, draft.place(self.location.as_ref())?);
        let (delta, against, shelf) = (self.delta, Outside::Adjustment, self.state.into());
        let request = draft.request(Command::Adjust { item, location, delta, against, shelf });
        Ok(because(request, Some(self.reason), self.reference))
    }
}

impl MoveBody {
    pub(super) fn request(self, draft: &Draft<'_>, item: &str) -> Result<Request, Error> {
        let (item, location) = (draft.item(item)?, draft.location(&self.location)?);
        let (from, to, quantity) = (self.from.into(), self.to.into(), self.quantity);
        let request = draft.request(Command::Move { item, location, from, to, quantity });
        Ok(because(request, self.reason, self.reference))
    }
}

impl StocktakeBody {
    pub(super) fn of(
        location: String,
        state: UnitState,
        counted: i64,
        version: Option<i64>,
    ) -> StocktakeBody {
        StocktakeBody { location, counted, state, version, reason: None, reference: None }
    }

    pub(super) fn request(self, draft: &Draft<'_>, item: &str) -> Result<Request, Error> {
        let (item, location) = (draft.item(item)?, draft.location(&self.location)?);
        let (shelf, counted, version) = (self.state.into(), self.counted, self.version);
        let request = draft.request(Command::Stocktake { item, location, shelf, counted, version });
        Ok(because(request, self.reason, self.reference))
    }
}

/// The request with why, and what for.
pub(super) fn because(request: Request, reason: Option<Note>, reference: Option<ReferenceBody>) -> Request {
    Request { reason: reason.map(Note::into_string), reference: reference.map(Into::into), ..request }
}

/// Take goods in.
#[utoipa::path(post, path = "/v1/items/{item}/receipts", tag = "stock", request_body = ReceiptBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 201, description = "Taken in", body = Change),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "The location is not active, or a level would be too large"),
    (status = 412, description = "The item is not at the version that If-Match names"),
))]
async fn receive(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<ReceiptBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Receive(item, body)).await
}

/// Take back what a customer had.
#[utoipa::path(post, path = "/v1/items/{item}/returns", tag = "stock", request_body = ReceiptBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 201, description = "Taken back", body = Change),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "The location is not active, or a level would be too large"),
    (status = 412, description = "The item is not at the version that If-Match names"),
))]
async fn take_back(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<ReceiptBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Return(item, body)).await
}

/// Correct what is there by a delta.
#[utoipa::path(post, path = "/v1/items/{item}/adjustments", tag = "stock", request_body = AdjustmentBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 201, description = "Corrected", body = Change),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "There are not enough to take away"),
    (status = 412, description = "The item is not at the version that If-Match names"),
))]
async fn adjust(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<AdjustmentBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Adjust(item, body)).await
}

/// Say that units are good for something else than was thought. Reserved ones are not moved.
#[utoipa::path(post, path = "/v1/items/{item}/moves", tag = "stock", request_body = MoveBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 201, description = "Moved", body = Change),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "There are not enough in that state"),
    (status = 412, description = "The item is not at the version that If-Match names"),
    (status = 422, description = "From and to are the same"),
))]
async fn move_units(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<MoveBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Move(item, body)).await
}

/// Correct the books by what was counted. The answer says by how many: `difference`.
#[utoipa::path(post, path = "/v1/items/{item}/stocktakes", tag = "stock", request_body = StocktakeBody,
    params(("item" = String, Path, description = "An id, a product_id or a SKU")), responses(
    (status = 201, description = "Corrected, or right already", body = Change),
    (status = 404, description = "There is no such item or location"),
    (status = 409, description = "Reservations bind what was not found, or the version is not known"),
    (status = 412, description = "The item is not at the version that If-Match names"),
    (status = 422, description = "The count is out of range"),
))]
async fn count(
    State(app): State<App>,
    asked: Asked,
    Path(item): Path<String>,
    Json(body): Json<StocktakeBody>,
) -> Result<Recorded, Error> {
    app.give(asked, Instruction::Stocktake(item, body)).await
}

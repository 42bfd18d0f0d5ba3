//! Transfers, and why a number is what it is.

use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::TransferId;
use ledger::{Pile, Question};
use platform::http::{ETag, Json, Path, Query};
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{Asker, parameters};
use crate::App;
use crate::answers::{NumberExplained, Transfer};
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(transfer)).routes(routes!(explain))
}

/// Get a transfer between two locations.
#[utoipa::path(get, path = "/v1/transfers/{transfer}", tag = "history",
    params(("transfer" = Uuid, Path, description = "Its id")), responses(
    (status = 200, description = "The transfer as it is now", body = Transfer),
    (status = 404, description = "There is no such transfer")))]
async fn transfer(
    asker: Asker,
    State(app): State<App>,
    Path(id): Path<Uuid>,
) -> Result<Json<Transfer>, Problem> {
    let asked = app.database.reader.transfer(TransferId(id), asker.owner());
    let found = app.database.ask(asked).await?;
    Ok(Json(found.ok_or(Error::TransferUnknown(id))?.into()))
}

/// Which units.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Units {
    #[default]
    Available,
    Reserved,
    Damaged,
    QualityControl,
    Incoming,
    InTransit,
    OnHand,
}

impl Units {
    fn pile(self) -> Pile {
        use domain::State as S;
        match self {
            Units::Available => Pile::In(S::Available),
            Units::Reserved => Pile::In(S::Reserved),
            Units::Damaged => Pile::In(S::Damaged),
            Units::QualityControl => Pile::In(S::QualityControl),
            Units::Incoming => Pile::In(S::Incoming),
            Units::InTransit => Pile::In(S::InTransit),
            Units::OnHand => Pile::OnHand,
        }
    }

    fn word(self) -> &'static str {
        match self.pile() {
            Pile::In(state) => state.as_str(),
            Pile::OnHand => "on_hand",
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ExplainQuery {
    /// Where, by id or code; over all locations when not given.
    location: Option<String>,
    /// Which units.
    #[serde(default)]
    #[param(inline)]
    state: Units,
    /// As it was at this time.
    at: Option<DateTime<Utc>>,
    /// As it was at this version.
    #[param(minimum = 1)]
    version: Option<i64>,
}

/// Explain a number: the snapshot, the movements since and the holds that add up to it.
#[utoipa::path(get, path = "/v1/items/{item}/explain", tag = "history",
    params(("item" = String, Path, description = "Its id, product_id or SKU"), ExplainQuery), responses(
    (status = 200, description = "What the number is made of", body = NumberExplained),
    (status = 404, description = "There is no such item, location or version"),
    (status = 409, description = "The name stands for several items"),
    (status = 422, description = "That time has not come yet")))]
async fn explain(
    asker: Asker,
    State(app): State<App>,
    Path(name): Path<String>,
    Query(query): Query<ExplainQuery>,
) -> Result<(ETag, Json<NumberExplained>), Problem> {
    let moment = parameters::moment(query.at, query.version)?;
    let item = app.item(&asker, &name).await?;
    let location = parameters::location(&app, query.location.as_deref()).await?;
    let question = Question { pile: query.state.pile(), location, moment };
    let explained = app.database.ask(app.database.reader.explain(item, question)).await?;
    let answer = NumberExplained::of(explained, query.state.word(), query.location);
    Ok((ETag(answer.version()), Json(answer)))
}

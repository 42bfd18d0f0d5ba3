//! Locations: where stock is kept.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, SubsecRound, Utc};
use domain::{LocationId, Name, Sku};
use ledger::locations::{self, LocationError, LocationPatch, LocationView};
use platform::auth::Caller;
use platform::http::{IdempotencyKey, Json, Path};
use platform::idempotency::{self, Replayable, Scope};
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::text::Note;
use super::{MAY_READ, operator, unknown_location};
use crate::App;
use crate::error::Error;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, update))
}

/// What to set; what is absent stays, or is empty on a new location.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocationBody {
    /// On a new location only: 1 to 50 visible ASCII characters, unique. Never changes.
    #[schema(value_type = Option<String>)]
    pub(crate) code: Option<Sku>,
    /// Up to 200 characters; the code when absent.
    #[schema(value_type = Option<String>)]
    pub(crate) name: Option<Name>,
    /// Up to 200 characters.
    #[schema(value_type = Option<String>)]
    pub(crate) address: Option<Note>,
    /// Up to 100 characters.
    #[schema(value_type = Option<String>)]
    pub(crate) city: Option<Note>,
    /// Up to 100 characters.
    #[schema(value_type = Option<String>)]
    pub(crate) state: Option<Note>,
    /// Up to 100 characters.
    #[schema(value_type = Option<String>)]
    pub(crate) country: Option<Note>,
    /// Up to 20 characters.
    #[schema(value_type = Option<String>)]
    pub(crate) postal_code: Option<Note>,
    /// The one with the lowest is put into and taken from first; 100 when absent.
    pub(crate) priority: Option<i32>,
    /// Whether stock may be put there or promised from there.
    pub(crate) active: Option<bool>,
}

/// The longest code, in characters.
const MAX_CODE: usize = 50;

impl LocationBody {
    fn patch(self) -> Result<LocationPatch, Problem> {
        let fit = |field: &str, text: Option<Note>, longest| {
            let within = text.map(|text| text.within(longest)).transpose();
            within.map_err(|error| invalid(&format!("{field}: {error}")))
        };
        Ok(LocationPatch {
            name: self.name,
            address: fit("address", self.address, 200)?,
            city: fit("city", self.city, 100)?,
            state: fit("state", self.state, 100)?,
            country: fit("country", self.country, 100)?,
            postal_code: fit("postal_code", self.postal_code, 20)?,
            priority: self.priority,
            active: self.active,
        })
    }
}

fn invalid(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "location-invalid", "The location is not right")
        .detail(detail)
}

/// All locations, the one to take from first in front.
#[utoipa::path(get, path = "/v1/locations", tag = "locations", responses(
    (status = 200, description = "At most 1,000 locations"),
))]
async fn list(State(app): State<App>, caller: Caller) -> Result<Json<serde_json::Value>, Error> {
    caller.must_be(MAY_READ)?;
    let locations = locations::list(&app.db).await?;
    Ok(Json(serde_json::json!({ "locations": locations })))
}

/// One location.
#[utoipa::path(get, path = "/v1/locations/{location}", tag = "locations",
    params(("location" = String, Path, description = "An id or a code")), responses(
    (status = 200, description = "The location"),
    (status = 404, description = "There is no such location"),
))]
async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(location): Path<String>,
) -> Result<Json<LocationView>, Error> {
    caller.must_be(MAY_READ)?;
    let found = locations::find(&app.db, &location).await?;
    found.map(Json).ok_or_else(|| unknown_location(&location).into())
}

/// Open a location.
#[utoipa::path(post, path = "/v1/locations", tag = "locations", request_body = LocationBody, responses(
    (status = 201, description = "The location"),
    (status = 409, description = "The code is taken, or there are too many locations"),
    (status = 422, description = "A text is too long, or the code is missing"),
))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Json(body): Json<LocationBody>,
) -> Result<Replayable, Error> {
    app.open_location(&caller, key, body).await
}

/// Change a location.
#[utoipa::path(patch, path = "/v1/locations/{location}", tag = "locations", request_body = LocationBody,
    params(("location" = String, Path, description = "An id or a code")), responses(
    (status = 200, description = "The location"),
    (status = 404, description = "There is no such location"),
    (status = 422, description = "A text is too long, or the code was to be changed"),
))]
async fn update(
    State(app): State<App>,
    caller: Caller,
    key: IdempotencyKey,
    Path(location): Path<String>,
    Json(body): Json<LocationBody>,
) -> Result<Replayable, Error> {
    app.change_location(&caller, key, &location, body).await
}

impl App {
    /// Opens a location; answers a [`LocationView`].
    pub(crate) async fn open_location(
        &self,
        caller: &Caller,
        key: IdempotencyKey,
        mut body: LocationBody,
    ) -> Result<Replayable, Error> {
        operator(caller)?;
        let scope = scope(caller, key, "POST /v1/locations", &body)?;
        let code = body.code.take().filter(|code| code.as_str().len() <= MAX_CODE);
        let code = code.ok_or_else(|| invalid("a new location has a code of 1 to 50 characters"))?;
        // Where a location is named, an id is one: such a code would take over another's references.
        if Uuid::parse_str(code.as_str()).is_ok() {
            return Err(invalid("a location's code cannot have the form of an id").into());
        }
        let patch = body.patch()?;
        let created = idempotency::once(&self.db, scope, async |tx| {
            let id = LocationId(Uuid::now_v7());
            let view = locations::create(tx, id, code.as_str(), patch, now()).await?;
            Ok::<_, LocationError>(answer(StatusCode::CREATED, &view))
        });
        let created = created.await.map_err(|error| error.into_problem(|error| Error::from(error).into()))?;
        self.writer.locations_changed();
        Ok(created)
    }

    /// Changes the location with this id or code; answers a [`LocationView`].
    pub(crate) async fn change_location(
        &self,
        caller: &Caller,
        key: IdempotencyKey,
        location: &str,
        body: LocationBody,
    ) -> Result<Replayable, Error> {
        operator(caller)?;
        let scope = scope(caller, key, &format!("PATCH /v1/locations/{location}"), &body)?;
        if body.code.is_some() {
            return Err(invalid("a location's code never changes").into());
        }
        let patch = body.patch()?;
        let updated = idempotency::once(&self.db, scope, async |tx| {
            let view = locations::update(tx, location, patch, now()).await?;
            let view = view.ok_or_else(|| Error::from(unknown_location(location)))?;
            Ok::<_, Error>(answer(StatusCode::OK, &view))
        });
        let updated = updated.await.map_err(|error| error.into_problem(Problem::from))?;
        self.writer.locations_changed();
        Ok(updated)
    }
}

/// To the microsecond, which is what the databases keep.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

fn scope(caller: &Caller, key: IdempotencyKey, route: &str, body: &LocationBody) -> Result<Scope, Problem> {
    let body = serde_json::to_vec(body).map_err(|_| Problem::internal())?;
    Ok(Scope::new(caller, key.0, idempotency::fingerprint(route, &body)))
}

fn answer(status: StatusCode, view: &LocationView) -> idempotency::Answer {
    // A location is texts and numbers: there is nothing in it that JSON cannot say.
    let body = serde_json::to_string(view).unwrap_or_default();
    idempotency::Answer { status: status.as_u16(), body }
}

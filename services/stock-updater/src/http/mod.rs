//! The routes: each extracts, names a command, and answers what came of it.
//!
//! Reading order: `instruction` (every command that clients may give) → `stock`, `transfers`, `reservations`, `items`
//! (their bodies and routes) → `batch` (many at once) → `table` (files) → `compat` and `delta` (older clients).

mod answers;
mod audit;
pub(crate) mod batch;
mod compat;
mod delta;
pub(crate) mod instruction;
pub(crate) mod items;
pub(crate) mod locations;
mod names;
mod reservations;
mod stock;
pub(crate) mod table;
pub(crate) mod text;
mod transfers;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use ledger::{Answer, By, Done, Resolved};
use platform::auth::{Caller, Role};
use platform::http::{ETag, IdempotencyKey, IfMatch, Json};
use platform::problem::Problem;
use utoipa_axum::router::OpenApiRouter;

use crate::App;
use crate::error::Error;
use answers::Change;

/// Who may change stock. A brand may, of its own items.
pub(crate) const MAY_CHANGE: &[Role] = &[Role::Admin, Role::Brand, Role::Service];
/// Who may look. A brand may, at its own items.
pub(crate) const MAY_READ: &[Role] = &[Role::Admin, Role::Brand, Role::Service, Role::Viewer];
/// Who may change what all brands share.
const MAY_OPERATE: &[Role] = &[Role::Admin, Role::Service];

pub(crate) fn routes(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .merge(items::routes())
        .merge(stock::routes())
        .merge(transfers::routes())
        .merge(reservations::routes())
        .merge(batch::routes())
        .merge(table::routes())
        .merge(locations::routes())
        .merge(audit::routes())
        .merge(compat::routes())
        .merge(delta::routes())
        .with_state(app)
}

/// What every change is asked with beside its body.
pub(crate) struct Asked {
    pub(crate) caller: Caller,
    pub(crate) key: IdempotencyKey,
    pub(crate) if_match: IfMatch,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked, Problem> {
        Ok(Asked {
            caller: Caller::from_request_parts(parts, state).await?,
            key: IdempotencyKey::from_request_parts(parts, state).await?,
            if_match: IfMatch::from_request_parts(parts, state).await?,
        })
    }
}

impl Asked {
    /// The request for a command, if the caller's role allows any.
    pub(crate) fn request(&self, command: domain::Command) -> Result<ledger::Request, Problem> {
        self.caller.must_be(MAY_CHANGE)?;
        let mut request = ledger::Request::new(command, by(&self.caller));
        request.key.clone_from(&self.key.0);
        request.if_match = self.if_match.0;
        Ok(request)
    }
}

/// Refuses who may not change what all owners share: a caller bound to one owner may not, whatever the role.
fn operator(caller: &Caller) -> Result<(), Problem> {
    caller.must_be(MAY_OPERATE)?;
    match caller.owner_scope() {
        None => Ok(()),
        Some(owner) => Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Your role may not do this")
            .detail(format!("a caller bound to the owner {owner:?} may not change what all share"))),
    }
}

pub(crate) fn by(caller: &Caller) -> By {
    By {
        actor: caller.actor.clone(),
        role: caller.role.as_str().to_owned(),
        owner: caller.owner_scope().map(str::to_owned),
    }
}

/// A change that was made: the status, and what was recorded. The `ETag` is the version of the item, when it is
/// about one.
struct Recorded {
    status: StatusCode,
    done: Done,
    replayed: bool,
}

impl Recorded {
    fn of(answer: Answer, status: StatusCode) -> Result<Recorded, Error> {
        Ok(Recorded { status, done: answer.outcome?, replayed: answer.replayed })
    }
}

impl IntoResponse for Recorded {
    fn into_response(self) -> Response {
        let version = match self.done.items.as_slice() {
            [only] => Some(ETag(only.version)),
            [] | [_, _, ..] => None,
        };
        let response = match version {
            Some(version) => (self.status, version, Json(Change::from(self.done))).into_response(),
            None => (self.status, Json(Change::from(self.done))).into_response(),
        };
        replayable(response, self.replayed)
    }
}

/// Says so when an answer was given before.
fn replayable(mut response: Response, replayed: bool) -> Response {
    if replayed {
        let name = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

impl App {
    /// The item that a name in a URL or a body stands for, if the caller may see it.
    async fn item(&self, caller: &Caller, name: &str) -> Result<Resolved, Error> {
        let found = self.reader.resolve(name, caller.owner_scope()).await?;
        found.ok_or(Error::Refused(domain::Refusal::ItemUnknown))
    }
}

pub(crate) fn unknown_location(name: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "location-unknown", "There is no such location")
        .detail(format!("there is no location with the id or code {name:?}"))
}

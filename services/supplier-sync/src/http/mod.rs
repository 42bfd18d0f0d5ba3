//! The routes: our own under `/v1`, and those of older clients in [`compat`].
//!
//! A handler extracts, calls one function, answers. **Invariants.** Who may not do something is told so before
//! anything they sent is read. Every write goes through [`Write`], so that it honours an idempotency key.

mod compat;
mod page;
mod performance;
mod policies;
mod price_breaks;
mod restock;
mod runs;
mod suppliers;

use crate::App;
use crate::error::{Error, problem};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use platform::auth::{Caller, Role};
use platform::http::IdempotencyKey;
use platform::idempotency::{self, Answer, Replayable, Scope};
use platform::problem::Problem;
use sea_orm::DatabaseTransaction;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;

/// All routes of the service.
pub(crate) fn routes(app: App) -> OpenApiRouter {
    let restocking = restock::routes().merge(policies::routes()).merge(price_breaks::routes());
    let suppliers = suppliers::routes().merge(runs::routes()).merge(performance::routes());
    suppliers.merge(restocking).merge(compat::routes()).with_state(app)
}

/// A caller who may look. Suppliers belong to no brand, so that nobody bound to one sees them.
struct Reader;

/// A caller who may change things.
struct Writer(Caller);

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Reader, Problem> {
        unbound(parts, state, &[Role::Admin, Role::Service, Role::Viewer]).await.map(|_| Reader)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Writer, Problem> {
        unbound(parts, state, &[Role::Admin, Role::Service]).await.map(Writer)
    }
}

async fn unbound<S: Send + Sync>(parts: &mut Parts, state: &S, roles: &[Role]) -> Result<Caller, Problem> {
    let caller = Caller::from_request_parts(parts, state).await?;
    caller.must_be(roles)?;
    match caller.owner_scope() {
        None => Ok(caller),
        Some(_) => Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Your role may not do this")
            .detail("a caller bound to an owner may not do this")),
    }
}

/// A write: done once per idempotency key, and its answer kept in the same transaction.
struct Write<'a> {
    app: &'a App,
    caller: Caller,
    key: IdempotencyKey,
    /// The method and the path, with every id in it.
    route: String,
}

impl Write<'_> {
    async fn once<T: Serialize>(
        self,
        body: &impl Serialize,
        status: StatusCode,
        work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, Error>,
    ) -> Result<Replayable, Problem> {
        self.answering(body, async |tx| Ok((status, work(tx).await?))).await
    }

    /// The same, where the work says the status.
    async fn answering<T: Serialize>(
        self,
        body: &impl Serialize,
        work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<(StatusCode, T), Error>,
    ) -> Result<Replayable, Problem> {
        // A body may hold a credential; keyed, its fingerprint tells nobody anything.
        let mut content = serde_json::to_vec(body).map_err(Error::from)?;
        content.extend_from_slice(self.app.sealer.pepper());
        let fingerprint = idempotency::fingerprint(&self.route, &content);
        let scope = Scope::new(&self.caller, self.key.0, fingerprint);
        let replayable = idempotency::once(&self.app.db, scope, async |tx| {
            let (status, answer) = work(tx).await?;
            let body = serde_json::to_string(&answer)?;
            Ok(Answer { status: status.as_u16(), body })
        });
        replayable.await.map_err(problem)
    }
}

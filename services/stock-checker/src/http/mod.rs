//! The routes: our own under `/v1`, and those of older clients in [`compat`].
//!
//! A handler extracts, calls one function, answers. **Invariant.** Who may not ask is told so before anything that
//! they sent is read.

mod availability;
mod compat;
pub(crate) mod feed;
mod forecast;
mod history;
mod items;
mod lists;
mod page;
pub(crate) mod parameters;
mod prices;
mod reports;
mod transactions;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::Name;
use ledger::ItemFilter;
use platform::auth::{Caller, Role};
use platform::problem::Problem;
use utoipa_axum::router::OpenApiRouter;

use crate::App;

/// All routes of the service.
pub(crate) fn routes(app: App) -> OpenApiRouter {
    items::routes()
        .merge(lists::routes())
        .merge(availability::routes())
        .merge(transactions::routes())
        .merge(history::routes())
        .merge(feed::routes())
        .merge(prices::routes())
        .merge(forecast::routes())
        .merge(reports::routes())
        .merge(compat::routes())
        .with_state(app)
}

/// A caller who may look: anybody but customers, who buy and do not see how much there is.
pub(crate) struct Asker(Caller);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asker, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        Asker::of(caller)
    }
}

impl Asker {
    /// The caller, if their role allows it.
    pub(crate) fn of(caller: Caller) -> Result<Asker, Problem> {
        caller.must_be(&[Role::Admin, Role::Brand, Role::Service, Role::Viewer])?;
        Ok(Asker(caller))
    }

    /// Whose items alone they see; `None` is everybody's.
    pub(crate) fn owner(&self) -> Option<&str> {
        self.0.owner_scope()
    }

    /// Who they are, to tell one from another.
    pub(crate) fn who(&self) -> String {
        format!("{} {}", self.0.role.as_str(), self.0.actor)
    }

    /// The items that they see.
    fn items(&self) -> ItemFilter {
        ItemFilter { owner: self.owner().map(str::to_owned), ..ItemFilter::default() }
    }

    /// Those that pass the filter, of one owner if they ask for one's. `None`: they ask for another's, of which they
    /// see nothing.
    fn items_of(&self, owner: Option<&Name>, filter: ItemFilter) -> Option<ItemFilter> {
        let Some(owner) = owner.map(Name::as_str) else {
            return Some(ItemFilter { owner: self.owner().map(str::to_owned), ..filter });
        };
        let seen = self.owner().is_none_or(|own| own == owner);
        seen.then(|| ItemFilter { owner: Some(owner.to_owned()), ..filter })
    }
}

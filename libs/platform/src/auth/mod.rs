//! Authentication: who is asking, and what they may do.
//!
//! Reading order: [`Caller`] → [`Verifier`] → `keys`.
//!
//! **Invariants.** Nothing in a token decides how it is checked: algorithms are pinned by configuration and
//! key. A handler gets a [`Caller`] or the request is refused. A caller bound to an owner is never unbound.

mod keys;
mod verifier;

use axum::extract::FromRequestParts;
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};

pub use verifier::{AuthConfig, Verifier};

use crate::problem::Problem;

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who, for the record: a token's `sub`, or a service's name.
    pub actor: String,
    /// What kind of caller.
    pub role: Role,
    /// The brand whose things they see, if they are bound to one.
    pub owner: Option<String>,
}

/// What kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the system.
    Admin,
    /// Sells things of its own, and sees no others'.
    Brand,
    /// Buys.
    Customer,
    /// Another program of the system.
    Service,
    /// Looks.
    Viewer,
}

impl Role {
    /// As in a token and in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Brand => "brand",
            Self::Customer => "customer",
            Self::Service => "service",
            Self::Viewer => "viewer",
        }
    }
}

impl Caller {
    /// 403 unless the caller has one of the roles.
    pub fn must_be(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "Your role may not do this")
            .detail(format!("a caller of role {} may not do this", self.role.as_str())))
    }

    /// The owner to put in every WHERE; `None` sees all.
    pub fn owner_scope(&self) -> Option<&str> {
        match (&self.owner, self.role) {
            (Some(owner), _) => Some(owner),
            // No token makes one; should code ever do, it sees nothing rather than everything.
            (None, Role::Brand) => Some(""),
            (None, _) => None,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| unauthenticated("there is no bearer token", None))
    }
}

/// 401; `error` is RFC 6750's word for what is wrong with a token that was sent.
pub(crate) fn unauthenticated(detail: &str, error: Option<&'static str>) -> Problem {
    let challenge = match error {
        None => HeaderValue::from_static("Bearer"),
        Some(_) => HeaderValue::from_static("Bearer error=\"invalid_token\""),
    };
    Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "A valid bearer token is needed")
        .detail(detail)
        .header(header::WWW_AUTHENTICATE, challenge)
}

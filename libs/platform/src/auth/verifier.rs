//! The verifier: from an `Authorization` header to a caller, or to a refusal.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use super::keys::{Key, KeySet, Keys};
use super::{Caller, Role, unauthenticated};
use crate::config::{ConfigError, none_if_empty};
use crate::problem::Problem;

/// Longest token that is looked at: far above any real one, far below what would cost time.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Longest name of a caller or owner that is put on record.
const MAX_NAME_BYTES: usize = 255;

/// Section `auth` of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    mode: Mode,
    #[serde(deserialize_with = "none_if_empty")]
    issuer: Option<String>,
    #[serde(deserialize_with = "none_if_empty")]
    audience: Option<String>,
    algorithms: Vec<String>,
    #[serde(deserialize_with = "none_if_empty")]
    key_file: Option<String>,
    #[serde(deserialize_with = "none_if_empty")]
    jwks_url: Option<String>,
    jwks_max_age_s: u64,
    leeway_s: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Off,
    Jwt,
}

/// Tells who sent a request.
pub struct Verifier(Option<Tokens>);

struct Tokens {
    issuer: String,
    audience: String,
    leeway_s: u64,
    keys: Keys,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    role: Role,
    owner: Option<String>,
}

impl Verifier {
    /// A verifier as configured; reads the key file if there is one.
    pub fn new(config: &AuthConfig) -> Result<Self, ConfigError> {
        if config.mode == Mode::Off {
            return Ok(Self(None));
        }
        let required = |key: &str, value: &Option<String>| {
            value.clone().ok_or_else(|| ConfigError::new(key, "is required when `auth.mode` is jwt"))
        };
        let algorithms = algorithms(&config.algorithms)?;
        let keys = match (&config.key_file, &config.jwks_url) {
            (Some(file), None) => Keys::File(Arc::new(Key::from_file(file, &algorithms)?)),
            (None, Some(url)) => {
                let max_age = Duration::from_secs(config.jwks_max_age_s);
                Keys::Set(Box::new(KeySet::new(url, algorithms, max_age)?))
            }
            _ => {
                return Err(ConfigError::new(
                    "auth.key_file",
                    "exactly one of it and `auth.jwks_url` is required",
                ));
            }
        };
        Ok(Self(Some(Tokens {
            issuer: required("auth.issuer", &config.issuer)?,
            audience: required("auth.audience", &config.audience)?,
            leeway_s: config.leeway_s,
            keys,
        })))
    }

    /// Who sent a request with these headers at `now`: 401 when nobody can tell, 503 when the keys are out of reach.
    pub async fn authenticate(&self, headers: &HeaderMap, now: Instant) -> Result<Caller, Problem> {
        match &self.0 {
            None => {
                refuse_strangers(headers)?;
                Ok(Caller { actor: "anonymous".to_owned(), role: Role::Admin, owner: None })
            }
            Some(tokens) => tokens.verify(bearer(headers)?, now).await,
        }
    }
}

impl Tokens {
    async fn verify(&self, token: &str, now: Instant) -> Result<Caller, Problem> {
        let header = decode_header(token).map_err(|_| invalid("the token is not a JWT we accept"))?;
        if header.crit.is_some() {
            return Err(invalid("the token demands extensions that are not supported"));
        }
        let key = self.keys.find(header.kid.as_deref(), now).await?;
        let mut validation = Validation::new(key.algorithm);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        validation.leeway = self.leeway_s;
        let claims = decode::<Claims>(token, &key.decoding, &validation)
            .map_err(|error| invalid(reason(error.kind())))?
            .claims;
        caller(claims)
    }
}

/// Without authentication everybody on this machine is an administrator, its browser too: 403 for a request that a page
/// of another site sent (`Origin`), or that reached us by another site's name (`Host`; DNS rebinding).
fn refuse_strangers(headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or_default());
    let origin = headers.get(header::ORIGIN).map(|origin| {
        // A page without an origin of its own says `null`.
        let origin = origin.to_str().unwrap_or_default();
        origin.split_once("://").map_or("", |(_, host)| host)
    });
    if [host, origin].into_iter().flatten().all(is_loopback) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "foreign-origin", "The request came by way of another site")
        .detail(
            "authentication is off, so only requests to localhost and from its own pages are taken: \
         ask by that name, or set `auth.mode`",
        ))
}

/// Whether a host, with or without its port, can only be this machine.
fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(unauthenticated("there is no bearer token", None)),
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => return Err(invalid("there is more than one Authorization header")),
    };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && token.len() <= MAX_TOKEN_BYTES => {
            Ok(token.trim())
        }
        _ => Err(invalid("Authorization must be `Bearer` and a token")),
    }
}

fn caller(claims: Claims) -> Result<Caller, Problem> {
    let is_name = |name: &str| {
        !name.trim().is_empty() && name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control)
    };
    if !is_name(&claims.sub) {
        return Err(invalid("the token's `sub` is no name"));
    }
    match &claims.owner {
        Some(owner) if !is_name(owner) => Err(invalid("the token's `owner` is no name")),
        None if claims.role == Role::Brand => Err(invalid("a brand's token must name its `owner`")),
        _ => Ok(Caller { actor: claims.sub, role: claims.role, owner: claims.owner }),
    }
}

fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, ConfigError> {
    let key = "auth.algorithms";
    let parse = |name: &String| match name.parse::<Algorithm>() {
        Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) => {
            Err(ConfigError::new(key, format!("{name}: shared secrets are not supported")))
        }
        Ok(algorithm) => Ok(algorithm),
        Err(_) => Err(ConfigError::new(key, format!("there is no algorithm {name}"))),
    };
    let parsed = names.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    if parsed.is_empty() { Err(ConfigError::new(key, "at least one is required")) } else { Ok(parsed) }
}

pub(super) fn invalid(detail: &str) -> Problem {
    unauthenticated(detail, Some("invalid_token"))
}

fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "the token has expired",
        ErrorKind::ImmatureSignature => "the token is not valid yet",
        ErrorKind::InvalidIssuer => "the token's issuer is not ours",
        ErrorKind::InvalidAudience => "the token is not for us",
        ErrorKind::InvalidAlgorithm => "the token's algorithm is not its key's",
        ErrorKind::InvalidSignature => "the token's signature is wrong",
        ErrorKind::MissingRequiredClaim(_) => {
            "the token lacks one of `exp`, `iss`, `aud`, `sub`, or has it in a wrong form"
        }
        _ => "the token cannot be understood",
    }
}

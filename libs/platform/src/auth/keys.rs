//! The public keys that tokens are verified with: one from a file, or an issuer's set (JWKS).
//!
//! **Invariants.** Each key has one algorithm. The issuer is asked at most every [`MIN_PAUSE`], by one
//! caller at a time, and once for each key id that it did not have; a set older than its maximum age is
//! not used, whatever keeps it from being renewed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use super::verifier::invalid;
use crate::config::ConfigError;
use crate::hosting::install_tls;
use crate::problem::Problem;

/// Made-up key ids must not turn us into a load on the issuer.
const MIN_PAUSE: Duration = Duration::from_secs(10);

/// How long the issuer may take; requests wait for it.
const FETCH_LIMIT: Duration = Duration::from_secs(5);

/// A key set is a few kilobytes.
const MAX_SET_BYTES: usize = 256 * 1024;

/// Unknown key ids that are remembered; past it all are forgotten, and the pause alone protects.
const MAX_UNKNOWN: usize = 1024;

/// A public key and the only algorithm that it is used with.
pub(super) struct Key {
    pub(super) decoding: DecodingKey,
    pub(super) algorithm: Algorithm,
}

pub(super) enum Keys {
    File(Arc<Key>),
    Set(Box<KeySet>),
}

impl Keys {
    /// The key with this id. A key from a file is the one for all ids.
    pub(super) async fn find(&self, kid: Option<&str>, now: Instant) -> Result<Arc<Key>, Problem> {
        match (self, kid) {
            (Self::File(key), _) => Ok(Arc::clone(key)),
            (Self::Set(set), Some(kid)) => set.find(kid, now).await,
            (Self::Set(_), None) => Err(invalid("the token does not say which key it is signed with")),
        }
    }
}

impl Key {
    pub(super) fn from_file(path: &str, algorithms: &[Algorithm]) -> Result<Self, ConfigError> {
        let &[algorithm] = algorithms else {
            return Err(ConfigError::new("auth.algorithms", "exactly one is required with `auth.key_file`"));
        };
        let wrong = |error: String| ConfigError::new("auth.key_file", format!("{path}: {error}"));
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let decoding = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_pem(&pem),
            Algorithm::EdDSA => DecodingKey::from_ed_pem(&pem),
            _ => DecodingKey::from_rsa_pem(&pem),
        };
        Ok(Self { decoding: decoding.map_err(|error| wrong(error.to_string()))?, algorithm })
    }

    /// None for what is not a signature key of an accepted algorithm.
    fn from_jwk(jwk: &Jwk, accepted: &[Algorithm]) -> Option<Self> {
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let algorithm = match (jwk.common.key_algorithm, &jwk.algorithm) {
            (Some(named), _) => named.to_string().parse().ok()?,
            (None, AlgorithmParameters::RSA(_)) => Algorithm::RS256,
            (None, AlgorithmParameters::OctetKeyPair(_)) => Algorithm::EdDSA,
            (None, AlgorithmParameters::EllipticCurve(key)) if key.curve == EllipticCurve::P384 => {
                Algorithm::ES384
            }
            (None, AlgorithmParameters::EllipticCurve(_)) => Algorithm::ES256,
            (None, _) => return None,
        };
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        let fits = decoding.family().algorithms().contains(&algorithm) && accepted.contains(&algorithm);
        fits.then_some(Self { decoding, algorithm })
    }
}

/// An issuer's keys, fetched when they are needed.
pub(super) struct KeySet {
    url: reqwest::Url,
    client: reqwest::Client,
    accepted: Vec<Algorithm>,
    max_age: Duration,
    /// Never locked for longer than a look: a made-up id must not keep those waiting whose key is known.
    known: RwLock<Known>,
    /// Held while fetching: whoever lacks a key meanwhile waits for the same answer.
    asking: Mutex<Asking>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, Arc<Key>>,
    /// When `keys` came.
    at: Option<Instant>,
}

#[derive(Default)]
struct Asking {
    /// When the issuer was last asked, whatever came of it.
    asked: Option<Instant>,
    /// Ids for which the issuer was asked in vain.
    unknown: HashSet<String>,
}

impl KeySet {
    pub(super) fn new(url: &str, accepted: Vec<Algorithm>, max_age: Duration) -> Result<Self, ConfigError> {
        let wrong = |error: &dyn std::fmt::Display| ConfigError::new("auth.jwks_url", error);
        install_tls();
        let client = reqwest::Client::builder()
            .timeout(FETCH_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| wrong(&error))?;
        let url: reqwest::Url = url.parse().map_err(|error| wrong(&error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(&"must be an http or https address"));
        }
        Ok(Self { url, client, accepted, max_age, known: RwLock::default(), asking: Mutex::default() })
    }

    async fn find(&self, kid: &str, now: Instant) -> Result<Arc<Key>, Problem> {
        if let Some(key) = self.look(kid, now).0 {
            return Ok(key);
        }
        let mut asking = self.asking.lock().await;
        // Whoever held the lock before may have brought it.
        let (key, current) = self.look(kid, now);
        if let Some(key) = key {
            return Ok(key);
        }
        if !current {
            asking.unknown.clear();
        }
        let paused = asking.asked.is_some_and(|asked| now.saturating_duration_since(asked) < MIN_PAUSE);
        if !paused && !asking.unknown.contains(kid) {
            asking.asked = Some(now);
            match self.fetch().await {
                Ok(keys) => {
                    if asking.unknown.len() >= MAX_UNKNOWN {
                        asking.unknown.clear();
                    }
                    if !keys.contains_key(kid) {
                        asking.unknown.insert(kid.to_owned());
                    }
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) =
                        Known { keys, at: Some(now) };
                }
                Err(error) => {
                    tracing::warn!(%error, url = %self.url, "the issuer's keys could not be fetched")
                }
            }
        }
        match self.look(kid, now) {
            (Some(key), _) => Ok(key),
            (None, false) => Err(Problem::unavailable("the issuer's keys are out of reach")),
            (None, true) => Err(invalid("the token is signed with a key that the issuer does not have")),
        }
    }

    /// The key, if it is known, and whether what is known is young enough to say so.
    fn look(&self, kid: &str, now: Instant) -> (Option<Arc<Key>>, bool) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let current = known.at.is_some_and(|at| now.saturating_duration_since(at) <= self.max_age);
        (known.keys.get(kid).filter(|_| current).cloned(), current)
    }

    async fn fetch(&self) -> anyhow::Result<HashMap<String, Arc<Key>>> {
        let mut response = self.client.get(self.url.clone()).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            anyhow::ensure!(body.len() + chunk.len() <= MAX_SET_BYTES, "the key set is too large");
            body.extend_from_slice(&chunk);
        }
        let set: JwkSet = serde_json::from_slice(&body)?;
        let named = set.keys.iter().filter_map(|jwk| {
            Some((jwk.common.key_id.clone()?, Arc::new(Key::from_jwk(jwk, &self.accepted)?)))
        });
        Ok(named.collect())
    }
}

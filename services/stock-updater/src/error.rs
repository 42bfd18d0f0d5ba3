//! What can go wrong with a request, and the problem that its sender is told.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use ledger::locations::LocationError;
use ledger::{ReadError, Unanswered};
use platform::problem::Problem;
use sea_orm::DbErr;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error("{}", .0.code())]
    Problem(Problem),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Error {
        Error::Read(ReadError::Database(error))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Problem(problem)
    }
}

/// The one place that turns an error into a problem.
impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        match error {
            Error::Refused(refusal) => refused(&refusal),
            Error::Unanswered(unanswered) => self::unanswered(&unanswered),
            Error::Read(ReadError::Ambiguous(name)) => {
                Problem::new(StatusCode::CONFLICT, "item-ambiguous", "The name stands for several items")
                    .detail(ReadError::Ambiguous(name).to_string())
            }
            Error::Read(error @ (ReadError::Database(_) | ReadError::Row(_))) => {
                tracing::error!(%error, "a read failed");
                Problem::unavailable("the stock database did not answer as it should")
            }
            Error::Location(error) => location(&error),
            Error::Problem(problem) => problem,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

fn unanswered(unanswered: &Unanswered) -> Problem {
    match unanswered {
        Unanswered::KeyReused => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The Idempotency-Key was used before, for another request",
        ),
        Unanswered::Busy => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many commands are waiting")
                .detail("nothing was changed: try again in a second")
                .retry_after(1)
        }
        Unanswered::Unavailable | Unanswered::Stopping => Problem::unavailable(
            "whether the change was made is not known: try again with the same Idempotency-Key",
        ),
    }
}

fn location(error: &LocationError) -> Problem {
    let problem = |code, title| Problem::new(StatusCode::CONFLICT, code, title).detail(error.to_string());
    match error {
        LocationError::CodeTaken(_) => problem("location-code-taken", "The code is taken"),
        LocationError::TooMany => problem("too-many-locations", "There are too many locations"),
        LocationError::Database(error) => {
            tracing::error!(%error, "a location could not be written");
            Problem::unavailable("the stock database did not answer as it should")
        }
    }
}

/// A stable code for each refusal.
pub(crate) fn refused(refusal: &Refusal) -> Problem {
    let (status, code, title) = kind(refusal);
    let problem = Problem::new(status, code, title).detail(refusal.to_string());
    match refusal {
        Refusal::NotEnough { sku, requested, available } => {
            problem.with("sku", sku.as_str()).with("requested", *requested).with("available", *available)
        }
        Refusal::VersionStale { expected, actual } => {
            problem.with("expected", *expected).with("actual", *actual)
        }
        Refusal::SkuTaken { sku } | Refusal::ItemInactive { sku } | Refusal::TooMuch { sku } => {
            problem.with("sku", sku.as_str())
        }
        Refusal::NoLines
        | Refusal::TooManyLines { .. }
        | Refusal::DurationOutOfRange { .. }
        | Refusal::ReorderOutOfRange { .. }
        | Refusal::ItemUnknown
        | Refusal::ProductTaken { .. }
        | Refusal::LocationUnknown { .. }
        | Refusal::NoLocation
        | Refusal::LocationInactive { .. }
        | Refusal::HoldUnknown { .. }
        | Refusal::HoldTaken { .. }
        | Refusal::HoldExpired { .. }
        | Refusal::HoldCancelled { .. }
        | Refusal::HoldConfirmed { .. }
        | Refusal::HoldStillBinds { .. } => problem,
    }
}

fn kind(refusal: &Refusal) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as S;
    match refusal {
        Refusal::NoLines => (S::UNPROCESSABLE_ENTITY, "no-lines", "There is nothing to reserve"),
        Refusal::TooManyLines { .. } => {
            (S::UNPROCESSABLE_ENTITY, "too-many-lines", "There are too many lines")
        }
        Refusal::DurationOutOfRange { .. } => (
            S::UNPROCESSABLE_ENTITY,
            "duration-out-of-range",
            "A reservation cannot last that long, or short",
        ),
        Refusal::ReorderOutOfRange { .. } => {
            (S::UNPROCESSABLE_ENTITY, "reorder-out-of-range", "A reorder figure is out of range")
        }
        Refusal::ItemUnknown => (S::NOT_FOUND, "item-unknown", "There is no such item"),
        Refusal::VersionStale { .. } => {
            (S::PRECONDITION_FAILED, "version-stale", "The item has changed since")
        }
        Refusal::SkuTaken { .. } => (S::CONFLICT, "sku-taken", "The SKU is taken"),
        Refusal::ProductTaken { .. } => (S::CONFLICT, "product-taken", "The product's variant has an item"),
        Refusal::LocationUnknown { .. } => (S::NOT_FOUND, "location-unknown", "There is no such location"),
        Refusal::NoLocation => (S::CONFLICT, "no-location", "There is no active location"),
        Refusal::LocationInactive { .. } => (S::CONFLICT, "location-inactive", "The location is not active"),
        Refusal::ItemInactive { .. } => (S::CONFLICT, "item-inactive", "The item is not active"),
        Refusal::HoldUnknown { .. } => (S::NOT_FOUND, "reservation-unknown", "There is no such reservation"),
        Refusal::HoldTaken { .. } => (S::CONFLICT, "reservation-taken", "The reservation exists already"),
        Refusal::HoldExpired { .. } => (S::CONFLICT, "reservation-expired", "The reservation has expired"),
        Refusal::HoldCancelled { .. } => {
            (S::CONFLICT, "reservation-cancelled", "The reservation was cancelled")
        }
        Refusal::HoldConfirmed { .. } => {
            (S::CONFLICT, "reservation-confirmed", "The reservation was confirmed")
        }
        Refusal::HoldStillBinds { .. } => {
            (S::CONFLICT, "reservation-binds", "The reservation has not expired")
        }
        Refusal::NotEnough { .. } => (S::CONFLICT, "not-enough", "There is not enough available"),
        Refusal::TooMuch { .. } => (S::CONFLICT, "too-much", "A level would be too large"),
    }
}

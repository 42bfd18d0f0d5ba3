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
    let (code, title) = kind(refusal);
    let problem = Problem::new(status(refusal), code, title).detail(refusal.to_string());
    match refusal {
        Refusal::NotEnough { sku, requested, available } => {
            problem.with("sku", sku.as_str()).with("requested", *requested).with("available", *available)
        }
        Refusal::PartTooLarge { sku, requested, held } => {
            problem.with("sku", sku.as_str()).with("requested", *requested).with("held", *held)
        }
        Refusal::TransferExceeded { sku, requested, outstanding } => {
            problem.with("sku", sku.as_str()).with("requested", *requested).with("outstanding", *outstanding)
        }
        Refusal::CountHeld { sku, missing, available, reserved } => {
            let problem = problem.with("sku", sku.as_str()).with("missing", *missing);
            problem.with("available", *available).with("reserved", *reserved)
        }
        Refusal::VersionStale { expected, actual } | Refusal::VersionUnknown { expected, actual } => {
            problem.with("expected", *expected).with("actual", *actual)
        }
        Refusal::SkuTaken { sku } | Refusal::ItemInactive { sku } | Refusal::TooMuch { sku } => {
            problem.with("sku", sku.as_str())
        }
        Refusal::NoLines
        | Refusal::TooManyLines { .. }
        | Refusal::DurationOutOfRange { .. }
        | Refusal::ReorderOutOfRange { .. }
        | Refusal::CountOutOfRange { .. }
        | Refusal::MoveToItself
        | Refusal::TransferToItself
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
        | Refusal::HoldStillBinds { .. }
        | Refusal::HoldLineUnknown { .. }
        | Refusal::TransferUnknown { .. }
        | Refusal::TransferTaken { .. }
        | Refusal::TransferLineUnknown { .. } => problem,
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NoLines
        | Refusal::TooManyLines { .. }
        | Refusal::DurationOutOfRange { .. }
        | Refusal::ReorderOutOfRange { .. }
        | Refusal::CountOutOfRange { .. }
        | Refusal::MoveToItself
        | Refusal::TransferToItself => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::ItemUnknown
        | Refusal::LocationUnknown { .. }
        | Refusal::HoldUnknown { .. }
        | Refusal::HoldLineUnknown { .. }
        | Refusal::TransferUnknown { .. }
        | Refusal::TransferLineUnknown { .. } => StatusCode::NOT_FOUND,
        Refusal::VersionStale { .. } => StatusCode::PRECONDITION_FAILED,
        Refusal::VersionUnknown { .. }
        | Refusal::SkuTaken { .. }
        | Refusal::ProductTaken { .. }
        | Refusal::NoLocation
        | Refusal::LocationInactive { .. }
        | Refusal::ItemInactive { .. }
        | Refusal::HoldTaken { .. }
        | Refusal::HoldExpired { .. }
        | Refusal::HoldCancelled { .. }
        | Refusal::HoldConfirmed { .. }
        | Refusal::HoldStillBinds { .. }
        | Refusal::PartTooLarge { .. }
        | Refusal::TransferTaken { .. }
        | Refusal::TransferExceeded { .. }
        | Refusal::NotEnough { .. }
        | Refusal::CountHeld { .. }
        | Refusal::TooMuch { .. } => StatusCode::CONFLICT,
    }
}

/// The code, and what it says in general.
fn kind(refusal: &Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::NoLines => ("no-lines", "There are no lines"),
        Refusal::TooManyLines { .. } => ("too-many-lines", "There are too many lines"),
        Refusal::DurationOutOfRange { .. } => {
            ("duration-out-of-range", "A reservation cannot last that long, or short")
        }
        Refusal::ReorderOutOfRange { .. } => ("reorder-out-of-range", "A reorder figure is out of range"),
        Refusal::CountOutOfRange { .. } => ("count-out-of-range", "The count is out of range"),
        Refusal::MoveToItself => ("move-to-itself", "The units are in that state already"),
        Refusal::TransferToItself => ("transfer-to-itself", "The goods are at that location already"),
        Refusal::ItemUnknown => ("item-unknown", "There is no such item"),
        Refusal::VersionStale { .. } => ("version-stale", "The item has changed since"),
        Refusal::VersionUnknown { .. } => ("version-unknown", "The version that was counted is not known"),
        Refusal::SkuTaken { .. } => ("sku-taken", "The SKU is taken"),
        Refusal::ProductTaken { .. } => ("product-taken", "The product's variant has an item"),
        Refusal::LocationUnknown { .. } => ("location-unknown", "There is no such location"),
        Refusal::NoLocation => ("no-location", "There is no active location"),
        Refusal::LocationInactive { .. } => ("location-inactive", "The location is not active"),
        Refusal::ItemInactive { .. } => ("item-inactive", "The item is not active"),
        Refusal::HoldUnknown { .. } => ("reservation-unknown", "There is no such reservation"),
        Refusal::HoldTaken { .. } => ("reservation-taken", "The reservation exists already"),
        Refusal::HoldExpired { .. } => ("reservation-expired", "The reservation has expired"),
        Refusal::HoldCancelled { .. } => ("reservation-cancelled", "The reservation was cancelled"),
        Refusal::HoldConfirmed { .. } => ("reservation-confirmed", "The reservation was confirmed"),
        Refusal::HoldStillBinds { .. } => ("reservation-binds", "The reservation has not expired"),
        Refusal::HoldLineUnknown { .. } => {
            ("reservation-line-unknown", "The reservation has none of the item")
        }
        Refusal::PartTooLarge { .. } => {
            ("part-too-large", "The reservation does not hold that many any more")
        }
        Refusal::TransferUnknown { .. } => ("transfer-unknown", "There is no such transfer"),
        Refusal::TransferTaken { .. } => ("transfer-taken", "The transfer exists already"),
        Refusal::TransferLineUnknown { .. } => ("transfer-line-unknown", "The item is not on the transfer"),
        Refusal::TransferExceeded { .. } => ("transfer-exceeded", "Not that many are on their way"),
        Refusal::NotEnough { .. } => ("not-enough", "There is not enough available"),
        Refusal::CountHeld { .. } => ("count-held", "Reservations bind what was not found"),
        Refusal::TooMuch { .. } => ("too-much", "A level would be too large"),
    }
}

//! Why a question was not answered, and how that is told.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::MAX_LINES;
use ledger::{PastError, ReadError};
use platform::problem::Problem;
use uuid::Uuid;

/// Seconds until a replica that is behind is worth asking again.
const RETRY_BEHIND_S: u32 = 1;
/// Seconds until a replica may have become the primary, or its configuration another.
const RETRY_STRONG_S: u32 = 30;

/// A refusal, or a failure of ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No item that the caller may see has this name.
    #[error("there is no item with that id, product_id or SKU")]
    ItemUnknown,
    /// The database does not have the version yet that the caller asks for.
    #[error("the item is at version {version} here, and {min_version} was asked for")]
    Behind { version: i64, min_version: i64 },
    /// The database is a copy, and it is not configured of which one.
    #[error("this service reads from a replica and knows no other database: ask with min_version")]
    NoPrimary,
    /// There is no such location.
    #[error("there is no location with the id or code {0:?}")]
    LocationUnknown(String),
    /// No transfer that the caller may see has this id.
    #[error("there is no transfer {0}")]
    TransferUnknown(Uuid),
    /// There is nothing, or too much, in a request of many lines.
    #[error("{0} lines were given, and 1 to {MAX_LINES} may be")]
    Lines(usize),
    /// A question about the past that has no answer.
    #[error(transparent)]
    Past(PastError),
    /// The database has enough to do.
    #[error("too many questions are waiting for the database")]
    Busy,
    /// Nothing of the item ever was there, or nothing of it is summed up yet.
    #[error("nothing is known yet of what the item sells there")]
    NoDemand,
    /// So many forecasts are being made and waited for that one more would only wait.
    #[error("too many forecasts are waiting to be computed")]
    Forecasts,
    /// Something of ours ended that should not have.
    #[error("{0} could not be made")]
    Failed(&'static str),
    /// The database did not answer, or its answer makes no sense.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An answer that cannot be written down or read again: a fault of ours.
    #[error("an answer is not the JSON it should be: {0}")]
    Answer(#[from] serde_json::Error),
    /// Somebody asked the same at the same time, and this came of it.
    #[error(transparent)]
    Shared(#[from] Arc<Error>),
}

impl From<PastError> for Error {
    fn from(error: PastError) -> Error {
        match error {
            PastError::Read(error) => Error::Read(error),
            error @ (PastError::Unknown | PastError::VersionUnknown { .. } | PastError::Future { .. }) => {
                Error::Past(error)
            }
        }
    }
}

/// Why there is no answer about that moment.
fn past(error: &PastError) -> Problem {
    let problem = match error {
        PastError::Unknown => Problem::new(StatusCode::NOT_FOUND, "item-unknown", "There is no such item"),
        PastError::VersionUnknown { version, latest } => {
            Problem::new(StatusCode::NOT_FOUND, "version-unknown", "There is no such version")
                .with("version", *version)
                .with("latest", *latest)
        }
        PastError::Future { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "instant-in-future", "That time has not come yet")
        }
        PastError::Read(_) => Problem::internal(),
    };
    problem.detail(error.to_string())
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Problem {
        match error {
            Error::ItemUnknown => {
                Problem::new(StatusCode::NOT_FOUND, "item-unknown", "There is no such item")
                    .detail(error.to_string())
            }
            Error::Behind { version, min_version } => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "version-not-there",
                "That version is not here yet",
            )
            .detail(error.to_string())
            .with("version", *version)
            .with("min_version", *min_version)
            .retry_after(RETRY_BEHIND_S),
            Error::NoPrimary => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "strong-unavailable",
                "Strong reads are not to be had here",
            )
            .detail(error.to_string())
            .retry_after(RETRY_STRONG_S),
            Error::LocationUnknown(_) => {
                Problem::new(StatusCode::NOT_FOUND, "location-unknown", "There is no such location")
                    .detail(error.to_string())
            }
            Error::NoDemand => {
                Problem::new(StatusCode::NOT_FOUND, "demand-unknown", "There is nothing to forecast from")
                    .detail(error.to_string())
            }
            Error::TransferUnknown(_) => {
                Problem::new(StatusCode::NOT_FOUND, "transfer-unknown", "There is no such transfer")
                    .detail(error.to_string())
            }
            Error::Lines(lines) => {
                let (code, title) = match lines {
                    0 => ("no-lines", "There are no lines"),
                    _ => ("too-many-lines", "There are too many lines"),
                };
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, title).detail(error.to_string())
            }
            Error::Past(error) => past(error),
            Error::Busy | Error::Forecasts => Problem::unavailable(error.to_string()),
            Error::Read(ReadError::Ambiguous(_)) => {
                Problem::new(StatusCode::CONFLICT, "item-ambiguous", "The name stands for several items")
                    .detail(error.to_string())
            }
            Error::Read(ReadError::Database(error)) => {
                tracing::error!(%error, "the database failed a question");
                Problem::unavailable("the database did not answer as it should")
            }
            Error::Read(ReadError::Row(_)) | Error::Answer(_) | Error::Failed(_) => {
                tracing::error!(%error, "a question failed");
                Problem::internal()
            }
            Error::Shared(error) => Problem::from(error.as_ref()),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::from(&error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

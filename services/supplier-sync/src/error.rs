//! Why a request came to nothing, and how that is told.

use crate::guard::Refused;
use crate::seal::SealError;
use crate::store::entities::order::OrderState;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use platform::idempotency;
use platform::problem::Problem;
use sea_orm::DbErr;
use uuid::Uuid;

/// A refusal, or a failure of ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No supplier has this id.
    #[error("there is no supplier {0:?}")]
    SupplierUnknown(String),
    /// Another supplier has this id.
    #[error("there is a supplier {0:?} already")]
    SupplierExists(String),
    /// It is switched off.
    #[error("supplier {0:?} is inactive")]
    SupplierInactive(String),
    /// It has no adapter or no base URL, so that nobody can ask it anything.
    #[error("supplier {0:?} has no adapter and base URL yet")]
    SupplierIncomplete(String),
    /// Changed since the caller read it.
    #[error("it is at version {now}")]
    VersionStale { now: i64 },
    /// Its catalog has no such product.
    #[error("supplier {supplier_id:?} has no product {product_id:?}")]
    ProductUnknown { supplier_id: String, product_id: String },
    /// Its address is to be another host's, and its credential was given for the one before.
    #[error(
        "the credential was given for another host: give it anew, or remove it with null, to change base_url"
    )]
    CredentialNeeded,
    /// No sync has this id.
    #[error("there is no sync {0}")]
    RunUnknown(Uuid),
    /// The brake did not hold it.
    #[error("the sync is not held: there is nothing to approve")]
    RunNotHeld,
    /// A later one came to know better.
    #[error("a later sync of the supplier has succeeded or is held: look at that one")]
    RunSuperseded,
    /// What was asked of a sync cannot be told to the one that is open.
    #[error("sync {0} of the supplier is under way: ask again when it has ended")]
    SyncOpen(Uuid),
    /// No order has this id.
    #[error("there is no restock order {0}")]
    OrderUnknown(Uuid),
    /// Nothing more is to come of it.
    #[error("the restock order is {}, nothing more is to come of it", .0.word())]
    OrderClosed(OrderState),
    /// Another receipt of the order has this reference.
    #[error("another receipt of the order has the reference {0:?}")]
    ReferenceTaken(String),
    /// No event has told of such an item.
    #[error("there is no item {0:?}")]
    ItemUnknown(String),
    /// A product with several variants.
    #[error("{0:?} stands for several items")]
    ItemAmbiguous(String),
    /// A value that cannot be.
    #[error("{field}: {why}")]
    Invalid { field: &'static str, why: String },
    /// An address that suppliers may not have.
    #[error("base_url: {0}")]
    Address(#[from] Refused),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbErr),
    /// A credential that cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// An answer that cannot be written down: a fault of ours.
    #[error("an answer is no JSON: {0}")]
    Answer(#[from] serde_json::Error),
}

impl Error {
    /// A value of this field cannot be, for this reason.
    pub(crate) fn invalid(field: &'static str, why: impl ToString) -> Error {
        Error::Invalid { field, why: why.to_string() }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        use StatusCode as S;
        let (status, code, title) = match &error {
            Error::SupplierUnknown(_) => (S::NOT_FOUND, "supplier-unknown", "There is no such supplier"),
            Error::SupplierExists(_) => (S::CONFLICT, "supplier-exists", "There is such a supplier already"),
            Error::SupplierInactive(_) => (S::CONFLICT, "supplier-inactive", "The supplier is inactive"),
            Error::SupplierIncomplete(_) => {
                (S::CONFLICT, "supplier-incomplete", "The supplier is not set up")
            }
            Error::VersionStale { .. } => {
                (S::PRECONDITION_FAILED, "version-stale", "It was changed meanwhile")
            }
            Error::ProductUnknown { .. } => (S::NOT_FOUND, "product-unknown", "There is no such product"),
            Error::CredentialNeeded => {
                (S::CONFLICT, "credential-needed", "The credential is for another host")
            }
            Error::RunUnknown(_) => (S::NOT_FOUND, "sync-run-unknown", "There is no such sync"),
            Error::RunNotHeld => (S::CONFLICT, "sync-run-not-held", "The sync is not held"),
            Error::RunSuperseded => (S::CONFLICT, "sync-run-superseded", "A later sync came to know better"),
            Error::SyncOpen(_) => (S::CONFLICT, "sync-open", "A sync of the supplier is under way"),
            Error::OrderUnknown(_) => {
                (S::NOT_FOUND, "restock-order-unknown", "There is no such restock order")
            }
            Error::OrderClosed(_) => {
                (S::CONFLICT, "restock-order-closed", "Nothing more is to come of the order")
            }
            Error::ReferenceTaken(_) => {
                (S::CONFLICT, "receipt-reference-taken", "Another receipt has the reference")
            }
            Error::ItemUnknown(_) => (S::NOT_FOUND, "item-unknown", "There is no such item"),
            Error::ItemAmbiguous(_) => (S::CONFLICT, "item-ambiguous", "The name stands for several items"),
            Error::Invalid { .. } => (S::UNPROCESSABLE_ENTITY, "value-invalid", "A value cannot be"),
            Error::Address(_) => (S::UNPROCESSABLE_ENTITY, "address-refused", "The address is refused"),
            Error::Db(error) => {
                tracing::error!(%error, "the database failed a request");
                return Problem::unavailable("the database did not answer as it should");
            }
            Error::Seal(_) | Error::Answer(_) => {
                tracing::error!(%error, "a request failed");
                return Problem::internal();
            }
        };
        let problem = Problem::new(status, code, title).detail(error.to_string());
        match error {
            Error::VersionStale { now } => problem.with("version", now),
            Error::Invalid { field, .. } => problem.with("field", field),
            Error::SyncOpen(run) => problem.with("sync_run_id", run.to_string()),
            Error::SupplierUnknown(_)
            | Error::SupplierExists(_)
            | Error::SupplierInactive(_)
            | Error::SupplierIncomplete(_)
            | Error::ProductUnknown { .. }
            | Error::CredentialNeeded
            | Error::RunUnknown(_)
            | Error::RunNotHeld
            | Error::RunSuperseded
            | Error::OrderUnknown(_)
            | Error::OrderClosed(_)
            | Error::ReferenceTaken(_)
            | Error::ItemUnknown(_)
            | Error::ItemAmbiguous(_)
            | Error::Address(_)
            | Error::Db(_)
            | Error::Seal(_)
            | Error::Answer(_) => problem,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// What a write under an idempotency key came to, as a problem.
pub(crate) fn problem(error: idempotency::Error<Error>) -> Problem {
    error.into_problem(Problem::from)
}

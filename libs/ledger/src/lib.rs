//! The stock database: its tables, the one writer, the reader and the audit.
//!
//! Reading order: [`Request`] (a command and its caller), [`Writer`] (the only code that changes stock),
//! [`Reader`] (every question about stock), [`audit`] (whether the books agree), [`Migrator`] (the tables).
//!
//! **Invariants.** The ledger, `inventory_transactions`, is append-only: the database itself refuses `UPDATE` and
//! `DELETE`. Levels are its fold. An event is in the outbox if and only if what it tells was committed. Nothing
//! here knows HTTP, gRPC or a message broker.

pub mod audit;
pub mod demand;
mod history;
mod instant;
pub mod locations;
mod measure;
mod migrations;
mod reader;
pub mod rebuild;
mod request;
mod snapshot;
pub mod suppliers;
pub mod sweeper;
mod tables;
mod time;
mod writer;

pub use migrations::Migrator;
pub use reader::{AbcPage, AbcQuery, Ranked};
pub use reader::{After, ItemFilter, ItemQuery, Listed, Listing, Order, Place, Range, SortKey};
pub use reader::{Called, Kept, KeptAt, KeptFilter, Page, Standing};
pub use reader::{Change, FeedPage, Folds, Position};
pub use reader::{Counts, LocationCount, Overview, OwnerCount, Promisable};
pub use reader::{
    Cursor, Earlier, Explanation, HeldUnits, HoldView, ItemRecord, ItemView, KINDS, LOOK_BACK, LevelRecord,
    LevelView, Moment, PastError, Pile, PlaceView, Question, ReadError, Reader, Resolutions, Resolved,
    SnapshotUnits, TransactionFilter, TransactionPage, TransactionView, TransferView,
};
pub use reader::{Demand, DemandDay, Demands};
pub use request::{
    Answer, By, Done, HeldLine, HoldAfter, ItemAfter, Outcome, RESTOCK_SCOPE, Reference, Request,
    ShippedAfter, Stopped, Together, TransferAfter, Unanswered,
};
pub use writer::{Writer, WriterConfig};

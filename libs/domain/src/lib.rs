//! The rules of stock, as pure functions.
//!
//! Read in this order: [`Stock`] (how things stand), [`Command`] (what is asked for), [`decide`] (what it
//! comes to, or why it does not), [`Change`] (what then happened), [`evolve`] (how things stand after it).
//! Beside them: [`restock`] (when to order more, and how much) and [`crossings`] (which lines a level
//! crossed).
//!
//! **Invariants.** Nothing here reads a clock, a file, a socket or a random number: time and ids are
//! arguments. Nothing here knows of databases, requests or callers. Every change of a quantity is a
//! [`Movement`] from one place to another, so what leaves one place arrives at another.

mod command;
mod decide;
mod event;
mod evolve;
mod ids;
mod item;
mod quantity;
mod refusal;
pub mod restock;
mod stock;
mod watch;

pub use command::{Command, ItemPatch, Line, MAX_HOLD_SECONDS, MAX_LINES, NewItem, PartLine, TransferLine};
pub use decide::{decide, expire_due, require_version};
pub use event::{Change, Event, Movement, Outside, Place, Shelf, State};
pub use evolve::evolve;
pub use ids::{HoldId, ItemId, LocationId, TransferId};
pub use item::{Name, Sku, TextError};
pub use quantity::{Delta, MAX_UNITS, Quantity, QuantityError};
pub use refusal::Refusal;
pub use stock::{
    Attributes, Hold, HoldLine, HoldStatus, Identity, Item, Level, Location, ShippedLine, Stock, Transfer,
};
pub use watch::{Crossing, crossings};

/// An instant in UTC. Always an argument: this crate never asks what time it is.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

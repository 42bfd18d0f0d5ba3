//! What older clients read in Redis themselves: how many of a product are available, under its bare product id.
//!
//! The count is that of the item which the product id stands for here: the main item, or the only variant. A product
//! with several variants and no main item has no count, for each variant has its own. **Invariants.** A count is from
//! an event, and gives way only to a newer one of its item, or to the main item's. An item that was deactivated keeps
//! its count. Where Redis lost a count it comes back with the next event.

use domain::ItemId;
use events::Subject;
use ledger::ReadError;
use platform::cache::{Board, Rank};

use crate::database::Database;
use crate::error::Error;

/// Of the only variant of a product.
const ONLY_VARIANT: u8 = 1;
/// That there are several. Items are never deleted, so it stays like that unless a main item is created.
const SEVERAL: u8 = 2;
/// Of the main item.
const MAIN: u8 = 3;

/// Keeps the counts.
pub(crate) struct Projection {
    board: Board,
    database: Database,
}

impl Projection {
    pub(crate) fn new(board: Board, database: Database) -> Projection {
        Projection { board, database }
    }

    /// Shows what an event says of its item. In any order and any number of times. The error is for the log.
    pub(crate) async fn told(&self, subject: &Subject) -> Result<(), String> {
        let Some((class, version)) = self.stands_for(subject).await? else { return Ok(()) };
        let count = if class == SEVERAL { String::new() } else { subject.available.to_string() };
        let shown = self.board.show(&subject.product_id, Rank { class, version }, &count).await;
        shown.map(drop).map_err(|error| error.to_string())
    }

    /// Whether the product id stands for the event's item, and why.
    async fn stands_for(&self, subject: &Subject) -> Result<Option<(u8, i64)>, String> {
        if subject.variant_id.is_none() {
            return Ok(Some((MAIN, subject.version)));
        }
        match self.database.resolve(&subject.product_id, None).await {
            Ok(found) => {
                let is_it = found.is_some_and(|found| found.id == ItemId(subject.item_id));
                Ok(is_it.then_some((ONLY_VARIANT, subject.version)))
            }
            Err(Error::Read(ReadError::Ambiguous(_))) => Ok(Some((SEVERAL, 0))),
            Err(error) => Err(error.to_string()),
        }
    }
}

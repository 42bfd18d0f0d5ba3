//! How long suppliers take, from what is heard of their orders.
//!
//! **Invariant.** It comes after the event's effect on stock, and may come again: the earliest times stand.

use events::Restock;
use ledger::demand::lead_times::{self, Ordered};

use super::Failure;
use crate::App;

impl App {
    pub(super) async fn note_ordered(&self, order: &Restock) -> Result<(), Failure> {
        let noted = lead_times::ordered(&self.db, ordered(order), order.timestamp).await;
        noted.map_err(|error| Failure::NotNow(error.to_string()))
    }

    /// Of a receipt of which nothing was accepted nothing has come.
    pub(super) async fn note_received(&self, order: &Restock) -> Result<(), Failure> {
        if order.accepted == 0 {
            return Ok(());
        }
        let noted = lead_times::received(&self.db, ordered(order), order.timestamp).await;
        noted.map_err(|error| Failure::NotNow(error.to_string()))
    }
}

fn ordered(order: &Restock) -> Ordered<'_> {
    Ordered { order: order.order_id, item: order.item_id, supplier: &order.supplier_id }
}

//! How long suppliers take, from what is heard of their orders.
//!
//! **Invariant.** It comes after the event's effect on stock, and may come again: the earliest times stand.

use events::Restock;
use ledger::demand::lead_times::{self, Ordered};

use sea_orm::DbErr;

use super::Failure;
use crate::App;

impl App {
    /// From when its supplier was first asked, which is later than when it was planned. Of a receipt of which nothing was
    /// accepted nothing has come.
    pub(super) async fn note_received(&self, order: &Restock) -> Result<(), Failure> {
        if order.accepted == 0 {
            return Ok(());
        }
        let failed = |error: DbErr| Failure::NotNow(error.to_string());
        if let Some(asked) = order.ordered_at {
            lead_times::ordered(&self.db, ordered(order), asked).await.map_err(failed)?;
        }
        let came = order.received_at.unwrap_or(order.timestamp);
        lead_times::received(&self.db, ordered(order), came).await.map_err(failed)
    }
}

fn ordered(order: &Restock) -> Ordered<'_> {
    Ordered { order: order.order_id, item: order.item_id, supplier: &order.supplier_id }
}

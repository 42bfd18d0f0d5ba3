//! What sellers' systems say of their products: created, updated, deleted.
//!
//! Reading order: `App::product_changed` → `noted` (what changes about the item, and the event's key) →
//! `set_available` (the figure).
//!
//! **Invariants.** An event has its effect once: the item's part under its identity, the figure's under a key made of
//! that. Open holds are not touched. Nothing is deleted: what is no longer sold keeps its stock and its history.

use domain::{Command, Delta, ItemId, ItemPatch, Outside, Refusal, Shelf, Sku};
use events::legacy::{ProductChange, ProductChanged};
use ledger::{Answer, By, Request, Unanswered};

use super::{Failure, cleaned, hopeless};
use crate::App;

/// In the ledger, and whose keys the events' are among.
const JOB: &str = "product-changed";

/// How often a figure is tried on an item as it was read. Each failure means that somebody sold some of it in the
/// milliseconds between.
const ATTEMPTS: u32 = 5;

impl App {
    pub(super) async fn product_changed(
        &self,
        event: &ProductChanged,
        identity: &str,
    ) -> Result<(), Failure> {
        let (quantity, active) = match event.change {
            ProductChange::Create { quantity } => (quantity, Some(true)),
            ProductChange::Update { quantity } => (quantity, None),
            ProductChange::Delete => return self.product_deleted(event, identity).await,
        };
        let item = match self.reader.resolve(&event.id, None).await? {
            Some(item) => item.id,
            None => self.first_told(event, identity).await?,
        };
        let patch =
            ItemPatch { name: event.name.as_deref().and_then(cleaned), active, ..ItemPatch::default() };
        self.noted(item, patch, event, identity).await?;
        self.set_available(item, quantity, &format!("{identity}:available")).await
    }

    /// It can no longer be promised. What is on hand stays in the books: it is still on the shelf.
    async fn product_deleted(&self, event: &ProductChanged, identity: &str) -> Result<(), Failure> {
        let Some(item) = self.reader.resolve(&event.id, None).await? else { return Ok(()) };
        let patch = ItemPatch { active: Some(false), ..ItemPatch::default() };
        self.noted(item.id, patch, event, identity).await
    }

    async fn first_told(&self, event: &ProductChanged, identity: &str) -> Result<ItemId, Failure> {
        let product = Sku::try_from(event.id.clone()).map_err(|error| hopeless(format!("id: {error}")))?;
        let name = event.name.as_deref().unwrap_or(&event.id);
        let new = self.new_item(product.clone(), product, name, None);
        self.created(new, JOB, format!("{identity}:create")).await
    }

    /// Changes the item, under the event's identity, also when there is nothing to change: so the event is known when
    /// it comes again, and another one by the same identity is found out.
    async fn noted(
        &self,
        item: ItemId,
        patch: ItemPatch,
        event: &ProductChanged,
        identity: &str,
    ) -> Result<(), Failure> {
        let command = Command::UpdateItem { item, patch };
        let request = Request::new(command, By::job(JOB)).with_key(identity).because(JOB);
        let said = format!("{} {:?}", event.change.kind(), event.change.quantity());
        self.writer.submit(request.in_batch(said)).await?.outcome?;
        Ok(())
    }

    /// Makes what is available `quantity`, over all locations: the difference is added at the first, or taken away
    /// wherever there is some.
    ///
    /// No command says "make it so many", for a figure that is decided by a caller who did not see what it replaces is
    /// a lost update in the making. So the difference is found here, by compare-and-set: it is recorded only if the
    /// item is still at the version that it was found at. An item that sells too fast for that never holds still; its
    /// last attempt is recorded all the same. Then the figure was right when it was read, and what was sold in the
    /// milliseconds since stays sold, as with a stocktake.
    async fn set_available(&self, item: ItemId, quantity: i64, key: &str) -> Result<(), Failure> {
        for attempt in 1..=ATTEMPTS {
            let view = self.reader.item(item).await?;
            let view = view.ok_or_else(|| Failure::NotNow("the item is not visible yet".to_owned()))?;
            let command = correction(item, quantity - view.available)?;
            let mut request = Request::new(command, By::job(JOB)).with_key(key).because(JOB);
            request.if_match = (attempt < ATTEMPTS).then_some(view.version);
            match self.writer.submit(request).await {
                Ok(Answer { outcome: Ok(_), .. }) => return Ok(()),
                Ok(Answer {
                    outcome: Err(Refusal::VersionStale { .. } | Refusal::NotEnough { .. }), ..
                }) => {}
                Ok(Answer { outcome: Err(refusal), .. }) => return Err(refusal.into()),
                // It had its effect, on the level of that time. That it is the same event, `noted` has seen.
                Err(Unanswered::KeyReused) => return Ok(()),
                Err(unanswered) => return Err(unanswered.into()),
            }
        }
        Err(Failure::NotNow("the item changes faster than it can be corrected".to_owned()))
    }
}

/// What is free is corrected by `difference`. By nothing is also said: the event's key is to be kept, or it would have
/// an effect when it comes again.
fn correction(item: ItemId, difference: i64) -> Result<Command, Failure> {
    if difference == 0 {
        return Ok(Command::UpdateItem { item, patch: ItemPatch::default() });
    }
    let delta = Delta::try_from(difference).map_err(hopeless)?;
    let (against, shelf) = (Outside::Adjustment, Shelf::Available);
    Ok(Command::Adjust { item, location: None, delta, against, shelf })
}

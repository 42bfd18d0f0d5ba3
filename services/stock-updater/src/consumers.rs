//! Events that change stock: goods received and sold elsewhere, restock orders, suppliers' catalogs, and, in
//! `products`, what sellers say of their products.
//!
//! Each effect goes through the writer under a key made of the event, which is written in the transaction of the
//! effect: that is this consumer's inbox. An event may come twice and out of order; what came of it the first
//! time is what came of it.
//!
//! What can never succeed (nothing of the kind, not enough, garbage) is parked with the reason. What cannot be
//! done now, because the database is away, waits.

mod lead_times;
mod products;

use async_trait::async_trait;
use domain::{
    Attributes, Command, Delta, Identity, ItemId, ItemPatch, Name, NewItem, Outside, Quantity, Refusal,
    Shelf, Sku,
};
use events::legacy::{ProductChanged, ProductReceived, ProductSold};
use events::{CatalogProduct, CatalogUpdated, Delivery, Envelope, Event, Handler, Restock, Verdict};
use futures::future::join_all;
use ledger::{By, Outcome, ReadError, Reference, Request, Unanswered, suppliers};
use uuid::Uuid;

use crate::App;

pub(crate) struct Consumer(pub(crate) App);

/// Why an event had no effect.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It never will.
    #[error("{0}")]
    Hopeless(String),
    /// Not now.
    #[error("{0}")]
    NotNow(String),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Hopeless(refusal.to_string())
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Failure {
        match unanswered {
            Unanswered::KeyReused => Failure::Hopeless("another event had this identity".to_owned()),
            Unanswered::Busy | Unanswered::Unavailable | Unanswered::Stopping => {
                Failure::NotNow(unanswered.to_string())
            }
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Failure {
        match error {
            ReadError::Ambiguous(_) => Failure::Hopeless(error.to_string()),
            ReadError::Database(_) | ReadError::Row(_) => Failure::NotNow(error.to_string()),
        }
    }
}

fn hopeless(error: impl std::fmt::Display) -> Failure {
    Failure::Hopeless(error.to_string())
}

#[async_trait]
impl Handler for Consumer {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        match self.0.consume(delivery).await {
            Ok(()) => Verdict::Done,
            Err(Failure::Hopeless(reason)) => Verdict::Park(reason),
            Err(Failure::NotNow(reason)) => Verdict::Wait(reason),
        }
    }

    /// What is received is there to be sold: events of one product one after the other. Catalogs too, whoever's
    /// they are: the newer one has the last word.
    fn key(&self, delivery: &Delivery) -> Option<String> {
        let message = &delivery.message;
        match message.kind() {
            ProductReceived::ROUTING_KEY => Some(ProductReceived::parse(&message.body).ok()?.product_id),
            ProductSold::ROUTING_KEY => Some(ProductSold::parse(&message.body).ok()?.product_id),
            ProductChanged::ROUTING_KEY => {
                Some(ProductChanged::parse(message.message_type.as_deref(), &message.body).ok()?.id)
            }
            "supplier_catalog_updated" => Some("catalog".to_owned()),
            // Restock events are right in any order.
            _ => None,
        }
    }
}

impl App {
    async fn consume(&self, delivery: &Delivery) -> Result<(), Failure> {
        let message = &delivery.message;
        match message.kind() {
            ProductReceived::ROUTING_KEY => {
                let event = ProductReceived::parse(&message.body).map_err(hopeless)?;
                self.product_received(&event, &event.identity(Some(&message.id))).await
            }
            ProductSold::ROUTING_KEY => {
                let event = ProductSold::parse(&message.body).map_err(hopeless)?;
                self.product_sold(&event, &event.identity(Some(&message.id))).await
            }
            ProductChanged::ROUTING_KEY => {
                let event = ProductChanged::parse(message.message_type.as_deref(), &message.body);
                let event = event.map_err(hopeless)?;
                self.product_changed(&event, &event.identity(Some(&message.id))).await
            }
            _ => match Envelope::parse(&message.body).map_err(hopeless)?.event {
                Event::RestockOrdered(order) => {
                    self.expect(&order).await?;
                    self.note_ordered(&order).await
                }
                Event::RestockConfirmed(order) => self.confirmed(&order).await,
                Event::RestockReceived(order) => {
                    self.arrived(&order).await?;
                    self.note_received(&order).await
                }
                Event::RestockFailed(order) => self.called_off(&order).await,
                Event::SupplierCatalogUpdated(catalog) => self.catalog_updated(&catalog).await,
                other => Err(hopeless(format!("{} is nothing that changes stock", other.kind()))),
            },
        }
    }

    async fn submit(
        &self,
        command: Command,
        job: &str,
        key: String,
        reference: Option<Reference>,
    ) -> Result<Outcome, Failure> {
        let mut request = Request::new(command, By::job(job)).with_key(key).because(job);
        request.reference = reference;
        Ok(self.writer.submit(request).await?.outcome)
    }

    async fn product_received(&self, event: &ProductReceived, identity: &str) -> Result<(), Failure> {
        let supplier = Sku::try_from(event.supplier_id.clone())
            .map_err(|error| hopeless(format!("supplier_id: {error}")))?;
        let item = match self.reader.resolve(&event.product_id, None).await? {
            Some(item) => item.id,
            None => self.first_received(event, supplier.clone(), identity).await?,
        };
        let quantity = Quantity::try_from(event.quantity).map_err(hopeless)?;
        let into = Shelf::Available;
        let command = Command::Receive { item, location: None, quantity, expected: false, into };
        let reference = Reference { kind: "supplier".to_owned(), id: supplier.into() };
        self.submit(command, "product-received", identity.to_owned(), Some(reference)).await??;
        Ok(())
    }

    async fn first_received(
        &self,
        event: &ProductReceived,
        supplier: Sku,
        identity: &str,
    ) -> Result<ItemId, Failure> {
        let product = Sku::try_from(event.product_id.clone())
            .map_err(|error| hopeless(format!("product_id: {error}")))?;
        let new = self.new_item(product.clone(), product, &event.product_id, Some(supplier));
        self.created(new, "product-received", format!("{identity}:create")).await
    }

    /// An unknown product is created, once, however many events about it arrive together.
    async fn created(&self, new: NewItem, job: &str, key: String) -> Result<ItemId, Failure> {
        let (id, product) = (new.identity.id, new.identity.product_id.clone());
        match self.submit(Command::CreateItem(new), job, key, None).await? {
            Ok(done) => Ok(done.items.first().map_or(id, |item| item.item_id)),
            // Somebody was faster.
            Err(Refusal::SkuTaken { .. } | Refusal::ProductTaken { .. }) => {
                let item = self.reader.resolve(product.as_str(), None).await?;
                item.map(|item| item.id)
                    .ok_or_else(|| Failure::NotNow("the new item is not visible yet".to_owned()))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    async fn product_sold(&self, event: &ProductSold, identity: &str) -> Result<(), Failure> {
        let item = self.reader.resolve(&event.product_id, None).await?;
        let item = item.ok_or_else(|| hopeless(format!("there is no product {:?}", event.product_id)))?;
        let delta = Delta::try_from(-event.quantity).map_err(hopeless)?;
        let (item, shelf) = (item.id, Shelf::Available);
        let command = Command::Adjust { item, location: None, delta, against: Outside::Customer, shelf };
        let reference = Reference { kind: "order".to_owned(), id: event.order_id.clone() };
        self.submit(command, "product-sold", identity.to_owned(), Some(reference)).await??;
        Ok(())
    }

    /// Counts an order as incoming. Every event of an order begins with this, under the order's own key, so that
    /// it makes no difference which of them comes first.
    async fn expect(&self, order: &Restock) -> Result<(), Failure> {
        let quantity = Quantity::try_from(order.quantity).map_err(hopeless)?;
        let command = Command::Expect { item: ItemId(order.item_id), location: None, quantity };
        self.restock(command, order, format!("restock:{}:ordered", order.order_id)).await
    }

    /// What a supplier confirms fewer of is no longer expected. It may do so more than once, each time to another
    /// quantity.
    async fn confirmed(&self, order: &Restock) -> Result<(), Failure> {
        self.expect(order).await?;
        let (Some(confirmed), Some(short)) = (order.confirmed_quantity, order.short) else { return Ok(()) };
        let Ok(quantity) = Quantity::try_from(short) else { return Ok(()) };
        let command = Command::Unexpect { item: ItemId(order.item_id), quantity };
        self.restock(command, order, format!("restock:{}:confirmed:{confirmed}", order.order_id)).await
    }

    /// What was still to come arrives out of what is incoming, in one command; what is more than that just arrives.
    async fn arrived(&self, order: &Restock) -> Result<(), Failure> {
        self.expect(order).await?;
        let receipt = order.receipt_id.ok_or_else(|| hopeless("a receipt without an id"))?;
        let key = |part: &str| format!("restock:{}:receipt:{receipt}:{part}", order.order_id);
        let item = ItemId(order.item_id);
        let receive = |quantity, expected| Command::Receive {
            item,
            location: None,
            quantity,
            expected,
            into: Shelf::Available,
        };
        let expected = order.expected.unwrap_or(order.accepted.saturating_add(order.rejected)).max(0);
        let awaited = order.accepted.min(expected);
        if let Ok(quantity) = Quantity::try_from(awaited) {
            self.restock(receive(quantity, true), order, key("accepted")).await?;
        }
        if let Ok(quantity) = Quantity::try_from(order.accepted.saturating_sub(awaited)) {
            self.restock(receive(quantity, false), order, key("surplus")).await?;
        }
        if let Ok(quantity) = Quantity::try_from(order.rejected.min(expected - awaited)) {
            self.restock(Command::Unexpect { item, quantity }, order, key("rejected")).await?;
        }
        Ok(())
    }

    /// What will not come any more is no longer expected.
    async fn called_off(&self, order: &Restock) -> Result<(), Failure> {
        self.expect(order).await?;
        let Ok(quantity) = Quantity::try_from(order.outstanding) else { return Ok(()) };
        let command = Command::Unexpect { item: ItemId(order.item_id), quantity };
        self.restock(command, order, format!("restock:{}:called-off", order.order_id)).await
    }

    async fn restock(&self, command: Command, order: &Restock, key: String) -> Result<(), Failure> {
        let reference = Reference { kind: "restock_order".to_owned(), id: order.order_id.to_string() };
        self.submit(command, "restock", key, Some(reference)).await??;
        Ok(())
    }

    /// Products that a supplier lists become items; those that it no longer lists are no longer promised. An item
    /// that another supplier delivers is left alone, and so is one of which something else changed: whether that is
    /// promised may be an operator's decision.
    async fn catalog_updated(&self, catalog: &CatalogUpdated) -> Result<(), Failure> {
        let supplier = Sku::try_from(catalog.supplier_id.clone())
            .map_err(|error| hopeless(format!("supplier_id: {error}")))?;
        if let Some(name) = &catalog.supplier_name {
            // Before its items, so that nobody reads those without it.
            let name = readable(name, &supplier);
            let remembered = suppliers::remember(&self.db, &supplier, &name, catalog.timestamp).await;
            remembered.map_err(|error| Failure::NotNow(error.to_string()))?;
        }
        let products = catalog.products.iter();
        let applied =
            join_all(products.map(|product| self.listed(product, &supplier, catalog.sync_run_id))).await;
        applied.into_iter().collect()
    }

    async fn listed(&self, product: &CatalogProduct, supplier: &Sku, run: Uuid) -> Result<(), Failure> {
        let key = |what: &str| format!("catalog:{run}:{}:{what}", product.sku);
        let sku = Sku::try_from(product.sku.clone()).map_err(|error| hopeless(format!("sku: {error}")))?;
        if self.reader.resolve(sku.as_str(), None).await?.is_none() {
            if !product.active {
                return Ok(());
            }
            let product_id = Sku::try_from(product.product_id.clone())
                .map_err(|error| hopeless(format!("product_id: {error}")))?;
            let new = self.new_item(sku.clone(), product_id, &product.name, Some(supplier.clone()));
            let mut created =
                self.submit(Command::CreateItem(new.clone()), "catalog", key("create"), None).await?;
            if let Err(Refusal::ProductTaken { .. }) = created {
                // Another supplier numbers its products alike. The SKU, which has the supplier's prefix, does not
                // clash.
                let identity = Identity { product_id: sku.clone(), ..new.identity };
                let new = NewItem { identity, ..new };
                created = self.submit(Command::CreateItem(new), "catalog", key("create"), None).await?;
            }
            match created {
                Ok(_) => return Ok(()),
                Err(Refusal::SkuTaken { .. }) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        if !product.listing_changed {
            return Ok(());
        }
        let Some(item) = self.reader.resolve(sku.as_str(), None).await? else {
            return Err(Failure::NotNow("the new item is not visible yet".to_owned()));
        };
        let view = self.reader.item(item.id).await?;
        if view.is_none_or(|view| view.supplier_id.as_deref() != Some(supplier.as_str())) {
            return Ok(());
        }
        let patch = ItemPatch { active: Some(product.active), ..ItemPatch::default() };
        self.submit(Command::UpdateItem { item: item.id, patch }, "catalog", key("update"), None).await??;
        Ok(())
    }

    fn new_item(&self, sku: Sku, product_id: Sku, name: &str, supplier: Option<Sku>) -> NewItem {
        let id = ItemId(Uuid::now_v7());
        let name = readable(name, &sku);
        let owner = self.default_owner.clone();
        NewItem {
            identity: Identity { id, product_id, variant_id: None, sku, owner },
            attributes: Attributes { name, supplier, reorder_point: 0, reorder_quantity: 0, active: true },
        }
    }
}

/// As much of another system's name as a name here may have; the SKU when nothing is left of it.
fn readable(name: &str, sku: &Sku) -> Name {
    // An SKU is always a name as well.
    let as_sku = || Name::try_from(sku.to_string()).unwrap_or_else(|error| unreachable!("{error}"));
    cleaned(name).unwrap_or_else(as_sku)
}

/// As much of it as a name here may have, if anything.
fn cleaned(name: &str) -> Option<Name> {
    let clean: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_NAME).collect();
    Name::try_from(clean.trim().to_owned()).ok()
}

/// As many characters as a name may have.
const MAX_NAME: usize = 200;

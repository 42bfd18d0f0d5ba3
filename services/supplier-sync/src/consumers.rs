//! What this service hears: stock (to restock) and `product-received` (which may name an unknown supplier).
//!
//! Inbox, projection, order and outbox are one transaction: a delivery has its whole effect once or none. A
//! projection only ever takes a newer version, so that duplicates and reordering change nothing.

use crate::App;
use crate::restock;
use crate::store::entities::{order, seen};
use crate::store::{self, suppliers};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::Sku;
use events::legacy::ProductReceived;
use events::{Delivery, Envelope, Event, Handler, Subject, Verdict, inbox};
use platform::db;
use sea_orm::{DatabaseTransaction, DbErr};

/// The name of this service's queue, and of its rows in the inbox.
pub(crate) const QUEUE: &str = "supplier-sync";

/// Consumes the service's queue.
pub(crate) struct Consumer(pub(crate) App);

#[async_trait]
impl Handler for Consumer {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        if delivery.message.routing_key == ProductReceived::ROUTING_KEY {
            self.received(delivery).await
        } else {
            self.told(delivery).await
        }
    }

    /// Events about one SKU one after the other: they lock the same row anyway.
    fn key(&self, delivery: &Delivery) -> Option<String> {
        delivery.message.routing_key.split_once('.').map(|(_, sku)| sku.to_owned())
    }
}

impl Consumer {
    async fn told(&self, delivery: &Delivery) -> Verdict {
        let envelope = match Envelope::parse(&delivery.message.body) {
            Ok(envelope) => envelope,
            Err(error) => return Verdict::Park(error.to_string()),
        };
        let news = match &envelope.event {
            Event::StockUpdated(event) => {
                News { subject: &event.subject, change: event.change_amount, at: event.timestamp }
            }
            Event::ItemCreated(event) | Event::ItemUpdated(event) => {
                News { subject: &event.subject, change: 0, at: event.timestamp }
            }
            other => return Verdict::Park(format!("{} does not belong into this queue", other.kind())),
        };
        verdict(self.restock(&envelope.id.to_string(), news).await)
    }

    async fn restock(&self, event_id: &str, news: News<'_>) -> Result<(), DbErr> {
        let app = &self.0;
        let tx = db::begin(&app.db).await?;
        let order = match inbox::first_time(&tx, QUEUE, event_id).await? {
            true => planned(app, &tx, &news).await?,
            false => None,
        };
        tx.commit().await?;
        if let Some(order) = order {
            app.wake_for_order();
            let reaction = (store::now() - news.at).to_std().unwrap_or_default();
            metrics::histogram!("restock_reaction_seconds").record(reaction);
            tracing::info!(order = %order.id, sku = order.sku, quantity = order.quantity, "restock order planned");
        }
        Ok(())
    }

    async fn received(&self, delivery: &Delivery) -> Verdict {
        let received = match ProductReceived::parse(&delivery.message.body) {
            Ok(received) => received,
            Err(error) => return Verdict::Park(error.to_string()),
        };
        // What could not be an item's supplier is nobody's.
        if let Err(error) = Sku::try_from(received.supplier_id.clone()) {
            return Verdict::Park(format!("supplier_id: {error}"));
        }
        let id = received.identity(Some(&delivery.message.id));
        verdict(self.meet(&id, &received.supplier_id).await)
    }

    /// Records a supplier that nobody has set up.
    async fn meet(&self, event_id: &str, supplier_id: &str) -> Result<(), DbErr> {
        let tx = db::begin(&self.0.db).await?;
        if inbox::first_time(&tx, QUEUE, event_id).await? {
            suppliers::insert_placeholder(&tx, supplier_id, store::now()).await?;
        }
        tx.commit().await
    }
}

/// What an event says of an item.
struct News<'a> {
    subject: &'a Subject,
    /// By how many the available units changed.
    change: i64,
    at: DateTime<Utc>,
}

/// Projects the event, and orders the item if it is short.
async fn planned(
    app: &App,
    tx: &DatabaseTransaction,
    news: &News<'_>,
) -> Result<Option<order::Model>, DbErr> {
    let now = store::now();
    let item = projected(news.subject, now);
    let newer = store::seen::record(tx, item.clone()).await?;
    if news.change > 0 && store::receipts::settle(tx, item.item_id, news.change).await? && !newer {
        // A newer event was held back by the receipt that is settled only now.
        return match store::seen::lock(tx, item.item_id).await? {
            Some(item) => restock::consider(app, tx, &item, now).await,
            None => Ok(None),
        };
    }
    if newer { restock::consider(app, tx, &item, now).await } else { Ok(None) }
}

fn verdict(result: Result<(), DbErr>) -> Verdict {
    match result {
        Ok(()) => Verdict::Done,
        Err(error) => Verdict::Wait(format!("the database: {error}")),
    }
}

fn projected(subject: &Subject, now: DateTime<Utc>) -> seen::Model {
    seen::Model {
        item_id: subject.item_id,
        sku: subject.sku.clone(),
        product_id: subject.product_id.clone(),
        owner: subject.owner.clone(),
        supplier_id: subject.supplier_id.clone(),
        version: subject.version,
        available: subject.available,
        incoming: subject.incoming,
        in_transit: subject.in_transit,
        reorder_point: subject.reorder_point,
        reorder_quantity: subject.reorder_quantity,
        active: subject.active,
        updated_at: now,
    }
}

//! What the service keeps besides stock: demand by day, and how long suppliers take.

use ::events::{Envelope, Event, Restock};
use chrono::{DateTime, Duration, Utc};
use domain::ItemId;
use ledger::Reader;
use platform::config::Config;
use rstest::rstest;
use serde_json::json;
use testkit::{Backend, eventually};
use uuid::Uuid;

use crate::shop::{LIMIT, Shop, open_with};

/// A shop that sums up every second, and a reader of its database.
async fn open(backend: Backend) -> (Shop, Reader) {
    let mut config = Config::defaults().unwrap();
    let shop = open_with(backend, |asked| {
        config = asked.set("stock_updater.demand_period_s", 1);
        config.clone()
    })
    .await;
    let url = config.text("stock_updater.database_url").unwrap();
    let db = platform::db::connect(&url, &config.section("database").unwrap()).await.unwrap();
    (shop, Reader::new(db))
}

async fn id(shop: &Shop) -> Uuid {
    let item = shop.patch("/v1/items/TEA", json!({})).await.is(200);
    item["items"][0]["item_id"].as_str().unwrap().parse().unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_is_summed_up_without_being_asked(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (shop, reader) = open(backend).await;
    shop.item("TEA", 10).await;
    let item = ItemId(id(&shop).await);
    let sold = json!({"product_id": "p-TEA", "quantity": 3, "order_id": "o-1", "timestamp": 1_700_000_000});
    shop.publish("product-sold", "", sold.to_string()).await;
    eventually("the sums know of the sale", LIMIT, async || {
        let demand = reader.demand(&[item], None, 30).await.unwrap().items.remove(&item)?;
        demand.last_sold
    })
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_supplier_took_is_kept_however_its_events_come(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (shop, reader) = open(backend).await;
    shop.item("TEA", 0).await;
    let item = id(&shop).await;
    let received: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
    let ordered = received - Duration::days(4);
    // Planned a day before the supplier was asked, and told of an hour after it came.
    let (planned, told) = (ordered - Duration::days(1), received + Duration::hours(1));
    let order = |accepted: i64, at: DateTime<Utc>| -> Restock {
        serde_json::from_value(json!({
            "order_id": Uuid::from_u128(7), "item_id": item, "sku": "TEA", "supplier_id": "leafy", "quantity": 20,
            "accepted": accepted, "rejected": 0, "outstanding": 20 - accepted, "timestamp": at,
            "receipt_id": (accepted > 0).then(|| Uuid::from_u128(8)), "reason": null,
            "ordered_at": ordered, "received_at": (accepted > 0).then_some(received),
        }))
        .unwrap()
    };
    for event in [
        Event::RestockReceived(order(20, told)),
        Event::RestockOrdered(order(0, planned)),
        Event::RestockReceived(order(20, told)),
    ] {
        let envelope = Envelope::new("/test", event, Utc::now());
        let key = envelope.event.routing_key();
        shop.publish(&key, &envelope.id.to_string(), envelope.to_json()).await;
    }
    let observed = eventually("the order's times", LIMIT, async || {
        reader.lead_times(&["leafy"]).await.unwrap().remove("leafy")
    })
    .await;
    assert_eq!((observed.orders, observed.mean_days, observed.sd_days), (1, 4.0, 0.0));
    shop.reaches("TEA", 20).await;
}

use ::events::{CatalogProduct, CatalogUpdated, Envelope, Event, Restock};
use chrono::Utc;
use futures::future::join_all;
use rstest::rstest;
use serde_json::json;
use testkit::Backend;
use uuid::Uuid;

use crate::shop::{Shop, open};

async fn tell(shop: &Shop, event: Event) {
    let envelope = Envelope::new("/test", event, Utc::now());
    let key = envelope.event.routing_key();
    shop.publish(&key, &envelope.id.to_string(), envelope.to_json()).await;
}

fn received(product: &str, quantity: i64, timestamp: i64) -> String {
    json!({"product_id": product, "quantity": quantity, "supplier_id": "leafy", "timestamp": timestamp})
        .to_string()
}

fn sold(product: &str, quantity: i64, order: &str) -> String {
    json!({"product_id": product, "quantity": quantity, "order_id": order, "timestamp": 1_700_000_000.5})
        .to_string()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_product_that_is_received_is_created_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let bodies: Vec<String> = (0..10).map(|n| received("new-1", 2, 1_700_000_000 + n)).collect();
    join_all(bodies.iter().map(|body| shop.publish("product-received", "", body.clone()))).await;
    shop.reaches("new-1", 20).await;
    // The same again, which is nothing new.
    join_all(bodies.iter().map(|body| shop.publish("product-received", "", body.clone()))).await;
    shop.publish("product-received", "", received("new-1", 1, 1)).await;
    shop.reaches("new-1", 21).await;
    assert_eq!(shop.get("/v1/audit").await.is(200)["items"], 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_elsewhere_takes_from_stock_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    for _ in 0..3 {
        shop.publish("product-sold", "", sold("p-TEA", 2, "o-1")).await;
    }
    shop.publish("product-sold", "m-1", sold("p-TEA", 1, "o-2")).await;
    shop.publish("product-sold", "m-1", sold("p-TEA", 1, "o-2")).await;
    shop.reaches("TEA", 7).await;
    assert!(shop.parked(0).await.is_empty());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_cannot_be_is_parked_with_the_reason_and_changes_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 3).await;
    shop.publish("product-sold", "", sold("p-TEA", 4, &"o".repeat(255))).await;
    shop.publish("product-sold", "", sold("unknown", 1, "o-2")).await;
    shop.publish("product-sold", "", "no JSON".to_owned()).await;
    shop.publish("product-sold", "", sold("p-TEA", 0, "o-3")).await;
    shop.publish("product-sold", "", sold("p-TEA", 1, "o-4")).await;
    shop.reaches("TEA", 2).await;
    let reasons = shop.parked(4).await.join("\n");
    for reason in
        ["4 of TEA were asked for and 3 are available", "no product \"unknown\"", "quantity is 1 to"]
    {
        assert!(reasons.contains(reason), "{reason:?} is not among {reasons}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_refused_is_decided_anew_when_it_is_sent_again(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 3).await;
    shop.publish("product-sold", "m-1", sold("p-TEA", 4, "o-1")).await;
    shop.parked(1).await;
    shop.post("/v1/items/TEA/receipts", json!({"quantity": 3})).await.is(201);
    shop.publish("product-sold", "m-1", sold("p-TEA", 4, "o-1")).await;
    shop.reaches("TEA", 2).await;
}

fn order(id: Uuid, item: Uuid, accepted: i64, outstanding: i64) -> Restock {
    Restock {
        order_id: id,
        item_id: item,
        sku: "TEA".to_owned(),
        supplier_id: "leafy".to_owned(),
        quantity: 20,
        accepted,
        rejected: 0,
        outstanding,
        receipt_id: None,
        reason: None,
        timestamp: Utc::now(),
        ordered_at: None,
        received_at: None,
        expected: None,
        confirmed_quantity: None,
        short: None,
        promised_at: None,
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_restock_order_is_counted_right_in_whatever_order_its_events_come(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 0).await;
    let item = shop.patch("/v1/items/TEA", json!({})).await.is(200);
    let item: Uuid = item["items"][0]["item_id"].as_str().unwrap().parse().unwrap();
    let id = Uuid::now_v7();
    let receipt = Restock { receipt_id: Some(Uuid::now_v7()), ..order(id, item, 12, 8) };
    // The receipt before the order, and each of them twice.
    for event in [
        Event::RestockReceived(receipt.clone()),
        Event::RestockOrdered(order(id, item, 0, 20)),
        Event::RestockReceived(receipt),
        Event::RestockOrdered(order(id, item, 0, 20)),
    ] {
        tell(&shop, event).await;
    }
    let counts = async |available: i64, incoming: i64| {
        testkit::eventually("the counts", crate::shop::LIMIT, async || {
            let item = shop.patch("/v1/items/TEA", json!({})).await.is(200)["items"][0].clone();
            (item["available"] == available && item["incoming"] == incoming).then_some(())
        })
        .await;
    };
    counts(12, 8).await;
    tell(&shop, Event::RestockFailed(order(id, item, 0, 8))).await;
    counts(12, 0).await;
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_beyond_an_order_or_is_confirmed_short_leaves_other_orders_expected(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 0).await;
    let item = shop.patch("/v1/items/TEA", json!({})).await.is(200);
    let item: Uuid = item["items"][0]["item_id"].as_str().unwrap().parse().unwrap();
    let (first, next) = (Uuid::now_v7(), Uuid::now_v7());
    let short = |confirmed, short, outstanding| {
        let told = Restock {
            confirmed_quantity: Some(confirmed),
            short: Some(short),
            ..order(first, item, 0, outstanding)
        };
        Event::RestockConfirmed(told)
    };
    // 20 of which 15 are confirmed, then 12; 14 arrive, 2 of them no good: 12 had been to come.
    let receipt = Restock {
        receipt_id: Some(Uuid::now_v7()),
        rejected: 2,
        expected: Some(12),
        ..order(first, item, 14, 0)
    };
    for event in [
        Event::RestockOrdered(order(next, item, 0, 20)),
        short(12, 3, 12),
        Event::RestockReceived(receipt.clone()),
        short(15, 5, 15),
        Event::RestockReceived(receipt),
        short(15, 5, 15),
        Event::RestockOrdered(order(first, item, 0, 20)),
    ] {
        tell(&shop, event).await;
    }
    testkit::eventually("the counts", crate::shop::LIMIT, async || {
        let item = shop.patch("/v1/items/TEA", json!({})).await.is(200)["items"][0].clone();
        (item["available"] == 14 && item["incoming"] == 20).then_some(())
    })
    .await;
    // One that ended long ago: it was not expected any more.
    let late = Restock { receipt_id: Some(Uuid::now_v7()), expected: Some(0), ..order(first, item, 6, 0) };
    tell(&shop, Event::RestockReceived(late)).await;
    testkit::eventually("what was late", crate::shop::LIMIT, async || {
        let item = shop.patch("/v1/items/TEA", json!({})).await.is(200)["items"][0].clone();
        (item["available"] == 20 && item["incoming"] == 20).then_some(())
    })
    .await;
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

/// A product that `leafy` lists, or does not any more.
fn product(sku: &str, active: bool) -> CatalogProduct {
    CatalogProduct {
        product_id: format!("x-{sku}"),
        sku: sku.to_owned(),
        name: " Listed\u{7}name ".to_owned(),
        active,
        listing_changed: true,
    }
}

fn catalog(products: Vec<CatalogProduct>) -> Event {
    Event::SupplierCatalogUpdated(CatalogUpdated {
        supplier_id: "leafy".to_owned(),
        supplier_name: Some("Leafy\0 Ltd".to_owned()),
        products_updated: products.iter().map(|product| product.product_id.clone()).collect(),
        products,
        sync_run_id: Uuid::now_v7(),
        timestamp: Utc::now(),
    })
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_discontinued_comes_back_only_when_its_listing_changes(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    tell(&shop, catalog(vec![product("A", true)])).await;
    shop.reaches("A", 0).await;
    shop.post("/v1/items/A/receipts", json!({"quantity": 5})).await.is(201);
    shop.patch("/v1/items/A", json!({"active": false})).await.is(200);
    let stock_figure = CatalogProduct { listing_changed: false, ..product("A", true) };
    // Catalogs are read one after the other: B is there once A was looked at.
    tell(&shop, catalog(vec![stock_figure])).await;
    tell(&shop, catalog(vec![product("B", true)])).await;
    shop.reaches("B", 0).await;
    let hold = json!({"lines": [{"item": "A", "quantity": 1}]});
    shop.post("/v1/reservations", hold.clone()).await.is_problem(409, "item-inactive");
    tell(&shop, catalog(vec![product("A", true)])).await;
    testkit::eventually("A is promised again", crate::shop::LIMIT, async || {
        (shop.post("/v1/reservations", hold.clone()).await.status == 201).then_some(())
    })
    .await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_suppliers_catalog_becomes_items_and_what_it_drops_is_no_longer_promised(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("OURS", 5).await;
    tell(&shop, catalog(vec![product("A", true), product("B", true), product("OURS", true)])).await;
    shop.reaches("B", 0).await;
    shop.post("/v1/items/A/receipts", json!({"quantity": 5})).await.is(201);
    tell(&shop, catalog(vec![product("A", false), product("OURS", false)])).await;
    let hold = json!({"lines": [{"item": "A", "quantity": 1}]});
    testkit::eventually("A is not promised any more", crate::shop::LIMIT, async || {
        let answer = shop.post("/v1/reservations", hold.clone()).await;
        (answer.status == 409).then(|| answer.is_problem(409, "item-inactive"))
    })
    .await;
    // Another supplier's item, and nobody's, is left alone.
    shop.post("/v1/reservations", json!({"lines": [{"item": "OURS", "quantity": 1}]})).await.is(201);
}

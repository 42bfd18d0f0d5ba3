use std::net::SocketAddr;

use chrono::Utc;
use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::{OrderPolicy, SimProduct, Simulator};
use testkit::{Backend, eventually};

use crate::system::{LIMIT, System};

async fn supplied(backend: Backend) -> (System, Simulator) {
    let system = System::start(backend).await;
    let supplier = Simulator::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let body = json!({"id": "leafy", "name": "Leafy", "adapter": "abc", "base_url": supplier.url()});
    system.post("/v1/suppliers", body).await;
    (system, supplier)
}

async fn orders(system: &System, sku: &str) -> Vec<Value> {
    let page = system.get(&format!("/v1/restock-orders?sku={sku}")).await;
    page["restock_orders"].as_array().unwrap().clone()
}

/// Waits for the latest order of an item to be in a state.
async fn order(system: &System, sku: &str, state: &str) -> Value {
    let what = format!("{sku}'s order to be {state}");
    system
        .until(&what, &format!("/v1/restock-orders?sku={sku}"), |page| {
            page["restock_orders"].get(0).filter(|order| order["state"] == state).cloned()
        })
        .await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sales_around_the_reorder_point_lead_to_one_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (system, supplier) = supplied(backend).await;
    supplier.set_catalog(vec![SimProduct {
        id: "p-1".to_owned(),
        name: "Tea".to_owned(),
        sku: "TEA".to_owned(),
        stock: 5_000,
        price: "3.20".to_owned(),
        updated_at: Utc::now(),
    }]);
    system.post("/v1/suppliers/leafy/sync", json!({})).await;
    system.until("the catalog's item", "/v1/items/TEA", |item| item["active"].as_bool()).await;
    let terms = json!({"pack_size": 12, "minimum_order": 100});
    system.patch("/v1/suppliers/leafy/catalog/p-1", terms).await;
    system.post("/v1/items/TEA/receipts", json!({"quantity": 150})).await;
    system.patch("/v1/items/TEA", json!({"reorder_point": 100, "reorder_quantity": 80})).await;

    let sale = json!({"delta": -1, "reason": "sold"});
    let sales = (0..100).map(|_| system.post("/v1/items/TEA/adjustments", sale.clone()));
    join_all(sales).await;

    let placed = order(&system, "TEA", "confirmed").await;
    assert_eq!(placed["quantity"], 108, "at least 100, in packs of 12");
    let counted = |item: &Value| (item["available"] == 50 && item["incoming"] == 108).then_some(());
    system.until("the goods on their way", "/v1/items/TEA", counted).await;
    // What is on order counts: nobody orders for these, and they are looked at before the other item's are.
    join_all((0..10).map(|_| system.post("/v1/items/TEA/adjustments", sale.clone()))).await;
    system.post("/v1/items", json!({"sku": "CUP", "name": "Cup", "supplier_id": "leafy"})).await;
    system.patch("/v1/items/CUP", json!({"reorder_point": 1, "reorder_quantity": 5})).await;
    order(&system, "CUP", "confirmed").await;
    assert_eq!(orders(&system, "TEA").await.len(), 1);
    let at_supplier = supplier.orders();
    let of_tea: Vec<_> = at_supplier.iter().filter(|order| order.sku == "TEA").collect();
    assert_eq!((of_tea.len(), of_tea[0].quantity, of_tea[0].placed), (1, 108, 1));
    system.audit_is_clean().await;
}

/// An item of which nothing is there and 50 are ordered.
async fn short(system: &System, sku: &str) -> String {
    system.post("/v1/items", json!({"sku": sku, "name": "A thing", "supplier_id": "leafy"})).await;
    system.patch(&format!("/v1/items/{sku}"), json!({"reorder_point": 9, "reorder_quantity": 50})).await;
    order(system, sku, "sent").await["id"].as_str().unwrap().to_owned()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_incoming_is_what_open_orders_still_bring_whatever_becomes_of_them(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (system, supplier) = supplied(backend).await;
    supplier.set_order_policy(OrderPolicy::Accept);
    const FATES: [&str; 6] = ["SHORT", "PART", "OVER", "NO-GOOD", "REFUSED", "LATE"];
    let ids = join_all(FATES.map(|sku| short(&system, sku))).await;
    let receive = async |nth: usize, accepted: i64, rejected: i64| {
        let path = format!("/v1/restock-orders/{}/receipts", ids[nth]);
        system.post(&path, json!({"accepted": accepted, "rejected": rejected})).await
    };
    supplier.promise(ids[0].parse().unwrap(), 30, Utc::now());
    receive(1, 20, 5).await;
    receive(2, 20, 0).await;
    receive(2, 40, 0).await;
    receive(3, 10, 40).await;
    supplier.decide(ids[4].parse().unwrap(), "rejected");
    system.post(&format!("/v1/restock-orders/{}/cancel?agreed=true", ids[5]), json!({})).await;
    receive(5, 7, 0).await;
    order(&system, "SHORT", "confirmed").await;
    order(&system, "REFUSED", "rejected").await;

    let on_hand = [0, 20, 60, 10, 0, 7];
    for (sku, on_hand) in FATES.into_iter().zip(on_hand) {
        eventually(&format!("{sku}'s books to agree"), LIMIT, async || {
            let item = system.get(&format!("/v1/items/{sku}")).await;
            let orders = orders(&system, sku).await;
            let outstanding: i64 = orders.iter().map(|order| order["outstanding"].as_i64().unwrap()).sum();
            (item["on_hand"] == on_hand && item["incoming"] == outstanding).then_some(())
        })
        .await;
    }
    let to_come = [("SHORT", 30), ("PART", 25), ("OVER", 0), ("NO-GOOD", 0), ("REFUSED", 0), ("LATE", 0)];
    for ((sku, outstanding), id) in to_come.into_iter().zip(&ids) {
        let order = system.get(&format!("/v1/restock-orders/{id}")).await;
        assert_eq!(order["outstanding"], outstanding, "{sku}: {order}");
    }
    system.audit_is_clean().await;
}

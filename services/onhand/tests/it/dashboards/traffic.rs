//! A little of everything that services count.

use std::net::SocketAddr;

use chrono::Utc;
use events::{Message, Topology};
use proto::get::InventoryRequest;
use proto::get::inventory_client::InventoryClient;
use reqwest::Method;
use serde_json::json;
use supplier_sync::simulator::{SimProduct, Simulator};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;

use crate::system::System;

const SKU: &str = "TEA-100";
/// More than anybody has.
const TOO_MANY: i64 = 100_000_000;

/// Who makes it.
pub(super) struct Traffic {
    calls: InventoryClient<Channel>,
    _supplier: Simulator,
    _stop: DropGuard,
}

impl Traffic {
    /// A supplier whose catalog is synced, an item that is ordered, and a message that nobody understands.
    pub(super) async fn begin(system: &System, calls_url: &str) -> Traffic {
        let supplier = Simulator::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        supplier.set_catalog(vec![SimProduct {
            id: "p-1".to_owned(),
            name: "Tea".to_owned(),
            sku: SKU.to_owned(),
            stock: 5_000,
            price: "3.20".to_owned(),
            updated_at: Utc::now(),
        }]);
        let body = json!({"id": "leafy", "name": "Leafy", "adapter": "abc", "base_url": supplier.url()});
        system.post("/v1/suppliers", body).await;
        system.post("/v1/suppliers/leafy/sync", json!({})).await;
        let item = format!("/v1/items/{SKU}");
        system.until("the catalog's item", &item, |item| item["active"].as_bool()).await;
        system.patch(&item, json!({"reorder_point": 1_000_000, "reorder_quantity": 50})).await;
        system.post(&format!("{item}/receipts"), json!({"quantity": 500_000})).await;
        let stop = CancellationToken::new();
        let topology = Topology::standard(&system.stage.exchange, &system.stage.prefix);
        let bus = events::connect(&system.stage.bus_url, topology, stop.clone()).unwrap();
        let garbage = Message {
            id: String::new(),
            routing_key: "product-sold".to_owned(),
            body: "no JSON".into(),
            traceparent: None,
            message_type: None,
        };
        bus.publish(vec![garbage]).await.pop().unwrap().unwrap();
        let calls = InventoryClient::connect(calls_url.to_owned()).await.unwrap();
        Traffic { calls, _supplier: supplier, _stop: stop.drop_guard() }
    }

    /// Sales, refusals, reads that are cached and some that are not, and calls. A machine that is busy may refuse some:
    /// the next round makes up for it.
    pub(super) async fn round(&self, system: &System) {
        let item = format!("/v1/items/{SKU}");
        for delta in [-1, -TOO_MANY] {
            let body = json!({"delta": delta, "reason": "sold"});
            let _ = system.ask(Method::POST, &format!("{item}/adjustments"), None, Some(&body)).await;
        }
        for path in [&item, &item, &item, "/v1/overview", &format!("{item}/forecast")] {
            let _ = system.ask(Method::GET, path, None, None).await;
        }
        let _ = self.calls.clone().get(InventoryRequest { id: SKU.to_owned() }).await;
    }
}

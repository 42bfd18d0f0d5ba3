use reqwest::Method;
use rstest::rstest;
use serde_json::json;
use testkit::proxy::Proxy;
use testkit::{Backend, Stage};

use crate::ears::Ears;
use crate::system::{System, Wishes};

/// Sells one unit under a key; says whether that was acknowledged.
async fn sell(system: &System, sku: &str, key: &str) -> bool {
    let path = format!("/v1/items/{sku}/adjustments");
    let body = json!({"delta": -1, "reason": "sold"});
    let answer = system.ask(Method::POST, &path, Some(key), Some(&body)).await;
    answer.is_some_and(|(status, _)| status == 201)
}

/// While others still talk to it.
fn kill_9(process: u32) {
    let killed = std::process::Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
    assert!(killed.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_commit_and_publish_loses_no_event() {
    let stage = Stage::new(Backend::Real).await;
    // Behind the proxy the broker is out of reach: what is committed stays unpublished.
    let proxy = Proxy::before(&stage.bus_url).await.unwrap();
    let ears = Ears::open(&stage, &stage.bus_url).await;
    let wishes = Wishes { updater_bus: Some(proxy.url(&stage.bus_url)), ..Wishes::default() };
    let mut system = System::start_with(stage, wishes).await;
    system.item("TEA", 1_000).await;
    ears.hear_all("TEA", 2).await;
    for round in 0..3 {
        proxy.cut();
        for sale in 0..20 {
            assert!(sell(&system, "TEA", &format!("{round}-{sale}")).await, "a command needs no broker");
        }
        let told = ears.versions("TEA").len();
        assert_eq!(told, 1 + round * 20, "what was sold behind the cut is not told yet");
        system.updater.kill();
        proxy.heal();
        system.restart_updater().await;
        ears.hear_all("TEA", 2 + 20 * (i64::try_from(round).unwrap() + 1)).await;
    }
    system.until("the checker", "/v1/items/TEA", |item| (item["available"] == 940).then_some(())).await;
    system.audit_is_clean().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_under_load_keeps_what_was_acknowledged_and_repeats_give_one_effect(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let mut system = System::start(backend).await;
    system.item("TEA", 10_000).await;
    let mut acknowledged = 0;
    for round in 0..5 {
        let keys: Vec<String> = (0..200).map(|sale| format!("{round}-{sale}")).collect();
        let sold = {
            let selling = futures::future::join_all(keys.iter().map(|key| sell(&system, "TEA", key)));
            let killing = async {
                // Somewhere in the middle of it.
                tokio::time::sleep(std::time::Duration::from_millis(20 + 13 * round)).await;
                kill_9(system.updater.id());
            };
            tokio::join!(selling, killing).0
        };
        system.updater.kill();
        acknowledged += sold.iter().filter(|sold| **sold).count();
        system.restart_updater().await;
        // Whatever came of each before, sent again it is sold once.
        for key in &keys {
            assert!(sell(&system, "TEA", key).await);
        }
        let sold = 200 * (i64::try_from(round).unwrap() + 1);
        system
            .until("each is sold once", "/v1/items/TEA", |item| {
                (item["available"] == 10_000 - sold).then_some(())
            })
            .await;
    }
    println!("{backend:?}: {acknowledged} of 1000 were acknowledged before a kill");
    system.audit_is_clean().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_right_after_a_sale_still_leads_to_its_restock_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let mut system = System::start(backend).await;
    let supplier = json!({"id": "far", "name": "Far", "adapter": "abc", "base_url": "http://127.0.0.1:9", "active": true});
    system.post("/v1/suppliers", supplier).await;
    for round in 0..5 {
        let sku = format!("TEA-{round}");
        let item = json!({"sku": sku, "name": "Tea", "supplier_id": "far"});
        system.post("/v1/items", item).await;
        system.post(&format!("/v1/items/{sku}/receipts"), json!({"quantity": 5})).await;
        system.patch(&format!("/v1/items/{sku}"), json!({"reorder_point": 4, "reorder_quantity": 10})).await;
        assert!(sell(&system, &sku, &sku).await);
        system.updater.kill();
        system.restart_updater().await;
        let orders = format!("/v1/restock-orders?sku={sku}");
        let orders = system
            .until("the order", &orders, |page| {
                page["restock_orders"].as_array().filter(|orders| !orders.is_empty()).cloned()
            })
            .await;
        assert_eq!(orders.len(), 1);
        assert_eq!(orders[0]["quantity"], 10);
    }
    system.audit_is_clean().await;
}

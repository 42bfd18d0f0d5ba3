use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;
use tonic::Code;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::grpc_client::{Client, MAIN, told};
use crate::shop::{Shop, open};

/// Calls that make no sense, about an item that exists.
fn nonsense(tea: &str) -> Vec<(&'static str, Value)> {
    let mut calls = vec![
        ("CreateInventoryItem", json!({})),
        ("CreateInventoryItem", json!({"sku": "NEW"})),
        ("CreateInventoryItem", json!({"product_id": "NEW"})),
        ("CreateInventoryItem", json!({"product_id": "NEW", "sku": "NEW", "variant_id": ""})),
        ("CreateInventoryItem", json!({"product_id": "NEW", "sku": "NEW", "initial_quantity": -1})),
        ("CreateInventoryItem", json!({"product_id": "NEW", "sku": "NEW", "reorder_point": -1})),
        ("CreateInventoryItem", json!({"product_id": "NEW", "sku": "NEW", "reorder_quantity": i32::MIN})),
        ("CreateInventoryItem", json!({"product_id": "NEW", "sku": "NEW", "warehouse_allocations": [{}]})),
        ("GetInventoryItem", json!({})),
        ("GetInventoryItem", json!({"id": "TEA"})),
        ("GetInventoryItem", json!({"id": ""})),
        ("UpdateInventoryItem", json!({})),
        ("UpdateInventoryItem", json!({"id": tea, "status": "SOLD"})),
        ("UpdateInventoryItem", json!({"id": tea, "status": ""})),
        ("UpdateInventoryItem", json!({"id": tea, "status": "in_stock"})),
        ("UpdateInventoryItem", json!({"id": tea, "status": "NOT_FOUND"})),
        ("UpdateInventoryItem", json!({"id": tea, "reorder_point": -1})),
        ("ListInventoryItems", json!({"status": "SOLD"})),
        ("ListInventoryItems", json!({"warehouse_id": "main"})),
        ("CreateWarehouse", json!({})),
        ("CreateWarehouse", json!({"name": "East"})),
        ("CreateWarehouse", json!({"code": "e".repeat(51)})),
        ("CreateWarehouse", json!({"code": "east end"})),
        ("CreateWarehouse", json!({"code": "east", "name": " East"})),
        ("CreateWarehouse", json!({"code": "east", "city": "c".repeat(101)})),
        ("CreateWarehouse", json!({"code": "east", "city": "\u{0}"})),
        ("GetWarehouse", json!({})),
        ("GetWarehouse", json!({"id": "main"})),
        ("UpdateWarehouse", json!({"id": "main"})),
        ("UpdateWarehouse", json!({"id": MAIN, "name": ""})),
        ("UpdateWarehouse", json!({"id": MAIN, "postal_code": "1".repeat(21)})),
        ("GetInventoryByLocation", json!({"warehouse_id": "main"})),
        ("ReserveInventory", json!({})),
        ("ReserveInventory", json!({"items": [{}]})),
        ("ReserveInventory", json!({"items": vec![json!({"inventory_item_id": tea, "quantity": 1}); 501]})),
        ("ConfirmReservation", json!({})),
        ("ConfirmReservation", json!({"reservation_id": "1"})),
        ("CancelReservation", json!({})),
        ("CheckInventoryAvailability", json!({})),
        ("CheckInventoryAvailability", json!({"items": [{"quantity": 1}]})),
        ("CheckInventoryAvailability", json!({"items": [{"sku": "TEA", "quantity": 0}]})),
        ("CheckInventoryAvailability", json!({"items": vec![json!({"sku": "TEA", "quantity": 1}); 501]})),
        ("BulkUpdateInventory", json!({})),
        ("BulkUpdateInventory", json!({"items": vec![json!({"sku": "TEA", "quantity_delta": 1}); 10_001]})),
    ];
    for method in ["AddInventoryToLocation", "RemoveInventoryFromLocation"] {
        let good = json!({"inventory_item_id": tea, "warehouse_id": MAIN, "quantity": 1});
        calls.extend(
            spoiled(
                &good,
                &[
                    json!({"quantity": 0}),
                    json!({"quantity": -1}),
                    json!({"quantity": i32::MIN}),
                    json!({"warehouse_id": ""}),
                    json!({"warehouse_id": "main"}),
                    json!({"inventory_item_id": "TEA"}),
                    json!({"reference_id": "an order"}),
                    json!({"reference_type": "o".repeat(101)}),
                    json!({"notes": "n".repeat(501)}),
                    json!({"notes": "\u{0}"}),
                ],
            )
            .map(|body| (method, body)),
        );
    }
    let line = |line: Value| json!({"items": [line]});
    let good = json!({"inventory_item_id": tea, "quantity": 1});
    let bad = [
        json!({"quantity": 0}),
        json!({"quantity": -1}),
        json!({"warehouse_id": ""}),
        json!({"warehouse_id": "main"}),
        json!({"inventory_item_id": "TEA"}),
    ];
    calls.extend(spoiled(&good, &bad).map(|body| ("ReserveInventory", line(body))));
    let minutes = [-1, i32::MIN, 10 * 365 * 24 * 60].map(|minutes| json!({"reservation_minutes": minutes}));
    calls.extend(spoiled(&line(good), &minutes).map(|body| ("ReserveInventory", body)));
    for method in ["ListInventoryItems", "ListWarehouses", "GetInventoryByLocation"] {
        let good = if method == "GetInventoryByLocation" { json!({"warehouse_id": MAIN}) } else { json!({}) };
        let bad = [json!({"page": -1}), json!({"limit": -1}), json!({"limit": 501})];
        calls.extend(spoiled(&good, &bad).map(|body| (method, body)));
    }
    let skus =
        ["S".repeat(10_000), "a b".to_owned(), "\u{0}".to_owned(), "ТEA".to_owned(), "TEA ".to_owned()];
    calls.extend(skus.map(|sku| ("CreateInventoryItem", json!({"product_id": "NEW", "sku": sku}))));
    calls
}

/// A good body with each of the changes in turn.
fn spoiled<'a>(good: &'a Value, changes: &'a [Value]) -> impl Iterator<Item = Value> + 'a {
    changes.iter().map(|change| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    })
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_makes_no_sense_is_told_why_and_changes_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    for (method, body) in nonsense(&tea) {
        let shown: String = body.to_string().chars().take(120).collect();
        match client.call(method, body, &[]).await {
            Err(status) => {
                let (code, problem) = told(&status);
                assert_eq!(code, Code::InvalidArgument, "{method} {shown}: {status:?}");
                assert!(!problem.is_empty(), "{method} {shown}: {status:?}");
            }
            Ok(reply) => panic!("{method} {shown}: {reply:?}"),
        }
    }
    assert_eq!(client.now(&tea).await["status"], "IN_STOCK");
    assert_eq!(client.units(&tea).await, [5, 5, 0]);
    assert_eq!(client.asks("ListInventoryItems", json!({})).await["total"], 1);
    assert_eq!(client.asks("ListWarehouses", json!({})).await["total"], 1);
}

#[rstest]
#[case("idempotency-key", "")]
#[case("idempotency-key", "two words")]
#[case("idempotency-key", &"k".repeat(1024))]
#[case("if-match", "12")]
#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_makes_no_sense_is_refused_before_anything_is_done(
    #[case] name: &str,
    #[case] value: &str,
) {
    let shop = open(Backend::Embedded).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let add = json!({"inventory_item_id": tea, "warehouse_id": MAIN, "quantity": 1});
    let status = client.call("AddInventoryToLocation", add, &[(name, value)]).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(client.units(&tea).await, [5, 5, 0]);
}

/// Sends a message of our own making; what the head of the answer says.
async fn sent(shop: &Shop, method: &str, timeout: &str, message: &[u8]) -> Option<i32> {
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let request = client
        .post(format!("{}/inventory.InventoryService/{method}", shop.calls_url))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body([&[0], length.as_slice(), message].concat());
    let response = request.send().await.unwrap();
    Some(response.headers().get("grpc-status")?.to_str().unwrap().parse().unwrap())
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_none_is_too_large_or_too_late_is_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let methods = ["CreateInventoryItem", "ReserveInventory", "BulkUpdateInventory", "ListWarehouses"];
    for method in methods {
        // A field of a length that does not come, and a text that is none.
        for garbage in [b"\x0a\xff".as_slice(), b"\xff\xff\xff", b"\x0a\x02\xff\xfe"] {
            let refused = sent(&shop, method, "10S", garbage).await;
            assert_eq!(refused, Some(Code::InvalidArgument as i32), "{method} {garbage:?}");
        }
        assert_eq!(sent(&shop, method, "0m", b"").await, Some(Code::DeadlineExceeded as i32), "{method}");
    }
    let large = json!({"inventory_item_id": tea, "warehouse_id": MAIN, "quantity": 1, "notes": "n".repeat(5_000_000)});
    assert_eq!(client.refused("AddInventoryToLocation", large).await.0, Code::ResourceExhausted);
    // Fields that nobody knows are passed over, as gRPC has it: newer clients may send them.
    let unknown = [b"\x0a\x24".as_slice(), tea.as_bytes(), b"\x9a\x06\x01x"].concat();
    assert_eq!(sent(&shop, "GetInventoryItem", "10S", &unknown).await, None, "it is answered");
    assert_eq!(client.units(&tea).await, [5, 5, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_service_and_describes_it() {
    let shop = open(Backend::Embedded).await;
    let endpoint = tonic::transport::Endpoint::from_shared(shop.calls_url.clone()).unwrap();
    let mut client = ServerReflectionClient::new(endpoint.connect().await.unwrap());
    let mut ask = async |what: MessageRequest| {
        let request = ServerReflectionRequest { message_request: Some(what), ..Default::default() };
        let asked = client.server_reflection_info(futures::stream::iter([request])).await.unwrap();
        asked.into_inner().message().await.unwrap().unwrap().message_response.unwrap()
    };
    let listed = ask(MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(list) = listed else { panic!("{listed:?}") };
    assert!(list.service.iter().any(|service| service.name == "inventory.InventoryService"), "{list:?}");
    let described = ask(MessageRequest::FileContainingSymbol("inventory.InventoryService".to_owned())).await;
    assert!(matches!(described, MessageResponse::FileDescriptorResponse(_)), "{described:?}");
}

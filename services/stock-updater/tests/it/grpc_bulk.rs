use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;
use tonic::Code;

use crate::grpc_client::{Client, MAIN, id};
use crate::shop::open;

fn line(sku: &str, delta: i64) -> Value {
    json!({"sku": sku, "quantity_delta": delta, "warehouse_id": MAIN, "reference_type": "COUNT", "notes": "n"})
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_done_on_its_own_and_a_bad_one_hinders_no_other(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let (tea, cup) = (client.item("TEA", 5).await, client.item("CUP", 1).await);
    let mut nowhere = line("TEA", 1);
    nowhere["warehouse_id"] = json!(MAIN.replace('1', "2"));
    let mut anywhere = line("CUP", 2);
    anywhere["warehouse_id"] = json!("");
    let body = [
        (line("TEA", 3), ""),
        (line("NOPE", 1), "there is no such item"),
        (line("CUP", -2), "2 of CUP were asked for and 1 are available"),
        (line("TEA", -4), ""),
        (line("TEA", 0), "quantity_delta: a correction by zero corrects nothing"),
        (nowhere, "there is no location"),
        (anywhere, ""),
        (line("p-TEA", 1), "there is no such item"),
        (line("\0", 1), "there is no such item"),
    ];
    let items: Vec<&Value> = body.iter().map(|(line, _)| line).collect();
    let bulk = client.asks("BulkUpdateInventory", json!({"items": items})).await;
    assert_eq!((&bulk["success_count"], &bulk["failure_count"]), (&json!(3), &json!(6)));
    for ((line, expected), result) in body.iter().zip(bulk["results"].as_array().unwrap()) {
        assert_eq!(result["sku"], line["sku"]);
        assert_eq!(result["success"], expected.is_empty(), "{result}");
        assert!(result["message"].as_str().unwrap().starts_with(expected), "{result}");
        let item = match (line["sku"].as_str().unwrap(), expected.is_empty()) {
            ("TEA", true) => client.now(&tea).await,
            ("CUP", true) => client.now(&cup).await,
            (_, _) => Value::Null,
        };
        assert_eq!(result["updated_item"], item, "as it is after all lines");
    }
    assert_eq!((client.units(&tea).await[0], client.units(&cup).await[0]), (4, 3));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn lines_of_an_item_are_done_in_their_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 0).await;
    let items: Vec<Value> = (0..300).flat_map(|_| [line("TEA", 2), line("TEA", -2)]).collect();
    let bulk = client.asks("BulkUpdateInventory", json!({"items": items})).await;
    assert_eq!((&bulk["success_count"], &bulk["failure_count"]), (&json!(600), &json!(0)));
    assert_eq!(client.units(&tea).await, [0, 0, 0]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_under_a_key_is_done_once_and_the_key_is_good_for_no_other(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let bulk = |items: Value| {
        client.call("BulkUpdateInventory", json!({"items": items}), &[("idempotency-key", "k")])
    };
    let lines = json!([line("TEA", 3), line("TEA", -9), line("TEA", 4)]);
    let first = bulk(lines.clone()).await.unwrap();
    assert!(first.metadata.get("idempotent-replayed").is_none());
    let second = bulk(lines).await.unwrap();
    assert_eq!(second.metadata.get("idempotent-replayed").unwrap(), "true");
    assert_eq!(first.body, second.body);
    for other in [json!([line("TEA", 3), line("TEA", -9)]), json!([line("TEA", 1)])] {
        let status = bulk(other).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    assert_eq!(client.units(&tea).await, [12, 12, 0]);
    let item = client.asks("GetInventoryItem", json!({"id": tea})).await;
    assert_eq!(id(&item["inventory_item"]), tea);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_would_pass_int32_is_refused_alone(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", i64::from(i32::MAX) - 5).await;
    let items = json!([line("TEA", 3), line("TEA", 3), line("TEA", 2)]);
    for _ in 0..2 {
        let key = [("idempotency-key", "k")];
        let bulk = client.call("BulkUpdateInventory", json!({"items": items}), &key).await.unwrap().body;
        let done: Vec<&Value> =
            bulk["results"].as_array().unwrap().iter().map(|line| &line["success"]).collect();
        assert_eq!(done, [&json!(true), &json!(false), &json!(true)]);
        assert_eq!(client.units(&tea).await[0], i64::from(i32::MAX), "once");
    }
}

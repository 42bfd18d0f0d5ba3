use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;
use tonic::Code;

use crate::grpc_client::{Client, MAIN, id};
use crate::shop::open;

const MOST: i64 = i32::MAX as i64;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn units_are_put_into_and_taken_out_of_a_warehouse(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let east = client.warehouse("east", 500).await;
    let tea = client.item("TEA", 5).await;
    let place = client.add(&tea, &east, 4).await;
    assert_eq!((&place["inventory_item_id"], &place["warehouse_id"]), (&json!(tea), &json!(east)));
    assert_eq!((&place["quantity"], &place["available_quantity"]), (&json!(4), &json!(4)));
    assert_eq!(place["warehouse"]["code"], "east");
    let remove = |warehouse: &str, units: i64| {
        let body = json!({"inventory_item_id": tea, "warehouse_id": warehouse, "quantity": units,
            "reference_id": "o-1", "reference_type": "ORDER", "notes": "sold"});
        ("RemoveInventoryFromLocation", body)
    };
    let (method, body) = remove(&east, 3);
    let after = client.asks(method, body).await["inventory_location"].take();
    assert_eq!((&after["id"], &after["quantity"]), (&place["id"], &json!(1)), "it is the same place");
    let (method, body) = remove(&east, 2);
    let refused = client.refused(method, body).await;
    assert_eq!(refused, (Code::FailedPrecondition, "not-enough".to_owned()), "one is there");
    assert_eq!(client.by_place(&tea).await, [("main".to_owned(), 5), ("east".to_owned(), 1)]);
    let unknown = MAIN.replace('1', "2");
    for (item, warehouse, problem) in
        [(&tea, unknown.as_str(), "location-unknown"), (&unknown, MAIN, "item-unknown")]
    {
        for method in ["AddInventoryToLocation", "RemoveInventoryFromLocation"] {
            let body = json!({"inventory_item_id": item, "warehouse_id": warehouse, "quantity": 1});
            let refused = client.refused(method, body).await;
            assert_eq!(refused, (Code::NotFound, problem.to_owned()), "{method}");
        }
    }
    // What is reserved is not taken away.
    let line = json!({"items": [{"inventory_item_id": tea, "quantity": 5, "warehouse_id": MAIN}]});
    client.asks("ReserveInventory", line).await;
    let (method, body) = remove(MAIN, 1);
    assert_eq!(client.refused(method, body).await.0, Code::FailedPrecondition);
    assert_eq!(client.units(&tea).await, [6, 1, 5]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_movement_under_a_key_is_made_once(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let add = |units: i64| {
        let body = json!({"inventory_item_id": tea, "warehouse_id": MAIN, "quantity": units});
        client.call("AddInventoryToLocation", body, &[("idempotency-key", "k")])
    };
    let first = add(2).await.unwrap();
    assert_eq!(first.metadata.get("etag").unwrap(), "\"3\"");
    let second = add(2).await.unwrap();
    assert_eq!(second.metadata.get("idempotent-replayed").unwrap(), "true");
    assert_eq!(first.body, second.body);
    assert_eq!(add(3).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(client.units(&tea).await, [7, 7, 0]);
    // Also when doing it again would be more than can be said.
    let body = json!({"inventory_item_id": tea, "warehouse_id": MAIN, "quantity": MOST - 8});
    for replayed in [false, true] {
        let added = client
            .call("AddInventoryToLocation", body.clone(), &[("idempotency-key", "most")])
            .await
            .unwrap();
        assert_eq!(added.metadata.get("idempotent-replayed").is_some(), replayed);
    }
    let body = json!({"inventory_item_id": tea, "warehouse_id": MAIN, "quantity": 1});
    let stale = client.call("AddInventoryToLocation", body, &[("if-match", "\"1\"")]).await;
    assert_eq!(stale.unwrap_err().code(), Code::Aborted);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_warehouse_has_is_listed_by_the_page(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let east = client.warehouse("east", 500).await;
    for (sku, units) in [("B", 2), ("A", 1), ("C", 3)] {
        let item = client.item(sku, 9).await;
        client.add(&item, &east, units).await;
    }
    client.item("D", 4).await;
    let list = async |body: Value| {
        let list = client.asks("GetInventoryByLocation", body).await;
        let units: Vec<i64> = list["inventory_locations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|place| place["quantity"].as_i64().unwrap())
            .collect();
        (units, list["total"].as_i64().unwrap())
    };
    assert_eq!(list(json!({"warehouse_id": east})).await, (vec![1, 2, 3], 3));
    assert_eq!(list(json!({"warehouse_id": east, "page": 2, "limit": 2})).await, (vec![3], 3));
    assert_eq!(list(json!({"warehouse_id": east, "page": 3, "limit": 2})).await, (vec![], 3));
    assert_eq!(list(json!({"warehouse_id": MAIN})).await, (vec![9, 9, 9, 4], 4));
    let unknown = json!({"warehouse_id": MAIN.replace('1', "2")});
    let refused = client.refused("GetInventoryByLocation", unknown).await;
    assert_eq!(refused, (Code::NotFound, "location-unknown".to_owned()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_int32_cannot_say_is_out_of_range_and_nothing_is_done(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let out_of_range = (Code::OutOfRange, "out-of-range".to_owned());
    let tea = client.item("TEA", MOST).await;
    assert_eq!(client.units(&tea).await, [MOST, MOST, 0], "the most that can be said is said");
    let one = json!({"inventory_item_id": tea, "warehouse_id": MAIN, "quantity": 1});
    assert_eq!(client.refused("AddInventoryToLocation", one.clone()).await, out_of_range);
    assert_eq!(client.units(&tea).await, [MOST, MOST, 0], "nothing was added");
    let two = json!({"inventory_item_id": tea, "quantity": MOST});
    let reserve = json!({"items": [two, two]});
    assert_eq!(client.refused("ReserveInventory", reserve).await, out_of_range);

    // Over HTTP there may be more; then no call says anything about it, and none changes it blindly.
    shop.post("/v1/items/TEA/receipts", json!({"quantity": 10})).await.is(201);
    let version = async || shop.patch("/v1/items/TEA", json!({})).await.is(200)["items"][0]["version"].take();
    let lines = json!({"lines": [{"item": "TEA", "quantity": MOST + 1}]});
    let held = shop.post("/v1/reservations", lines).await.is(201);
    let hold = json!({"reservation_id": held["reservation"]["reservation_id"]});
    let check = json!({"items": [{"sku": "TEA", "quantity": 1}]});
    let before = version().await;
    for (method, body) in [
        ("GetInventoryItem", json!({"sku": "TEA"})),
        ("ListInventoryItems", json!({})),
        ("GetInventoryByLocation", json!({"warehouse_id": MAIN})),
        ("UpdateInventoryItem", json!({"id": tea, "reorder_point": 1})),
        ("AddInventoryToLocation", one.clone()),
        ("RemoveInventoryFromLocation", one),
        ("ConfirmReservation", hold.clone()),
        ("CancelReservation", hold),
    ] {
        assert_eq!(client.refused(method, body).await, out_of_range, "{method}");
    }
    let line = client.asks("CheckInventoryAvailability", check).await["items"][0].take();
    assert_eq!((&line["available_quantity"], &line["is_available"]), (&json!(9), &json!(true)));
    let lines = json!({"items": [{"sku": "TEA", "quantity_delta": -1, "warehouse_id": MAIN}]});
    let bulk = client.asks("BulkUpdateInventory", lines).await;
    assert_eq!((&bulk["success_count"], &bulk["results"][0]["success"]), (&json!(0), &json!(false)));
    assert_eq!(version().await, before, "nothing was changed");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn totals_are_the_sums_of_the_places_whatever_happens(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let east = client.warehouse("east", 500).await;
    let tea = client.item("TEA", 5).await;
    client.add(&tea, &east, 4).await;
    assert_eq!(client.units(&tea).await, [9, 9, 0]);
    let held =
        client.asks("ReserveInventory", json!({"items": [{"inventory_item_id": tea, "quantity": 7}]})).await;
    assert_eq!(client.units(&tea).await, [9, 2, 7]);
    // What is damaged is there, and not available.
    let body = json!({"from": "available", "to": "damaged", "quantity": 1, "location": "east"});
    shop.post("/v1/items/TEA/moves", body).await;
    assert_eq!(client.units(&tea).await, [9, 1, 7]);
    client.asks("ConfirmReservation", json!({"reservation_id": id(&held["reservation"])})).await;
    assert_eq!(client.units(&tea).await, [2, 1, 0]);
    // What is in transit is on hand nowhere.
    let body = json!({"from": "east", "to": "main", "lines": [{"item": "TEA", "quantity": 1}]});
    shop.post("/v1/transfers", body).await.is(201);
    assert_eq!(client.units(&tea).await, [1, 0, 0]);
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

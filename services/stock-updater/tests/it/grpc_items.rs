use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;
use tonic::Code;

use crate::grpc_client::{Client, MAIN, id};
use crate::shop::open;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_created_with_its_first_units_and_found_by_each_of_its_names(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let body = json!({"product_id": "p-TEA", "variant_id": "green", "sku": "TEA", "initial_quantity": 7,
        "reorder_point": 3, "reorder_quantity": 20});
    let made = client.call("CreateInventoryItem", body, &[]).await.unwrap();
    assert_eq!(made.metadata.get("etag").unwrap(), "\"2\"");
    assert!(made.metadata.get("idempotent-replayed").is_none());
    let item = &made.body["inventory_item"];
    let place = &item["locations"][0];
    assert_eq!(
        (&item["product_id"], &item["variant_id"], &item["sku"], &item["status"]),
        (&json!("p-TEA"), &json!("green"), &json!("TEA"), &json!("IN_STOCK"))
    );
    assert_eq!((&item["reorder_point"], &item["reorder_quantity"]), (&json!(3), &json!(20)));
    assert_eq!((&item["total_quantity"], &item["available_quantity"]), (&json!(7), &json!(7)));
    assert_eq!((&place["warehouse_id"], &place["quantity"]), (&json!(MAIN), &json!(7)));
    assert_eq!((&place["inventory_item_id"], &place["warehouse"]["code"]), (&item["id"], &json!("main")));
    for time in [&item["created_at"], &item["updated_at"], &item["last_updated"], &place["created_at"]] {
        assert!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{item}");
    }
    for name in [json!({"id": id(item)}), json!({"product_id": "p-TEA"}), json!({"sku": "TEA"})] {
        let found = client.asks("GetInventoryItem", name.clone()).await;
        assert_eq!(&found["inventory_item"], item, "{name}");
    }
    for name in [json!({"product_id": "TEA"}), json!({"sku": "p-TEA"}), json!({"id": MAIN})] {
        let refused = client.refused("GetInventoryItem", name.clone()).await;
        assert_eq!(refused, (Code::NotFound, "item-unknown".to_owned()), "{name}");
    }
    // It is the same item over HTTP, and its name is its SKU.
    assert_eq!(shop.available("TEA").await, 7);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn first_units_go_where_they_are_said_to_and_all_or_none_of_it_happens(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let east = client.warehouse("east", 50).await;
    let create = |sku: &str, whole: i64, parts: Value| {
        let body =
            json!({"product_id": sku, "sku": sku, "initial_quantity": whole, "warehouse_allocations": parts});
        ("CreateInventoryItem", body)
    };
    let part = |warehouse: &str, units: i64| json!({"warehouse_id": warehouse, "quantity": units});
    let (method, body) = create("TEA", 10, json!([part(MAIN, 4), part(&east, 6)]));
    let tea = client.asks(method, body).await["inventory_item"]["id"].as_str().unwrap().to_owned();
    assert_eq!(client.by_place(&tea).await, [("east".to_owned(), 6), ("main".to_owned(), 4)]);
    // The parts alone say it as well.
    let (method, body) = create("CUP", 0, json!([part(&east, 6)]));
    assert_eq!(client.asks(method, body).await["inventory_item"]["total_quantity"], 6);
    // Without parts it is the first location by priority.
    let (method, body) = create("POT", 3, json!([]));
    let pot = client.asks(method, body).await["inventory_item"]["id"].as_str().unwrap().to_owned();
    assert_eq!(client.by_place(&pot).await, [("east".to_owned(), 3)]);
    let (method, body) = create("JUG", 0, json!([]));
    assert_eq!(client.asks(method, body).await["inventory_item"]["status"], "OUT_OF_STOCK");

    let unknown = "01930000-0000-7000-8000-0000000000ff";
    for (whole, parts, code, problem) in [
        (9, json!([part(MAIN, 4), part(&east, 6)]), Code::InvalidArgument, "field-invalid"),
        (-1, json!([]), Code::InvalidArgument, "field-invalid"),
        (4, json!([part(MAIN, 4), part(&east, 0)]), Code::InvalidArgument, "field-invalid"),
        (0, json!([part("east", 6)]), Code::InvalidArgument, "field-invalid"),
        (0, json!([part(MAIN, 4), part(unknown, 6)]), Code::NotFound, "location-unknown"),
        (0, json!([part(MAIN, 2_000_000_000), part(&east, 2_000_000_000)]), Code::OutOfRange, "out-of-range"),
    ] {
        let (method, body) = create("NEW", whole, parts.clone());
        let refused = client.refused(method, body).await;
        assert_eq!(refused, (code, problem.to_owned()), "{whole} {parts}");
        let found = client.refused("GetInventoryItem", json!({"sku": "NEW"})).await;
        assert_eq!(found.0, Code::NotFound, "nothing of it happened: {whole} {parts}");
    }
    let closed = json!({"id": east, "is_active": false});
    client.asks("UpdateWarehouse", closed).await;
    let (method, body) = create("NEW", 0, json!([part(MAIN, 4), part(&east, 6)]));
    let refused = client.refused(method, body).await;
    assert_eq!(refused, (Code::FailedPrecondition, "location-inactive".to_owned()));
    assert_eq!(client.refused("GetInventoryItem", json!({"sku": "NEW"})).await.0, Code::NotFound);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_sku_and_a_products_variant_are_there_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    client.item("TEA", 1).await;
    let refused = client.refused("CreateInventoryItem", json!({"product_id": "other", "sku": "TEA"})).await;
    assert_eq!(refused, (Code::AlreadyExists, "sku-taken".to_owned()));
    let refused = client.refused("CreateInventoryItem", json!({"product_id": "p-TEA", "sku": "TEA-2"})).await;
    assert_eq!(refused, (Code::AlreadyExists, "product-taken".to_owned()));
    // A product of several variants is not one item.
    for variant in ["s", "l"] {
        let body = json!({"product_id": "shirt", "variant_id": variant, "sku": format!("SHIRT-{variant}")});
        client.asks("CreateInventoryItem", body).await;
    }
    let refused = client.refused("GetInventoryItem", json!({"product_id": "shirt"})).await;
    assert_eq!(refused, (Code::FailedPrecondition, "item-ambiguous".to_owned()));
    let found = client.asks("GetInventoryItem", json!({"sku": "SHIRT-l"})).await;
    assert_eq!(found["inventory_item"]["variant_id"], "l");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_a_key_is_done_once_and_the_key_is_good_for_no_other(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let body = |sku: &str, units: i64| json!({"product_id": sku, "sku": sku, "initial_quantity": units});
    let create = |body: Value| client.call("CreateInventoryItem", body, &[("idempotency-key", "k")]);
    let first = create(body("TEA", 5)).await.unwrap();
    let second = create(body("TEA", 5)).await.unwrap();
    assert!(first.metadata.get("idempotent-replayed").is_none());
    assert_eq!(second.metadata.get("idempotent-replayed").unwrap(), "true");
    assert_eq!(first.body, second.body);
    for other in [body("TEA", 6), body("CUP", 5)] {
        let status = create(other).await.unwrap_err();
        let problem = status.metadata().get("problem-type").unwrap();
        assert_eq!(
            (status.code(), problem.to_str().unwrap()),
            (Code::InvalidArgument, "urn:onhand:problem:idempotency-key-reused")
        );
    }
    let tea = id(&first.body["inventory_item"]);
    assert_eq!(client.units(tea).await, [5, 5, 0]);
    let update = |point: i64| {
        let body = json!({"id": tea, "reorder_point": point});
        client.call("UpdateInventoryItem", body, &[("idempotency-key", "u")])
    };
    update(4).await.unwrap();
    assert_eq!(update(4).await.unwrap().metadata.get("idempotent-replayed").unwrap(), "true");
    assert_eq!(update(5).await.unwrap_err().code(), Code::InvalidArgument);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_it_names_and_a_status_but_for_discontinued_is_computed(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let update = async |change: Value| {
        let mut body = json!({"id": tea});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        client.asks("UpdateInventoryItem", body).await["inventory_item"].take()
    };
    let item = update(json!({"reorder_point": 9})).await;
    assert_eq!((&item["reorder_point"], &item["reorder_quantity"]), (&json!(9), &json!(0)));
    assert_eq!(item["status"], "LOW_STOCK", "5 are available, and 9 is where it is short");
    let item = update(json!({"reorder_quantity": 12, "reorder_point": 0})).await;
    assert_eq!((&item["reorder_point"], &item["reorder_quantity"]), (&json!(0), &json!(12)));
    assert_eq!(item["status"], "IN_STOCK");
    for (said, is) in [
        ("DISCONTINUED", "DISCONTINUED"),
        ("OUT_OF_STOCK", "IN_STOCK"),
        ("DISCONTINUED", "DISCONTINUED"),
        ("BACKORDERED", "IN_STOCK"),
        ("LOW_STOCK", "IN_STOCK"),
        ("IN_STOCK", "IN_STOCK"),
    ] {
        assert_eq!(update(json!({"status": said})).await["status"], is, "{said}");
    }
    update(json!({"status": "DISCONTINUED"})).await;
    let line = json!({"items": [{"inventory_item_id": tea, "quantity": 1}]});
    let refused = client.refused("ReserveInventory", line).await;
    assert_eq!(refused, (Code::FailedPrecondition, "item-inactive".to_owned()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_refused_when_the_item_is_not_as_it_was_seen(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let update = async |version: &str| {
        let body = json!({"id": tea, "reorder_point": 4});
        client.call("UpdateInventoryItem", body, &[("if-match", version)]).await
    };
    let status = update("\"1\"").await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    let updated = update("\"2\"").await.unwrap();
    assert_eq!(updated.metadata.get("etag").unwrap(), "\"3\"");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn items_are_listed_by_the_page_with_their_places(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let east = client.warehouse("east", 500).await;
    for (sku, units) in [("D", 0), ("B", 2), ("A", 9), ("C", 3), ("E", 9)] {
        client.item(sku, units).await;
    }
    let found = client.asks("GetInventoryItem", json!({"sku": "A"})).await;
    client.add(id(&found["inventory_item"]), &east, 1).await;
    let found = client.asks("GetInventoryItem", json!({"sku": "E"})).await;
    let body = json!({"id": id(&found["inventory_item"]), "status": "DISCONTINUED"});
    client.asks("UpdateInventoryItem", body).await;
    let list = async |body: Value| {
        let list = client.asks("ListInventoryItems", body).await;
        let skus: String = list["inventory_items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["sku"].as_str().unwrap())
            .collect();
        (skus, list["total"].as_i64().unwrap())
    };
    for (filter, skus, total) in [
        (json!({}), "ABCDE", 5),
        (json!({"page": 1, "limit": 2}), "AB", 5),
        (json!({"page": 2, "limit": 2}), "CD", 5),
        (json!({"page": 3, "limit": 2}), "E", 5),
        (json!({"page": 9, "limit": 2}), "", 5),
        (json!({"page": i32::MAX, "limit": 500}), "", 5),
        (json!({"status": "IN_STOCK"}), "AC", 2),
        (json!({"status": "LOW_STOCK"}), "B", 1),
        (json!({"status": "OUT_OF_STOCK"}), "D", 1),
        (json!({"status": "DISCONTINUED"}), "E", 1),
        (json!({"status": "BACKORDERED"}), "", 0),
        (json!({"low_stock_only": true}), "BD", 2),
        (json!({"low_stock_only": true, "status": "OUT_OF_STOCK"}), "D", 1),
        (json!({"warehouse_id": east}), "A", 1),
        (json!({"warehouse_id": MAIN, "status": "IN_STOCK", "limit": 1}), "A", 2),
    ] {
        assert_eq!(list(filter.clone()).await, (skus.to_owned(), total), "{filter}");
    }
    let first = client.asks("ListInventoryItems", json!({"limit": 1})).await["inventory_items"][0].take();
    assert_eq!(first, client.now(id(&first)).await, "an item is the same in a list");
    assert_eq!(first["locations"].as_array().unwrap().len(), 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn availability_is_of_all_lines_together_and_an_unknown_item_is_no_error(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let east = client.warehouse("east", 500).await;
    let tea = client.item("TEA", 5).await;
    client.add(&tea, &east, 4).await;
    for (variant, units) in [("s", 1), ("l", 2)] {
        let body = json!({"product_id": "shirt", "variant_id": variant, "sku": format!("SHIRT-{variant}"),
            "initial_quantity": units});
        client.asks("CreateInventoryItem", body).await;
    }
    let check = async |lines: Value| {
        let checked = client.asks("CheckInventoryAvailability", json!({"items": lines})).await;
        let lines: Vec<_> = checked["items"].as_array().unwrap().to_vec();
        let told = lines.iter().map(|line| {
            let available = line["available_quantity"].as_i64().unwrap();
            (line["status"].as_str().unwrap().to_owned(), available, line["is_available"].as_bool().unwrap())
        });
        (told.collect::<Vec<_>>(), checked["all_available"].as_bool().unwrap())
    };
    let line = |status: &str, available: i64, enough: bool| (status.to_owned(), available, enough);
    let by_sku = |sku: &str, units: i64| json!({"sku": sku, "quantity": units});
    let shirt = json!({"product_id": "shirt", "variant_id": "l", "quantity": 2});
    let (lines, all) = check(json!([by_sku("TEA", 9), {"product_id": "p-TEA", "quantity": 1}])).await;
    assert_eq!((lines, all), (vec![line("IN_STOCK", 9, false); 2], false), "ten of nine");
    let (lines, all) = check(json!([by_sku("TEA", 9), shirt])).await;
    assert_eq!((lines, all), (vec![line("IN_STOCK", 9, true), line("IN_STOCK", 2, true)], true));
    let unknown = [
        by_sku("NOPE", 1),
        by_sku("no such\u{0} sku", 1),
        json!({"product_id": "p-TEA", "sku": "SHIRT-l", "quantity": 1}),
        json!({"product_id": "shirt", "variant_id": "xl", "quantity": 1}),
    ];
    for unknown in unknown {
        let (lines, all) = check(json!([by_sku("TEA", 1), unknown])).await;
        assert_eq!((lines, all), (vec![line("IN_STOCK", 9, true), line("NOT_FOUND", 0, false)], false));
    }
    // What could not be reserved is not available.
    client.asks("UpdateWarehouse", json!({"id": east, "is_active": false})).await;
    assert_eq!(check(json!([by_sku("TEA", 6)])).await, (vec![line("IN_STOCK", 5, false)], false));
    client.asks("UpdateInventoryItem", json!({"id": tea, "status": "DISCONTINUED"})).await;
    assert_eq!(check(json!([by_sku("TEA", 1)])).await, (vec![line("DISCONTINUED", 5, false)], false));
    let ambiguous = json!({"items": [{"product_id": "shirt", "quantity": 1}]});
    assert_eq!(client.refused("CheckInventoryAvailability", ambiguous).await.0, Code::FailedPrecondition);
}

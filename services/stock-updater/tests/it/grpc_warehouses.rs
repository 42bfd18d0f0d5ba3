use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;
use tonic::Code;

use crate::grpc_client::{Client, MAIN, id};
use crate::shop::open;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_is_created_once_and_found_by_id_and_code(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let body = json!({"name": "East", "code": "east", "address": "1 Pier", "city": "Kiel", "state": "SH",
        "country": "DE", "postal_code": "24103", "priority": 7});
    let made = client.asks("CreateWarehouse", body.clone()).await["warehouse"].take();
    for (field, value) in body.as_object().unwrap() {
        assert_eq!(&made[field], value, "{field}");
    }
    assert_eq!(made["is_active"], true);
    assert!(made["created_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{made}");
    for name in [json!({"id": id(&made)}), json!({"code": "east"})] {
        assert_eq!(client.asks("GetWarehouse", name).await["warehouse"], made);
    }
    let refused = client.refused("CreateWarehouse", body).await;
    assert_eq!(refused, (Code::AlreadyExists, "location-code-taken".to_owned()));
    for unknown in
        [json!({"code": "west"}), json!({"code": id(&made)}), json!({"id": MAIN.replace('1', "2")})]
    {
        let refused = client.refused("GetWarehouse", unknown.clone()).await;
        assert_eq!(refused, (Code::NotFound, "location-unknown".to_owned()), "{unknown}");
    }
    // It is a location over HTTP.
    assert_eq!(shop.get("/v1/locations/east").await.is(200)["city"], "Kiel");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_it_names_of_a_warehouse(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let east = client.warehouse("east", 7).await;
    let update = async |change: Value| {
        let mut body = json!({"id": east});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        client.asks("UpdateWarehouse", body).await["warehouse"].take()
    };
    let after = update(json!({"name": "East End", "city": "Kiel", "priority": 0})).await;
    assert_eq!(
        (&after["name"], &after["city"], &after["priority"], &after["code"], &after["is_active"]),
        (&json!("East End"), &json!("Kiel"), &json!(0), &json!("east"), &json!(true))
    );
    let after = update(json!({"city": "", "is_active": false})).await;
    assert_eq!(
        (&after["name"], &after["city"], &after["priority"], &after["is_active"]),
        (&json!("East End"), &json!(""), &json!(0), &json!(false))
    );
    let unknown = json!({"id": MAIN.replace('1', "2"), "city": "Kiel"});
    assert_eq!(client.refused("UpdateWarehouse", unknown).await.0, Code::NotFound);
    let tea = client.item("TEA", 1).await;
    let add = json!({"inventory_item_id": tea, "warehouse_id": east, "quantity": 1});
    let refused = client.refused("AddInventoryToLocation", add).await;
    assert_eq!(refused, (Code::FailedPrecondition, "location-inactive".to_owned()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn warehouses_are_listed_by_priority_and_by_the_page(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    for (code, priority) in [("c", 3), ("a", 1), ("d", 200), ("b", 1)] {
        client.warehouse(code, priority).await;
    }
    let found = client.asks("GetWarehouse", json!({"code": "c"})).await;
    client.asks("UpdateWarehouse", json!({"id": id(&found["warehouse"]), "is_active": false})).await;
    for (filter, codes, total) in [
        (json!({}), "a b c main d", 5),
        (json!({"page": 2, "limit": 2}), "c main", 5),
        (json!({"page": 9}), "", 5),
        (json!({"is_active": false}), "c", 1),
        (json!({"is_active": true, "limit": 3}), "a b main", 4),
    ] {
        let list = client.asks("ListWarehouses", filter.clone()).await;
        let found: Vec<_> = list["warehouses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|view| view["code"].as_str().unwrap())
            .collect();
        assert_eq!((found.join(" ").as_str(), &list["total"]), (codes, &json!(total)), "{filter}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_is_opened_once_per_key_over_either_interface(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let create = |code: &str| {
        let body = json!({"code": code, "priority": 3});
        client.call("CreateWarehouse", body, &[("idempotency-key", "k")])
    };
    let (first, second) = (create("east").await.unwrap(), create("east").await.unwrap());
    assert_eq!(first.body, second.body);
    assert_eq!(second.metadata.get("idempotent-replayed").unwrap(), "true");
    assert_eq!(first.body["warehouse"]["name"], "east", "without a name it is called by its code");
    assert_eq!(create("west").await.unwrap_err().code(), Code::InvalidArgument);
    shop.post_keyed("k", "/v1/locations", json!({"code": "west"}))
        .await
        .is_problem(422, "idempotency-key-reused");
}

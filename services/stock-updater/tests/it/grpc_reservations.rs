use ::events::Event;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Backend, eventually};
use tonic::Code;

use crate::grpc_client::{Client, MAIN, id};
use crate::shop::{LIMIT, open, open_with};

fn lines(lines: &[(&str, i64)]) -> Value {
    let lines: Vec<Value> =
        lines.iter().map(|(item, units)| json!({"inventory_item_id": item, "quantity": units})).collect();
    json!({"items": lines})
}

fn by_id(reservation: &Value) -> Value {
    json!({"reservation_id": id(reservation)})
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_says_what_it_holds_for_what_and_for_how_long(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let body = json!({"items": [{"inventory_item_id": tea, "quantity": 2, "warehouse_id": MAIN}],
        "reference_id": "o-1", "reference_type": "ORDER", "reservation_minutes": 5});
    let reply = client.asks("ReserveInventory", body).await;
    assert_eq!(reply["success"], true);
    let held = &reply["reservation"];
    assert_eq!((&held["inventory_item_id"], &held["warehouse_id"]), (&json!(tea), &json!(MAIN)));
    assert_eq!((&held["quantity"], &held["status"]), (&json!(2), &json!("PENDING")));
    assert_eq!((&held["reference_id"], &held["reference_type"]), (&json!("o-1"), &json!("ORDER")));
    assert_eq!(seconds(held), 5 * 60);
    assert_eq!(client.units(&tea).await, [5, 3, 2]);
    let reply = client.asks("ReserveInventory", lines(&[(&tea, 1)])).await;
    let held = &reply["reservation"];
    assert_eq!((&held["reference_id"], &held["reference_type"]), (&Value::Null, &json!("")));
    assert_eq!(seconds(held), 30 * 60, "thirty minutes when it does not say");
    // Over HTTP it is the same reservation.
    let over_http = shop.get(&format!("/v1/reservations/{}", id(held))).await.is(200);
    assert_eq!(over_http["status"], "open");
}

/// For how long a reservation was made.
fn seconds(held: &Value) -> i64 {
    let time =
        |field: &str| -> chrono::DateTime<chrono::Utc> { held[field].as_str().unwrap().parse().unwrap() };
    (time("expiration_time") - time("created_at")).num_seconds()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_without_a_warehouse_takes_by_priority_and_never_more_than_each_has(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let (first, last) = (client.warehouse("first", 1).await, client.warehouse("last", 500).await);
    let closed = client.warehouse("closed", 0).await;
    let tea = client.item("TEA", 0).await;
    for (warehouse, units) in [(&closed, 100), (&first, 3), (&MAIN.to_owned(), 2), (&last, 4)] {
        client.add(&tea, warehouse, units).await;
    }
    client.asks("UpdateWarehouse", json!({"id": closed, "is_active": false})).await;
    let held = client.asks("ReserveInventory", lines(&[(&tea, 6)])).await["reservation"].take();
    assert_eq!((&held["quantity"], &held["inventory_item_id"]), (&json!(6), &json!(tea)));
    assert_eq!(held["warehouse_id"], Value::Null, "it is in several");
    let left = |first: i64, main: i64, last: i64| {
        let places = [("closed", 100), ("first", first), ("main", main), ("last", last)];
        places.map(|(code, units)| (code.to_owned(), units)).to_vec()
    };
    assert_eq!(client.by_place(&tea).await, left(0, 0, 3));
    let refused = client.refused("ReserveInventory", lines(&[(&tea, 4)])).await;
    assert_eq!(refused, (Code::FailedPrecondition, "not-enough".to_owned()));
    assert_eq!(client.by_place(&tea).await, left(0, 0, 3), "nothing was held");
    client.asks("CancelReservation", by_id(&held)).await;
    assert_eq!(client.by_place(&tea).await, left(3, 2, 4), "each has its own again");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn many_items_are_reserved_together_or_not_at_all(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let (tea, cup) = (client.item("TEA", 5).await, client.item("CUP", 1).await);
    for refused in
        [lines(&[(&tea, 2), (&cup, 2)]), lines(&[(&cup, 2), (&tea, 2)]), lines(&[(&tea, 3), (&tea, 3)])]
    {
        let refused = client.refused("ReserveInventory", refused).await;
        assert_eq!(refused, (Code::FailedPrecondition, "not-enough".to_owned()));
    }
    let unknown = client.refused("ReserveInventory", lines(&[(&tea, 1), (MAIN, 1)])).await;
    assert_eq!(unknown, (Code::NotFound, "item-unknown".to_owned()));
    assert_eq!((client.units(&tea).await, client.units(&cup).await), ([5, 5, 0], [1, 1, 0]));
    let held =
        client.asks("ReserveInventory", lines(&[(&tea, 2), (&cup, 1), (&tea, 1)])).await["reservation"]
            .take();
    assert_eq!((&held["quantity"], &held["inventory_item_id"]), (&json!(4), &json!("")), "it is on several");
    assert_eq!(held["warehouse_id"], MAIN);
    let held = client.asks("ConfirmReservation", by_id(&held)).await;
    assert_eq!(held["reservation"]["quantity"], 4);
    assert_eq!((client.units(&tea).await, client.units(&cup).await), ([2, 2, 0], [0, 0, 0]));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_deducts_exactly_once_and_is_a_success_when_repeated(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let mut body = lines(&[(&tea, 2)]);
    body["reference_id"] = json!("o-1");
    let held = client.asks("ReserveInventory", body).await["reservation"].take();
    for _ in 0..3 {
        let reply = client.asks("ConfirmReservation", by_id(&held)).await;
        let confirmed = &reply["reservation"];
        assert_eq!((&reply["success"], &confirmed["status"]), (&json!(true), &json!("CONFIRMED")));
        for field in ["id", "inventory_item_id", "quantity", "created_at", "expiration_time", "reference_id"]
        {
            assert_eq!(confirmed[field], held[field], "{field}");
        }
        assert_eq!(client.units(&tea).await, [3, 3, 0]);
    }
    let refused = client.refused("CancelReservation", by_id(&held)).await;
    assert_eq!(refused, (Code::FailedPrecondition, "reservation-confirmed".to_owned()));
    // At once, and under one key: still once.
    let held = client.asks("ReserveInventory", lines(&[(&tea, 1)])).await["reservation"].take();
    let confirm = || client.call("ConfirmReservation", by_id(&held), &[("idempotency-key", "k")]);
    let (one, two) = tokio::join!(confirm(), confirm());
    assert_eq!(one.unwrap().body, two.unwrap().body);
    assert_eq!(client.units(&tea).await, [2, 2, 0]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_reservation_gives_its_units_back_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let held = client.asks("ReserveInventory", lines(&[(&tea, 2)])).await["reservation"].take();
    assert_eq!(client.units(&tea).await, [5, 3, 2]);
    for _ in 0..2 {
        let reply = client.asks("CancelReservation", by_id(&held)).await;
        assert_eq!(reply["reservation"]["status"], "CANCELLED");
        assert_eq!(client.units(&tea).await, [5, 5, 0]);
    }
    let refused = client.refused("ConfirmReservation", by_id(&held)).await;
    assert_eq!(refused, (Code::FailedPrecondition, "reservation-cancelled".to_owned()));
    for method in ["ConfirmReservation", "CancelReservation"] {
        let refused = client.refused(method, json!({"reservation_id": tea})).await;
        assert_eq!(refused, (Code::NotFound, "reservation-unknown".to_owned()), "{method}");
    }
    let told = shop.hears("the end", |event| match event {
        Event::ReservationCancelled(hold) => Some(hold.reservation_id.to_string()),
        _ => None,
    });
    assert_eq!(told.await, id(&held));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_under_a_key_is_made_once_and_answered_the_same(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let reserve =
        |units: i64| client.call("ReserveInventory", lines(&[(&tea, units)]), &[("idempotency-key", "k")]);
    let first = reserve(2).await.unwrap();
    client.asks("CancelReservation", by_id(&first.body["reservation"])).await;
    let second = reserve(2).await.unwrap();
    assert_eq!(second.metadata.get("idempotent-replayed").unwrap(), "true");
    assert_eq!(first.body, second.body);
    assert_eq!(reserve(3).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(client.units(&tea).await, [5, 5, 0]);
    // A refusal is the same refusal again.
    let greedy = || client.call("ReserveInventory", lines(&[(&tea, 6)]), &[("idempotency-key", "g")]);
    let first = greedy().await.unwrap_err();
    client.add(&tea, MAIN, 9).await;
    let second = greedy().await.unwrap_err();
    assert_eq!((first.code(), first.message()), (second.code(), second.message()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_is_over_is_expired_and_confirms_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open_with(backend, |config| config.set("stock_updater.sweeper", false)).await;
    let client = Client::of(&shop).await;
    let tea = client.item("TEA", 5).await;
    let body = json!({"lines": [{"item": "TEA", "quantity": 5}], "ttl_seconds": 1});
    let made = shop.post("/v1/reservations", body).await.is(201);
    let hold = json!({"reservation_id": made["reservation"]["reservation_id"]});
    eventually("its time is up", LIMIT, async || (client.units(&tea).await == [5, 5, 0]).then_some(())).await;
    let listed = client.asks("ListInventoryItems", json!({"status": "IN_STOCK"})).await;
    assert_eq!(listed["total"], 1, "what is free again counts in a list too");
    let refused = client.refused("ConfirmReservation", hold).await;
    assert_eq!(refused, (Code::FailedPrecondition, "reservation-expired".to_owned()));
    client.asks("ReserveInventory", lines(&[(&tea, 5)])).await;
}

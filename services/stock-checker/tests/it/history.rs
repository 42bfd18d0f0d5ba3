//! The past over the wire: an item as it was, the ledger, transfers, and why a number is what it is.

use chrono::{Duration, SecondsFormat, Utc};
use domain::{Command, HoldId, ItemId, Line, LocationId, Shelf, TransferId, TransferLine};
use ledger::locations::{self, LocationPatch};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;
use uuid::Uuid;

use crate::callers::{ask, guarded};
use crate::stand::{Stand, new_item, open, quantity};

/// A second location, and a transfer to it of which some has arrived.
async fn transfer(stand: &Stand, item: ItemId, units: i64) -> TransferId {
    let from = locations::find(&stand.db, "main").await.unwrap().unwrap().id;
    let to = Uuid::now_v7();
    let last = LocationPatch { priority: Some(200), ..LocationPatch::default() };
    locations::create(&stand.db, LocationId(to), "east", last, Utc::now()).await.unwrap();
    stand.locations_changed();
    let transfer = TransferId(Uuid::now_v7());
    let lines = |units| vec![TransferLine { item, quantity: quantity(units) }];
    let (from, to) = (LocationId(from), LocationId(to));
    stand.does(Command::Ship { transfer, from, to, lines: lines(units) }).await;
    let lines = Some(lines(units - 1));
    stand.does(Command::ReceiveTransfer { transfer, lines, into: Shelf::Available }).await;
    transfer
}

fn versions(page: &Value) -> Vec<i64> {
    page["transactions"].as_array().unwrap().iter().map(|row| row["version"].as_i64().unwrap()).collect()
}

#[rstest]
#[tokio::test]
async fn an_item_is_told_as_it_was(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = open(backend).await;
    let item = stand.item("TEA", 9).await;
    let before =
        stand.ask("/v1/items/TEA?min_version=2").await.body["updated_at"].as_str().unwrap().to_owned();
    stand.sell(item, 4).await;
    for path in ["/v1/items/TEA", "/v1/items/TEA/levels"] {
        let at = stand.ask(&format!("{path}?at={before}")).await;
        assert_eq!((at.status, at.etag.as_str(), at.available()), (200, "\"2\"", 9), "{at:?}");
        assert_eq!(stand.ask(&format!("{path}?version=1")).await.available(), 0);
        assert_eq!(stand.ask(&format!("{path}?version=3")).await.available(), 5);
        let beyond = stand.ask(&format!("{path}?version=4")).await;
        assert_eq!(beyond.problem(), (404, "version-unknown"));
        assert_eq!((&beyond.body["version"], &beyond.body["latest"]), (&json!(4), &json!(3)));
        let early = stand.ask(&format!("{path}?at=2020-01-01T00:00:00Z")).await;
        assert_eq!(early.problem(), (404, "item-unknown"));
        let later = (Utc::now() + Duration::hours(1)).to_rfc3339_opts(SecondsFormat::Secs, true);
        assert_eq!(stand.ask(&format!("{path}?at={later}")).await.problem(), (422, "instant-in-future"));
    }
}

#[rstest]
#[tokio::test]
async fn the_ledger_is_read_by_filters_the_newest_first(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let item = stand.item("TEA", 9).await;
    stand.item("CUP", 3).await;
    let transfer = transfer(&stand, item, 4).await;
    stand.reserve(item, 2, 600).await;
    let page = async |query: &str| stand.json(&format!("/v1/items/TEA/transactions{query}")).await;
    let all = page("").await;
    assert_eq!(versions(&all), [5, 4, 3, 2, 1]);
    assert!(all["next_cursor"].is_null());
    let shipped = &all["transactions"][2];
    assert_eq!((&shipped["kind"], &shipped["quantity"]), (&json!("shipped"), &json!(4)));
    assert_eq!(
        (&shipped["from"]["place"], &shipped["to"]["place"]),
        (&json!("available"), &json!("in_transit"))
    );
    assert_eq!((&shipped["from"]["location"], &shipped["to"]["location"]), (&json!("main"), &json!("east")));
    assert_eq!(shipped["transfer_id"], json!(transfer));
    assert!(all["transactions"][0]["attributes"]["expires_at"].is_string());
    let at = |version: usize| all["transactions"][5 - version]["recorded_at"].as_str().unwrap().to_owned();
    for (query, expected) in [
        ("?kind=held,shipped".to_owned(), vec![5, 3]),
        ("?location=east".to_owned(), vec![4, 3]),
        ("?actor=anna&kind=created".to_owned(), vec![1]),
        ("?actor=nobody".to_owned(), vec![]),
        ("?reference_id=order-1".to_owned(), vec![]),
        ("?version_from=2&version_to=4".to_owned(), vec![4, 3, 2]),
        (format!("?from={}", at(4)), vec![5, 4]),
        (format!("?to={}", at(3)), vec![2, 1]),
        (format!("?from={}&to={}", at(2), at(4)), vec![3, 2]),
    ] {
        assert_eq!(versions(&page(&query).await), expected, "{query}");
    }
    let of_all = stand.json("/v1/transactions?kind=received").await;
    let skus: Vec<&Value> =
        of_all["transactions"].as_array().unwrap().iter().map(|row| &row["sku"]).collect();
    assert_eq!(skus, ["CUP", "TEA"]);
    let old = stand.json("/v1/transactions?to=2020-01-01T00:00:00Z").await;
    assert_eq!(old, json!({"transactions": [], "next_cursor": null}));
}

#[rstest]
#[tokio::test]
async fn what_something_was_done_for_finds_it(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = open(backend).await;
    let (tea, cup) = (stand.item("TEA", 9).await, stand.item("CUP", 9).await);
    for (order, item) in [("o-1", tea), ("o-2", cup), ("o-1", cup)] {
        let lines = vec![Line { item, location: None, quantity: quantity(1) }];
        let hold = HoldId(Uuid::now_v7());
        stand.does_for(Command::Reserve { hold, lines, seconds: 60 }, order).await;
    }
    let page = stand.json("/v1/transactions?reference_type=order&reference_id=o-1").await;
    let skus: Vec<&Value> = page["transactions"].as_array().unwrap().iter().map(|row| &row["sku"]).collect();
    assert_eq!(skus, ["CUP", "TEA"]);
    assert_eq!(page["transactions"][0]["reference_id"], "o-1");
    let none = stand.json("/v1/transactions?reference_type=invoice&reference_id=o-1").await;
    assert_eq!(versions(&none), [0; 0]);
}

#[rstest]
#[tokio::test]
async fn a_page_is_not_shifted_by_rows_that_are_written_meanwhile(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let (tea, cup) = (stand.item("TEA", 100).await, stand.item("CUP", 100).await);
    for _ in 0..10 {
        stand.sell(tea, 1).await;
        stand.sell(cup, 1).await;
    }
    for (path, number) in [("/v1/items/TEA/transactions", 12), ("/v1/transactions", 24)] {
        let whole = stand.json(&format!("{path}?limit=500")).await;
        let whole: Vec<Value> = whole["transactions"].as_array().unwrap().clone();
        let whole = &whole[whole.len() - number..];
        let (mut found, mut next) = (vec![], String::new());
        // The first page is that of now; nothing that comes later gets into the others.
        loop {
            let page = stand.json(&format!("{path}?limit=5{next}")).await;
            found.extend(page["transactions"].as_array().unwrap().clone());
            stand.sell(tea, 1).await;
            stand.sell(cup, 1).await;
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(&found[found.len() - number..], whole, "{path}");
        let mut once: Vec<String> =
            found.iter().map(|row| format!("{} {}", row["item_id"], row["version"])).collect();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), found.len(), "{path}: none comes twice");
    }
}

#[rstest]
#[tokio::test]
async fn a_number_is_explained_and_a_transfer_is_told(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let item = stand.item("TEA", 9).await;
    let id = transfer(&stand, item, 4).await;
    stand.reserve(item, 2, 600).await;
    let told = stand.json(&format!("/v1/transfers/{}", id.0)).await;
    assert_eq!(
        (&told["from_location"], &told["to_location"], &told["open"]),
        (&json!("main"), &json!("east"), &json!(true))
    );
    let line =
        json!({"item_id": item, "sku": "TEA", "shipped": 4, "received": 3, "lost": 0, "outstanding": 1});
    assert_eq!(told["lines"], json!([line]));
    for (query, total, movements) in [
        ("", 6, vec![9, -4, 3, -2]),
        ("?location=main", 3, vec![9, -4, -2]),
        ("?state=reserved", 2, vec![2]),
        ("?state=in_transit", 1, vec![4, -3]),
        ("?state=on_hand&location=east", 3, vec![3]),
        ("?state=on_hand", 8, vec![9, -4, 3]),
        ("?version=2", 9, vec![9]),
        ("?state=damaged", 0, vec![]),
    ] {
        let explained = stand.ask(&format!("/v1/items/TEA/explain{query}")).await;
        let moved: Vec<i64> = explained.body["movements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["quantity"].as_i64().unwrap())
            .collect();
        assert_eq!((&explained.body["total"], moved), (&json!(total), movements), "{query}");
        assert_eq!(explained.body["adds_up"], true);
    }
    let held = stand.json("/v1/items/TEA/explain").await;
    assert_eq!((&held["holds"][0]["remaining"], &held["holds"][0]["overdue"]), (&json!(2), &json!(false)));
    assert_eq!(
        (&held["state"], &held["version"], &held["snapshot"]),
        (&json!("available"), &json!(5), &Value::Null)
    );
}

#[rstest]
#[tokio::test]
async fn another_owners_past_does_not_exist(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = guarded(backend).await;
    let mut other = new_item("BOLT");
    other.identity.owner = "bolt".to_owned().try_into().unwrap();
    let item = stand.item_like(other, 9).await;
    let id = transfer(&stand, item, 4).await.0;
    for path in [
        "/v1/items/BOLT?version=1".to_owned(),
        "/v1/items/BOLT/levels?at=2020-01-01T00:00:00Z".to_owned(),
        "/v1/items/BOLT/transactions".to_owned(),
        "/v1/items/BOLT/explain".to_owned(),
        format!("/v1/items/{item}/explain?version=1"),
    ] {
        assert_eq!(
            ask(&stand, &path, "brand", Some("acme")).await.problem(),
            (404, "item-unknown"),
            "{path}"
        );
    }
    let path = format!("/v1/transfers/{id}");
    assert_eq!(ask(&stand, &path, "brand", Some("acme")).await.problem(), (404, "transfer-unknown"));
    assert_eq!(ask(&stand, &path, "brand", Some("bolt")).await.status, 200);
    for list in ["/v1/transactions", "/v1/transactions?location=east", "/v1/transactions?actor=anna"] {
        let seen = ask(&stand, list, "brand", Some("acme")).await.body;
        let skus = seen["transactions"].as_array().unwrap().iter().map(|row| row["sku"].as_str().unwrap());
        assert!(skus.clone().all(|sku| sku == "TEA"), "{list}: {:?}", skus.collect::<Vec<_>>());
    }
}

#[rstest]
#[tokio::test]
async fn a_parameter_that_is_not_right_is_named(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    stand.item("TEA", 3).await;
    let foreign = {
        stand.item("TEB", 3).await;
        stand.json("/v1/items?limit=1").await["next_cursor"].as_str().unwrap().to_owned()
    };
    let (item, all, explain) = ("/v1/items/TEA/transactions", "/v1/transactions", "/v1/items/TEA/explain");
    for (path, query, name) in [
        (item, "kind=sold", "kind"),
        (item, "kind=", "kind"),
        (item, "kind=held,", "kind"),
        (item, "version_from=0", "version_from"),
        (item, "version_from=3&version_to=2", "version_from"),
        (item, "actor=", "actor"),
        (all, "reference_id=", "reference_id"),
        (all, "from=2021-01-01T00:00:00Z&to=2020-01-01T00:00:00Z", "from"),
        (all, "from=0000-01-01T00:00:00Z", "from"),
        (all, "to=%2B10000-01-01T00:00:00Z", "to"),
        (explain, "version=0", "version"),
        (explain, "at=0000-06-01T00:00:00Z", "at"),
        (explain, "at=2020-01-01T00:00:00Z&version=1", "at"),
        ("/v1/items/TEA", "version=-1", "version"),
        ("/v1/items/TEA", "version=1&min_version=1", "min_version"),
        ("/v1/items/TEA/levels", "at=2020-01-01T00:00:00Z&version=1", "at"),
    ] {
        let answer = stand.ask(&format!("{path}?{query}")).await;
        assert_eq!(answer.problem(), (400, "parameter-invalid"), "{path}?{query}");
        assert_eq!(answer.body["parameter"], name, "{path}?{query}");
    }
    for (path, query, name) in [
        (all, "from=yesterday", "from"),
        (all, "to=2020-01-01", "to"),
        (item, "version_to=1.5", "version_to"),
        (explain, "state=lost", "state"),
        (explain, "colour=red", "colour"),
        ("/v1/items/TEA", "version=last", "version"),
    ] {
        let answer = stand.ask(&format!("{path}?{query}")).await;
        assert_eq!(answer.problem(), (400, "malformed-query"), "{path}?{query}");
        assert!(answer.body["detail"].as_str().unwrap().contains(name), "{path}?{query}: {}", answer.body);
    }
    for path in [item, all] {
        for (query, code) in [
            ("limit=0".to_owned(), "limit-invalid"),
            ("limit=501".to_owned(), "limit-invalid"),
            (format!("cursor={foreign}"), "cursor-invalid"),
            ("cursor=zz".to_owned(), "cursor-invalid"),
            // A time that there is none of.
            (
                format!(
                    "cursor={}",
                    hex("transactions 9223372036854775807 00000000-0000-0000-0000-000000000000 1 ")
                ),
                "cursor-invalid",
            ),
            (format!("cursor={}", hex("transactions 1 2 3")), "cursor-invalid"),
        ] {
            assert_eq!(stand.ask(&format!("{path}?{query}")).await.problem(), (400, code), "{path}?{query}");
        }
        assert_eq!(stand.ask(&format!("{path}?location=moon")).await.problem(), (404, "location-unknown"));
    }
    assert_eq!(stand.ask("/v1/transfers/7").await.problem(), (400, "malformed-path"));
    let nil = format!("/v1/transfers/{}", Uuid::nil());
    assert_eq!(stand.ask(&nil).await.problem(), (404, "transfer-unknown"));
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

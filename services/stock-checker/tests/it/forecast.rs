//! Forecasts, suggestions and reports over the wire, on histories that are written down as the ledger would have them.

use chrono::{Duration, NaiveDate, Utc};
use domain::ItemId;
use ledger::demand::lead_times::{self, Ordered};
use ledger::rebuild::{How, rebuild};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use serde_json::json;
use testkit::Backend;
use uuid::Uuid;

use crate::callers::{ask, guarded};
use crate::stand::{Stand, open};

/// The location that there is from the beginning.
const MAIN: Uuid = uuid::uuid!("01930000-0000-7000-8000-000000000001");

/// A change of an item: how many days ago, how many units, from where, to where.
type Change = (i64, i64, &'static str, &'static str);

fn received(ago: i64, units: i64) -> Change {
    (ago, units, "supplier", "available")
}

fn sold(ago: i64, units: i64) -> Change {
    (ago, units, "available", "customer")
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

fn ago(days: i64) -> NaiveDate {
    today() - Duration::days(days)
}

/// Writes an item's ledger, and makes of it everything that follows.
async fn history(stand: &Stand, sku: &str, owner: &str, changes: &[Change]) -> ItemId {
    let id = Uuid::now_v7();
    let attributes = json!({
        "product_id": format!("p-{sku}"), "variant_id": null, "sku": sku, "owner": owner, "name": sku,
        "supplier": "sup-1", "reorder_point": 5, "reorder_quantity": 20, "active": true,
    });
    let first = changes.first().map_or(0, |change| change.0);
    let mut rows = vec![(first, 0, "created", None, None, Some(attributes.to_string()))];
    for (ago, units, from, to) in changes {
        let kind = match (*from, *to) {
            ("supplier", _) => "received",
            ("customer", _) => "returned",
            _ => "decreased",
        };
        rows.push((*ago, *units, kind, Some(*from), Some(*to), None));
    }
    for part in rows.iter().zip(1_i64..).collect::<Vec<_>>().chunks(200) {
        let mut values: Vec<Value> = vec![];
        let mut tuples = vec![];
        for ((ago, units, kind, from, to, attributes), version) in part {
            let own = |place: &Option<&str>| place.filter(|word| *word == "available").map(|_| MAIN);
            let at = (Utc::now() - Duration::days(*ago)).date_naive().and_hms_opt(0, 0, 1).unwrap().and_utc();
            let at: Value = match stand.db.get_database_backend() {
                DbBackend::Postgres => at.into(),
                _ => at.to_rfc3339_opts(chrono::SecondsFormat::Micros, false).into(),
            };
            let row: [Value; 11] = [
                id.into(),
                (*version).into(),
                (*kind).into(),
                (*units).into(),
                (*from).into(),
                own(from).into(),
                (*to).into(),
                own(to).into(),
                attributes.clone().into(),
                at,
                Uuid::now_v7().into(),
            ];
            let places: Vec<String> = (1..=11).map(|at| format!("${}", values.len() + at)).collect();
            tuples.push(format!("({}, 'anna', 'admin')", places.join(", ")));
            values.extend(row);
        }
        let sql = format!(
            "INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place,
                 from_warehouse_id, to_place, to_warehouse_id, attributes, recorded_at, command_id, created_by, role)
             VALUES {}",
            tuples.join(", ")
        );
        let statement = Statement::from_sql_and_values(stand.db.get_database_backend(), sql, values);
        stand.db.execute_raw(statement).await.unwrap();
    }
    let how = How { dry_run: false, settled: std::time::Duration::ZERO };
    assert_eq!(rebuild(&stand.db, how, |_| ()).await.unwrap().broken, []);
    ItemId(id)
}

/// Four a day for so many days up to yesterday, and `left` of it.
fn steady(days: i64, a_day: i64, left: i64) -> Vec<Change> {
    let mut changes = vec![received(days, days * a_day + left)];
    changes.extend((1..=days).rev().map(|ago| sold(ago, a_day)));
    changes
}

#[rstest]
#[tokio::test]
async fn an_item_is_forecast_from_what_it_sold(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = open(backend).await;
    let mut changes = steady(56, 4, 40);
    // Today is not over, and what came back undoes a sale.
    changes.extend([(1, 2, "customer", "available"), sold(0, 7)]);
    history(&stand, "TEA", "acme", &changes).await;
    let answer = stand.json("/v1/items/TEA/forecast?days=10&lead_time_days=5&lead_time_sd_days=0").await;
    let history = &answer["history"];
    assert_eq!(history["first_day"], json!(ago(56)), "{answer}");
    assert_eq!((&history["last_day"], &history["last_sold"]), (&json!(ago(1)), &json!(today())), "{answer}");
    assert_eq!(
        (&history["days"], &history["sold"], &history["returned"]),
        (&json!(56), &json!(224), &json!(2))
    );
    assert_eq!(history["sold_out_days"], 0);
    let days = answer["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[0]["day"]), (10, &json!(today())));
    let mean = answer["mean_per_day"].as_f64().unwrap();
    assert!((3.5..=4.1).contains(&mean), "{answer}");
    assert_eq!((&answer["available"], &answer["on_hand"]), (&json!(35), &json!(35)));
    let cover = answer["days_of_cover"].as_f64().unwrap();
    assert!((cover - 35.0 / mean).abs() < 0.5, "{answer}");
    assert_eq!(answer["lead_time"], json!({"days": 5.0, "sd_days": 0.0, "source": "request", "orders": 0}));
    // Hardly any spread: about what is sold in five days, and what is sold in the two weeks after.
    let point = answer["suggestion"]["reorder_point"].as_i64().unwrap();
    let quantity = answer["suggestion"]["reorder_quantity"].as_i64().unwrap();
    assert!((17..=32).contains(&point) && (49..=58).contains(&quantity), "{answer}");
    assert_eq!((&answer["reorder_point"], &answer["reorder_quantity"]), (&json!(5), &json!(20)));
    // A higher service level never asks for less.
    let sure =
        stand.json("/v1/items/TEA/forecast?lead_time_days=5&lead_time_sd_days=3&service_level=0.99").await;
    assert!(sure["suggestion"]["reorder_point"].as_i64().unwrap() > point, "{sure}");
    let here = stand.json("/v1/items/TEA/forecast?location=main").await;
    assert_eq!((&here["location"], &here["history"]["sold"]), (&json!("main"), &json!(224)));
}

#[rstest]
#[tokio::test]
async fn days_without_stock_do_not_count_as_days_without_demand(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    // Five a day in one week of two; in the other there was none to be had.
    let mut changes = vec![];
    for week in (0..8).rev().map(|fortnight| fortnight * 14 + 8) {
        changes.push(received(week + 6, 35));
        changes.extend((0..7).rev().map(|day| sold(week + day, 5)));
    }
    history(&stand, "TEA", "acme", &changes).await;
    let answer = stand.json("/v1/items/TEA/forecast").await;
    assert_eq!(answer["history"]["sold_out_days"], 56, "{answer}");
    let mean = answer["mean_per_day"].as_f64().unwrap();
    assert!((4.5..=5.5).contains(&mean), "{answer}");
}

#[rstest]
#[tokio::test]
async fn the_lead_time_is_the_suppliers_once_enough_of_its_orders_came(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    history(&stand, "TEA", "acme", &steady(30, 2, 10)).await;
    let lead = async |path: &str| stand.json(path).await["lead_time"].clone();
    let configured = json!({"days": 7.0, "sd_days": 2.0, "source": "configured", "orders": 0});
    assert_eq!(lead("/v1/items/TEA/forecast?days=1").await, configured);
    let now = Utc::now();
    for (number, days) in [(1, 10), (2, 20), (3, 30)] {
        let order = Ordered { order: Uuid::from_u128(number), item: Uuid::now_v7(), supplier: "sup-1" };
        lead_times::ordered(&stand.db, order, now - Duration::days(days)).await.unwrap();
        let few = lead(&format!("/v1/items/TEA/forecast?days={}", 1 + number)).await;
        assert_eq!((&few["source"], &few["orders"]), (&json!("configured"), &json!(number - 1)));
        lead_times::received(&stand.db, order, now).await.unwrap();
    }
    let observed = json!({"days": 20.0, "sd_days": 10.0, "source": "observed", "orders": 3});
    assert_eq!(lead("/v1/items/TEA/forecast?days=20").await, observed);
}

#[rstest]
#[tokio::test]
async fn suggestions_come_a_page_at_a_time_and_leave_out_what_is_right(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    history(&stand, "A-SHORT", "acme", &steady(40, 3, 4)).await;
    history(&stand, "B-PLENTY", "acme", &steady(40, 3, 5_000)).await;
    history(&stand, "C-SHORT", "emca", &steady(40, 3, 4)).await;
    // Nothing was ever there: nothing to go by.
    stand.item("D-NEW", 0).await;
    let skus = |page: &serde_json::Value| -> Vec<String> {
        let all = page["suggestions"].as_array().unwrap().iter();
        all.map(|one| one["sku"].as_str().unwrap().to_owned()).collect()
    };
    let all = stand.json("/v1/restock/suggestions").await;
    assert_eq!(skus(&all), ["A-SHORT", "B-PLENTY", "C-SHORT"], "{all}");
    let short = &all["suggestions"][0];
    assert_eq!((&short["due"], &short["position"]), (&json!(true), &json!(4)), "{short}");
    let suggestion = &short["suggestion"];
    let number = |value: &serde_json::Value| value.as_i64().unwrap();
    let up_to = number(&suggestion["reorder_point"]) + number(&suggestion["reorder_quantity"]);
    assert_eq!(number(&short["order_quantity"]), up_to - 4, "{short}");
    let plenty = &all["suggestions"][1];
    assert_eq!((&plenty["due"], &plenty["order_quantity"]), (&json!(false), &json!(0)), "its levels differ");
    assert_eq!(skus(&stand.json("/v1/restock/suggestions?due_only=true").await), ["A-SHORT", "C-SHORT"]);
    assert_eq!(skus(&stand.json("/v1/restock/suggestions?owner=emca").await), ["C-SHORT"]);
    assert!(skus(&stand.json("/v1/restock/suggestions?supplier=sup-2").await).is_empty());
    let (mut seen, mut query) = (vec![], String::new());
    for _ in 0..4 {
        let page = stand.json(&format!("/v1/restock/suggestions?limit=1{query}")).await;
        seen.extend(skus(&page));
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["A-SHORT", "B-PLENTY", "C-SHORT"]);
}

#[rstest]
#[tokio::test]
async fn reports_say_what_carries_the_sales_what_turns_over_and_what_lies_dead(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    // 82, 15 and 3 of a hundred, and one that nobody buys.
    history(&stand, "BEST", "acme", &[received(20, 100), sold(10, 82)]).await;
    history(&stand, "GOOD", "acme", &[received(20, 20), sold(10, 16), (5, 1, "customer", "available")]).await;
    history(&stand, "POOR", "acme", &[received(20, 20), sold(10, 3)]).await;
    history(&stand, "DEAD", "emca", &[received(100, 7), sold(95, 2)]).await;
    let report = stand.json("/v1/reports/abc?days=30").await;
    let of = |key: &str| -> Vec<serde_json::Value> {
        report["items"].as_array().unwrap().iter().map(|item| item[key].clone()).collect()
    };
    assert_eq!(of("sku"), ["BEST", "GOOD", "POOR", "DEAD"], "{report}");
    assert_eq!(of("class"), ["A", "B", "C", "C"], "{report}");
    assert_eq!(of("units"), [82, 15, 3, 0]);
    assert_eq!(of("cumulative_share"), [0.82, 0.97, 1.0, 1.0]);
    let first = stand.json("/v1/reports/abc?days=30&limit=3").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let last = stand.json(&format!("/v1/reports/abc?days=30&limit=3&cursor={cursor}")).await;
    assert_eq!((&last["items"][0]["sku"], &last["next_cursor"]), (&json!("DEAD"), &json!(null)), "{last}");
    let other = stand.ask(&format!("/v1/reports/abc?days=31&cursor={cursor}")).await;
    assert_eq!(other.problem(), (400, "cursor-invalid"));

    let report = stand.json("/v1/reports/turnover?days=20").await;
    let best = &report["items"][0];
    // Ten days with 100 on the shelf and ten with 18.
    assert_eq!(
        (&best["sku"], &best["average_on_hand"], &best["days"]),
        (&json!("BEST"), &json!(59.0), &json!(20))
    );
    assert!((best["turnover"].as_f64().unwrap() - 82.0 / 59.0).abs() < 0.001, "{report}");

    let report = stand.json("/v1/reports/dead-stock?days=60").await;
    let dead = json!({"sku": "DEAD", "on_hand": 5, "last_sold": ago(95)});
    assert_eq!(report["items"].as_array().unwrap().len(), 1, "{report}");
    for (key, value) in dead.as_object().unwrap() {
        assert_eq!(&report["items"][0][key], value, "{report}");
    }
    // It sold within a hundred days; the others are not there for so long.
    assert_eq!(stand.json("/v1/reports/dead-stock?days=99").await["items"], json!([]));
    assert_eq!(stand.json("/v1/reports/dead-stock?days=60&owner=acme").await["items"], json!([]));
}

#[rstest]
#[tokio::test]
async fn a_brand_forecasts_its_own_items_alone(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = guarded(backend).await;
    history(&stand, "CUP", "acme", &steady(10, 2, 4)).await;
    history(&stand, "PAN", "emca", &steady(10, 2, 4)).await;
    let brand = async |path: &str| ask(&stand, path, "brand", Some("emca")).await;
    assert_eq!(brand("/v1/items/CUP/forecast").await.problem(), (404, "item-unknown"));
    assert_eq!(brand("/v1/items/PAN/forecast").await.status, 200);
    for (path, list) in [
        ("/v1/restock/suggestions", "suggestions"),
        ("/v1/reports/abc", "items"),
        ("/v1/reports/turnover", "items"),
    ] {
        let own = brand(path).await.body;
        assert_eq!((own[list].as_array().unwrap().len(), &own[list][0]["sku"]), (1, &json!("PAN")), "{path}");
        let others = brand(&format!("{path}?owner=acme")).await.body;
        assert_eq!(others[list], json!([]), "{path}");
        assert_eq!(ask(&stand, path, "customer", None).await.status, 403, "{path}");
    }
    assert_eq!(brand("/v1/reports/dead-stock").await.body["items"], json!([]));
}

#[rstest]
#[tokio::test]
async fn bad_questions_about_the_future_are_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    stand.item("NEW", 0).await;
    for (path, status, code) in [
        ("/v1/items/NONE/forecast", 404, "item-unknown"),
        ("/v1/items/NEW/forecast", 404, "demand-unknown"),
        ("/v1/items/NEW/forecast?location=nowhere", 404, "location-unknown"),
        ("/v1/items/NEW/forecast?days=0", 400, "parameter-invalid"),
        ("/v1/items/NEW/forecast?days=366", 400, "parameter-invalid"),
        ("/v1/items/NEW/forecast?days=-1", 400, "malformed-query"),
        ("/v1/items/NEW/forecast?service_level=0.4", 400, "parameter-invalid"),
        ("/v1/items/NEW/forecast?service_level=1", 400, "parameter-invalid"),
        ("/v1/items/NEW/forecast?service_level=NaN", 400, "parameter-invalid"),
        ("/v1/items/NEW/forecast?lead_time_days=-1", 400, "parameter-invalid"),
        ("/v1/items/NEW/forecast?lead_time_days=inf", 400, "parameter-invalid"),
        ("/v1/items/NEW/forecast?lead_time_sd_days=soon", 400, "malformed-query"),
        ("/v1/items/NEW/forecast?colour=red", 400, "malformed-query"),
        ("/v1/restock/suggestions?limit=0", 400, "limit-invalid"),
        ("/v1/restock/suggestions?cursor=zz", 400, "cursor-invalid"),
        ("/v1/restock/suggestions?service_level=2", 400, "parameter-invalid"),
        ("/v1/restock/suggestions?days=3", 400, "malformed-query"),
        ("/v1/reports/abc?days=0", 400, "parameter-invalid"),
        ("/v1/reports/abc?cursor=", 400, "cursor-invalid"),
        ("/v1/reports/turnover?days=731", 400, "parameter-invalid"),
        ("/v1/reports/dead-stock?limit=501", 400, "limit-invalid"),
        ("/v1/reports/dead-stock?location=main", 400, "malformed-query"),
    ] {
        assert_eq!(stand.ask(path).await.problem(), (status, code), "{path}");
    }
}

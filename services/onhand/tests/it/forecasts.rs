use std::process::{Command, Output};

use chrono::{Days, NaiveDate, SecondsFormat, Utc};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, TransactionTrait, Value};
use testkit::{Backend, Stage};
use uuid::Uuid;

use crate::system::binary;

fn onhand(stage: &Stage, arguments: &[&str]) -> Output {
    let settings = stage.settings().into_iter();
    let environment =
        settings.map(|(key, value)| (format!("ONHAND__{}", key.replace('.', "__").to_uppercase()), value));
    let mut command = Command::new(binary("onhand"));
    command.env_clear().envs(environment).args(arguments).current_dir(&stage.folder).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json(stage: &Stage, file: &str) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(stage.folder.join(file)).unwrap()).unwrap()
}

/// Writes down a row of an item's ledger as if it had been recorded on a day.
async fn write(
    db: &DatabaseTransaction,
    item: Uuid,
    version: i64,
    day: NaiveDate,
    units: i64,
    to_customer: bool,
) {
    let at = day.and_hms_opt(0, 0, 1).unwrap().and_utc();
    let at: Value = match db.get_database_backend() {
        DbBackend::Postgres => at.into(),
        _ => at.to_rfc3339_opts(SecondsFormat::Micros, false).into(),
    };
    let main = Some(uuid::uuid!("01930000-0000-7000-8000-000000000001"));
    let (kind, from, from_at, to, to_at) = match (version, to_customer) {
        (1, _) => ("created", None, None, None, None),
        (_, true) => ("decreased", Some("available"), main, Some("customer"), None),
        (_, false) => ("received", Some("supplier"), None, Some("available"), main),
    };
    let attributes = serde_json::json!({
        "product_id": "TEA", "variant_id": null, "sku": "TEA", "owner": "shop", "name": "Tea", "supplier": null,
        "reorder_point": 0, "reorder_quantity": 0, "active": true,
    });
    let attributes = (version == 1).then(|| attributes.to_string());
    let sql = "INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place,
                   from_warehouse_id, to_place, to_warehouse_id, created_by, role, command_id, attributes, recorded_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'anna', 'admin', $9, $10, $11)";
    let values: [Value; 11] = [
        item.into(),
        version.into(),
        kind.into(),
        units.into(),
        from.into(),
        from_at.into(),
        to.into(),
        to_at.into(),
        Uuid::now_v7().into(),
        attributes.into(),
        at,
    ];
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await.unwrap();
}

/// An item that sold nothing on one day of the week and more from day to day after it, for so many days and today, so
/// that it is the same when today is over.
async fn sold_by_the_week(stage: &Stage, days: u64) {
    assert!(onhand(stage, &["migrate"]).status.success());
    let config = platform::config::Config::defaults().unwrap();
    let db = platform::db::connect(&stage.stock_url, &config.section("database").unwrap()).await.unwrap();
    let db = db.begin().await.unwrap();
    let item = Uuid::now_v7();
    let first = Utc::now().date_naive() - Days::new(days);
    write(&db, item, 1, first, 0, false).await;
    write(&db, item, 2, first, 10_000, false).await;
    let mut version = 3;
    for (day, units) in first.iter_days().zip((0..7).cycle()).take(days as usize + 1) {
        if units > 0 {
            write(&db, item, version, day, 2 * units, true).await;
            version += 1;
        }
    }
    db.commit().await.unwrap();
    let rebuilt = onhand(stage, &["rebuild"]);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
}

#[tokio::test]
async fn a_backtest_prints_ours_beside_the_naive_ones() {
    let stage = Stage::new(Backend::Embedded).await;
    let output = onhand(&stage, &["backtest", "--json", "figures.json"]);
    assert!(output.status.success(), "{}", said(&output));
    let figures = json(&stage, "figures.json");
    let figures = figures.as_array().unwrap();
    assert_eq!(figures.len(), 7);
    for series in figures {
        let [ours, seasonal] = ["ours", "seasonal_naive"].map(|who| series[who]["rmse"].as_f64().unwrap());
        assert!(ours < seasonal, "{series:#}");
        for figure in
            [format!("{ours:.3}"), format!("{seasonal:.3}"), series["series"].as_str().unwrap().into()]
        {
            assert!(said(&output).contains(&figure), "{figure} is not in {}", said(&output));
        }
    }
    let again = onhand(&stage, &["backtest"]);
    assert_eq!(again.stdout, output.stdout, "the same seed, the same bytes");
    assert_ne!(onhand(&stage, &["backtest", "--seed", "2"]).stdout, output.stdout);
}

#[tokio::test]
async fn a_backtest_takes_series_from_a_file() {
    let stage = Stage::new(Backend::Embedded).await;
    let days = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().iter_days().take(120);
    let row = |(n, day)| match n % 7 {
        0 => String::new(),
        3 if n > 60 => format!("tea,{day},\n"),
        weekday => format!("tea,{day},{weekday}\n"),
    };
    let rows: String = days.enumerate().map(row).collect();
    std::fs::write(stage.folder.join("sold.csv"), format!("series,day,units\n{rows}cup,2026-01-01,4\n"))
        .unwrap();
    let output = onhand(&stage, &["backtest", "--series", "sold.csv", "--json", "figures.json"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("cup: fewer than six weeks"), "{}", said(&output));
    let figures = json(&stage, "figures.json");
    assert_eq!((&figures[0]["series"], &figures[0]["method"]), (&"tea".into(), &"weekly".into()));
    assert!(figures[0]["ours"]["rmse"].as_f64().unwrap() < 0.01, "{figures:#}");
    for (text, complaint) in [
        ("day,units\n2026-01-01,-4\n", "-4 units cannot be sold"),
        ("day,units\n2026-01-01,many\n", "a row has a day"),
        ("day,colour\n2026-01-01,red\n", "a row has a day"),
        ("day,units\n", "it has no rows"),
    ] {
        std::fs::write(stage.folder.join("bad.csv"), text).unwrap();
        let output = onhand(&stage, &["backtest", "--series", "bad.csv"]);
        let told = said(&output);
        assert!(!output.status.success() && told.contains(complaint) && told.contains("bad.csv"), "{told}");
    }
}

#[rstest]
#[tokio::test]
async fn an_items_own_sales_are_tested_and_replayed(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stage = Stage::new(backend).await;
    sold_by_the_week(&stage, 140).await;
    let output = onhand(&stage, &["backtest", "--item", "TEA", "--json", "figures.json"]);
    assert!(output.status.success(), "{}", said(&output));
    let figures = json(&stage, "figures.json");
    assert_eq!(figures[0]["method"], "weekly", "{figures:#}");
    assert!(figures[0]["ours"]["rmse"].as_f64().unwrap() < 0.01, "{figures:#}");
    let replay =
        ["simulate", "--policy", "point:60,quantity:100", "--seed", "3", "--item", "TEA", "--days", "70"];
    let output = onhand(&stage, &replay);
    assert!(output.status.success(), "{}", said(&output));
    // 42 a week.
    assert!(said(&output).contains("What TEA sold: 420 units in 70 days."), "{}", said(&output));
    let unknown = onhand(&stage, &["backtest", "--item", "CUP"]);
    assert!(
        !unknown.status.success() && said(&unknown).contains("there is no item CUP"),
        "{}",
        said(&unknown)
    );
}

#[tokio::test]
async fn without_enough_history_demand_is_generated_and_that_is_said() {
    let stage = Stage::new(Backend::Embedded).await;
    sold_by_the_week(&stage, 30).await;
    let output = onhand(&stage, &["simulate", "--policy", "suggested:0.9", "--seed", "3", "--item", "TEA"]);
    assert!(output.status.success(), "{}", said(&output));
    let (said, why) = (said(&output), "Generated demand (weekly), because TEA has 3");
    assert!(said.contains(why) && said.contains("days of history, and 56 are needed"), "{said}");
}

#[tokio::test]
async fn the_same_seed_simulates_the_same_bytes_and_another_does_not() {
    let stage = Stage::new(Backend::Embedded).await;
    let play = |seed: &str, file: &str| {
        let policies = ["--policy", "point:120,quantity:200", "--policy", "suggested:0.95"];
        let rest = ["--days", "200", "--json", file, "--seed", seed];
        let output = onhand(&stage, &[&["simulate"], &policies[..], &rest[..]].concat());
        assert!(output.status.success(), "{}", said(&output));
        (output.stdout, std::fs::read(stage.folder.join(file)).unwrap())
    };
    assert_eq!(play("7", "one.json"), play("7", "two.json"));
    assert_ne!(play("7", "one.json"), play("8", "two.json"));
}

#[tokio::test]
async fn policies_are_compared_under_the_same_chance() {
    let stage = Stage::new(Backend::Embedded).await;
    let policies = ["point:20,quantity:50", "point:150,quantity:50", "min-max:150,400", "suggested:0.95"];
    let mut arguments = vec!["simulate", "--seed", "5", "--json", "figures.json"];
    arguments.extend(policies.iter().flat_map(|policy| ["--policy", policy]));
    let output = onhand(&stage, &arguments);
    assert!(output.status.success(), "{}", said(&output));
    let figures = json(&stage, "figures.json");
    let of = |policy: usize, figure: &str| figures["policies"][policy]["outcome"][figure].as_i64().unwrap();
    let fill_rate = |policy: usize| figures["policies"][policy]["fill_rate"].as_f64().unwrap();
    for policy in 0..policies.len() {
        assert_eq!(of(policy, "asked_for"), of(0, "asked_for"));
        assert_eq!(of(policy, "sold") + of(policy, "lost"), of(policy, "asked_for"));
        assert_eq!(of(policy, "days"), 365);
    }
    assert!(fill_rate(0) < 0.8, "20 are gone long before a delivery comes: {figures:#}");
    assert!(fill_rate(1) > fill_rate(0) && of(1, "lost") < of(0, "lost"));
    assert!(of(2, "orders") < of(1, "orders"), "those who order up to more order less often");
    assert!(fill_rate(3) > 0.95, "{figures:#}");
}

#[tokio::test]
async fn orders_are_whole_packs_and_the_suppliers_minimum() {
    let stage = Stage::new(Backend::Embedded).await;
    let arguments = ["--pack", "12", "--minimum", "100", "--policy", "point:100,quantity:1", "--seed", "1"];
    let output = onhand(&stage, &[&["simulate", "--json", "figures.json"], &arguments[..]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let figures = json(&stage, "figures.json");
    let outcome = &figures["policies"][0]["outcome"];
    let (orders, ordered) = (outcome["orders"].as_i64().unwrap(), outcome["ordered"].as_i64().unwrap());
    assert!(orders > 10 && ordered % 12 == 0 && ordered >= 108 * orders, "{figures:#}");
}

#[tokio::test]
async fn what_cannot_be_simulated_is_named() {
    let stage = Stage::new(Backend::Embedded).await;
    for (arguments, complaint) in [
        (["--policy", "point:20"].as_slice(), "a reorder point is written point:20,quantity:50"),
        (&["--policy", "point:20,quantity:0"], "an order is at least 1 unit"),
        (&["--policy", "point:-1,quantity:5"], "is no number of units"),
        (&["--policy", "min-max:20,20"], "the most has to be above the least"),
        (&["--policy", "suggested:1.5"], "a service level is from 0.5 to 0.9999"),
        (&["--policy", "guess"], "a policy is point:"),
        (&["--policy", "suggested:0.9", "--lead-time", "soon"], "a lead time is written 5±2"),
        (&["--policy", "suggested:0.9", "--lost-cost=-1"], "an amount is a number from 0 on"),
        (&["--policy", "suggested:0.9", "--days", "0"], "--days"),
        (&[], "--policy"),
    ] {
        let output = onhand(&stage, &[&["simulate", "--seed", "1"], arguments].concat());
        assert!(!output.status.success() && said(&output).contains(complaint), "{}", said(&output));
    }
    let missing = onhand(&stage, &["simulate", "--seed", "1", "--policy", "suggested:0.9", "--item", "TEA"]);
    assert!(!missing.status.success() && said(&missing).contains("onhand migrate"), "{}", said(&missing));
}

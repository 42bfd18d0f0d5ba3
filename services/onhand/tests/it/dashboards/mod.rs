//! Dashboards and alerts, against a Prometheus that scrapes the running services.

mod boards;
mod prometheus;
mod traffic;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use testkit::servers::Prometheus;
use testkit::{Backend, Stage, eventually};

use boards::Board;
use prometheus::Asked;
use traffic::Traffic;

use crate::system::{System, Wishes};

/// How long it may take until every panel has data. Alone it takes a few scrapes.
const LIMIT: Duration = Duration::from_secs(150);

/// A file or folder of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).canonicalize().unwrap()
}

/// Files with this ending in a folder of the repository.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|file| file.extension().is_some_and(|found| found == ending)).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has nothing with .{ending}");
    files
}

/// A configuration that scrapes these, each under the label that it has in `observability/prometheus.yml`.
fn configuration(targets: &[(&str, &str)], rules: &[PathBuf]) -> String {
    let target = |(service, url): &(&str, &str)| {
        let address = url.trim_start_matches("http://");
        json!({"targets": [address], "labels": {"service": service}})
    };
    let targets: Vec<_> = targets.iter().map(target).collect();
    // YAML that is JSON.
    json!({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": rules,
        "scrape_configs": [{"job_name": "onhand", "static_configs": targets}],
    })
    .to_string()
}

async fn start(config: String) -> (Prometheus, Asked) {
    let server = tokio::task::spawn_blocking(move || Prometheus::start(&config)).await.unwrap().unwrap();
    let asked = Asked::new(server.url());
    (server, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_shows_something_and_every_alert_is_about_what_is_exported() {
    let stage = Stage::new(Backend::Real).await;
    let calls = stage.free_address().to_string();
    let wishes = Wishes {
        settings: vec![
            ("stock_updater.audit_period_s".to_owned(), "1".to_owned()),
            ("stock_updater.demand_period_s".to_owned(), "1".to_owned()),
            ("stock_checker.grpc_listen".to_owned(), calls.clone()),
        ],
        ..Wishes::default()
    };
    let system = System::start_with(stage, wishes).await;
    let rules = files("observability/rules", "yml");
    let (_server, asked) = start(configuration(&system.services(), &rules)).await;
    let traffic = Traffic::begin(&system, &format!("http://{calls}")).await;
    let boards: Vec<Board> =
        files("observability/grafana/dashboards", "json").iter().map(Board::read).collect();
    assert_eq!(boards.len(), 6, "overview, stock, write path, event flow, suppliers, service");
    let mut last = vec![];
    eventually("every panel shows something, and every alert is about what is exported", LIMIT, async || {
        traffic.round(&system).await;
        let mut complaints = vec![];
        for board in &boards {
            complaints.extend(asked.complaints_about(board).await);
        }
        complaints.extend(asked.complaints_about_alerts().await);
        if complaints != last {
            // A test that fails should say why.
            eprintln!("still wrong:\n{}", complaints.join("\n"));
            last.clone_from(&complaints);
        }
        complaints.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_is_faulted_for_an_unknown_metric_a_mistake_and_an_empty_answer() {
    let (_server, asked) = start(configuration(&[], &[])).await;
    let itself = asked.url().to_owned();
    let (_server, asked) = start(configuration(&[("itself", &itself)], &[])).await;
    eventually("it was scraped", LIMIT, async || asked.names().await.contains("up").then_some(())).await;
    let board = |panels: &[(&str, &str)]| {
        let panel = |(title, expr): &(&str, &str)| json!({"title": title, "targets": [{"expr": expr}]});
        let panels: Vec<_> = panels.iter().map(panel).collect();
        Board::of(
            "b.json",
            &json!({"panels": [{"title": "Row", "panels": panels}], "templating": {"list": []}}),
        )
    };
    let good = board(&[("Up", "sum(up) or vector(0)"), ("Rate", "rate(up[$__rate_interval])")]);
    eventually("a good panel is not faulted", LIMIT, async || {
        asked.complaints_about(&good).await.is_empty().then_some(())
    })
    .await;
    for (expression, fault) in [
        ("stock_nonsense_total or vector(0)", "b.json: Planted: nobody exports stock_nonsense_total"),
        ("sum(up))", "b.json: Planted: it does not parse: "),
        ("up == 17", "b.json: Planted: it shows nothing"),
        ("", "b.json: Planted: it does not parse: "),
    ] {
        let complaints = asked.complaints_about(&board(&[("Planted", expression)])).await;
        assert_eq!(complaints.len(), 1, "{expression}: {complaints:?}");
        assert!(complaints[0].starts_with(fault), "{expression}: {complaints:?}");
    }
    let empty = Board::of("b.json", &json!({"panels": [{"title": "Planted", "type": "stat"}]}));
    assert_eq!(asked.complaints_about(&empty).await, ["b.json: Planted: it asks nothing"]);
    let variable = json!({"panels": [], "templating": {"list": [
        {"name": "service", "type": "query", "query": {"query": "label_values(stock_nonsense, service)"}}]}});
    let complaints = asked.complaints_about(&Board::of("b.json", &variable)).await;
    assert_eq!(complaints, ["b.json: $service: nobody exports stock_nonsense"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_faulted_for_an_unknown_metric_and_a_mistake_stops_the_start() {
    let folder = std::env::temp_dir().join(format!("onhand-rules-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir_all(&folder).unwrap();
    let rules = |expr: &str| {
        let file = folder.join("rules.yml");
        let rules = json!({"groups": [{"name": "planted", "rules": [{"alert": "Planted", "expr": expr, "for": "1m"}]}]});
        std::fs::write(&file, rules.to_string()).unwrap();
        configuration(&[], &[file])
    };
    let (_server, asked) = start(rules("rate(stock_nonsense_total[5m]) > 0")).await;
    assert_eq!(asked.complaints_about_alerts().await, ["alert Planted: nobody exports stock_nonsense_total"]);
    let error = Prometheus::start(&rules("rate(stock_nonsense_total) >")).unwrap_err();
    assert!(format!("{error:#}").contains("could not parse expression"), "{error:#}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn each_alert_fires_when_it_should_and_not_before() {
    for tests in files("observability/rules/tests", "yml") {
        Prometheus::test_rules(&tests).unwrap();
    }
}

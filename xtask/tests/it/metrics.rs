//! Metrics and alerts, and what `docs/OPERATIONS.md` says of them: each is there, and nothing else is.

use std::collections::BTreeSet;

use crate::repository::{Text, nothing_in, texts};

/// Where each metric and each alert is told of.
const MANUAL: &str = "docs/OPERATIONS.md";

/// How code names a metric that it tells of; the name follows in quotes.
const MACROS: [&str; 3] = ["metrics::counter!(", "metrics::gauge!(", "metrics::histogram!("];

/// How code says what a metric is.
const DESCRIPTIONS: [&str; 3] = ["describe_counter!(", "describe_gauge!(", "describe_histogram!("];

/// How a metric begins that is written as text.
const TYPE_LINE: &str = "# TYPE ";

#[test]
fn every_metric_is_in_the_manual_and_every_one_there_is_told() {
    nothing_in(&differences(&texts()));
}

#[test]
fn every_alert_has_a_chapter_that_its_link_leads_to() {
    nothing_in(&lost_alerts(&texts()));
}

#[test]
fn a_metric_that_one_side_does_not_have_is_named() {
    let file = |path: &str, text: &str| Text { path: path.to_owned(), text: text.to_owned() };
    let code = || {
        let emits =
            format!("{}\n  \"a_total\", \"x\" => 1) {}\"a_total\", \"An a.\")", MACROS[0], DESCRIPTIONS[0]);
        file("libs/a/src/a.rs", &format!("{emits} \"{TYPE_LINE}b_bytes gauge\""))
    };
    let manual =
        |rows: &str| file(MANUAL, &format!("## Metrics\n\n{rows}\n\n## More\n| `other_total` | |\n"));
    let with = |rows: &str| differences(&[code(), manual(rows)]);
    assert!(with("| `a_total`, `b_bytes` | `outcome`: `done` |").is_empty());
    assert_eq!(with("| `b_bytes` | |"), ["docs/OPERATIONS.md does not tell of a_total"]);
    assert_eq!(
        with("| `a_total` | |\n| `b_bytes` | |\n| `c` | |"),
        ["docs/OPERATIONS.md tells of c, which nobody exports"]
    );
    let bare = file("libs/a/src/a.rs", &format!("{}\"a_total\")", MACROS[1]));
    assert_eq!(differences(&[bare, manual("| `a_total` | |")]), ["nobody says what a_total is: describe it"]);
}

#[test]
fn an_alert_without_a_chapter_is_named() {
    let file = |path: &str, text: &str| Text { path: path.to_owned(), text: text.to_owned() };
    let rules = |anchor: &str| {
        let text = format!(
            "groups:\n  - rules:\n      - alert: OutboxStuck\n        labels: {{ severity: critical }}\n        \
             annotations:\n          runbook_url: docs/OPERATIONS.md#{anchor}\n"
        );
        file("observability/rules/a.yml", &text)
    };
    let manual = |chapter: &str| file(MANUAL, &format!("## Alerts\n\n### {chapter}\n"));
    assert!(lost_alerts(&[rules("outboxstuck"), manual("OutboxStuck")]).is_empty());
    assert_eq!(lost_alerts(&[rules("outboxstuck"), manual("Other")]).len(), 2, "not there, and of nothing");
    assert_eq!(lost_alerts(&[rules("outbox"), manual("OutboxStuck")]).len(), 1, "leads elsewhere");
    let silent = file("observability/rules/a.yml", "      - alert: OutboxStuck\n");
    assert_eq!(lost_alerts(&[silent, manual("OutboxStuck")]).len(), 2, "no link and no severity");
}

fn differences(files: &[Text]) -> Vec<String> {
    let code = || files.iter().filter(|file| file.path.ends_with(".rs") && file.path.contains("/src/"));
    let mut told: BTreeSet<String> = code().flat_map(|file| quoted_after(&file.text, &MACROS)).collect();
    let described: BTreeSet<String> =
        code().flat_map(|file| quoted_after(&file.text, &DESCRIPTIONS)).collect();
    let mut complaints: Vec<String> =
        told.difference(&described).map(|name| format!("nobody says what {name} is: describe it")).collect();
    told.extend(described);
    told.extend(code().flat_map(|file| typed(&file.text)));
    let manual = listed(text_of(files, MANUAL));
    complaints.extend(told.difference(&manual).map(|name| format!("{MANUAL} does not tell of {name}")));
    complaints.extend(
        manual.difference(&told).map(|name| format!("{MANUAL} tells of {name}, which nobody exports")),
    );
    complaints
}

/// What stands in quotes right after one of these.
fn quoted_after(text: &str, openings: &[&str]) -> Vec<String> {
    let after = openings.iter().flat_map(|opening| text.split(opening).skip(1));
    let names = after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    names.map(str::to_owned).collect()
}

/// Metrics that are written as text.
fn typed(text: &str) -> Vec<String> {
    let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let after = text.split(TYPE_LINE).skip(1);
    let names = after.filter_map(|rest| rest.split(|letter| !is_name(letter)).next());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// What is in the first column of the tables of the chapter about metrics.
fn listed(manual: &str) -> BTreeSet<String> {
    let chapter =
        manual.split("\n## ").find(|chapter| chapter.trim_start_matches("## ").starts_with("Metrics\n"));
    let rows = chapter.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("| `"));
    let columns = rows.filter_map(|row| row.split(" | ").next());
    let names = columns.flat_map(|column| column.split(", "));
    names.map(|name| name.trim_matches(['`', ' ', '|']).to_owned()).collect()
}

fn lost_alerts(files: &[Text]) -> Vec<String> {
    let manual = text_of(files, MANUAL);
    let alerts =
        manual.split("\n## ").find(|chapter| chapter.trim_start_matches("## ").starts_with("Alerts\n"));
    let chapters = alerts.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("### "));
    let mut chapters: BTreeSet<&str> = chapters.collect();
    let mut complaints = vec![];
    let is_rules = |file: &&Text| {
        let name = file.path.strip_prefix("observability/rules/").and_then(|rest| rest.strip_suffix(".yml"));
        name.is_some_and(|name| !name.contains('/'))
    };
    for file in files.iter().filter(is_rules) {
        for rule in file.text.split("- alert: ").skip(1) {
            let name = rule.lines().next().unwrap_or_default().trim();
            let link = format!("runbook_url: {MANUAL}#{}", name.to_lowercase());
            if !rule.lines().any(|line| line.trim() == link) {
                complaints.push(format!("{}: {name} does not have `{link}`", file.path));
            }
            if !["severity: critical", "severity: warning"].iter().any(|severity| rule.contains(severity)) {
                complaints.push(format!("{}: {name} is neither critical nor a warning", file.path));
            }
            if !chapters.remove(name) {
                complaints.push(format!("{MANUAL} has no chapter about {name}"));
            }
        }
    }
    complaints.extend(
        chapters.iter().map(|name| format!("{MANUAL} has a chapter about {name}, which is no alert")),
    );
    complaints
}

fn text_of<'a>(files: &'a [Text], path: &str) -> &'a str {
    files.iter().find(|file| file.path == path).map(|file| file.text.as_str()).unwrap_or_default()
}

//! What clusters get of `observability/`: the same rules and dashboards that docker compose uses.

use crate::repository::{Text, nothing_in, texts};

/// Where the copies are, and what makes them.
const COPIES: &str = "k8s/components/monitoring/prometheus/";
const MAKER: &str = "k8s/components/monitoring/wrap.sh";

#[test]
fn a_cluster_gets_the_rules_and_dashboards_that_there_are() {
    nothing_in(&differences(&texts()));
}

#[test]
fn a_difference_is_named() {
    let file = |path: &str, text: &str| Text { path: path.to_owned(), text: text.to_owned() };
    let lists = |rules: &str, dashboards: &str| {
        vec![
            file(&format!("{COPIES}kustomization.yaml"), rules),
            file("observability/kustomization.yaml", dashboards),
        ]
    };
    let rules = || file("observability/rules/stock.yml", "groups:\n  - name: a\n\n");
    let made = || file(&format!("{COPIES}rules-stock.yaml"), &wrapped("stock", &rules().text));
    let with = |mut files: Vec<Text>, more: Vec<Text>| {
        files.extend(more);
        differences(&files).len()
    };
    assert!(made().text.ends_with("spec:\n  groups:\n    - name: a\n\n"), "{}", made().text);
    assert_eq!(with(lists("  - rules-stock.yaml\n", ""), vec![rules(), made()]), 0);
    assert_eq!(with(lists("", ""), vec![rules(), made()]), 1, "not listed");
    assert_eq!(with(lists("  - rules-stock.yaml\n", ""), vec![rules()]), 1, "not made");
    assert_eq!(with(lists("", ""), vec![made()]), 1, "of nothing");
    let changed = file("observability/rules/stock.yml", "groups: []\n");
    assert_eq!(with(lists("  - rules-stock.yaml\n", ""), vec![changed, made()]), 1, "another");
    let dashboard = || file("observability/grafana/dashboards/a.json", "{}");
    assert_eq!(with(lists("", "files: [grafana/dashboards/a.json] }"), vec![dashboard()]), 0);
    assert_eq!(with(lists("", ""), vec![dashboard()]), 1, "not listed");
    assert_eq!(with(lists("", "files: [grafana/dashboards/a.json] }"), vec![]), 1, "of nothing");
}

/// What [`MAKER`] makes of a file of rules.
fn wrapped(name: &str, rules: &str) -> String {
    let mut text = format!(
        "# Made of observability/rules/{name}.yml by ../wrap.sh: change that.\n\
         apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: onhand-{name}\nspec:\n"
    );
    for line in rules.lines() {
        let indent = if line.is_empty() { "" } else { "  " };
        text.push_str(&format!("{indent}{line}\n"));
    }
    text
}

fn differences(files: &[Text]) -> Vec<String> {
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let named = |folder: &'static str, ending: &'static str| {
        let names = files.iter().filter_map(move |file| file.path.strip_prefix(folder)?.strip_suffix(ending));
        names.filter(|name| !name.contains('/'))
    };
    let listed = text(&format!("{COPIES}kustomization.yaml")).unwrap_or_default();
    let mut found = Vec::new();
    for name in named("observability/rules/", ".yml") {
        let path = format!("{COPIES}rules-{name}.yaml");
        let rules = text(&format!("observability/rules/{name}.yml")).unwrap_or_default();
        if text(&path) != Some(&wrapped(name, rules)) || !listed.contains(&format!("  - rules-{name}.yaml\n"))
        {
            found.push(format!("{path} is not what {MAKER} makes of the rules: run it"));
        }
    }
    for name in named(COPIES, ".yaml").filter_map(|name| name.strip_prefix("rules-")) {
        if text(&format!("observability/rules/{name}.yml")).is_none() {
            found.push(format!("{COPIES}rules-{name}.yaml is made of no rules: run {MAKER}"));
        }
    }
    let listed = text("observability/kustomization.yaml").unwrap_or_default();
    let mentions = listed.matches("grafana/dashboards/").count();
    let is_listed = |name: &&str| listed.contains(&format!("[grafana/dashboards/{name}.json]"));
    let (there, missing): (Vec<_>, Vec<_>) =
        named("observability/grafana/dashboards/", ".json").partition(is_listed);
    if !missing.is_empty() || there.len() != mentions {
        found.push(format!(
            "observability/kustomization.yaml lists other dashboards than there are: run {MAKER}"
        ));
    }
    found
}

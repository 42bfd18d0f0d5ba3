//! A Prometheus that is asked, and what there is to complain about.

use std::collections::BTreeSet;

use serde_json::Value;

use super::boards::Board;
use crate::promql;

/// What Prometheus itself makes of each target and of each alert.
const ITS_OWN: [&str; 2] = ["up", "ALERTS"];

/// A server to ask.
pub(super) struct Asked {
    url: String,
    http: reqwest::Client,
}

impl Asked {
    pub(super) fn new(url: String) -> Asked {
        platform::hosting::install_tls();
        Asked { url, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The data of an answer, or why there is none.
    async fn ask(&self, path: &str) -> Result<Value, String> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        if answer["status"] == "success" {
            Ok(answer["data"].clone())
        } else {
            Err(answer["error"].to_string())
        }
    }

    /// How many series an expression comes to.
    async fn series(&self, expression: &str) -> Result<usize, String> {
        let mut query = reqwest::Url::parse(&format!("{}/api/v1/query", self.url)).unwrap();
        query.query_pairs_mut().append_pair("query", expression);
        let path = query.as_str().strip_prefix(&self.url).unwrap();
        Ok(self.ask(path).await?["result"].as_array().map_or(0, Vec::len))
    }

    /// The names of all that was ever scraped.
    pub(super) async fn names(&self) -> BTreeSet<String> {
        let names = self.ask("/api/v1/label/__name__/values").await.unwrap();
        let names = names.as_array().unwrap().iter();
        names.filter_map(|name| Some(name.as_str()?.to_owned())).collect()
    }

    /// The alerts, and the expressions of each.
    async fn alerts(&self) -> Vec<(String, String)> {
        let data = self.ask("/api/v1/rules").await.unwrap();
        let groups = data["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        rules.map(|rule| (text(&rule["name"]), text(&rule["query"]))).collect()
    }

    /// What is wrong with a dashboard: a line each.
    pub(super) async fn complaints_about(&self, board: &Board) -> Vec<String> {
        let names = self.names().await;
        let mut complaints = vec![];
        for panel in &board.panels {
            let mut complain =
                |what: String| complaints.push(format!("{}: {}: {what}", board.name, panel.title));
            if panel.expressions.is_empty() {
                complain("it asks nothing".to_owned());
            }
            for expression in &panel.expressions {
                match self.series(expression).await {
                    Err(error) => complain(format!("it does not parse: {error}")),
                    Ok(found) => match unknown(expression, &names) {
                        Some(name) => complain(format!("nobody exports {name}")),
                        None if found == 0 => complain(format!("it shows nothing: {expression}")),
                        None => {}
                    },
                }
            }
        }
        for (name, query) in &board.variables {
            if let Some(metric) = unknown(query_of(query), &names) {
                complaints.push(format!("{}: ${name}: nobody exports {metric}", board.name));
            }
        }
        complaints
    }

    /// What is wrong with the alerts. That each parses is what Prometheus makes sure of when it starts.
    pub(super) async fn complaints_about_alerts(&self) -> Vec<String> {
        let (names, alerts) = (self.names().await, self.alerts().await);
        if alerts.is_empty() {
            return vec!["there are no alerts".to_owned()];
        }
        let wrong = |(alert, expression): &(String, String)| {
            let name = unknown(expression, &names)?;
            Some(format!("alert {alert}: nobody exports {name}"))
        };
        alerts.iter().filter_map(wrong).collect()
    }
}

/// The first metric in an expression that is not among the names.
fn unknown(expression: &str, names: &BTreeSet<String>) -> Option<String> {
    let is_known = |name: &String| names.contains(name) || ITS_OWN.contains(&name.as_str());
    promql::metrics(expression).into_iter().find(|name| !is_known(name))
}

/// What `label_values(metric, label)` asks about.
fn query_of(variable: &str) -> &str {
    let inner =
        variable.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(variable);
    inner.rsplit_once(',').map_or(inner, |parts| parts.0)
}

//! What a dashboard asks.

use std::path::PathBuf;

use serde_json::Value;

/// What stands for the variables that Grafana sets itself, and for a variable of which everything is chosen.
const VARIABLES: [(&str, &str); 3] = [("$__rate_interval", "1m"), ("$__range", "5m"), ("$service", ".*")];

/// A dashboard.
pub(super) struct Board {
    /// The file's name.
    pub(super) name: String,
    pub(super) panels: Vec<Panel>,
    /// The expressions of its variables, by name.
    pub(super) variables: Vec<(String, String)>,
}

/// A panel, and the expressions in it.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) expressions: Vec<String>,
}

impl Board {
    pub(super) fn read(file: &PathBuf) -> Board {
        let text = std::fs::read_to_string(file).unwrap();
        let board: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Board::of(&file.file_name().unwrap().to_string_lossy(), &board)
    }

    pub(super) fn of(name: &str, board: &Value) -> Board {
        let mut panels = vec![];
        collect(&board["panels"], &mut panels);
        let list = board["templating"]["list"].as_array().cloned().unwrap_or_default();
        let queries = list.iter().filter(|variable| variable["type"] == "query");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let variables =
            queries.map(|variable| (text(&variable["name"]), text(&variable["query"]["query"]))).collect();
        Board { name: name.to_owned(), panels, variables }
    }
}

/// Panels of a list, and those in its rows.
fn collect(list: &Value, panels: &mut Vec<Panel>) {
    for panel in list.as_array().into_iter().flatten() {
        collect(&panel["panels"], panels);
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let is_row = panel["type"] == "row" || panel["panels"].is_array();
        if is_row || panel["type"] == "text" {
            continue;
        }
        let expressions =
            targets.iter().map(|target| filled(target["expr"].as_str().unwrap_or_default())).collect();
        panels.push(Panel { title: panel["title"].as_str().unwrap_or("?").to_owned(), expressions });
    }
}

fn filled(expression: &str) -> String {
    VARIABLES.iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value))
}

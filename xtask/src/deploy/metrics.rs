//! The metrics that dashboards and rules ask for: each is one that the docs tell of.
//!
//! Whether somebody exports them is a test with a real Prometheus; this finds the misspelt ones at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::tree;

/// Where our metrics are told of, between backticks.
const TOLD_IN: [&str; 2] = ["docs/OPERATIONS.md", "docs/EVENTS.md"];
/// What others export: Prometheus itself, RabbitMQ, the collector, and what Kubernetes knows of containers.
const OF_OTHERS: [&str; 8] =
    ["ALERTS", "container_", "kube_", "otelcol_", "process_", "prometheus_", "rabbitmq_", "up"];
/// What a histogram's series add to its name.
const OF_HISTOGRAMS: [&str; 3] = ["_bucket", "_count", "_sum"];
/// Words of the language that look like a metric's name.
const WORDS: [&str; 8] = ["and", "bool", "inf", "nan", "offset", "or", "unless", "end"];
/// Words that are followed by names of labels in parentheses.
const BEFORE_LABELS: [&str; 6] = ["by", "group_left", "group_right", "ignoring", "on", "without"];

/// One complaint for each metric that is asked for and not told of.
pub(crate) fn unknown(tree: &Path) -> Result<Vec<String>> {
    let mut known = BTreeSet::new();
    for file in TOLD_IN {
        let text = fs::read_to_string(tree.join(file)).with_context(|| file)?;
        known.extend(told(&text));
    }
    let asks = |path: &str| path.ends_with(".json") || path.ends_with(".yml");
    let mut asked = Vec::new();
    for file in tree::files(tree, "observability", asks)? {
        let text = fs::read_to_string(tree.join(&file))?;
        known.extend(recorded(&text));
        asked.extend(expressions(&text).into_iter().map(|expression| (file.clone(), expression)));
    }
    let mut complaints = BTreeSet::new();
    for (file, expression) in &asked {
        for name in names(expression).filter(|name| !is_known(name, &known)) {
            complaints.insert(format!("{file} asks for {name}, which no table of metrics tells of"));
        }
    }
    Ok(complaints.into_iter().collect())
}

fn is_known(name: &str, known: &BTreeSet<String>) -> bool {
    let of_others = |other: &str| if other.ends_with('_') { name.starts_with(other) } else { name == other };
    let series = |end: &str| name.strip_suffix(end).is_some_and(|name| known.contains(name));
    known.contains(name)
        || OF_OTHERS.iter().any(|other| of_others(other))
        || OF_HISTOGRAMS.iter().any(|end| series(end))
}

/// Names between backticks, without what follows them in braces.
fn told(markdown: &str) -> impl Iterator<Item = String> {
    let quoted = markdown.split('`').skip(1).step_by(2);
    quoted.map(|text| text.split('{').next().unwrap_or_default().to_owned())
}

/// Names that recording rules give.
fn recorded(text: &str) -> impl Iterator<Item = String> {
    let values = text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("record: "));
    values.map(|name| name.trim().to_owned())
}

/// What Prometheus is asked, in a dashboard or in a file of rules.
fn expressions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start_matches([' ', '-']).len();
        let line = &line[indent..];
        if let Some(value) = line.strip_prefix("\"expr\": \"") {
            found.push(
                value.trim_end_matches(',').trim_end_matches('"').replace("\\\"", "\"").replace("\\n", " "),
            );
        } else if let Some(value) = line.strip_prefix("expr:") {
            let mut expression = value.trim().trim_start_matches(['|', '>', '-']).to_owned();
            // The lines of a block are further to the right than its key.
            while let Some(next) =
                lines.next_if(|next| next.len() - next.trim_start().len() > indent || next.trim().is_empty())
            {
                expression = format!("{expression} {}", next.trim());
            }
            found.push(expression);
        }
    }
    found
}

/// The metrics of an expression: words that are no function, no label, no text and no word of the language.
fn names(expression: &str) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(letter) = rest.chars().next() {
        if letter.is_ascii_alphabetic() || letter == '_' {
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
            let length = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
            let word = &rest[..length];
            rest = rest[length..].trim_start();
            let lower = word.to_ascii_lowercase();
            if BEFORE_LABELS.contains(&lower.as_str()) {
                rest = after(rest, '(', ')');
            } else if !rest.starts_with('(') && !aggregates(rest) && !WORDS.contains(&lower.as_str()) {
                found.push(word.to_owned());
            }
        } else if letter.is_ascii_digit() {
            // A number, or a duration like 5m.
            rest = rest.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '.');
        } else {
            rest = match letter {
                '{' => after(rest, '{', '}'),
                '[' => after(rest, '[', ']'),
                '"' => after(&rest[1..], '"', '"'),
                '$' => rest[1..]
                    .trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '_'),
                _ => &rest[letter.len_utf8()..],
            };
        }
    }
    found.into_iter()
}

/// Whether the word before this is a function, although no parenthesis follows it: `sum by (queue) (x)`.
fn aggregates(rest: &str) -> bool {
    ["by", "without"]
        .iter()
        .any(|word| rest.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '('])))
}

/// What comes after the parenthesis that a text begins with; texts within may have the other one.
fn after(text: &str, open: char, close: char) -> &str {
    if !text.starts_with(open) && open != close {
        return text;
    }
    let mut in_text = false;
    for (at, letter) in text.char_indices() {
        if letter == close && !in_text {
            return &text[at + close.len_utf8()..];
        }
        in_text ^= letter == '"' && close != '"';
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::{expressions, is_known, names, recorded, told};

    #[test]
    fn an_expressions_metrics_are_told_from_its_other_words() {
        let check = |expression: &str, metrics: &[&str]| {
            assert_eq!(names(expression).collect::<Vec<_>>(), metrics, "{expression}");
        };
        check("up", &["up"]);
        check(
            "sum by (service, le) (rate(a_bucket{x=~\"5..|b}c\", y!=\"z\"}[$__rate_interval]))",
            &["a_bucket"],
        );
        check("a_total / on (queue) group_left () b or vector(0) > bool 5e3", &["a_total", "b"]);
        check("time() - job:a:rate5m offset 5m unless absent(c{})", &["job:a:rate5m", "c"]);
        check("label_replace(a, \"to\", \"$1\", \"from\", \"(.*)\") * 1.5", &["a"]);
    }

    #[test]
    fn expressions_are_found_in_dashboards_and_in_rules() {
        assert_eq!(expressions("  \"expr\": \"a{b=\\\"c\\\"}\",\n"), ["a{b=\"c\"}"]);
        let rules =
            "- alert: A\n  expr: a > 1\n  for: 5m\n- record: x:y\n  expr: |-\n    b\n    > 2\n  labels: {}\n";
        assert_eq!(expressions(rules), ["a > 1", " b > 2"]);
        assert_eq!(recorded(rules).collect::<Vec<_>>(), ["x:y"]);
    }

    #[test]
    fn a_metric_is_known_by_the_docs_or_by_who_exports_it() {
        let known = told("| `a_seconds`, `b_total{x=\"y\"}` | c_total |").collect();
        for name in ["a_seconds", "a_seconds_bucket", "b_total", "rabbitmq_queue_messages", "up"] {
            assert!(is_known(name, &known), "{name}");
        }
        for name in ["c_total", "a_second", "upper", "b_total_x"] {
            assert!(!is_known(name, &known), "{name}");
        }
    }
}

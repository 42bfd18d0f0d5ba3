//! As much of PromQL as it takes to say which metrics an expression names.

use std::collections::BTreeSet;

/// Words that stand where a metric could.
const WORDS: [&str; 16] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "offset",
    "bool",
    "inf",
    "nan",
    "atan2",
    "start",
    "end",
];

/// After these comes a list of labels.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// The metrics that an expression names.
pub(crate) fn metrics(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = expression;
    let mut before = "";
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '"' | '\'' | '`' => through(rest, first),
            '{' => through(rest, '}'),
            '[' => through(rest, ']'),
            '(' if BEFORE_LABELS.contains(&before) => through(rest, ')'),
            _ if first.is_ascii_alphabetic() || first == '_' || first == ':' => word(rest),
            // A number, which may have letters: 1e3, 5m.
            _ if first.is_ascii_digit() => word(rest),
            _ => &rest[..first.len_utf8()],
        };
        rest = &rest[taken.len()..];
        let is_name = !first.is_ascii_digit() && word(taken) == taken && !taken.is_empty();
        // sum(a), and also sum by (b) (a).
        let follows = rest.trim_start();
        let is_called = follows.starts_with('(') || ["by", "without"].contains(&word(follows));
        if is_name && !is_called && !WORDS.contains(&taken.to_lowercase().as_str()) {
            found.insert(taken.to_owned());
        }
        if !taken.trim().is_empty() {
            before = taken;
        }
    }
    found
}

/// The beginning that is a name.
fn word(text: &str) -> &str {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    &text[..text.find(|letter| !is_part(letter)).unwrap_or(text.len())]
}

/// Up to the next `end` after the first letter, which is not in a text of its own.
fn through(text: &str, end: char) -> &str {
    let mut quoted = None;
    for (at, letter) in text.char_indices().skip(1) {
        match quoted {
            Some(quote) if letter == quote => quoted = None,
            None if letter == end => return &text[..at + letter.len_utf8()],
            None if letter == '"' || letter == '\'' => quoted = Some(letter),
            _ => {}
        }
    }
    text
}

#[test]
fn an_expression_names_its_metrics_and_nothing_else_is_one() {
    for (expression, expected) in [
        ("up", vec!["up"]),
        ("vector(0)", vec![]),
        (r#"sum by (service, le) (rate(a_bucket{le="x",b=~"}c"}[5m])) > 1e3"#, vec!["a_bucket"]),
        ("a / on (x) group_left (y) b offset 5m", vec!["a", "b"]),
        (r#"label_replace(absent(q), "service", "d", "", "") or time() - max(r)"#, vec!["q", "r"]),
        ("count(bus_connected == 0) or vector(0)", vec!["bus_connected"]),
        ("sum without(a) (job:x:rate5m) unless b", vec!["b", "job:x:rate5m"]),
        ("topk(5, histogram_quantile(0.99, sum by (le) (rate(h_bucket[1m]))))", vec!["h_bucket"]),
    ] {
        let names: Vec<String> = metrics(expression).into_iter().collect();
        assert_eq!(names, expected, "{expression}");
    }
}

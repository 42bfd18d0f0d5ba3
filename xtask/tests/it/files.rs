//! What no file may be or contain.

use crate::repository::{Text, nothing_in, texts, texts_ending};

/// A file longer than this is two files.
const LINES_OF_RUST: usize = 400;
/// A decision that takes longer to read is not one decision.
const LINES_OF_ADR: usize = 40;

/// The few statics that may be: their file, how the line or the one above it begins, and why.
const STATICS: [(&str, &str, &str); 2] = [
    (
        "/main.rs",
        "#[global_allocator]",
        "the language takes an allocator in no other way, and it holds nothing of ours",
    ),
    (
        "libs/platform/src/telemetry.rs",
        "static HANDLE:",
        "the recorder is one a process by the design of `metrics`",
    ),
];

/// Where developers' folders begin. Spelled in two halves, for this file is checked too.
const MACHINES: [&str; 4] =
    [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// What has not been written yet. In halves as well.
const UNFINISHED: [&str; 2] = [concat!("todo", "!("), concat!("unimplemented", "!(")];

#[test]
fn files_are_short() {
    nothing_in(&complaints_about(texts_ending(".rs"), |file| too_long(file, LINES_OF_RUST)));
}

#[test]
fn decisions_are_short() {
    let decisions = texts_ending(".md").into_iter().filter(|file| file.path.starts_with("docs/adr/"));
    nothing_in(&complaints_about(decisions, |file| too_long(file, LINES_OF_ADR)));
}

#[test]
fn there_are_no_statics() {
    nothing_in(&complaints_about(texts_ending(".rs"), statics));
}

#[test]
fn nothing_is_left_to_be_written() {
    nothing_in(&complaints_about(texts_ending(".rs"), |file| lines_with(file, &UNFINISHED)));
}

#[test]
fn no_file_knows_a_developers_machine() {
    nothing_in(&complaints_about(texts(), |file| lines_with(file, &MACHINES)));
}

#[test]
fn each_rule_can_fail() {
    let file = |text: &str| Text { path: "a.rs".to_owned(), text: text.to_owned() };
    assert_eq!(too_long(&file("1\n2\n3\n"), 2), ["a.rs has 3 lines, at most 2 are easily read"]);
    assert!(too_long(&file("1\n2\n"), 2).is_empty());

    let global =
        "#[global_allocator]\nstatic GLOBAL: A = A;\nfn f() { let s: &'static str; }\n// static in words\n";
    assert_eq!(statics(&file(global)).len(), 1, "it may be in a main.rs only");
    assert!(statics(&Text { path: "services/a/src/main.rs".to_owned(), text: global.to_owned() }).is_empty());
    for hidden in [
        "static A: u8 = 1;",
        "    pub(crate) static A: u8 = 1;",
        "pub static A: u8 = 1;",
        "static mut A: u8 = 1;",
    ] {
        assert_eq!(statics(&file(hidden)).len(), 1, "{hidden}");
    }

    let path = format!("see {}me/x", MACHINES[0]);
    assert_eq!(lines_with(&file(&path), &MACHINES), [format!("a.rs:1 has `{}`", MACHINES[0])]);
}

fn complaints_about(
    files: impl IntoIterator<Item = Text>,
    rule: impl Fn(&Text) -> Vec<String>,
) -> Vec<String> {
    files.into_iter().flat_map(|file| rule(&file)).collect()
}

fn too_long(file: &Text, limit: usize) -> Vec<String> {
    let lines = file.text.lines().count();
    let complaint = || format!("{} has {lines} lines, at most {limit} are easily read", file.path);
    (lines > limit).then(complaint).into_iter().collect()
}

fn statics(file: &Text) -> Vec<String> {
    let mut before = "";
    let mut complaints = Vec::new();
    for (number, line) in file.text.lines().map(str::trim).enumerate() {
        let item = line.strip_prefix("pub").map_or(line, |rest| match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(')').map_or(rest, |parts| parts.1).trim_start(),
            None => rest.trim_start(),
        });
        let allowed = STATICS.iter().any(|(path, begin, _)| {
            file.path.ends_with(path) && (before.starts_with(begin) || item.starts_with(begin))
        });
        if item.starts_with("static ") && item.contains(':') && !allowed {
            complaints.push(format!("{}:{} is a static; pass a value instead", file.path, number + 1));
        }
        before = line;
    }
    complaints
}

fn lines_with(file: &Text, patterns: &[&str]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for pattern in patterns.iter().filter(|pattern| line.contains(**pattern)) {
            complaints.push(format!("{}:{} has `{pattern}`", file.path, number + 1));
        }
    }
    complaints
}

//! Environment variables that configure a service, wherever one is written: each is a key of
//! `config/default.toml`.

use std::collections::BTreeSet;

use crate::repository::{nothing_in, texts, texts_ending};

/// Two underscores separate the parts of a key, so no other variable of ours begins like this.
const PREFIX: &str = "ONHAND__";

#[test]
fn a_variable_that_is_written_down_is_one_that_is_read() {
    let default = texts_ending("config/default.toml").pop().expect("config/default.toml");
    let known = keys(&default.text);
    let mut complaints = Vec::new();
    // Rust's tests configure things that are not ours, to test that they are refused.
    for file in texts().iter().filter(|file| !file.path.contains("/tests/")) {
        for key in variables(&file.text).difference(&known) {
            complaints.push(format!("{} sets {key}, which config/default.toml does not have", file.path));
        }
    }
    nothing_in(&complaints);
}

#[test]
fn keys_are_read_from_both_notations() {
    let default =
        "# About it.\n[bus]\nurl = \"memory:\"\n# retries = 3\n# = not a key\n[bus.deep]\nlimit = 1\n";
    let toml = keys(default);
    assert_eq!(toml, ["bus.deep.limit", "bus.retries", "bus.url"].map(str::to_owned).into());
    let script =
        format!("a {PREFIX}BUS__URL=x: {PREFIX}BUS__DEEP__LIMIT {PREFIX}<SECTION> {PREFIX}SECTION__KEY");
    let set = ["bus.deep.limit", "bus.url"].map(str::to_owned).into();
    assert_eq!(variables(&script), set);
}

/// Keys of the default configuration; one that has no default is there as a comment.
fn keys(toml: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in toml.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = header.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && !key.is_empty()
            && key
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter == '_' || letter.is_ascii_digit())
        {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

/// Keys that a text sets through the environment, the placeholder `SECTION__KEY` excepted.
fn variables(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    let after = text.split(PREFIX).skip(1);
    let names = after.map(|rest| rest.split(|letter| !is_part(letter)).next().unwrap_or_default());
    let keys = names.filter(|name| name.contains("__") && *name != "SECTION__KEY");
    keys.map(|name| name.to_lowercase().replace("__", ".")).collect()
}

//! Which crate may depend on which. A new edge is a decision: it changes this list and
//! `docs/ARCHITECTURE.md` in one commit.

use crate::repository::{nothing_in, texts_ending};

/// Each crate, and which of ours it may use outside its tests.
const EDGES: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("events", &[]),
    ("forecast", &[]),
    ("platform", &[]),
    ("proto", &[]),
    ("testkit", &[]),
    ("ledger", &["domain", "events", "platform"]),
    ("stock-updater", &["domain", "events", "ledger", "platform", "proto"]),
    ("stock-checker", &["domain", "events", "forecast", "ledger", "platform", "proto"]),
    ("supplier-sync", &["domain", "events", "platform"]),
    (
        "onhand",
        &[
            "domain",
            "events",
            "forecast",
            "ledger",
            "platform",
            "proto",
            "stock-checker",
            "stock-updater",
            "supplier-sync",
        ],
    ),
    ("bench", &["domain", "events", "ledger", "platform", "stock-checker", "stock-updater", "supplier-sync"]),
    ("xtask", &["testkit"]),
];

/// What any crate's tests may use beside.
const FOR_TESTS: [&str; 1] = ["testkit"];

/// A dependency as a manifest names it.
#[derive(Debug, PartialEq, Eq)]
struct Dependency {
    name: String,
    for_tests: bool,
}

#[test]
fn crates_depend_only_on_those_they_may() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for manifest in texts_ending("/Cargo.toml") {
        let name = package(&manifest.text).unwrap_or_else(|| panic!("{} names no package", manifest.path));
        complaints.extend(forbidden(&name, &dependencies(&manifest.text)));
        seen += 1;
    }
    nothing_in(&complaints);
    assert_eq!(seen, EDGES.len(), "a crate is in EDGES but not in the repository");
}

#[test]
fn a_forbidden_edge_is_named() {
    let manifest = "[package]\nname = \"domain\"\n[dependencies]\nserde.workspace = true\n\
                    platform = { path = \"../platform\" }\n[dev-dependencies]\ntestkit.workspace = true\n\
                    [dependencies.ledger]\npath = \"x\"\n";
    assert_eq!(package(manifest).as_deref(), Some("domain"));
    assert_eq!(
        forbidden("domain", &dependencies(manifest)),
        ["domain may not depend on platform", "domain may not depend on ledger"]
    );
    assert_eq!(forbidden("new", &[]), ["new is in no list of allowed edges"]);
}

#[test]
fn what_is_for_tests_stays_in_tests() {
    let manifest = "[dependencies]\ntestkit.workspace = true\n";
    assert_eq!(forbidden("ledger", &dependencies(manifest)), ["ledger may not depend on testkit"]);
}

fn forbidden(name: &str, dependencies: &[Dependency]) -> Vec<String> {
    let Some((_, allowed)) = EDGES.iter().find(|(of, _)| *of == name) else {
        return vec![format!("{name} is in no list of allowed edges")];
    };
    let is_ours = |dependency: &&Dependency| EDGES.iter().any(|(ours, _)| *ours == dependency.name);
    let may = |dependency: &&Dependency| {
        let name = dependency.name.as_str();
        allowed.contains(&name) || dependency.for_tests && FOR_TESTS.contains(&name)
    };
    let ours = dependencies.iter().filter(is_ours);
    ours.filter(|dependency| !may(dependency))
        .map(|dependency| format!("{name} may not depend on {}", dependency.name))
        .collect()
}

fn package(manifest: &str) -> Option<String> {
    let line = manifest.lines().find(|line| line.starts_with("name = "))?;
    Some(line.split('"').nth(1)?.to_owned())
}

/// The dependencies of a manifest, by the two ways in which ours are written: a line each in a table of
/// all, or a table each.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut table = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']');
            if let Some((kind, name)) = table.rsplit_once("dependencies.") {
                found.push(Dependency { name: name.to_owned(), for_tests: kind.ends_with("dev-") });
            }
        } else if table.ends_with("dependencies") && line.contains('=') && !line.starts_with('#') {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            found.push(Dependency { name: name.to_owned(), for_tests: table.ends_with("dev-dependencies") });
        }
    }
    found
}

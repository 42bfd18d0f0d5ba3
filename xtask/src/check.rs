//! `cargo xtask check`: what CI runs, before the tests.

use anyhow::Result;

use crate::step::{self, Stop, cargo, program};

/// Every check, cheapest first; the first that fails ends it.
pub(crate) async fn run(stop: &mut Stop) -> Result<()> {
    step::run(cargo(["fmt", "--all", "--check"]), stop).await?;
    step::run(cargo(["test", "--quiet", "--package", "xtask", "--test", "it"]), stop).await?;
    if step::succeeds("typos", &["--version"]).await {
        step::run(program("typos", [""; 0]), stop).await?;
    } else {
        absent("typos", "cargo install --locked typos-cli");
    }
    if step::succeeds("cargo", &["deny", "--version"]).await {
        step::run(cargo(["deny", "--workspace", "check"]), stop).await?;
    } else {
        absent("cargo-deny", "cargo install --locked cargo-deny");
    }
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    step::run(cargo(clippy), stop).await?;
    let mut docs = cargo(["doc", "--workspace", "--no-deps"]);
    docs.env("RUSTDOCFLAGS", "--deny warnings");
    step::run(docs, stop).await
}

fn absent(tool: &str, install: &str) {
    eprintln!("NOT CHECKED: {tool} is not installed (`{install}`); CI runs it");
}

//! `cargo xtask test`: every test, on both kinds of back ends.

use anyhow::Result;
use tokio::process::Command;

use crate::backends::Backends;
use crate::prometheus::Prometheus;
use crate::step::{self, Stop, cargo};

/// Builds what end-to-end tests start, then runs the tests; with a filter, only those it names.
pub(crate) async fn run(filter: &[String], stop: &mut Stop) -> Result<()> {
    let backends = Backends::start(stop).await?;
    let prometheus = Prometheus::find(stop).await?;
    let on_backends = |mut command: Command| {
        command.envs(backends.variables()).envs(prometheus.path());
        command
    };
    step::run(cargo(["build", "--workspace", "--bins"]), stop).await?;
    if step::succeeds("cargo", &["nextest", "--version"]).await {
        let mut tests = cargo(["nextest", "run", "--workspace", "--no-fail-fast"]);
        tests.args(filter);
        step::run(on_backends(tests), stop).await?;
        if filter.is_empty() {
            // nextest does not know of these.
            step::run(on_backends(cargo(["test", "--workspace", "--doc"])), stop).await?;
        }
    } else {
        let mut tests = cargo(["test", "--workspace", "--no-fail-fast", "--"]);
        tests.args(filter);
        step::run(on_backends(tests), stop).await?;
    }
    eprintln!("all tests passed");
    Ok(())
}

//! A private Prometheus, and the tool that checks its rules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::folder::Folder;
use super::port::Port;
use super::process::{Process, Signal, answers_ok};
use super::{attempt, find};

/// A Prometheus that scrapes what its configuration says. Its data goes with it.
#[derive(Debug)]
pub struct Prometheus {
    _process: Process,
    port: Port,
    _folder: Folder,
}

impl Prometheus {
    /// Starts one on a free port with this `prometheus.yml`. Paths in it are absolute, for it lies in a folder of its
    /// own.
    ///
    /// # Errors
    ///
    /// When there is no `prometheus` or it does not come up, as with a rule that does not parse; its log is in the
    /// error.
    pub fn start(config: &str) -> Result<Prometheus> {
        attempt("Prometheus", || Prometheus::on(Port::free()?, config))
    }

    /// Where `prometheus` is, when this machine has it and `promtool`.
    #[must_use]
    pub fn binary() -> Option<PathBuf> {
        find("promtool")?;
        find("prometheus")
    }

    /// `promtool test rules FILE`, its output in the error when a test fails.
    ///
    /// # Errors
    ///
    /// When there is no `promtool`, and when a test fails.
    pub fn test_rules(tests: &Path) -> Result<()> {
        let mut command = Command::new(find("promtool").context("no promtool on this machine")?);
        command.args(["test", "rules"]).arg(tests);
        super::process::run(command)
    }

    fn on(port: Port, config: &str) -> Result<Prometheus> {
        let folder = Folder::new("prometheus")?;
        let file = folder.file("prometheus.yml");
        fs::write(&file, config).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = Command::new(Prometheus::binary().context("no prometheus on this machine")?);
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.file("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{}", port.number));
        let ready = || answers_ok(port.number, "/-/ready");
        let process = Process::start(command, folder.path(), Signal::Kill, ready)?;
        Ok(Prometheus { _process: process, port, _folder: folder })
    }

    /// `http://…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number)
    }
}

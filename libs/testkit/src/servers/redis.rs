//! A private Redis.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::folder::Folder;
use super::port::Port;
use super::process::{Process, Signal, first_byte};
use super::{attempt, find};

/// A Redis of our own. It keeps nothing over a restart, as a cache.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    port: Port,
    folder: Folder,
}

impl Redis {
    /// Starts one on a free port.
    ///
    /// # Errors
    ///
    /// When there is no `redis-server` or it does not come up; its log is in the error.
    pub fn start() -> Result<Redis> {
        attempt("Redis", || Redis::on(Port::free()?))
    }

    /// Starts one on this port.
    ///
    /// # Errors
    ///
    /// As [`Redis::start`], and when the port is taken.
    pub fn start_on(port: u16) -> Result<Redis> {
        Redis::on(Port::exactly(port))
    }

    /// Where `redis-server` is, when this machine has it.
    #[must_use]
    pub fn binary() -> Option<PathBuf> {
        find("redis-server")
    }

    fn on(port: Port) -> Result<Redis> {
        let mut server = Redis { process: None, port, folder: Folder::new("redis")? };
        server.restart()?;
        Ok(server)
    }

    /// `redis://…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port.number)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again, empty, on the same port, after killing it if it still runs.
    ///
    /// # Errors
    ///
    /// When the server does not come up.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let port = self.port.number;
        let mut command = Command::new(Redis::binary().context("no redis-server on this machine")?);
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
            &port.to_string(),
        ]);
        let ready = || first_byte(port, b"PING\r\n") == Some(b'+');
        self.process = Some(Process::start(command, self.folder.path(), Signal::Kill, ready)?);
        Ok(())
    }
}

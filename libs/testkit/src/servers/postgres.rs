//! A private PostgreSQL, and copies that follow it.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::folder::Folder;
use super::port::Port;
use super::process::{Process, Signal, first_byte, run};
use super::{attempt, id, is_root, path_folders};

/// Enough for several test processes with a pool per service each.
const MAX_CONNECTIONS: u16 = 200;

/// `StartupMessage` of protocol 3.0 for user `app`, database `postgres`; the answer's first byte is `R`
/// once the server takes connections and `E` while it recovers.
const STARTUP: &[u8] = b"\0\0\0\x24\0\x03\0\0user\0app\0database\0postgres\0\0";

/// A PostgreSQL of our own, user `app` without a password, with the durability of a default one.
#[derive(Debug)]
pub struct Postgres {
    // Declared before the folder, so that the server is gone when its folder goes.
    process: Option<Process>,
    binaries: PathBuf,
    port: Port,
    folder: Folder,
}

impl Postgres {
    /// Starts one on a free port.
    ///
    /// # Errors
    ///
    /// When no binaries are found or the server does not come up; its log is in the error.
    pub fn start() -> Result<Postgres> {
        attempt("PostgreSQL", || Postgres::on(Port::free()?))
    }

    /// Starts one on this port.
    ///
    /// # Errors
    ///
    /// As [`Postgres::start`], and when the port is taken.
    pub fn start_on(port: u16) -> Result<Postgres> {
        Postgres::on(Port::exactly(port))
    }

    /// Where the binaries of the newest version are, when this machine has any that can be used.
    #[must_use]
    pub fn binaries() -> Option<PathBuf> {
        let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let packaged = packaged.map(|version| version.path().join("bin"));
        // Of equals the last wins: the packaged ones, because on PATH there may be wrappers.
        let folders = path_folders().into_iter().chain(packaged);
        folders
            .filter_map(|folder| Some((version(&folder)?, folder)))
            .max_by_key(|found| found.0)
            .map(|found| found.1)
    }

    fn on(port: Port) -> Result<Postgres> {
        let binaries = Postgres::binaries().context("no initdb and postgres on this machine")?;
        let folder = Folder::new("postgres")?;
        let mut server = Postgres { process: None, binaries, port, folder };
        server.init()?;
        server.run()?;
        Ok(server)
    }

    /// `postgres://…` of its database `postgres`, in which others may be created.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://app@127.0.0.1:{}/postgres", self.port.number)
    }

    /// `kill -9`: no clean-up, no checkpoint.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again on the same port and data, after killing it if it still runs.
    ///
    /// # Errors
    ///
    /// When the server does not come up.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        self.run()
    }

    /// Changes its settings, as names and values of `postgresql.conf`, and starts it again with them.
    ///
    /// # Errors
    ///
    /// When the server does not come up with them.
    pub fn configure(&mut self, settings: &[(&str, &str)]) -> Result<()> {
        let file = self.data().join("postgresql.auto.conf");
        let mut text = fs::read_to_string(&file)?;
        text.extend(settings.iter().map(|(name, value)| format!("{name} = '{value}'\n")));
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        self.restart()
    }

    /// Starts a copy of it that follows it (a streaming replica), on a free port. It answers questions and takes no
    /// writes.
    ///
    /// # Errors
    ///
    /// When the copy cannot be made or does not come up.
    pub fn replica(&self) -> Result<Postgres> {
        attempt("replica of PostgreSQL", || {
            let (port, folder) = (Port::free()?, Folder::new("postgres")?);
            let mut replica = Postgres { process: None, binaries: self.binaries.clone(), port, folder };
            replica.own_folder()?;
            let mut copy = replica.command("pg_basebackup")?;
            copy.args(["-h", "127.0.0.1", "-p", &self.port.number.to_string(), "-U", "app"]);
            copy.args(["-R", "-X", "stream", "--no-sync", "-c", "fast", "-D"]).arg(replica.data());
            run(copy)?;
            replica.configure(&[("port", &replica.port.number.to_string())])?;
            Ok(replica)
        })
    }

    /// PostgreSQL refuses to be root, so that the folder has to be another's.
    fn own_folder(&self) -> Result<()> {
        if is_root() {
            chown(self.folder.path(), Some(id(&["-u", "postgres"])?), None)?;
        }
        Ok(())
    }

    fn init(&self) -> Result<()> {
        self.own_folder()?;
        let mut initdb = self.command("initdb")?;
        initdb.arg("-D").arg(self.data());
        initdb.args(["-U", "app", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        run(initdb)?;
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nmax_connections = {MAX_CONNECTIONS}\n",
            self.port.number
        );
        let file = self.data().join("postgresql.auto.conf");
        fs::write(&file, settings).with_context(|| format!("cannot write {}", file.display()))
    }

    fn run(&mut self) -> Result<()> {
        let port = self.port.number;
        // After a kill the old backends take a moment to notice, and the data stays theirs meanwhile.
        self.process = Some(attempt("PostgreSQL", || {
            let mut server = self.command("postgres")?;
            server.arg("-D").arg(self.data());
            Process::start(server, self.folder.path(), Signal::Quit, || {
                first_byte(port, STARTUP) == Some(b'R')
            })
        })?);
        Ok(())
    }

    /// One of its programs, as user `postgres` when we are root, which PostgreSQL refuses to be.
    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.binaries.join(program));
        // Not where we are, which user `postgres` may not be allowed to see.
        command.current_dir(self.folder.path());
        if is_root() {
            // Not `runuser`, which stays between us and the server as its parent.
            command.uid(id(&["-u", "postgres"])?).gid(id(&["-g", "postgres"])?);
        }
        Ok(command)
    }

    fn data(&self) -> PathBuf {
        self.folder.file("data")
    }
}

/// The version of the programs in a folder that has all we need, as in `(15, 18)`.
fn version(folder: &Path) -> Option<(u32, u32)> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    folder.join("initdb").is_file().then_some(())?;
    let mut numbers = said.split_whitespace().nth(2)?.split('.').map_while(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next().unwrap_or(0)))
}

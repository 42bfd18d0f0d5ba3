//! Private, throw-away servers: each on its own free port of loopback, in its own folder.
//!
//! Calls block, a second at most but for RabbitMQ's six: they are for plain code and for a test's
//! set-up. A server ends when it is dropped, and also when the process that started it dies in any
//! way, because a small watchdog holds the other end of a pipe.
//!
//! **Invariant**: only processes started here are ever stopped, by their own id, never by name.

mod folder;
mod port;
mod postgres;
mod process;
mod prometheus;
mod rabbitmq;
mod redis;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

#[cfg(feature = "stage")]
pub(crate) use port::Port;
pub use postgres::Postgres;
pub use prometheus::Prometheus;
pub use rabbitmq::RabbitMq;
pub use redis::{Redis, RedisCluster};

/// How often a server is tried on other ports: another program may take one between our look and
/// the server's bind.
const ATTEMPTS: usize = 3;

/// Starts a server, trying again on other ports.
fn attempt<T>(what: &str, start: impl Fn() -> Result<T>) -> Result<T> {
    let mut tried = 1;
    loop {
        match start() {
            Err(_) if tried < ATTEMPTS => tried += 1,
            outcome => return outcome.with_context(|| format!("could not start a private {what}")),
        }
    }
}

/// Whether this process runs as root, as which PostgreSQL refuses to run.
fn is_root() -> bool {
    id(&["-u"]).is_ok_and(|user| user == 0)
}

/// What `id` answers: the number of a user or group.
fn id(arguments: &[&str]) -> Result<u32> {
    let output = Command::new("id").args(arguments).output().context("cannot run id")?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let number = answer.trim().parse();
    number.with_context(|| {
        format!("no such user: id {}; {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr))
    })
}

/// The folders of `PATH`, in order.
#[expect(clippy::disallowed_methods, reason = "PATH is the machine's, not part of our configuration")]
fn path_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The first executable of this name on `PATH` and in the places Debian keeps servers.
fn find(name: &str) -> Option<PathBuf> {
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    path_folders().into_iter().chain(usual).map(|folder| folder.join(name)).find(|file| file.is_file())
}

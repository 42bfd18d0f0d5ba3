//! Running one program after another, and ending them all on Ctrl-C.

use std::ffi::OsStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

/// How long a program may take to end when asked to: the services' own limit for what they have
/// accepted is shorter.
const END_LIMIT: Duration = Duration::from_secs(40);

/// Ctrl-C and SIGTERM, from the moment this exists.
pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// From here on neither ends this process by itself.
    pub(crate) fn listen() -> Result<Stop> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Stop { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next of either.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A cargo command in the repository's root.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    program("cargo", arguments)
}

/// A command in the repository's root.
pub(crate) fn program<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(crate::root()).kill_on_drop(true);
    command
}

/// Shows a command, runs it, and fails when it fails or when we are told to stop.
pub(crate) async fn run(mut command: Command, stop: &mut Stop) -> Result<()> {
    let shown = shown(&command);
    eprintln!("$ {shown}");
    let mut child = command.spawn().with_context(|| format!("cannot run {shown}"))?;
    let status = tokio::select! {
        status = child.wait() => status?,
        () = stop.wait() => {
            end(&mut child).await;
            bail!("interrupted in {shown}");
        }
    };
    if !status.success() {
        bail!("{shown} failed: {status}");
    }
    Ok(())
}

/// Whether a program is there and succeeds; its output is not shown.
pub(crate) async fn succeeds(name: &str, arguments: &[&str]) -> bool {
    program(name, arguments).output().await.is_ok_and(|output| output.status.success())
}

/// SIGTERM, then SIGKILL when that takes too long.
pub(crate) async fn end(child: &mut Child) {
    if let Some(id) = child.id() {
        // The shell's own `kill`: there is no safe one in the standard library.
        let _ = program("sh", ["-c", "kill -s TERM \"$1\"", "kill", &id.to_string()]).output().await;
    }
    if timeout(END_LIMIT, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

fn shown(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

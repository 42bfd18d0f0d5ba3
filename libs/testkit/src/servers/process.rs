//! One running server: its process group, its log, its watchdog.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// RabbitMQ, the slowest, takes six seconds alone and several times that beside a busy build.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long a server may take to end by itself before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// A probe of a server on this machine answers at once or not at all.
const PROBE_LIMIT: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(20);
/// What of the log goes into an error.
const LOG_TAIL: usize = 2_000;

/// Ends the server and removes its folder when our end of the pipe closes. `$1` is the signal, `$2`
/// the process group, `$3` the folder.
const WATCHDOG: &str = r#"
read -r line
[ "$line" = stand-down ] && exit 0
kill -"$1" "$2" 2>/dev/null
sleep 1
kill -KILL -"$2" 2>/dev/null
rm -rf "$3"
"#;

/// A server in a process group of its own, so that a Ctrl-C meant for us does not reach it and all of
/// its helpers end with it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    watchdog: Child,
    stop: Signal,
}

/// How a server is asked to end on drop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// For those that leave nothing behind.
    Kill,
    /// PostgreSQL's immediate stop: as abrupt, but shared memory is given back.
    Quit,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Kill => "KILL",
            Signal::Quit => "QUIT",
        }
    }
}

impl Process {
    /// Starts `command`, its output appended to `server.log` in `folder`, and waits until `ready`.
    pub(crate) fn start(
        mut command: Command,
        folder: &Path,
        stop: Signal,
        ready: impl Fn() -> bool,
    ) -> Result<Process> {
        let path = folder.join("server.log");
        let log = File::options().create(true).append(true).open(&path)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        command.current_dir(folder);
        let child = command.spawn().with_context(|| format!("cannot run {:?}", command.get_program()))?;
        let watchdog = watchdog(child.id(), stop, folder)?;
        let mut process = Process { child, watchdog, stop };
        let deadline = Instant::now() + READY_LIMIT;
        while !ready() {
            if let Some(status) = process.child.try_wait()? {
                bail!("it ended with {status}: {}", tail(&path));
            }
            if Instant::now() > deadline {
                bail!("it was not ready within {READY_LIMIT:?}: {}", tail(&path));
            }
            sleep(POLL);
        }
        Ok(process)
    }

    /// `kill -9`, of the server and its helpers.
    pub(crate) fn kill(&mut self) {
        // The group's leader is not reaped yet, so that its id is still ours.
        let _ = send("KILL", &format!("-{}", self.child.id()));
        let _ = self.child.wait();
        self.stand_down();
    }

    /// Asks it to end in its own time, and kills it when that is too long.
    pub(crate) fn end(&mut self) {
        let _ = send("TERM", &self.child.id().to_string());
        let deadline = Instant::now() + READY_LIMIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(POLL);
        }
        self.kill();
    }

    fn stand_down(&mut self) {
        if let Some(mut pipe) = self.watchdog.stdin.take() {
            let _ = pipe.write_all(b"stand-down\n");
        }
        let _ = self.watchdog.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && matches!(self.stop, Signal::Quit) {
            let _ = send(self.stop.name(), &self.child.id().to_string());
            let deadline = Instant::now() + STOP_LIMIT;
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                sleep(POLL);
            }
        }
        self.kill();
    }
}

/// Runs a command to its end, its output in the error when it fails.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{:?} ended with {}: {}", command.get_program(), output.status, said.trim())
}

/// Sends `question` to a port of loopback and shows the first byte of the answer.
pub(crate) fn first_byte(port: u16, question: &[u8]) -> Option<u8> {
    first_bytes(port, question).map(|[byte]| byte)
}

/// Whether an HTTP server on a port of loopback answers a path with 200.
pub(crate) fn answers_ok(port: u16, path: &str) -> bool {
    let question = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    first_bytes(port, question.as_bytes()) == Some(*b"HTTP/1.1 200")
}

fn first_bytes<const N: usize>(port: u16, question: &[u8]) -> Option<[u8; N]> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PROBE_LIMIT).ok()?;
    stream.set_read_timeout(Some(PROBE_LIMIT)).ok()?;
    stream.write_all(question).ok()?;
    let mut answer = [0; N];
    stream.read_exact(&mut answer).ok()?;
    Some(answer)
}

fn watchdog(group: u32, stop: Signal, folder: &Path) -> Result<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", WATCHDOG, "watchdog", stop.name(), &group.to_string()]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().context("cannot run sh")
}

/// The shell's `kill`, because there is no safe one in the standard library.
fn send(signal: &str, whom: &str) -> Result<()> {
    let mut command = Command::new("sh");
    command.args(["-c", r#"kill -s "$1" -- "$2""#, "kill", signal, whom]);
    run(command)
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let from = text.len().saturating_sub(LOG_TAIL);
    String::from_utf8_lossy(&text[from..]).into_owned()
}

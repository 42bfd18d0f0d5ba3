//! Free ports of loopback, claimed across processes.

use std::fs::{self, File};
use std::net::TcpListener;

use anyhow::{Context, Result, bail};

use super::id;

/// Below the range from which Linux takes the ports of outgoing connections (32768 up), so that no
/// client of anyone takes a chosen port while its server starts or restarts, and low enough for the
/// ports that RabbitMQ derives by adding 20,000.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// Many more than ports are ever in use at once.
const TRIES: usize = 200;

/// A port that no other process using this module will choose while this value lives.
///
/// The claim is a lock on a file, which the kernel releases when its process ends, however it ends.
/// Other users' processes are not told; against those a server that loses its port is tried again.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _claim: Option<File>,
}

impl Port {
    /// Claims a free port.
    pub(crate) fn free() -> Result<Port> {
        for _ in 0..TRIES {
            let number = rand::random_range(RANGE);
            if let Some(claim) = claim(number)? {
                return Ok(Port { number, _claim: Some(claim) });
            }
        }
        bail!("no free port between {} and {}", RANGE.start, RANGE.end)
    }

    /// The port that the caller asks for, whoever else may want it.
    pub(crate) fn exactly(number: u16) -> Port {
        Port { number, _claim: None }
    }
}

fn claim(number: u16) -> Result<Option<File>> {
    // One a user, who cannot write into another's.
    let folder = std::env::temp_dir().join(format!("onhand-ports-{}", id(&["-u"])?));
    fs::create_dir_all(&folder).context("no folder for port claims")?;
    let file = File::create(folder.join(number.to_string())).context("no file for a port's claim")?;
    let ours = file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok();
    Ok(ours.then_some(file))
}

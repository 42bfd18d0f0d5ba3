//! A private Redis, or a cluster of them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::folder::Folder;
use super::port::Port;
use super::process::{Process, Signal, first_byte};
use super::{attempt, find};

/// The fewest of which a cluster can be made.
const CLUSTER_NODES: usize = 3;

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
        self.process = Some(run(&self.port, &self.folder, &[])?);
        Ok(())
    }
}

/// A Redis Cluster of our own: three nodes, each owning a third of the keys, no copies.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    process: Process,
    port: Port,
    _bus: Port,
    _folder: Folder,
}

impl RedisCluster {
    /// Starts one on free ports.
    ///
    /// # Errors
    ///
    /// When there is no `redis-server` and `redis-cli`, or they do not become a cluster.
    pub fn start() -> Result<RedisCluster> {
        attempt("Redis Cluster", || {
            let nodes = (0..CLUSTER_NODES).map(|_| Node::start()).collect::<Result<Vec<Node>>>()?;
            let mut create = Command::new(find("redis-cli").context("no redis-cli on this machine")?);
            create.args(["--cluster", "create"]);
            create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port.number)));
            create.args(["--cluster-replicas", "0", "--cluster-yes"]);
            super::process::run(create)?;
            Ok(RedisCluster { nodes })
        })
    }

    /// `redis-cluster://…`, naming all nodes.
    #[must_use]
    pub fn url(&self) -> String {
        let nodes = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port.number));
        format!("redis-cluster://{}/", nodes.collect::<Vec<_>>().join(","))
    }

    /// `kill -9` of one node. Its keys are nowhere then.
    pub fn kill_one(&mut self) {
        if let Some(node) = self.nodes.first_mut() {
            node.process.kill();
        }
    }
}

impl Node {
    fn start() -> Result<Node> {
        let (port, bus, folder) = (Port::free()?, Port::free()?, Folder::new("redis")?);
        let bus_port = bus.number.to_string();
        let settings =
            ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus_port];
        let process = run(&port, &folder, &settings)?;
        Ok(Node { process, port, _bus: bus, _folder: folder })
    }
}

/// Starts a server that keeps nothing on disk.
fn run(port: &Port, folder: &Folder, settings: &[&str]) -> Result<Process> {
    let number = port.number;
    let mut command = Command::new(Redis::binary().context("no redis-server on this machine")?);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.args(["--port", &number.to_string()]).args(settings);
    let ready = || first_byte(number, b"PING\r\n") == Some(b'+');
    Process::start(command, folder.path(), Signal::Kill, ready)
}

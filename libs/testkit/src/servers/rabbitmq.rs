//! A private RabbitMQ, with an epmd of its own so that any number run side by side.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::folder::Folder;
use super::port::Port;
use super::process::{Process, Signal, first_byte};
use super::{attempt, find};

/// The protocol header of AMQP 0-9-1; a broker that is up answers with a method frame, which starts
/// with a 1.
const GREETING: &[u8] = b"AMQP\0\0\x09\x01";

/// Debian's script on `PATH` changes to user `rabbitmq` and its folders; this one does not.
const PLAIN_SCRIPT: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// A broker with user `guest` and no plugins: AMQP only.
#[derive(Debug)]
pub struct RabbitMq {
    process: Option<Process>,
    /// The name server that Erlang would otherwise start as a daemon, and leave behind.
    _epmd: Process,
    amqp: Port,
    distribution: Port,
    names: Port,
    folder: Folder,
}

impl RabbitMq {
    /// Starts one on a free port, in about six seconds.
    ///
    /// # Errors
    ///
    /// When there is no `rabbitmq-server` or it does not come up; its log is in the error.
    pub fn start() -> Result<RabbitMq> {
        attempt("RabbitMQ", || RabbitMq::on(Port::free()?))
    }

    /// Starts one on this port.
    ///
    /// # Errors
    ///
    /// As [`RabbitMq::start`], and when the port is taken.
    pub fn start_on(port: u16) -> Result<RabbitMq> {
        RabbitMq::on(Port::exactly(port))
    }

    /// Where `rabbitmq-server` is, when this machine has it and Erlang.
    #[must_use]
    pub fn binary() -> Option<PathBuf> {
        find("epmd")?;
        let plain = PathBuf::from(PLAIN_SCRIPT);
        if plain.is_file() { Some(plain) } else { find("rabbitmq-server") }
    }

    fn on(amqp: Port) -> Result<RabbitMq> {
        let folder = Folder::new("rabbitmq")?;
        let names = Port::free()?;
        let mut epmd = Command::new(find("epmd").context("no epmd on this machine")?);
        epmd.args(["-address", "127.0.0.1", "-port", &names.number.to_string()]);
        let listening = || TcpStream::connect(("127.0.0.1", names.number)).is_ok();
        let epmd = Process::start(epmd, folder.path(), Signal::Kill, listening)?;
        let mut server =
            RabbitMq { process: None, _epmd: epmd, amqp, distribution: Port::free()?, names, folder };
        server.write_files()?;
        server.restart()?;
        Ok(server)
    }

    /// `amqp://…`, virtual host `/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.amqp.number)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops it as an operator would, in its own time.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.end();
        }
    }

    /// Starts it again on the same port and data, after killing it if it still runs.
    ///
    /// # Errors
    ///
    /// When the broker does not come up.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        // The name of a broker that was killed may be taken for a moment longer.
        self.process = Some(attempt("RabbitMQ", || {
            let ready = || first_byte(self.amqp.number, GREETING) == Some(1);
            Process::start(self.command()?, self.folder.path(), Signal::Kill, ready)
        })?);
        Ok(())
    }

    fn write_files(&self) -> Result<()> {
        for folder in ["mnesia", "log", "cfg", "schema"] {
            fs::create_dir(self.folder.file(folder))?;
        }
        let settings = format!(
            "listeners.tcp.private = 127.0.0.1:{}\n\
             vm_memory_high_watermark.absolute = 1GiB\n\
             disk_free_limit.absolute = 200MB\n\
             heartbeat = 10\n",
            self.amqp.number
        );
        fs::write(self.folder.file("rabbitmq.conf"), settings)?;
        fs::write(self.folder.file("advanced.config"), "[].\n")?;
        fs::write(self.folder.file("enabled_plugins"), "[].\n")?;
        fs::write(self.folder.file("env.conf"), "")?;
        // Erlang refuses a cookie that others may read.
        let mut cookie = fs::File::options();
        let cookie = cookie.create_new(true).write(true).mode(0o400).open(self.folder.file(".erlang.cookie"));
        std::io::Write::write_all(&mut cookie?, uuid::Uuid::new_v4().simple().to_string().as_bytes())?;
        Ok(())
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(RabbitMq::binary().context("no rabbitmq-server on this machine")?);
        // The script then becomes the broker instead of waiting for it, so that our child is the broker.
        command.env("RUNNING_UNDER_SYSTEMD", "true");
        command.env("HOME", self.folder.path()).env("LANG", "C.UTF-8");
        // The port, not a number of ours, tells apart the nodes of one epmd and the logs of several.
        command.env("RABBITMQ_NODENAME", format!("onhand{}@localhost", self.amqp.number));
        command.env("RABBITMQ_DIST_PORT", self.distribution.number.to_string());
        command.env("ERL_EPMD_PORT", self.names.number.to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
        let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback);
        let files = [
            ("RABBITMQ_MNESIA_BASE", "mnesia"),
            ("RABBITMQ_LOG_BASE", "log"),
            ("RABBITMQ_GENERATED_CONFIG_DIR", "cfg"),
            ("RABBITMQ_SCHEMA_DIR", "schema"),
            ("RABBITMQ_PID_FILE", "rabbitmq.pid"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
            ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
            ("RABBITMQ_CONF_ENV_FILE", "env.conf"),
        ];
        for (variable, file) in files {
            command.env(variable, self.folder.file(file));
        }
        Ok(command)
    }
}

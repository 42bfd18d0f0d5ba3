//! Back ends in containers, for a machine that has Docker and nothing else.

use anyhow::Result;

use crate::step::{self, Stop, program};

/// Apart from what `docker compose up` runs, and thrown away after.
const PROJECT: &str = "onhand-xtask";

/// Where `docker-compose.yml` publishes a service, by the variables it reads; not the usual ports, which
/// may be in use.
const PORTS: [(&str, &str); 4] = [
    ("ONHAND_POSTGRES_PORT", "25432"),
    ("ONHAND_REDIS_PORT", "26379"),
    ("ONHAND_RABBITMQ_PORT", "25672"),
    ("ONHAND_RABBITMQ_UI_PORT", "25673"),
];

/// Containers that run; dropped, they go, and their data with them.
pub(crate) struct Compose(());

impl Compose {
    /// Whether there is a Docker engine to ask.
    pub(crate) async fn is_there() -> bool {
        step::succeeds("docker", &["compose", "version"]).await && step::succeeds("docker", &["info"]).await
    }

    /// Starts these services of `docker-compose.yml` and waits until they are healthy.
    pub(crate) async fn up(services: &[&str], stop: &mut Stop) -> Result<Compose> {
        let mut command =
            program("docker", ["compose", "--project-name", PROJECT, "up", "--detach", "--wait"]);
        command.args(services).envs(PORTS);
        let compose = Compose(());
        step::run(command, stop).await.map(|()| compose)
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        // Not async: this also runs while an error or a panic is on its way up.
        let mut command = std::process::Command::new("docker");
        command.args(["compose", "--project-name", PROJECT, "down", "--volumes"]).envs(PORTS);
        if !command.current_dir(crate::root()).status().is_ok_and(|status| status.success()) {
            eprintln!("xtask: containers of project {PROJECT} may still run");
        }
    }
}

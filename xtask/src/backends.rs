//! PostgreSQL, Redis and RabbitMQ: which ones, and keeping them while they are needed.

use anyhow::{Context, Result, bail};
use testkit::servers::{Postgres, RabbitMq, Redis};

use crate::compose::Compose;
use crate::step::{self, Stop, program};

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Postgres,
    Redis,
    RabbitMq,
}

const KINDS: [Kind; 3] = [Kind::Postgres, Kind::Redis, Kind::RabbitMq];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Postgres => "PostgreSQL",
            Kind::Redis => "Redis",
            Kind::RabbitMq => "RabbitMQ",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Kind::Postgres => "DATABASE_URL",
            Kind::Redis => "REDIS_URL",
            Kind::RabbitMq => "AMQP_URL",
        }
    }

    /// Debian's name for it.
    fn package(self) -> &'static str {
        match self {
            Kind::Postgres => "postgresql",
            Kind::Redis => "redis-server",
            Kind::RabbitMq => "rabbitmq-server",
        }
    }

    /// Its name in `docker-compose.yml`, and where it is published for us.
    fn container(self) -> (&'static str, &'static str) {
        match self {
            Kind::Postgres => ("postgres", "postgres://onhand:onhand@127.0.0.1:25432/postgres"),
            Kind::Redis => ("redis", "redis://127.0.0.1:26379/"),
            Kind::RabbitMq => ("rabbitmq", "amqp://onhand:onhand@127.0.0.1:25672/%2f"),
        }
    }

    fn has_binaries(self) -> bool {
        match self {
            Kind::Postgres => Postgres::binaries().is_some(),
            Kind::Redis => Redis::binary().is_some(),
            Kind::RabbitMq => RabbitMq::binary().is_some(),
        }
    }

    fn start(self) -> Result<(String, Instance)> {
        Ok(match self {
            Kind::Postgres => {
                let server = Postgres::start()?;
                (server.url(), Instance::Postgres(server))
            }
            Kind::Redis => {
                let server = Redis::start()?;
                (server.url(), Instance::Redis(server))
            }
            Kind::RabbitMq => {
                let server = RabbitMq::start()?;
                (server.url(), Instance::RabbitMq(server))
            }
        })
    }
}

/// What is held only to be dropped at the end.
#[expect(dead_code, reason = "each lives until it is dropped, which stops it")]
enum Instance {
    Postgres(Postgres),
    Redis(Redis),
    RabbitMq(RabbitMq),
    Containers(Compose),
}

/// Three servers that are up, until this is dropped.
pub(crate) struct Backends {
    urls: Vec<(Kind, String)>,
    instances: Vec<Instance>,
}

impl Backends {
    /// Finds or starts all three, and says which.
    pub(crate) async fn start(stop: &mut Stop) -> Result<Backends> {
        let mut backends = Backends { urls: Vec::new(), instances: Vec::new() };
        let mut missing = Vec::new();
        for kind in KINDS {
            match from_environment(kind.variable()) {
                Some(url) => backends.chose(kind, &format!("the one that {} names", kind.variable()), url),
                None if kind.has_binaries() => backends.start_private(kind, "this machine's binaries")?,
                None => missing.push(kind),
            }
        }
        if missing.is_empty() {
            return Ok(backends);
        }
        if may_install().await {
            let packages: Vec<&str> = missing.iter().map(|kind| kind.package()).collect();
            install(&packages, stop).await?;
            for kind in missing {
                backends.start_private(kind, "the Debian package just installed")?;
            }
        } else if Compose::is_there().await {
            let services: Vec<&str> = missing.iter().map(|kind| kind.container().0).collect();
            backends.instances.push(Instance::Containers(Compose::up(&services, stop).await?));
            for kind in missing {
                backends.chose(kind, "a container by docker compose", kind.container().1.to_owned());
            }
        } else {
            bail!(advice(&missing));
        }
        Ok(backends)
    }

    /// `DATABASE_URL`, `REDIS_URL` and `AMQP_URL`.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.urls.iter().map(|(kind, url)| (kind.variable(), url.as_str()))
    }

    /// One of those three.
    pub(crate) fn url(&self, variable: &str) -> Result<&str> {
        let found = self.variables().find(|(name, _)| *name == variable);
        found.map(|(_, url)| url).with_context(|| format!("{variable} is not one of the back ends"))
    }

    /// Whether PostgreSQL is a container, whose image makes the services' databases itself.
    pub(crate) fn has_databases(&self) -> bool {
        self.url(Kind::Postgres.variable()).is_ok_and(|url| url == Kind::Postgres.container().1)
    }

    fn start_private(&mut self, kind: Kind, origin: &str) -> Result<()> {
        let (url, instance) = kind.start()?;
        self.instances.push(instance);
        self.chose(kind, &format!("a private instance of {origin}"), url);
        Ok(())
    }

    fn chose(&mut self, kind: Kind, what: &str, url: String) {
        eprintln!("{}: {what}, {}", kind.name(), without_password(&url));
        self.urls.push((kind, url));
    }
}

/// A variable of the user's; an empty one is none.
#[expect(clippy::disallowed_methods, reason = "the documented way to bring servers and keys of one's own")]
pub(crate) fn from_environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// Whether this is root on Debian or Ubuntu.
pub(crate) async fn may_install() -> bool {
    let user = program("id", ["-u"]).output().await;
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
        && step::succeeds("apt-get", &["--version"]).await
}

/// Installs Debian packages.
pub(crate) async fn install(packages: &[&str], stop: &mut Stop) -> Result<()> {
    let apt = |arguments: &[&str]| {
        let mut command = program("apt-get", arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        // What `services` prints to standard output is to be evaluated by a shell.
        command.stdout(std::io::stderr());
        command
    };
    step::run(apt(&["update", "--quiet"]), stop).await?;
    let mut command = apt(&["install", "--quiet", "--yes", "--no-install-recommends"]);
    command.args(packages);
    step::run(command, stop).await
}

fn advice(missing: &[Kind]) -> String {
    let mut lines =
        vec!["nothing to run the real back ends with. For each of these do one of the three:".to_owned()];
    for kind in missing {
        lines.push(format!(
            "  {}: set {}, or install the package {}, or start a Docker engine with compose",
            kind.name(),
            kind.variable(),
            kind.package()
        ));
    }
    lines.push("As root on Debian or Ubuntu this command installs the packages itself.".to_owned());
    lines.join("\n")
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let server = rest.rsplit_once('@').map_or(rest, |parts| parts.1);
    format!("{scheme}://{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_has_no_password() {
        assert_eq!(without_password("amqp://me:secret@host:5672/%2f"), "amqp://host:5672/%2f");
        assert_eq!(without_password("redis://host:6379/"), "redis://host:6379/");
    }

    #[test]
    fn advice_names_the_variable_and_the_package_of_each_missing_server() {
        let advice = advice(&[Kind::Redis, Kind::RabbitMq]);
        for word in ["REDIS_URL", "redis-server", "AMQP_URL", "rabbitmq-server"] {
            assert!(advice.contains(word), "{advice}");
        }
        assert!(!advice.contains("DATABASE_URL"));
    }
}

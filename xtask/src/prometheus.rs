//! Prometheus, with which dashboards and alerts are tested: which one.
//!
//! A test starts it itself, so that only its programs are looked for here.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use testkit::servers::Prometheus as Server;

use crate::backends::{from_environment, install, may_install};
use crate::compose::Compose;
use crate::step::{self, Stop, program};

/// Debian's name for it.
const PACKAGE: &str = "prometheus";
/// The two programs, as they lie in its image.
const PROGRAMS: [&str; 2] = ["/bin/prometheus", "/bin/promtool"];

/// Where its programs are.
pub(crate) struct Prometheus {
    /// None: where the tests look anyway.
    folder: Option<PathBuf>,
}

impl Prometheus {
    /// Finds it, installs it as root, or takes it out of its image; says which.
    pub(crate) async fn find(stop: &mut Stop) -> Result<Prometheus> {
        let folder = if Server::binary().is_some() {
            eprintln!("Prometheus: this machine's binary");
            None
        } else if may_install().await {
            install(&[PACKAGE], stop).await?;
            eprintln!("Prometheus: the Debian package just installed");
            None
        } else if Compose::is_there().await {
            let folder = taken_out(stop).await?;
            eprintln!("Prometheus: the program of the image in docker-compose.yml, in {}", folder.display());
            Some(folder)
        } else {
            bail!(
                "no Prometheus to test the dashboards with: install the package {PACKAGE}, or start a Docker engine \
                 with compose. As root on Debian or Ubuntu this command installs it itself"
            );
        };
        Ok(Prometheus { folder })
    }

    /// `PATH` with its folder in front, if there is one.
    pub(crate) fn path(&self) -> Option<(&'static str, OsString)> {
        let folder = self.folder.clone()?;
        let path = from_environment("PATH").unwrap_or_default();
        let folders = [folder].into_iter().chain(env::split_paths(&path));
        Some(("PATH", env::join_paths(folders).ok()?))
    }
}

/// Copies the programs out of the image, which needs no container to run.
async fn taken_out(stop: &mut Stop) -> Result<PathBuf> {
    let folder = crate::root().join("target/prometheus");
    fs::create_dir_all(&folder).with_context(|| format!("no folder {}", folder.display()))?;
    let compose = fs::read_to_string(crate::root().join("docker-compose.yml"))?;
    let image = image(&compose).context("docker-compose.yml has no image of Prometheus")?;
    let created = program("docker", ["create", image]).output().await.context("docker create")?;
    if !created.status.success() {
        bail!("docker create {image}: {}", String::from_utf8_lossy(&created.stderr).trim());
    }
    let container = String::from_utf8_lossy(&created.stdout).trim().to_owned();
    let mut copied = Ok(());
    for name in PROGRAMS {
        let from = format!("{container}:{name}");
        copied =
            copied.and(step::run(program("docker", ["cp", &from, &folder.to_string_lossy()]), stop).await);
    }
    step::run(program("docker", ["rm", &container]), stop).await?;
    copied.map(|()| folder)
}

/// The image of Prometheus that a compose file names.
fn image(compose: &str) -> Option<&str> {
    let images = compose.lines().filter_map(|line| line.trim().strip_prefix("image: "));
    images.map(str::trim).find(|image| image.contains("/prometheus:"))
}

#[cfg(test)]
mod tests {
    use super::image;

    #[test]
    fn the_image_is_the_one_that_compose_runs() {
        let compose = std::fs::read_to_string(crate::root().join("docker-compose.yml")).unwrap();
        assert!(image(&compose).unwrap().starts_with("prom/prometheus:v"), "{:?}", image(&compose));
        assert_eq!(image("services:\n  a:\n    image: postgres:17\n"), None);
    }
}

//! The validators: those of PyPI in an environment of their own below `target/`, by version and hash, and
//! the few that the machine must have.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::backends::{self, from_environment};
use crate::step::{self, Stop, program};

/// What is installed, relative to the repository.
const LOCKED: &str = "xtask/deploy-tools.txt";
/// Where.
const FOLDER: &str = "target/deploy-tools";
/// Where Terraform looks for providers by itself, and below which folder one may have been put by hand.
const PROVIDERS: [&str; 2] = ["/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"];
const BY_HAND: &str = "/opt";
/// What such a folder has, whatever the source's name: the one provider that we use.
const PROVIDER: &str = "hashicorp/aws";

/// Where each validator is.
pub(crate) struct Tools {
    environment: PathBuf,
    pub(crate) promtool: PathBuf,
    pub(crate) amtool: PathBuf,
    pub(crate) terraform: Option<PathBuf>,
    /// A folder of Terraform's providers, for a machine that cannot fetch them.
    pub(crate) providers: Option<PathBuf>,
    /// `docker compose`, which needs no engine to read a file.
    pub(crate) docker: Option<PathBuf>,
}

impl Tools {
    /// Finds them, and installs what it may.
    pub(crate) async fn ready(stop: &mut Stop) -> Result<Tools> {
        let environment = environment(stop).await?;
        let promtool = debian("promtool", "prometheus", stop).await?;
        let amtool = debian("amtool", "prometheus-alertmanager", stop).await?;
        let docker = in_path("docker");
        let has_compose = step::succeeds("docker", &["compose", "version"]).await;
        Ok(Tools {
            environment,
            promtool,
            amtool,
            terraform: in_path("terraform"),
            providers: providers(),
            docker: docker.filter(|_| has_compose),
        })
    }

    /// A program of PyPI.
    pub(crate) fn python(&self, name: &str) -> PathBuf {
        self.environment.join("bin").join(name)
    }
}

/// The environment with exactly what is locked; made anew when that has changed, and when a run that made
/// it was cut off.
async fn environment(stop: &mut Stop) -> Result<PathBuf> {
    let root = crate::root();
    let locked = fs::read_to_string(root.join(LOCKED)).context(LOCKED)?;
    let environment = root.join(FOLDER);
    let installed = environment.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == locked) {
        return Ok(environment);
    }
    if environment.exists() {
        fs::remove_dir_all(&environment)?;
    }
    eprintln!("installing the validators into {FOLDER}, once");
    // Debian has Python without this module, and says so only when it is used.
    if !step::succeeds("python3", &["-c", "import ensurepip, venv"]).await {
        install("python3-venv", "python3 with its module venv", stop).await?;
    }
    step::run(program("python3", ["-m", "venv", FOLDER]), stop).await?;
    let pip = environment.join("bin/pip").to_string_lossy().into_owned();
    let options =
        ["install", "--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes", "-r", LOCKED];
    step::run(program(&pip, options), stop).await?;
    fs::write(installed, locked)?;
    Ok(environment)
}

/// A program of a Debian package.
async fn debian(name: &str, package: &str, stop: &mut Stop) -> Result<PathBuf> {
    if let Some(path) = in_path(name) {
        return Ok(path);
    }
    install(package, name, stop).await?;
    in_path(name).with_context(|| format!("the package {package} has no {name}"))
}

async fn install(package: &str, what: &str, stop: &mut Stop) -> Result<()> {
    if !backends::may_install().await {
        bail!("deploy-check needs {what}: `apt-get install {package}`, which it does itself as root");
    }
    backends::install(&[package], stop).await
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = from_environment("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn providers() -> Option<PathBuf> {
    let by_hand = fs::read_dir(BY_HAND).into_iter().flatten().flatten().map(|entry| entry.path());
    PROVIDERS.iter().map(PathBuf::from).chain(by_hand).find(|folder| has_provider(folder))
}

fn has_provider(folder: &Path) -> bool {
    let sources = fs::read_dir(folder).into_iter().flatten().flatten();
    sources.map(|source| source.path().join(PROVIDER)).any(|provider| provider.is_dir())
}

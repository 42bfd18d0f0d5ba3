//! Copies of the files that deploy Onhand, to check and to plant faults in.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What deploys Onhand, and what that is checked against.
const DEPLOYS: [&str; 14] = [
    ".ci",
    ".dockerignore",
    ".github",
    ".yamllint.yml",
    "Dockerfile",
    "config",
    "docker",
    "docker-compose.yml",
    "docs/EVENTS.md",
    "docs/OPERATIONS.md",
    "k8s",
    "observability",
    "terraform",
    "xtask/schemas",
];

/// What tools leave behind, which no commit has.
const LEFT_BEHIND: &str = ".terraform";

/// Where the copies are.
fn copies() -> PathBuf {
    crate::root().join("target/deploy-check")
}

/// Removes the copies of earlier runs.
pub(crate) fn forget_copies() -> Result<()> {
    let copies = copies();
    if copies.exists() {
        fs::remove_dir_all(&copies).with_context(|| copies.display().to_string())?;
    }
    Ok(())
}

/// Copies all there is into a folder of this name, and says where that is.
pub(crate) fn copy(name: &str) -> Result<PathBuf> {
    let to = copies().join(name);
    for part in DEPLOYS {
        let from = crate::root().join(part);
        if from.exists() {
            copy_all(&from, &to.join(part)).with_context(|| format!("cannot copy {part}"))?;
        }
    }
    Ok(to)
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            if name != LEFT_BEHIND {
                copy_all(&from.join(&name), &to.join(&name))?;
            }
        }
    } else {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(from, to)?;
    }
    Ok(())
}

/// The files below a folder whose path `is_wanted`, in order, by their paths from `tree`.
pub(crate) fn files(tree: &Path, below: &str, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![tree.join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Some(path) = path.strip_prefix(tree)?.to_str()
                && is_wanted(path)
            {
                found.push(path.to_owned());
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

//! One process at a time on a SQLite file.
//!
//! SQLite itself would let a second process in. But buses and caches in a process hear only of its own changes, so
//! two would answer from what the other has outdated.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::{DbConfig, sqlite_file, sqlite_options};
use crate::config::Config;

/// Beside `stock.db`, `stock.db.lock`.
const SUFFIX: &str = ".lock";

/// That this process is alone on its SQLite files, while it lives. The kernel gives them free however it ends.
#[must_use]
#[derive(Debug)]
pub struct Alone(#[expect(dead_code, reason = "held, and given free when dropped")] Vec<File>);

/// Claims the SQLite files among the databases that these keys name; those on servers need no claim.
///
/// # Errors
///
/// When another process is on one of them, or when its folder cannot be written.
pub fn alone(config: &Config, keys: &[&str]) -> anyhow::Result<Alone> {
    let database: DbConfig = config.section("database")?;
    let mut files: Vec<(PathBuf, &str)> = Vec::new();
    for key in keys {
        let url = config.text(key)?;
        let Some(file) = sqlite_file(&url).with_context(|| format!("`{key}`"))? else { continue };
        if !files.iter().any(|(known, _)| *known == file) {
            // Makes its folder, in which the lock is to lie.
            sqlite_options(&url, &database).with_context(|| format!("`{key}`"))?;
            files.push((file, key));
        }
    }
    let locks = files.iter().map(|(file, key)| lock(file).with_context(|| format!("`{key}`")));
    Ok(Alone(locks.collect::<anyhow::Result<_>>()?))
}

fn lock(database: &Path) -> anyhow::Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(SUFFIX);
    let path = PathBuf::from(path);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another process works on {}; SQLite is for one process, several need PostgreSQL",
            database.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

//! A server's own folder, removed with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use uuid::Uuid;

/// A fresh folder that is removed on drop.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder below [`base`].
    pub(crate) fn new(purpose: &str) -> Result<Folder> {
        let path = base().join(format!("onhand-{purpose}-{}", Uuid::new_v4().simple()));
        fs::create_dir_all(&path).with_context(|| format!("no folder {}", path.display()))?;
        Ok(Folder(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A server that is just dying may still write; what stays behind is in a temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `TMPDIR`, else `/var/tmp`, else the system's choice: `/tmp` may be memory, on which an fsync
/// proves nothing.
#[expect(clippy::disallowed_methods, reason = "TMPDIR is the machine's, not part of our configuration")]
fn base() -> PathBuf {
    let persistent = PathBuf::from("/var/tmp");
    if std::env::var_os("TMPDIR").is_none() && persistent.is_dir() {
        persistent
    } else {
        std::env::temp_dir()
    }
}

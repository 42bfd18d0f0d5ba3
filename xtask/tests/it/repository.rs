//! The repository's files, as they lie in the folder.

use std::fs;
use std::path::{Path, PathBuf};

/// What is made here and never committed; see `.gitignore`.
const NOT_OURS: [&str; 4] = [".git", "target", "data", "logs"];

/// A text file: its path from the root, with forward slashes, and what it says.
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Every text file of the repository.
pub(crate) fn texts() -> Vec<Text> {
    let root = root();
    let mut texts = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            let relative = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            if NOT_OURS.contains(&relative.as_str()) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                texts.push(Text { path: relative, text });
            }
        }
    }
    assert!(texts.iter().any(|file| file.path == "Cargo.toml"), "this is not the repository's root");
    texts
}

/// Those with this ending.
pub(crate) fn texts_ending(ending: &str) -> Vec<Text> {
    texts().into_iter().filter(|file| file.path.ends_with(ending)).collect()
}

/// Fails with everything there is to complain about, not only the first.
#[track_caller]
pub(crate) fn nothing_in(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

//! `cargo xtask release-notes`: what a release says of itself.

use std::fs;

use anyhow::{Context, Result, bail};

/// Prints the section of `CHANGELOG.md` for a version, or a tag that is named like one; fails unless the
/// binaries are of that version, and the section says something.
pub(crate) fn notes(tag: &str) -> Result<()> {
    let version = tag.strip_prefix('v').unwrap_or(tag);
    let ours = env!("CARGO_PKG_VERSION");
    if version != ours {
        bail!("{tag} is not the version of these sources, {ours}: Cargo.toml says which it is");
    }
    let changelog = fs::read_to_string(crate::root().join("CHANGELOG.md")).context("CHANGELOG.md")?;
    println!("{}", section(&changelog, version)?);
    Ok(())
}

/// What is between the heading of a version and the next one.
fn section(changelog: &str, version: &str) -> Result<String> {
    let heading = format!("## [{version}]");
    let mut lines = changelog.lines().skip_while(|line| !line.starts_with(&heading));
    let found = lines.next().with_context(|| {
        format!("CHANGELOG.md has no section {heading}: give the unreleased one that name, and a date")
    })?;
    if !found[heading.len()..].starts_with(" - ") {
        bail!("the heading of {version} in CHANGELOG.md has no date: `{heading} - YYYY-MM-DD`");
    }
    let said: Vec<&str> = lines.take_while(|line| !line.starts_with("## ")).collect();
    let said = said.join("\n").trim().to_owned();
    if said.is_empty() {
        bail!("CHANGELOG.md says nothing of {version}");
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::section;

    const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- Later\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- Two\n\n\
                             ## [0.1.0]\n\n- One\n\n## [0.0.1] - 2026-01-01\n\n";

    #[test]
    fn a_release_says_what_is_below_its_heading_and_no_more() {
        assert_eq!(section(CHANGELOG, "0.2.0").unwrap(), "### Added\n\n- Two");
    }

    #[test]
    fn a_release_without_a_section_a_date_or_a_word_is_refused() {
        let check = |version: &str, why: &str| {
            let refusal = section(CHANGELOG, version).unwrap_err().to_string();
            assert!(refusal.contains(why), "{refusal}");
        };
        check("0.3.0", "no section");
        check("0.1.0", "no date");
        check("0.0.1", "says nothing");
    }
}

//! Rules of our own that no validator has.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::tree;

/// How each validator is told to let something pass.
const MARKS: [&str; 6] = [
    "checkov:skip=",
    "checkov.io/skip",
    "hadolint ignore=",
    "shellcheck disable=",
    "yamllint disable",
    "zizmor: ignore",
];
/// A reason has at least so many words.
const WORDS: usize = 3;
/// Or is that of the line before, which has one.
const AS_ABOVE: &str = "as above";

/// One complaint for each finding that is let pass without a reason on its line.
pub(crate) fn suppressions(tree: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    // The schemas and docs may speak of marks.
    let is_deployed = |path: &str| !path.starts_with("xtask/") && !path.starts_with("docs/");
    for file in tree::files(tree, "", is_deployed)? {
        let Ok(text) = fs::read_to_string(tree.join(&file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if let Some(mark) = without_reason(line) {
                complaints.push(format!("{file}:{} has `{mark}` and no reason after it", number + 1));
            }
        }
    }
    Ok(complaints)
}

/// The mark on this line, if no reason follows what it lets pass.
fn without_reason(line: &str) -> Option<&'static str> {
    let (mark, rest) = MARKS.iter().find_map(|mark| Some((*mark, line.split_once(mark)?.1)))?;
    let is_letters = |word: &&str| word.chars().filter(char::is_ascii_lowercase).count() > 1;
    // Codes are in capitals, but for zizmor's and yamllint's, which end at a bracket or a comment.
    let reason = rest.split_once([':', '=', '#', ']']).map_or(rest, |parts| parts.1);
    let has_reason =
        reason.trim() == AS_ABOVE || reason.split_whitespace().filter(is_letters).count() >= WORDS;
    (!has_reason).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::without_reason;

    #[test]
    fn what_is_let_pass_has_a_reason_on_its_line() {
        for good in [
            "# hadolint ignore=DL3008 # the newest certificates, not those of that day",
            "  #checkov:skip=CKV_AWS_1:there is nobody to tell",
            "  #checkov:skip=CKV_AWS_2:as above",
            "    checkov.io/skip1: CKV_K8S_8=a Job has no probes",
            "uses: a@b # zizmor: ignore[unpinned-uses] it is our own action",
            "nothing of the kind",
        ] {
            assert_eq!(without_reason(good), None, "{good}");
        }
        for bad in [
            "# hadolint ignore=DL3008",
            "#checkov:skip=CKV_AWS_1",
            "#checkov:skip=CKV_AWS_1:ok",
            "checkov.io/skip1: CKV_K8S_8=no",
            "# shellcheck disable=SC2086",
            "uses: a@b # zizmor: ignore[unpinned-uses]",
        ] {
            assert!(without_reason(bad).is_some(), "{bad}");
        }
    }
}

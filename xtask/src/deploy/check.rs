//! One check: a name, what it is about, and the steps that it takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio::time::timeout;

use super::tools::Tools;
use super::tree;

/// The longest step, loading a provider's schema, takes ten seconds on a slow machine; this one hangs.
const STEP_LIMIT: Duration = Duration::from_secs(180);
/// How much of what a validator says is shown: the first finding is what there is to mend.
const SHOWN_LINES: usize = 60;

/// Something that can be wrong.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// Files and folders without which there would be nothing to check: one that is missing is a fault.
    pub(crate) covers: &'static [&'static str],
    pub(crate) plan: fn(&Site) -> Result<Plan>,
}

/// How a check goes about it.
pub(crate) enum Plan {
    /// Each in its turn; the first that fails ends it.
    Steps(Vec<Step>),
    /// A validator that this machine does not have, and how to get it.
    NotChecked(String),
}

/// Something that passes or fails.
pub(crate) enum Step {
    Program(Program),
    /// A rule of our own: a name, and what it complains about in a tree.
    Rule(&'static str, fn(&Path) -> Result<Vec<String>>),
}

/// A validator's command, run in the tree.
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Where its standard output goes, if a later step reads it.
    pub(crate) output: Option<PathBuf>,
    /// What in its output is a fault although it succeeded.
    pub(crate) refuses: Option<fn(&str) -> Option<String>>,
    /// What in its output says that it failed for this machine's sake.
    pub(crate) excuse: Option<fn(&str) -> bool>,
}

/// What came of a check.
pub(crate) enum Verdict {
    Passed,
    NotChecked(String),
    /// The finding, and the command that shows it.
    Failed(String),
}

/// A copy of the files, a folder for what is made of them, and the validators.
pub(crate) struct Site {
    pub(crate) tree: PathBuf,
    pub(crate) made: PathBuf,
    pub(crate) tools: Arc<Tools>,
}

impl Site {
    /// Copies the files into a folder of this name.
    pub(crate) fn copy(name: &str, tools: &Arc<Tools>) -> Result<Site> {
        let tree = tree::copy(name)?;
        let made = tree.with_extension("made");
        fs::create_dir_all(&made)?;
        Ok(Site { tree, made, tools: tools.clone() })
    }
}

impl Program {
    /// A command that passes when it succeeds.
    pub(crate) fn new(path: PathBuf, arguments: impl IntoIterator<Item = impl Into<String>>) -> Program {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Program { path, arguments, output: None, refuses: None, excuse: None }
    }

    fn shown(&self) -> String {
        let into = self.output.as_ref().map_or(String::new(), |file| format!(" > {}", file.display()));
        format!("{} {}{into}", self.path.display(), self.arguments.join(" "))
    }

    async fn run(&self, tree: &Path) -> Result<Verdict> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).current_dir(tree).stdin(Stdio::null()).kill_on_drop(true);
        // Neither waits for somebody at the keyboard, nor asks a network.
        command.env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1").env("NO_COLOR", "1");
        let ended = timeout(STEP_LIMIT, command.output()).await;
        let output = ended.with_context(|| format!("{} took {STEP_LIMIT:?}", self.shown()))?;
        let output = output.with_context(|| format!("cannot run {}", self.shown()))?;
        if let Some(file) = &self.output {
            fs::write(file, &output.stdout)?;
        }
        let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).join("\n");
        if output.status.success() {
            let refused = self.refuses.and_then(|refuses| refuses(&said));
            return Ok(refused.map_or(Verdict::Passed, |why| self.failed(tree, &why)));
        }
        if self.excuse.is_some_and(|excuse| excuse(&said)) {
            return Ok(Verdict::NotChecked(format!("{} says: {}", self.shown(), said.trim())));
        }
        Ok(self.failed(tree, &said))
    }

    fn failed(&self, tree: &Path, said: &str) -> Verdict {
        let mut lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let left_out = lines.len().saturating_sub(SHOWN_LINES);
        lines.truncate(SHOWN_LINES);
        let more = if left_out > 0 { format!("\n  ({left_out} more lines)") } else { String::new() };
        Verdict::Failed(format!(
            "  {}{more}\n  again: cd {} && {}",
            lines.join("\n  "),
            tree.display(),
            self.shown()
        ))
    }
}

impl Check {
    /// Everything that this check is about, in one copy of the files.
    pub(crate) async fn run(&self, site: &Site) -> Result<Verdict> {
        if let Some(missing) = self.covers.iter().find(|path| !site.tree.join(path).exists()) {
            return Ok(Verdict::Failed(format!("  {missing} is not in the repository")));
        }
        let steps = match (self.plan)(site)? {
            Plan::Steps(steps) => steps,
            Plan::NotChecked(why) => return Ok(Verdict::NotChecked(why)),
        };
        for step in &steps {
            let verdict = step.run(&site.tree).await?;
            if !matches!(verdict, Verdict::Passed) {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Passed)
    }
}

impl Step {
    async fn run(&self, tree: &Path) -> Result<Verdict> {
        match self {
            Step::Program(program) => program.run(tree).await,
            Step::Rule(name, complaints) => {
                let complaints = complaints(tree)?;
                if complaints.is_empty() {
                    return Ok(Verdict::Passed);
                }
                Ok(Verdict::Failed(format!("  {name}:\n  {}", complaints.join("\n  "))))
            }
        }
    }
}

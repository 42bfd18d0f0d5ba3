//! `cargo xtask deploy-check`: whether what deploys Onhand is right, without a network, a daemon or a
//! cluster.
//!
//! Reading order: [`checks`] (what is checked, a value each), [`check`] (running one), [`faults`] (that each
//! check can fail), [`tools`] (the validators and where they come from), [`tree`] (the files).
//!
//! **Invariant**: nothing is skipped silently. What is missing from the repository fails; a validator that
//! this machine cannot have is told by a line that begins with NOT CHECKED. And nothing is written into the
//! repository: everything is checked in a copy.

mod check;
mod checks;
mod faults;
mod metrics;
mod rules;
mod tools;
mod tree;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::task::JoinSet;

use check::{Check, Site, Verdict};
use checks::CHECKS;
use faults::{FAULTS, Fault};
use tools::Tools;

use crate::step::Stop;

/// Checks that run at the same time. Validators use one core each, and the smallest machine we have has two.
const AT_ONCE: usize = 2;

/// What to check.
pub(crate) struct Options {
    /// Names of checks; none means all.
    pub(crate) only: Vec<String>,
    /// Whether to plant faults, too, and see that they are found.
    pub(crate) plant: bool,
}

/// Runs the checks, all of them even if one fails, then plants the faults if asked to.
pub(crate) async fn run(options: &Options, stop: &mut Stop) -> Result<()> {
    let chosen = chosen(&options.only)?;
    let tools = Arc::new(Tools::ready(stop).await?);
    tokio::select! {
        outcome = all(&chosen, options.plant, &tools) => outcome,
        () = stop.wait() => bail!("interrupted"),
    }
}

fn chosen(only: &[String]) -> Result<Vec<&'static Check>> {
    if let Some(unknown) = only.iter().find(|name| CHECKS.iter().all(|check| check.name != **name)) {
        let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
        bail!("there is no check {unknown}; there are {}", names.join(", "));
    }
    let is_chosen = |check: &&Check| only.is_empty() || only.iter().any(|name| name == check.name);
    Ok(CHECKS.iter().filter(is_chosen).collect())
}

async fn all(chosen: &[&'static Check], plant: bool, tools: &Arc<Tools>) -> Result<()> {
    tree::forget_copies()?;
    let checked = checked(chosen, tools).await?;
    if plant {
        found(chosen, &checked.not_checked, tools).await?;
    }
    Ok(())
}

/// What came of the checks, none of which failed.
struct Checked {
    not_checked: Vec<&'static str>,
}

async fn checked(chosen: &[&'static Check], tools: &Arc<Tools>) -> Result<Checked> {
    let site = Arc::new(Site::copy("tree", tools)?);
    let jobs = chosen.iter().map(|check| {
        let (check, site) = (*check, site.clone());
        async move { (check.name, check.run(&site).await) }
    });
    let mut failed = Vec::new();
    let mut not_checked = Vec::new();
    for_each(jobs, |(name, verdict), took| match verdict {
        Ok(Verdict::Passed) => eprintln!("ok    {name} ({took})"),
        Ok(Verdict::NotChecked(why)) => {
            eprintln!("NOT CHECKED: {name}: {why}");
            not_checked.push(name);
        }
        Ok(Verdict::Failed(finding)) => {
            eprintln!("FAIL  {name} ({took})\n{finding}\n  alone: cargo xtask deploy-check --only {name}");
            failed.push(name);
        }
        Err(error) => {
            eprintln!("FAIL  {name} ({took})\n  {error:#}");
            failed.push(name);
        }
    })
    .await?;
    if !failed.is_empty() {
        bail!("deploy-check found faults in {}", failed.join(", "));
    }
    eprintln!("{} checks passed", chosen.len() - not_checked.len());
    Ok(Checked { not_checked })
}

/// Plants each fault for itself and sees that the check that is for it fails and names it.
async fn found(chosen: &[&'static Check], not_checked: &[&str], tools: &Arc<Tools>) -> Result<()> {
    let checks_it = |fault: &Fault| chosen.iter().find(|check| check.name == fault.check);
    let mut planted = 0;
    let jobs = FAULTS.iter().filter(|fault| !not_checked.contains(&fault.check)).filter_map(|fault| {
        let (check, tools) = (*checks_it(fault)?, tools.clone());
        planted += 1;
        Some(async move { (fault, fault.plant(check, &tools).await) })
    });
    let jobs: Vec<_> = jobs.collect();
    let mut missed = Vec::new();
    for_each(jobs, |(fault, outcome), took| match outcome {
        Ok(()) => eprintln!("found {}: {} ({took})", fault.check, fault.name),
        Err(error) => {
            eprintln!("MISS  {}: {} ({took})\n  {error:#}", fault.check, fault.name);
            missed.push(fault.name);
        }
    })
    .await?;
    if !missed.is_empty() {
        bail!("deploy-check does not find {}", missed.join(", "));
    }
    eprintln!("{planted} planted faults were found");
    Ok(())
}

/// Runs jobs, [`AT_ONCE`] at a time, and tells each one's outcome and time as it ends.
async fn for_each<T: 'static>(
    jobs: impl IntoIterator<Item = impl Future<Output = T> + 'static>,
    mut told: impl FnMut(T, String),
) -> Result<()> {
    // On this very thread: what takes time is in other processes.
    let local = tokio::task::LocalSet::new();
    let mut jobs = jobs.into_iter();
    local
        .run_until(async {
            let mut running = JoinSet::new();
            loop {
                while running.len() < AT_ONCE
                    && let Some(job) = jobs.next()
                {
                    running.spawn_local(async move {
                        let start = Instant::now();
                        (job.await, start.elapsed())
                    });
                }
                let Some(ended) = running.join_next().await else { return Ok(()) };
                let (outcome, took) = ended?;
                told(outcome, seconds(took));
            }
        })
        .await
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::{CHECKS, FAULTS, chosen};

    #[test]
    fn an_unknown_check_is_refused_with_those_there_are() {
        let refusal = chosen(&["compse".to_owned()]).err().unwrap().to_string();
        assert!(refusal.contains("compse") && refusal.contains("compose"), "{refusal}");
        assert_eq!(chosen(&["compose".to_owned()]).unwrap().len(), 1);
        assert_eq!(chosen(&[]).unwrap().len(), CHECKS.len());
    }

    #[test]
    fn every_check_has_a_fault_that_it_finds() {
        for check in &CHECKS {
            assert!(FAULTS.iter().any(|fault| fault.check == check.name), "{} has none", check.name);
        }
        for fault in &FAULTS {
            assert!(CHECKS.iter().any(|check| check.name == fault.check), "{} is for none", fault.name);
        }
    }
}

//! What is checked. A value each: what it covers, and the commands.

use anyhow::Result;

use super::check::{Check, Plan, Program, Site, Step};
use super::{metrics, rules, tree};

/// Every check there is.
pub(crate) const CHECKS: [Check; 15] = [
    Check { name: "compose", covers: &["docker-compose.yml"], plan: compose },
    Check { name: "dockerfile", covers: &["Dockerfile", ".dockerignore"], plan: dockerfile },
    Check { name: "workflows", covers: &[".github/workflows/ci.yml"], plan: workflows },
    Check { name: "yaml", covers: &[".yamllint.yml"], plan: yaml },
    Check { name: "scripts", covers: &[".ci/run", "docker/ready.sh"], plan: scripts },
    Check { name: "suppressions", covers: &["Dockerfile"], plan: suppressions },
    Check { name: "dashboards", covers: &["observability/grafana/dashboards"], plan: dashboards },
    Check {
        name: "prometheus",
        covers: &[
            "observability/alertmanager.yml",
            "observability/prometheus.yml",
            "observability/rules",
            "observability/rules/tests",
        ],
        plan: prometheus,
    },
    Check {
        name: "kubernetes-local",
        covers: &["k8s/overlays/local"],
        plan: |site| overlay(site, "k8s/overlays/local"),
    },
    Check {
        name: "kubernetes-dev",
        covers: &["k8s/overlays/dev"],
        plan: |site| overlay(site, "k8s/overlays/dev"),
    },
    Check {
        name: "kubernetes-staging",
        covers: &["k8s/overlays/staging"],
        plan: |site| overlay(site, "k8s/overlays/staging"),
    },
    Check {
        name: "kubernetes-prod",
        covers: &["k8s/overlays/prod"],
        plan: |site| overlay(site, "k8s/overlays/prod"),
    },
    Check { name: "kubernetes-logging", covers: &["k8s/logging"], plan: |site| overlay(site, "k8s/logging") },
    Check { name: "terraform", covers: &ROOT_MODULES, plan: terraform },
    Check { name: "terraform-policy", covers: &["terraform/modules"], plan: terraform_policy },
];

/// The oldest Kubernetes that the manifests are for; the newest is the validator's own.
const OLDEST_KUBERNETES: &str = "1.30";
/// Kinds that operators bring with them, and of which the validator has no schema.
const BROUGHT_KINDS: [&str; 5] =
    ["ExternalSecret", "PodMonitor", "PrometheusRule", "SecretStore", "ServiceMonitor"];
/// What Terraform is run in.
const ROOT_MODULES: [&str; 4] = [
    "terraform/bootstrap",
    "terraform/environments/dev",
    "terraform/environments/staging",
    "terraform/environments/prod",
];
/// What Terraform says where it could not ask for a provider.
const NO_PROVIDERS: &str = "Failed to query available provider packages";

fn steps(programs: impl IntoIterator<Item = Program>) -> Result<Plan> {
    Ok(Plan::Steps(programs.into_iter().map(Step::Program).collect()))
}

/// A schema that comes with the validator.
fn by_schema(site: &Site, schema: &str, files: &[String]) -> Program {
    let options = ["--builtin-schema".to_owned(), schema.to_owned()];
    Program::new(site.tools.python("check-jsonschema"), options.iter().chain(files).cloned())
}

/// A schema of our own, of what is possible and what we allow of it.
fn by_our_schema(site: &Site, schema: &str, files: &[String]) -> Program {
    let options = ["--schemafile".to_owned(), format!("xtask/schemas/{schema}")];
    Program::new(site.tools.python("check-jsonschema"), options.iter().chain(files).cloned())
}

/// What is known to be unwise, of one kind of files.
fn by_policy(site: &Site, framework: &str, what: &[&str]) -> Program {
    let options = ["--skip-download", "--quiet", "--compact", "--framework", framework];
    Program::new(site.tools.python("checkov"), options.iter().chain(what).copied())
}

fn compose(site: &Site) -> Result<Plan> {
    let file = ["docker-compose.yml".to_owned()];
    let mut programs =
        vec![by_schema(site, "vendor.compose-spec", &file), by_our_schema(site, "compose.json", &file)];
    // Where there is a client it also resolves what refers to what.
    programs.extend(site.tools.docker.clone().map(|docker| {
        let arguments = ["compose", "--profile", "*", "--file", "docker-compose.yml", "config", "--quiet"];
        Program::new(docker, arguments)
    }));
    steps(programs)
}

fn dockerfile(site: &Site) -> Result<Plan> {
    let hadolint = Program::new(site.tools.python("hadolint"), ["Dockerfile"]);
    steps([hadolint, by_policy(site, "dockerfile", &["--file", "Dockerfile"])])
}

fn workflows(site: &Site) -> Result<Plan> {
    let files = tree::files(&site.tree, ".github/workflows", |path| path.ends_with(".yml"))?;
    let zizmor = ["--offline", "--no-progress", "--persona", "pedantic", "--color", "never", ".github"];
    steps([
        by_schema(site, "vendor.github-workflows", &files),
        by_schema(site, "vendor.dependabot", &[".github/dependabot.yml".to_owned()]),
        Program::new(site.tools.python("zizmor"), zizmor),
    ])
}

fn yaml(site: &Site) -> Result<Plan> {
    steps([Program::new(site.tools.python("yamllint"), ["--strict", "--format", "parsable", "."])])
}

fn scripts(site: &Site) -> Result<Plan> {
    let files = tree::files(&site.tree, "", |path| path.ends_with(".sh") || path == ".ci/run")?;
    steps([Program::new(site.tools.python("shellcheck"), files)])
}

fn suppressions(_: &Site) -> Result<Plan> {
    Ok(Plan::Steps(vec![Step::Rule("what is let pass says why", rules::suppressions)]))
}

fn dashboards(site: &Site) -> Result<Plan> {
    let files = tree::files(&site.tree, "observability/grafana/dashboards", |path| path.ends_with(".json"))?;
    Ok(Plan::Steps(vec![
        Step::Program(by_our_schema(site, "dashboard.json", &files)),
        Step::Rule("dashboards and rules ask for metrics that there are", metrics::unknown),
    ]))
}

/// The configurations, that the rules can be read, and that each alert fires when it should and not before.
fn prometheus(site: &Site) -> Result<Plan> {
    let rules = tree::files(&site.tree, "observability/rules", |path| path.ends_with(".yml"))?;
    let (tests, rules): (Vec<_>, Vec<_>) = rules.into_iter().partition(|path| path.contains("/tests/"));
    let promtool = |arguments: &[&str], files: &[String]| {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).chain(files.iter().cloned());
        Program::new(site.tools.promtool.clone(), arguments)
    };
    steps([
        promtool(&["check", "config", "--syntax-only", "observability/prometheus.yml"], &[]),
        promtool(&["check", "rules"], &rules),
        promtool(&["test", "rules"], &tests),
        Program::new(site.tools.amtool.clone(), ["check-config", "observability/alertmanager.yml"]),
    ])
}

/// What an overlay comes to: whether Kubernetes knows all of it, and what is unwise.
fn overlay(site: &Site, folder: &str) -> Result<Plan> {
    let made = site.made.join(format!("{}.yaml", folder.replace('/', "-")));
    let manifests = made.to_string_lossy().into_owned();
    let mut kustomize = Program::new(site.tools.python("kubectl"), ["kustomize", folder]);
    kustomize.output = Some(made);
    let validate = |options: &[&str]| {
        let arguments = ["--strict"].iter().chain(options).copied().chain([manifests.as_str()]);
        let mut validate = Program::new(site.tools.python("kubernetes-validate"), arguments);
        validate.refuses = Some(unknown_kinds);
        validate
    };
    steps([
        kustomize,
        validate(&[]),
        validate(&["--kubernetes-version", OLDEST_KUBERNETES]),
        by_policy(site, "kubernetes", &["--config-file", "k8s/checkov.yml", "--file", &manifests]),
    ])
}

/// The validator only warns of a kind that it does not know, be it misspelt or an operator's.
fn unknown_kinds(said: &str) -> Option<String> {
    let of_nobody = |line: &&str| {
        let kind = line.split("schema for kind ").nth(1).and_then(|rest| rest.split(' ').next());
        kind.is_some_and(|kind| !BROUGHT_KINDS.contains(&kind))
    };
    let lines: Vec<&str> = said.lines().filter(of_nobody).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn terraform(site: &Site) -> Result<Plan> {
    let Some(terraform) = &site.tools.terraform else {
        return Ok(Plan::NotChecked(
            "there is no terraform on this machine, which is 1.11 or newer".to_owned(),
        ));
    };
    let mut programs = vec![Program::new(
        terraform.clone(),
        ["fmt", "-check", "-recursive", "-diff", "-no-color", "terraform"],
    )];
    for module in ROOT_MODULES {
        let within = format!("-chdir={module}");
        let options = ["init", "-backend=false", "-input=false", "-no-color"].map(str::to_owned);
        let mut init = Program::new(terraform.clone(), [vec![within.clone()], options.to_vec()].concat());
        match &site.tools.providers {
            Some(folder) => init.arguments.push(format!("-plugin-dir={}", folder.display())),
            None => init.excuse = Some(|said| said.contains(NO_PROVIDERS)),
        }
        programs.push(init);
        programs.push(Program::new(terraform.clone(), [within.as_str(), "validate", "-no-color"]));
    }
    steps(programs)
}

fn terraform_policy(site: &Site) -> Result<Plan> {
    let what = ["--config-file", "terraform/checkov.yml", "--directory", "terraform"];
    steps([by_policy(site, "terraform", &what)])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::{CHECKS, unknown_kinds};

    /// Folders below one of the repository's, by their paths; that it is not there is for the check to say.
    fn folders(below: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(crate::root().join(below)).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        folders.map(|folder| format!("{below}/{}", folder.file_name().to_string_lossy())).collect()
    }

    #[test]
    fn every_overlay_and_every_environment_is_checked() {
        let covered: BTreeSet<String> =
            CHECKS.iter().flat_map(|check| check.covers).map(|path| (*path).to_owned()).collect();
        for below in ["k8s/overlays", "terraform/environments"] {
            let unchecked: Vec<String> = folders(below).difference(&covered).cloned().collect();
            assert!(unchecked.is_empty(), "no check covers {unchecked:?}");
        }
    }

    #[test]
    fn a_kind_that_nobody_brings_is_refused() {
        let warns =
            |kind: &str| format!("WARN a.yaml Couldn't find schema for kind {kind} with api version v1");
        assert_eq!(unknown_kinds(&warns("ServiceMonitor")), None);
        assert_eq!(unknown_kinds("INFO a.yaml passed"), None);
        assert!(unknown_kinds(&warns("Deploymnt")).unwrap().contains("Deploymnt"));
    }
}

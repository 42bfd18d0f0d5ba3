//! Faults to plant, each in a copy of its own: a check that cannot fail proves nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::check::{Check, Site, Verdict};
use super::tools::Tools;

use std::sync::Arc;

/// Something wrong, and who finds it.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) check: &'static str,
    edits: &'static [Edit],
    /// What the finding must say, so that it is about this fault and no other.
    named: &'static str,
}

/// A change to a file of the copy.
enum Edit {
    /// The first of these words, by these.
    Replace { file: &'static str, words: &'static str, by: &'static str },
    /// What comes after the end of a file, which need not be there yet.
    Append { file: &'static str, text: &'static str },
}

use Edit::{Append, Replace};

/// A pod that has the node.
const PRIVILEGED: &str = "\
---
apiVersion: v1
kind: Pod
metadata:
  name: planted
spec:
  containers:
    - name: planted
      image: planted
      securityContext:
        privileged: true
";

const OPEN_DATABASE: &str = "\
resource \"aws_db_instance\" \"planted\" {
  publicly_accessible = true
  storage_encrypted   = false
}
";

const OPEN_NETWORK: &str = "\
resource \"aws_security_group\" \"planted\" {
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = \"tcp\"
    cidr_blocks = [\"0.0.0.0/0\"]
  }
}
";

/// Every fault, the checks in their order.
pub(crate) const FAULTS: [Fault; 33] = [
    Fault {
        name: "a misspelt key",
        check: "compose",
        edits: &[Replace { file: "docker-compose.yml", words: "  healthcheck:", by: "  heathcheck:" }],
        named: "heathcheck",
    },
    Fault {
        name: "an image without a version",
        check: "compose",
        edits: &[Replace { file: "docker-compose.yml", words: "image: redis:7", by: "image: redis:latest" }],
        named: "redis:latest",
    },
    Fault {
        name: "a privileged container",
        check: "compose",
        edits: &[Replace {
            file: "docker-compose.yml",
            words: "image: redis:7",
            by: "privileged: true\n    image: redis:7",
        }],
        named: "services.redis.privileged",
    },
    Fault {
        name: "a port for the whole network",
        check: "compose",
        edits: &[Replace { file: "docker-compose.yml", words: "127.0.0.1:8000:8000", by: "8000:8000" }],
        named: "8000:8000",
    },
    Fault {
        name: "our own image with a writable root",
        check: "compose",
        edits: &[Replace { file: "docker-compose.yml", words: "read_only: true", by: "read_only: false" }],
        named: "read_only",
    },
    Fault {
        name: "a container of root's",
        check: "dockerfile",
        edits: &[Append { file: "Dockerfile", text: "USER root\n" }],
        named: "root",
    },
    Fault {
        name: "a base without a version",
        check: "dockerfile",
        edits: &[Append { file: "Dockerfile", text: "FROM debian:latest\nUSER 1000\n" }],
        named: "DL3007",
    },
    Fault {
        name: "packages without their lists removed",
        check: "dockerfile",
        edits: &[Append { file: "Dockerfile", text: "FROM base\nRUN apt-get install curl\nUSER 1000\n" }],
        named: "DL3015",
    },
    Fault {
        name: "an unpinned action",
        check: "workflows",
        edits: &[Append { file: ".github/workflows/ci.yml", text: "      - uses: actions/cache@v5\n" }],
        named: "unpinned-uses",
    },
    Fault {
        name: "a stranger's words in a command",
        check: "workflows",
        edits: &[Append {
            file: ".github/workflows/ci.yml",
            text: "      - run: echo ${{ github.event.pull_request.title }}\n",
        }],
        named: "template-injection",
    },
    Fault {
        name: "every permission",
        check: "workflows",
        edits: &[Replace {
            file: ".github/workflows/ci.yml",
            words: "\npermissions: {}",
            by: "\npermissions: write-all",
        }],
        named: "excessive-permissions",
    },
    Fault {
        name: "a misspelt key",
        check: "workflows",
        edits: &[Replace {
            file: ".github/workflows/ci.yml",
            words: "timeout-minutes",
            by: "timeout-minuts",
        }],
        named: "timeout-minuts",
    },
    Fault {
        name: "a key twice",
        check: "yaml",
        edits: &[Append { file: "docker-compose.yml", text: "name: again\n" }],
        named: "duplication of key",
    },
    Fault {
        name: "words that a space divides",
        check: "scripts",
        edits: &[Append { file: "docker/ready.sh", text: "rm -r $1/data\n" }],
        named: "SC2086",
    },
    Fault {
        name: "a finding let pass without a reason",
        check: "suppressions",
        edits: &[Append { file: "Dockerfile", text: "# hadolint ignore=DL3002\n" }],
        named: "Dockerfile:",
    },
    Fault {
        name: "an unknown metric in a panel",
        check: "dashboards",
        edits: &[Replace {
            file: "observability/grafana/dashboards/write-path.json",
            words: "rate(stock_commands_total",
            by: "rate(stock_comands_total",
        }],
        named: "stock_comands_total",
    },
    Fault {
        name: "a panel without a query",
        check: "dashboards",
        edits: &[Replace {
            file: "observability/grafana/dashboards/write-path.json",
            words: "\"expr\"",
            by: "\"exp\"",
        }],
        named: "'expr' is a required property",
    },
    Fault {
        name: "an unknown key",
        check: "prometheus",
        edits: &[Replace {
            file: "observability/prometheus.yml",
            words: "scrape_timeout:",
            by: "scrap_timeout:",
        }],
        named: "scrap_timeout",
    },
    Fault {
        name: "an alert that cannot be read",
        check: "prometheus",
        edits: &[Replace {
            file: "observability/rules/stock.yml",
            words: "expr: sum by",
            by: "expr: sum bye",
        }],
        named: "stock.yml",
    },
    Fault {
        name: "an alert that fires for nothing",
        check: "prometheus",
        edits: &[Replace { file: "observability/rules/stock.yml", words: "[5m])) > 0", by: "[5m])) >= 0" }],
        named: "FAILED",
    },
    Fault {
        name: "an alert that nobody gets",
        check: "prometheus",
        edits: &[Replace {
            file: "observability/alertmanager.yml",
            words: "- name: soon",
            by: "- name: sooner",
        }],
        named: "soon",
    },
    Fault {
        name: "an unknown metric in an alert",
        check: "dashboards",
        edits: &[Replace {
            file: "observability/rules/stock.yml",
            words: "stock_commands_total",
            by: "stock_comands_total",
        }],
        named: "stock_comands_total",
    },
    Fault {
        name: "an unknown field",
        check: "kubernetes-dev",
        edits: &[Replace {
            file: "k8s/base/stock-updater.yaml",
            words: "\nspec:\n",
            by: "\nspec:\n  replica: 2\n",
        }],
        named: "'replica' was unexpected",
    },
    Fault {
        name: "an unknown kind",
        check: "kubernetes-dev",
        edits: &[Replace {
            file: "k8s/base/stock-updater.yaml",
            words: "kind: Service\n",
            by: "kind: Servise\n",
        }],
        named: "Servise",
    },
    Fault {
        name: "a file that is not there",
        check: "kubernetes-staging",
        edits: &[Replace {
            file: "k8s/base/kustomization.yaml",
            words: "- stock-updater.yaml",
            by: "- stock-update.yaml",
        }],
        named: "stock-update.yaml",
    },
    Fault {
        name: "a privileged container",
        check: "kubernetes-local",
        edits: &[Append { file: "k8s/base/databases.yaml", text: PRIVILEGED }],
        named: "CKV_K8S_16",
    },
    Fault {
        name: "an image without a version",
        check: "kubernetes-local",
        edits: &[Append { file: "k8s/base/databases.yaml", text: PRIVILEGED }],
        named: "CKV_K8S_14",
    },
    Fault {
        name: "a shipper that may write to the node",
        check: "kubernetes-logging",
        edits: &[Append { file: "k8s/logging/shipper.yaml", text: PRIVILEGED }],
        named: "CKV_K8S_22",
    },
    Fault {
        name: "an unknown field",
        check: "kubernetes-prod",
        edits: &[Replace {
            file: "k8s/base/disruption.yaml",
            words: "\nspec:\n",
            by: "\nspec:\n  maxUnavailible: 1\n",
        }],
        named: "maxUnavailible",
    },
    Fault {
        name: "an unknown argument",
        check: "terraform",
        edits: &[Append {
            file: "terraform/environments/dev/planted.tf",
            text: "resource \"aws_s3_bucket\" \"planted\" {\n  bukket = \"planted\"\n}\n",
        }],
        named: "bukket",
    },
    Fault {
        name: "a file that is not formatted",
        check: "terraform",
        edits: &[Append {
            file: "terraform/environments/dev/planted.tf",
            text: "locals {\nplanted   = 1\n}\n",
        }],
        named: "planted.tf",
    },
    Fault {
        name: "a database for everybody, not encrypted",
        check: "terraform-policy",
        edits: &[Append { file: "terraform/modules/database/planted.tf", text: OPEN_DATABASE }],
        named: "CKV_AWS_16",
    },
    Fault {
        name: "a network without limits",
        check: "terraform-policy",
        edits: &[Append { file: "terraform/modules/network/planted.tf", text: OPEN_NETWORK }],
        named: "CKV_AWS_24",
    },
];

impl Fault {
    /// Succeeds when the check fails, and says what it should.
    pub(crate) async fn plant(&self, check: &Check, tools: &Arc<Tools>) -> Result<()> {
        let site = Site::copy(&format!("{} {}", self.check, self.name).replace([' ', '\''], "-"), tools)?;
        for edit in self.edits {
            edit.make(&site.tree)?;
        }
        match check.run(&site).await? {
            Verdict::Failed(finding) if finding.contains(self.named) => Ok(()),
            Verdict::Failed(finding) => bail!("it failed and did not name `{}`:\n{finding}", self.named),
            Verdict::NotChecked(why) => bail!("it was not checked: {why}"),
            Verdict::Passed => bail!("it passed with the fault in {}", site.tree.display()),
        }
    }
}

impl Edit {
    fn make(&self, tree: &Path) -> Result<()> {
        match self {
            Replace { file, words, by } => {
                let path = tree.join(file);
                let text = fs::read_to_string(&path).with_context(|| (*file).to_owned())?;
                if !text.contains(words) {
                    bail!("{file} does not say `{words}` any more: change the fault with it");
                }
                fs::write(path, text.replacen(words, by, 1))?;
            }
            Append { file, text } => {
                let path = tree.join(file);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                let before = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
                fs::write(path, before + text)?;
            }
        }
        Ok(())
    }
}

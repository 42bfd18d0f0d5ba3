//! `pgbench`: what the server gives to clients that do nothing but ask.

use std::path::PathBuf;
use std::process::Command;

use bench::measure::{Measured, Pace};
use testkit::servers::Postgres;

/// As many connections as stock-checker asks questions on at once.
const CONNECTIONS: usize = 8;

/// One row by a name, as `pgbench -S` does, from our table.
pub(crate) struct PgBench {
    program: PathBuf,
    url: String,
    script: PathBuf,
}

impl PgBench {
    pub(crate) fn new(url: &str, items: usize) -> PgBench {
        let program = Postgres::binaries().expect("PostgreSQL's programs").join("pgbench");
        let script = std::env::temp_dir().join(format!("onhand-pgbench-{}.sql", std::process::id()));
        let select = "SELECT * FROM inventory_items WHERE sku = 'SKU-' || :number;";
        std::fs::write(&script, format!("\\set number random(0, {})\n{select}\n", items - 1)).unwrap();
        PgBench { program, url: url.to_owned(), script }
    }

    /// As fast as it goes.
    pub(crate) async fn run(&self, pace: Pace) -> Measured {
        let mut command = Command::new(&self.program);
        let (connections, seconds) = (CONNECTIONS.to_string(), pace.measured.as_secs().max(1).to_string());
        command.args(["--no-vacuum", "--protocol=prepared", "--client", &connections, "--time", &seconds]);
        command.arg("--file").arg(&self.script).arg(&self.url);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let figure = |name: &str| -> f64 {
            let rest = said.split_once(name).unwrap_or_else(|| panic!("no {name} in: {said}")).1;
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        Measured {
            name: format!("pgbench, same row, {CONNECTIONS} connections (mean)"),
            rate: figure("tps = "),
            p50_ms: figure("latency average = "),
            p99_ms: f64::NAN,
            answers: figure("number of transactions actually processed: ") as usize,
        }
    }
}

impl Drop for PgBench {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.script);
    }
}

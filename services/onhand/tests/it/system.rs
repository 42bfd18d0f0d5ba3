//! The system as processes: one that is all of it, or one a service, on a stage of their own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Backend, Stage, eventually};

/// How long anything may take to come about. Starting from nothing is most of it.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// Seals what no supplier gave.
pub(crate) const SECRET_KEY: &str = "8f1c0e5b7a29d3467c5e90f2b1a8d4637e0c9b5a2f6d81347b3e5a9c0d2f4168";

/// A process that is killed when it is dropped.
pub(crate) struct Process {
    program: PathBuf,
    environment: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Starts it with nothing in its environment but this.
    fn start(program: &str, environment: Vec<(String, String)>, folder: &Path) -> Process {
        let program = binary(program);
        let log = folder.join(format!("{}.log", program.file_name().unwrap().to_string_lossy()));
        let mut process = Process { program, environment, log, child: None };
        process.restart();
        process
    }

    pub(crate) fn restart(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let child = Command::new(&self.program)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .current_dir(self.log.parent().unwrap())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to stop, and says whether it did so by itself within `limit`.
    pub(crate) async fn stops(&mut self, limit: Duration) -> bool {
        let asked = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let mut child = self.child.take().unwrap();
        let ended = eventually("the process ends", limit, async || child.try_wait().unwrap()).await;
        ended.success()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(30).collect();
            for line in last.into_iter().rev() {
                eprintln!("{}: {line}", self.program.display());
            }
        }
    }
}

/// A binary of the workspace, beside the one under test.
pub(crate) fn binary(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_onhand")).with_file_name(name);
    assert!(
        path.exists(),
        "{} is not built: cargo build --workspace --bins, or cargo xtask test",
        path.display()
    );
    path
}

/// Everything running, ready to be asked.
pub(crate) struct System {
    /// stock-updater, or all of it.
    pub(crate) updater: Process,
    _others: Vec<Process>,
    http: reqwest::Client,
    updater_url: String,
    checker_url: String,
    suppliers_url: String,
    calls_url: String,
    /// Last: the processes go before what they stand on.
    pub(crate) stage: Stage,
}

/// What may differ from one start to the other.
#[derive(Default)]
pub(crate) struct Wishes {
    /// The bus as stock-updater alone is to reach it.
    pub(crate) updater_bus: Option<String>,
    /// The bus as everybody is to reach it.
    pub(crate) bus: Option<String>,
    /// What else is to be configured, for everybody.
    pub(crate) settings: Vec<(String, String)>,
}

impl System {
    pub(crate) async fn start(backend: Backend) -> System {
        System::start_with(Stage::new(backend).await, Wishes::default()).await
    }

    pub(crate) async fn start_with(stage: Stage, wishes: Wishes) -> System {
        platform::hosting::install_tls();
        let addresses = [stage.free_address(), stage.free_address(), stage.free_address()];
        let calls = stage.free_address();
        let mut settings = stage.settings();
        settings.extend([
            ("supplier_sync.allow_private_addresses".to_owned(), "true".to_owned()),
            ("supplier_sync.secret_key".to_owned(), SECRET_KEY.to_owned()),
            ("onhand.listen".to_owned(), addresses[0].to_string()),
            ("onhand.grpc_listen".to_owned(), calls.to_string()),
            ("stock_updater.grpc_listen".to_owned(), calls.to_string()),
            ("stock_checker.grpc_listen".to_owned(), stage.free_address().to_string()),
            ("stock_updater.listen".to_owned(), addresses[0].to_string()),
            ("stock_checker.listen".to_owned(), addresses[1].to_string()),
            ("supplier_sync.listen".to_owned(), addresses[2].to_string()),
        ]);
        settings.extend(wishes.settings);
        if let Some(bus) = wishes.bus {
            settings.push(("bus.url".to_owned(), bus));
        }
        let environment = |bus: Option<String>| -> Vec<(String, String)> {
            let mut settings = settings.clone();
            settings.extend(bus.map(|bus| ("bus.url".to_owned(), bus)));
            settings.into_iter().map(|(key, value)| (variable(&key), value)).collect()
        };
        let url = |address: SocketAddr| format!("http://{address}");
        let (first, others, urls) = match stage.backend {
            Backend::Embedded => ("onhand", vec![], [0, 0, 0]),
            Backend::Real => ("stock-updater", vec!["stock-checker", "supplier-sync"], [0, 1, 2]),
        };
        let updater = Process::start(first, environment(wishes.updater_bus), &stage.folder);
        let [updater_url, checker_url, suppliers_url] = urls.map(|which| url(addresses[which]));
        let calls_url = url(calls);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut system = System {
            stage,
            updater,
            _others: vec![],
            http,
            updater_url,
            checker_url,
            suppliers_url,
            calls_url,
        };
        system.ready(&system.updater_url).await;
        for other in others {
            system._others.push(Process::start(other, environment(None), &system.stage.folder));
        }
        system.ready(&system.checker_url).await;
        system.ready(&system.suppliers_url).await;
        system
    }

    async fn ready(&self, url: &str) {
        eventually(&format!("{url} is ready"), LIMIT, async || {
            let answer = self.http.get(format!("{url}/ready")).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Starts stock-updater, or all of it, again after a kill.
    pub(crate) async fn restart_updater(&mut self) {
        self.updater.restart();
        self.ready(&self.updater_url).await;
    }

    /// Where stock-updater is, or all of it.
    pub(crate) fn url(&self) -> &str {
        &self.updater_url
    }

    /// Each service, and where it is; all are at one place where one process is all of them.
    pub(crate) fn services(&self) -> [(&'static str, &str); 3] {
        [
            ("stock-updater", &self.updater_url),
            ("stock-checker", &self.checker_url),
            ("supplier-sync", &self.suppliers_url),
        ]
    }

    /// Where stock-updater, or all of it, is called.
    pub(crate) fn calls_url(&self) -> &str {
        &self.calls_url
    }

    /// Which service answers a path.
    fn answering(&self, method: &Method, path: &str) -> String {
        let of_suppliers = ["/v1/suppliers", "/v1/restock-orders", "/v1/restock-policies", "/suppliers"];
        let of_checker =
            ["/v1/items", "/v1/low-stock", "/v1/overview", "/stock/product", "/stock/low", "/stock/status"];
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
        let base = if starts(&of_suppliers) {
            &self.suppliers_url
        } else if *method == Method::GET && starts(&of_checker) {
            &self.checker_url
        } else {
            &self.updater_url
        };
        format!("{base}{path}")
    }

    /// Sends a request to whoever answers it; none when the connection failed.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Option<(StatusCode, Value)> {
        let url = self.answering(&method, path);
        let mut request = self.http.request(method, url);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        Some((status, response.json().await.ok()?))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None, None).await.unwrap();
        assert!(status.is_success(), "GET {path}: {status}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.ask(Method::POST, path, None, Some(&body)).await.unwrap();
        assert!(status.is_success(), "POST {path}: {status}: {body}");
        body
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.ask(Method::PATCH, path, None, Some(&body)).await.unwrap();
        assert!(status.is_success(), "PATCH {path}: {status}: {body}");
        body
    }

    /// An item with so many units and no restocking.
    pub(crate) async fn item(&self, sku: &str, units: i64) {
        self.post("/v1/items", json!({"sku": sku, "name": "A thing"})).await;
        self.post(&format!("/v1/items/{sku}/receipts"), json!({"quantity": units})).await;
    }

    /// Waits until a question is answered as wished.
    pub(crate) async fn until<T>(&self, what: &str, path: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        eventually(what, LIMIT, async || {
            let (status, body) = self.ask(Method::GET, path, None, None).await?;
            if status.is_success() { found(&body) } else { None }
        })
        .await
    }

    pub(crate) async fn audit_is_clean(&self) {
        let report = self.get("/v1/audit").await;
        assert_eq!(report["clean"], true, "{report:#}");
    }
}

/// The environment variable for a key of the configuration.
fn variable(key: &str) -> String {
    format!("ONHAND__{}", key.replace('.', "__").to_uppercase())
}

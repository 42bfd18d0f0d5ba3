//! `cargo xtask up`: the services as separate processes on real back ends.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testkit::servers::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::backends::{Backends, from_environment};
use crate::step::{self, Stop, cargo, program};

/// A first start migrates two databases and waits for a broker; more than this is a fault.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// One question to a service on this machine.
const ASK_LIMIT: Duration = Duration::from_secs(3);
/// Between two looks at whether all still run.
const POLL: Duration = Duration::from_millis(200);
/// How much of its log a service that died leaves on the screen.
const LAST_LINES: usize = 20;

/// A service, and where it is.
struct Service {
    name: &'static str,
    http: &'static str,
    grpc: Option<&'static str>,
}

/// The services in the order in which they start: stock-updater makes the tables that stock-checker
/// reads.
const SERVICES: [Service; 3] = [
    Service { name: "stock-updater", http: "127.0.0.1:8000", grpc: Some("127.0.0.1:50055") },
    Service { name: "stock-checker", http: "127.0.0.1:8001", grpc: Some("127.0.0.1:5555") },
    Service { name: "supplier-sync", http: "127.0.0.1:8002", grpc: None },
];

/// Seals suppliers' credentials; supplier-sync does not start on PostgreSQL without it.
const SECRET_KEY: &str = "ONHAND__SUPPLIER_SYNC__SECRET_KEY";
/// What supplier-sync asks of it, in bytes.
const SECRET_KEY_BYTES: usize = 32;
/// Whether suppliers may be on this machine, as those are that somebody tries things out with.
const PRIVATE_ADDRESSES: &str = "ONHAND__SUPPLIER_SYNC__ALLOW_PRIVATE_ADDRESSES";

const STOCK: &str = "onhand_stock";
const SUPPLIERS: &str = "onhand_suppliers";

/// A service that was started.
struct Running {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

/// Starts everything, says where it is, and ends it on Ctrl-C or when one service ends.
pub(crate) async fn run(stop: &mut Stop) -> Result<()> {
    let secret_key = secret_key(from_environment(SECRET_KEY), from_environment("DATABASE_URL").is_some())?;
    step::run(cargo(["build", "--workspace", "--bins"]), stop).await?;
    let backends = Backends::start(stop).await?;
    let database_url = backends.url("DATABASE_URL")?;
    let databases: &[&str] = if backends.has_databases() { &[] } else { &[STOCK, SUPPLIERS] };
    for database in databases {
        create_database(database_url, database).await?;
    }
    let settings = settings(&backends, secret_key)?;
    let mut running = Vec::new();
    let outcome = tokio::select! {
        outcome = start_and_watch(&mut running, &settings) => outcome,
        () = stop.wait() => Ok(()),
    };
    eprintln!("stopping");
    // The last first: those that ask go before those that answer.
    for service in running.iter_mut().rev() {
        step::end(&mut service.child).await;
    }
    outcome
}

/// Returns only when something is wrong.
async fn start_and_watch(running: &mut Vec<Running>, settings: &[(String, String)]) -> Result<()> {
    let logs = crate::root().join("logs");
    fs::create_dir_all(&logs)?;
    for service in SERVICES {
        running.push(start(service.name, &logs, settings)?);
        wait_until_ready(running, &service).await?;
    }
    println!("all services are ready, their logs in {}:", logs.display());
    for Service { name, http, grpc } in SERVICES {
        let calls = grpc.map_or(String::new(), |address| format!(", gRPC at {address}"));
        println!("  {name:<14} http://{http}  (docs at http://{http}/docs{calls})");
    }
    println!("Ctrl-C stops them");
    loop {
        are_alive(running)?;
        sleep(POLL).await;
    }
}

fn start(name: &'static str, logs: &Path, settings: &[(String, String)]) -> Result<Running> {
    let log = logs.join(format!("{name}.log"));
    let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    // cargo has just built the services beside this very program.
    let program = std::env::current_exe()?.with_file_name(name);
    let mut command = Command::new(&program);
    command.envs(settings.iter().map(|(key, value)| (key, value)));
    // A group of its own, so that Ctrl-C reaches it through us alone.
    command.current_dir(crate::root()).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
    Ok(Running { name, log, child })
}

/// The configuration that differs from the default, as environment variables.
fn settings(backends: &Backends, secret_key: String) -> Result<Vec<(String, String)>> {
    let database = backends.url("DATABASE_URL")?;
    let (stock, suppliers) = (with_database(database, STOCK), with_database(database, SUPPLIERS));
    let private_addresses = from_environment(PRIVATE_ADDRESSES).unwrap_or_else(|| "true".to_owned());
    let settings = [
        ("ONHAND__STOCK_UPDATER__DATABASE_URL", stock.clone()),
        ("ONHAND__STOCK_CHECKER__DATABASE_URL", stock),
        ("ONHAND__SUPPLIER_SYNC__DATABASE_URL", suppliers),
        ("ONHAND__STOCK_UPDATER__LISTEN", SERVICES[0].http.to_owned()),
        ("ONHAND__STOCK_UPDATER__GRPC_LISTEN", SERVICES[0].grpc.unwrap_or_default().to_owned()),
        ("ONHAND__STOCK_CHECKER__LISTEN", SERVICES[1].http.to_owned()),
        ("ONHAND__STOCK_CHECKER__GRPC_LISTEN", SERVICES[1].grpc.unwrap_or_default().to_owned()),
        ("ONHAND__SUPPLIER_SYNC__LISTEN", SERVICES[2].http.to_owned()),
        ("ONHAND__BUS__URL", backends.url("AMQP_URL")?.to_owned()),
        ("ONHAND__CACHE__URL", backends.url("REDIS_URL")?.to_owned()),
        (SECRET_KEY, secret_key),
        (PRIVATE_ADDRESSES, private_addresses),
    ];
    Ok(settings.map(|(key, value)| (key.to_owned(), value)).to_vec())
}

/// The user's own key; else, for a database that goes with this run, one that goes with it too.
fn secret_key(given: Option<String>, database_stays: bool) -> Result<String> {
    if let Some(key) = given {
        return Ok(key);
    }
    if database_stays {
        bail!(
            "the database that DATABASE_URL names outlives this run, and so must the key that seals suppliers' \
             credentials in it: set {SECRET_KEY} to what `openssl rand -hex 32` prints, the same each time"
        );
    }
    let mut bytes = [0; SECRET_KEY_BYTES];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("/dev/urandom")?;
    Ok(bytes.iter().fold(String::new(), |mut key, byte| {
        // Writing to a text cannot fail.
        _ = write!(key, "{byte:02x}");
        key
    }))
}

/// Until it answers requests that it is ready, and takes connections for calls.
async fn wait_until_ready(running: &mut [Running], service: &Service) -> Result<()> {
    let name = service.name;
    let deadline = Instant::now() + READY_LIMIT;
    loop {
        are_alive(running)?;
        let answer = timeout(ASK_LIMIT, async {
            if let Some(address) = service.grpc {
                TcpStream::connect(address).await.with_context(|| address)?;
            }
            get(service.http, "/ready").await
        })
        .await;
        let said = match answer {
            Ok(Ok(response)) if response.starts_with("HTTP/1.1 200 ") => return Ok(()),
            Ok(Ok(response)) => response,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {ASK_LIMIT:?}"),
        };
        if Instant::now() > deadline {
            bail!("{name} is not ready after {READY_LIMIT:?}: {said}");
        }
        sleep(POLL).await;
    }
}

/// The whole answer to a GET, as text.
async fn get(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// An error, with the end of its log, when a service has ended.
fn are_alive(running: &mut [Running]) -> Result<()> {
    for service in running {
        if let Some(status) = service.child.try_wait()? {
            let log = fs::read_to_string(&service.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
            bail!("{} ended with {status}; the end of {}:\n{last}", service.name, service.log.display());
        }
    }
    Ok(())
}

/// The same server's URL with another database.
fn with_database(url: &str, database: &str) -> String {
    let (address, options) = url.split_once('?').map_or((url, String::new()), |(a, o)| (a, format!("?{o}")));
    let server = address.split_once("://").and_then(|(scheme, rest)| {
        let server = rest.split('/').next()?;
        Some(format!("{scheme}://{server}"))
    });
    format!("{}/{database}{options}", server.unwrap_or_else(|| address.to_owned()))
}

/// Makes a database unless it is there, with the `psql` that comes with the server.
async fn create_database(url: &str, database: &str) -> Result<()> {
    let beside_server = Postgres::binaries().map(|folder| folder.join("psql")).filter(|psql| psql.is_file());
    let psql = beside_server.unwrap_or_else(|| PathBuf::from("psql"));
    let exists = format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'");
    let ask = |statement: String| {
        let mut command = program(&psql.to_string_lossy(), ["--no-psqlrc", "--tuples-only", "--no-align"]);
        command.arg("--command").arg(statement).arg(url).stdin(Stdio::null());
        command
    };
    let answer = output(ask(exists)).await?;
    if answer.trim() == "0" {
        output(ask(format!("CREATE DATABASE {database}"))).await?;
    }
    Ok(())
}

async fn output(mut command: Command) -> Result<String> {
    let output = command.output().await.context("psql makes the databases; install postgresql-client")?;
    if !output.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{SECRET_KEY, secret_key, with_database};

    #[test]
    fn a_database_that_stays_needs_a_key_that_stays() {
        let refusal = secret_key(None, true).unwrap_err().to_string();
        assert!(refusal.contains(SECRET_KEY), "{refusal}");
        assert_eq!(secret_key(Some("mine".to_owned()), true).unwrap(), "mine");
        let made = [(); 2].map(|()| secret_key(None, false).unwrap());
        assert!(made[0] != made[1] && made.iter().all(|key| key.len() == 64), "{made:?}");
    }

    #[test]
    fn a_url_keeps_all_but_its_database() {
        let check = |from: &str, to: &str| assert_eq!(with_database(from, "stock"), to);
        check("postgres://app@127.0.0.1:5432/postgres", "postgres://app@127.0.0.1:5432/stock");
        check("postgres://app:x@db:5432", "postgres://app:x@db:5432/stock");
        check("postgres://app@db/a?sslmode=require", "postgres://app@db/stock?sslmode=require");
    }
}

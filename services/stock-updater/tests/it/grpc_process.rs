//! The binary, started by the environment of the inventory service whose clients it serves.

use std::process::{Child, Command};

use reqwest::Url;
use serde_json::json;
use testkit::{Backend, Stage, eventually};
use tokio::net::TcpStream;

use crate::grpc_client::Client;
use crate::shop::LIMIT;

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn db_host_and_service_port_start_it_on_postgresql() {
    let stage = Stage::new(Backend::Real).await;
    let database: Url = stage.stock_url.parse().unwrap();
    let (http, calls) = (stage.free_address(), stage.free_address());
    let mut command = Command::new(env!("CARGO_BIN_EXE_stock-updater"));
    command
        .env_clear()
        .current_dir(&stage.folder)
        .env("DB_HOST", database.host_str().unwrap())
        .env("DB_PORT", database.port().unwrap_or(5432).to_string())
        .env("DB_USER", database.username())
        .env("DB_NAME", database.path().trim_start_matches('/'))
        .env("SERVICE_PORT", calls.port().to_string())
        .env("ONHAND__STOCK_UPDATER__LISTEN", http.to_string());
    if let Some(password) = database.password() {
        command.env("DB_PASSWORD", password);
    }
    let mut process = Process(command.spawn().unwrap());
    eventually("it listens", LIMIT, async || {
        assert!(process.0.try_wait().unwrap().is_none(), "it ended");
        TcpStream::connect(calls).await.ok()
    })
    .await;
    let client = Client::at(&format!("http://{calls}")).await;
    let item = client.item("TEA", 5).await;
    assert_eq!(client.units(&item).await, [5, 5, 0]);
    // It is in the database that was named, and nowhere else.
    let db = sea_orm::Database::connect(&stage.stock_url).await.unwrap();
    let reader = ledger::Reader::new(db);
    let found = reader.resolve("TEA", None).await.unwrap().unwrap();
    assert_eq!(json!(found.id), json!(item));
    assert!(!stage.folder.join("data").exists());
}

//! The platform from outside: through its wire where it has one, over all its back ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod auth;
mod cache;
mod config;
mod database;
mod echo;
mod grpc;
mod grpc_open;
mod hosting;
mod http;
mod layers;
mod lock;
mod places;
mod schedule;

use std::time::Duration;

use platform::cache::CacheConfig;
use platform::config::Config;
use platform::hosting::{Check, Listeners, Service, Task};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

/// Long enough for a busy machine; a test that waits this long has failed.
const LIMIT: Duration = Duration::from_secs(60);

fn defaults() -> Config {
    Config::defaults().unwrap()
}

fn service(routes: axum::Router) -> Service {
    Service { name: "test", routes: OpenApiRouter::from(routes), grpc: None, tasks: vec![], checks: vec![] }
}

fn cache_config(stage: &testkit::Stage) -> CacheConfig {
    let config =
        stage.settings().into_iter().fold(defaults(), |config, (key, value)| config.set(&key, value));
    // A test machine may be slow, and a wrong timeout here would look like a lost value.
    config.set("cache.timeout_ms", 2_000).section("cache").unwrap()
}

/// A process of services on a port of its own.
struct Running {
    url: String,
    /// For gRPC.
    calls_url: String,
    client: reqwest::Client,
    stop: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    async fn start(config: Config, service: Service) -> Self {
        platform::hosting::install_tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let calls_url = format!("http://{}", grpc.local_addr().unwrap());
        let listeners = Listeners { http: listener, grpc: Some(grpc) };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        #[expect(clippy::disallowed_methods, reason = "the test plays the process")]
        let serving = tokio::spawn(async move {
            platform::hosting::serve(listeners, &config, vec![service], stopped).await
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url, calls_url, client, stop, serving }
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    async fn stopped(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.ended().await
    }

    async fn ended(self) -> anyhow::Result<()> {
        tokio::time::timeout(LIMIT, self.serving).await.unwrap().unwrap()
    }
}

/// Status, code (the end of `type`) and detail of a problem.
async fn problem(response: reqwest::Response) -> (u16, String, String) {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    let code = body["type"].as_str().unwrap().strip_prefix("urn:onhand:problem:").unwrap().to_owned();
    (status, code, body["detail"].as_str().unwrap().to_owned())
}

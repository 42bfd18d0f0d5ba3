//! Stock-checker as it is served, with one cache or another, and a hello without anything.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use events::Topology;
use platform::config::Config;
use platform::hosting::serve;
use platform::telemetry::{self, Guard};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What a service logs and counts by default costs it something: here too.
pub(crate) fn telemetry() -> Guard {
    telemetry::init(&Config::defaults().unwrap(), "bench").unwrap()
}

/// Where services find their database and their cache.
pub(crate) struct Server {
    pub(crate) database: String,
    pub(crate) redis: String,
}

impl Server {
    /// Serves a stock-checker with these settings until the process ends, and says where.
    pub(crate) async fn start(&self, settings: &[(&str, &str)]) -> SocketAddr {
        let config = Config::defaults().unwrap();
        let config = config.set("stock_checker.database_url", &*self.database).set("cache.url", &*self.redis);
        let config = settings.iter().fold(config, |config, (key, value)| config.set(key, *value));
        let stop = CancellationToken::new();
        // Nothing happens while it is read: no event.
        let topology = Topology::standard("bench", "bench.");
        let bus = events::connect("memory:", topology, stop.clone()).unwrap();
        let service = stock_checker::service(&config, bus).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { serve(listener, &config, vec![service], stop).await.unwrap() });
        address
    }
}

/// Serves `body` and nothing else, and says where.
pub(crate) async fn hello(body: Vec<u8>) -> SocketAddr {
    let body = Bytes::from(body);
    let answer = async move || ([(CONTENT_TYPE, "application/json")], body.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/hello", get(answer))).await.unwrap() },
    );
    address
}

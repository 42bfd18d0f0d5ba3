//! A running stock-updater and a client of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::events::{Bus, Delivery, Envelope, Event, Handler, Message, Subscription, Topology, Verdict};
use async_trait::async_trait;
use platform::config::Config;
use platform::hosting::Listeners;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{Backend, Stage, eventually};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long anything may take to come about.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Shop {
    _stage: Stage,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) token: Option<String>,
    http: reqwest::Client,
    base: String,
    /// For gRPC.
    pub(crate) calls_url: String,
    heard: Arc<Mutex<Vec<Envelope>>>,
    stop: CancellationToken,
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// A problem with this status and code.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!(self.status.as_u16(), status, "{body}");
        assert_eq!(body["type"], format!("urn:onhand:problem:{code}"), "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
        body
    }
}

struct Ear(Arc<Mutex<Vec<Envelope>>>);

#[async_trait]
impl Handler for Ear {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        if let Ok(envelope) = Envelope::parse(&delivery.message.body) {
            self.0.lock().unwrap().push(envelope);
        }
        Verdict::Done
    }
}

pub(crate) async fn open(backend: Backend) -> Shop {
    open_with(backend, |config| config).await
}

#[expect(clippy::disallowed_methods, reason = "a test hosts the service itself")]
pub(crate) async fn open_with(backend: Backend, adjust: impl FnOnce(Config) -> Config) -> Shop {
    let stage = Stage::new(backend).await;
    platform::hosting::install_tls();
    let mut config = Config::defaults().unwrap();
    for (key, value) in stage.settings() {
        config = config.set(&key, value);
    }
    let config = adjust(config);
    let stop = CancellationToken::new();
    // Only this service runs: the other queues would be waited for.
    let mut topology = Topology::standard(&stage.exchange, &stage.prefix);
    topology.queues.retain(|queue| queue.name == "stock-updater");
    let bus = ::events::connect(&stage.bus_url, topology, stop.clone()).unwrap();
    let heard = Arc::new(Mutex::new(vec![]));
    let all = Subscription::Exclusive { name: "test".to_owned(), bindings: vec!["#".to_owned()] };
    let (ears, ear) = (Arc::clone(&bus), Arc::new(Ear(Arc::clone(&heard))));
    let listening = stop.clone();
    tokio::spawn(async move { ears.consume(all, ear, listening).await });
    let service = stock_updater::service(&config, Arc::clone(&bus)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let calls = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let calls_url = format!("http://{}", calls.local_addr().unwrap());
    let listeners = Listeners { http: listener, grpc: Some(calls) };
    let running = stop.clone();
    tokio::spawn(async move { platform::hosting::serve(listeners, &config, vec![service], running).await });
    let http = reqwest::Client::new();
    let shop = Shop { _stage: stage, bus, token: None, http, base, calls_url, heard, stop };
    eventually("ready", LIMIT, async || {
        let answer = shop.http.get(format!("{}/ready", shop.base)).send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    shop
}

impl Shop {
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// Posts with an `Idempotency-Key`.
    pub(crate) async fn post_keyed(&self, key: &str, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).header("Idempotency-Key", key).json(&body)).await
    }

    /// A new item with so many units.
    pub(crate) async fn item(&self, sku: &str, units: i64) {
        let body =
            json!({"sku": sku, "product_id": format!("p-{sku}"), "name": "A thing", "reorder_point": 5});
        self.post("/v1/items", body).await.is(201);
        if units > 0 {
            self.post(&format!("/v1/items/{sku}/receipts"), json!({"quantity": units})).await.is(201);
        }
    }

    /// How many are available, read off a change that changes nothing.
    pub(crate) async fn available(&self, sku: &str) -> i64 {
        let after = self.patch(&format!("/v1/items/{sku}"), json!({})).await.is(200);
        after["items"][0]["available"].as_i64().unwrap()
    }

    /// Publishes a bare event, as an older client would.
    pub(crate) async fn publish(&self, routing_key: &str, id: &str, body: impl Into<bytes::Bytes>) {
        let message = Message {
            id: id.to_owned(),
            routing_key: routing_key.to_owned(),
            body: body.into(),
            traceparent: None,
            message_type: None,
        };
        self.publish_message(message).await;
    }

    pub(crate) async fn publish_message(&self, message: Message) {
        eventually("the bus takes it", LIMIT, async || {
            let taken = self.bus.publish(vec![message.clone()]).await;
            taken.into_iter().all(|taken| taken.is_ok()).then_some(())
        })
        .await;
    }

    /// Waits until so many are available.
    pub(crate) async fn reaches(&self, sku: &str, available: i64) {
        eventually(&format!("{sku} at {available}"), LIMIT, async || {
            let answer = self.patch(&format!("/v1/items/{sku}"), json!({})).await;
            (answer.json()["items"][0]["available"] == available).then_some(())
        })
        .await;
    }

    /// Waits for an event of which `found` finds what it wants.
    pub(crate) async fn hears<T>(&self, what: &str, found: impl Fn(&Event) -> Option<T>) -> T {
        eventually(what, LIMIT, async || {
            self.heard.lock().unwrap().iter().find_map(|envelope| found(&envelope.event))
        })
        .await
    }

    /// Waits for the dead letter and says why it is one.
    pub(crate) async fn parked(&self, number: usize) -> Vec<String> {
        eventually(&format!("{number} dead letters"), LIMIT, async || {
            let parked = self.bus.parked("stock-updater", 100).await.ok()?;
            (parked.len() == number).then(|| parked.into_iter().map(|letter| letter.reason).collect())
        })
        .await
    }
}

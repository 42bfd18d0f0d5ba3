//! A running service, a simulated supplier, and somebody who listens to the bus.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use events::{
    Bus, Delivery, Envelope, Event, Handler, Message, Restock, StockUpdated, Subject, Subscription, Topology,
    Verdict,
};
use platform::config::Config;
use platform::hosting;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use supplier_sync::simulator::{SimProduct, Simulator};
use testkit::{Backend, Stage, eventually};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// A port on which nobody listens.
const NO_BROKER: &str = "amqp://127.0.0.1:1";

/// Longer than anything here takes on a machine that is busy with something else.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// 64 hex digits.
pub(crate) const SECRET_KEY: &str = "8f1d0c5ba2937e46d8b05f7c21e9a4336c7d19f2805eb4a7c3d61f0e92b8a554";

/// A service under test and what is around it.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) bus: Arc<dyn Bus>,
    config: Config,
    /// What the configuration has over the defaults.
    settings: Vec<(String, String)>,
    urls: Vec<String>,
    client: reqwest::Client,
    heard: Arc<Mutex<Vec<Event>>>,
    running: JoinSet<()>,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// Stands where stock-updater and stock-checker would, and minds what supplier-sync says.
struct Ear(Arc<Mutex<Vec<Event>>>);

#[async_trait]
impl Handler for Ear {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        if let Ok(envelope) = Envelope::parse(&delivery.message.body)
            && envelope.source == "/onhand/supplier-sync"
        {
            self.0.lock().unwrap().push(envelope.event);
        }
        Verdict::Done
    }
}

impl World {
    pub(crate) async fn new(backend: Backend) -> World {
        World::with(backend, &[]).await
    }

    /// With these settings over the ones that suit a test: impatient, and with suppliers on this machine.
    pub(crate) async fn with(backend: Backend, settings: &[(&str, &str)]) -> World {
        let mut world = World::idle(backend, settings).await;
        world.urls.clear();
        world.start().await;
        world
    }

    /// With a replica that answers requests and does nothing else: syncs and schedules are for others.
    pub(crate) async fn idle(backend: Backend, settings: &[(&str, &str)]) -> World {
        hosting::install_tls();
        let stage = Stage::new(backend).await;
        let mut over_defaults = stage.settings();
        let suitable = [
            ("secret_key", SECRET_KEY),
            ("allow_private_addresses", "true"),
            ("request_timeout_ms", "500"),
            ("fetch_attempts", "2"),
            ("retry_pause_ms", "10"),
            ("breaker_failures", "1000"),
            ("poll_interval_ms", "50"),
            ("sweep_interval_s", "1"),
            ("schedule_interval_s", "1"),
            ("order_pause_ms", "50"),
            ("order_longest_pause_ms", "200"),
            ("order_follow_up_ms", "50"),
            ("order_settle_ms", "300"),
        ];
        let of_service = suitable.iter().chain(settings);
        over_defaults
            .extend(of_service.map(|(key, value)| (format!("supplier_sync.{key}"), (*value).to_owned())));
        let mut config = Config::defaults().unwrap();
        for (key, value) in &over_defaults {
            config = config.set(key, value.clone());
        }
        let stop = CancellationToken::new();
        let topology = Topology::standard(&stage.exchange, &stage.prefix);
        let bus = events::connect(&stage.bus_url, topology, stop.clone()).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut running = JoinSet::new();
        for queue in ["stock-updater", "stock-checker"] {
            let (bus, ear, stop) = (bus.clone(), Arc::new(Ear(heard.clone())), stop.clone());
            running.spawn(async move { bus.consume(Subscription::Durable(queue), ear, stop).await });
        }
        let mut world = World {
            stage,
            bus,
            config,
            settings: over_defaults,
            urls: vec![],
            client: reqwest::Client::new(),
            heard,
            running,
            _stop: stop.clone().drop_guard(),
            stop,
        };
        let mut service = world.service().await;
        service.tasks.clear();
        world.host(service).await;
        world
    }

    /// Starts a replica; the first one answers [`World::get`] and the like.
    pub(crate) async fn start(&mut self) {
        let service = self.service().await;
        self.host(service).await;
    }

    async fn host(&mut self, service: hosting::Service) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.urls.push(format!("http://{}", listener.local_addr().unwrap()));
        let (config, stop) = (self.config.clone(), self.stop.clone());
        self.running
            .spawn(async move { hosting::serve(listener, &config, vec![service], stop).await.unwrap() });
    }

    /// Starts a replica whose broker is not there; it answers [`World::get`] and the like from now on.
    pub(crate) async fn start_without_broker(&mut self) {
        let topology = Topology::standard(&self.stage.exchange, &self.stage.prefix);
        self.bus = events::connect(NO_BROKER, topology, self.stop.clone()).unwrap();
        self.urls.clear();
        self.start().await;
    }

    /// One more of the service, not running.
    pub(crate) async fn service(&self) -> hosting::Service {
        supplier_sync::service(&self.config, self.bus.clone()).await.unwrap()
    }

    /// The environment of a process that is a replica. It listens where nobody looks for it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let variable = |key: &str| format!("ONHAND__{}", key.replace('.', "__").to_uppercase());
        let settings = self.settings.iter().map(|(key, value)| (variable(key), value.clone()));
        settings.chain([(variable("supplier_sync.listen"), "127.0.0.1:0".to_owned())]).collect()
    }

    /// With another setting, for what is started from now on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.config = self.config.clone().set(key, value);
    }

    /// The configuration of what is started.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The service's database.
    pub(crate) async fn db(&self) -> sea_orm::DatabaseConnection {
        platform::db::connect(&self.stage.suppliers_url, &self.config.section("database").unwrap())
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.client.get(self.url(path))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.client.post(self.url(path)).json(&body)).await
    }

    pub(crate) async fn post_empty(&self, path: &str) -> (u16, Value) {
        self.send(self.client.post(self.url(path))).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.client.patch(self.url(path)).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.client.put(self.url(path)).json(&body)).await
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.urls[0])
    }

    /// Registers a supplier at the simulator.
    pub(crate) async fn supplier(&self, id: &str, adapter: &str, simulator: &Simulator, more: Value) {
        let mut body =
            json!({ "id": id, "name": id.to_uppercase(), "adapter": adapter, "base_url": simulator.url() });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = self.post("/v1/suppliers", body).await;
        assert_eq!(status, 201, "{answer}");
    }

    /// Syncs a supplier and answers how that ended.
    pub(crate) async fn sync(&self, id: &str) -> Value {
        let (status, started) = self.post_empty(&format!("/v1/suppliers/{id}/sync")).await;
        assert_eq!(status, 202, "{started}");
        self.ended(id, &started["task_id"]).await
    }

    /// A supplier's runs, newest first.
    pub(crate) async fn runs(&self, id: &str) -> Vec<Value> {
        let (status, page) = self.get(&format!("/v1/suppliers/{id}/sync-runs?limit=500")).await;
        assert_eq!(status, 200, "{page}");
        page["sync_runs"].as_array().unwrap().clone()
    }

    /// Waits for the end of a run.
    pub(crate) async fn ended(&self, id: &str, run: &Value) -> Value {
        eventually("the end of a sync", LIMIT, async || {
            let (_, page) = self.get(&format!("/v1/suppliers/{id}/sync-runs")).await;
            let found = page["sync_runs"].as_array()?.iter().find(|found| &found["id"] == run)?.clone();
            (!found["ended_at"].is_null()).then_some(found)
        })
        .await
    }

    /// A supplier's catalog: (product id, name, active).
    pub(crate) async fn catalog(&self, id: &str) -> Vec<(String, String, bool)> {
        let (status, page) = self.get(&format!("/v1/suppliers/{id}/catalog?limit=500")).await;
        assert_eq!(status, 200, "{page}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let products = page["products"].as_array().unwrap().iter();
        products.map(|p| (text(&p["product_id"]), text(&p["name"]), p["active"].as_bool().unwrap())).collect()
    }

    /// Publishes an event as stock-updater would.
    pub(crate) async fn publish(&self, event: Event) {
        let envelope = Envelope::new("/onhand/stock-updater", event, Utc::now());
        self.publish_raw(&envelope.id.to_string(), &envelope.event.routing_key(), envelope.to_json()).await;
    }

    pub(crate) async fn publish_raw(&self, id: &str, routing_key: &str, body: String) {
        eventually("the bus to take an event", LIMIT, async || {
            let message = Message {
                id: id.to_owned(),
                routing_key: routing_key.to_owned(),
                body: body.clone().into(),
                traceparent: None,
                message_type: None,
            };
            self.bus.publish(vec![message]).await[0].is_ok().then_some(())
        })
        .await;
    }

    /// What was heard on the bus so far.
    pub(crate) fn heard(&self) -> Vec<Event> {
        self.heard.lock().unwrap().clone()
    }

    /// What was heard of restock orders: (event's kind, what it says).
    pub(crate) fn heard_of_orders(&self) -> Vec<(&'static str, Restock)> {
        let restock = |event: Event| match &event {
            Event::RestockOrdered(told)
            | Event::RestockConfirmed(told)
            | Event::RestockReceived(told)
            | Event::RestockFailed(told) => Some((event.kind(), told.clone())),
            _ => None,
        };
        self.heard().into_iter().filter_map(restock).collect()
    }

    /// Waits until there are so many orders of an SKU, and answers them.
    pub(crate) async fn orders(&self, sku: &str, count: usize) -> Vec<Value> {
        eventually("the orders", LIMIT, async || {
            let (_, page) = self.get(&format!("/v1/restock-orders?sku={sku}")).await;
            let orders = page["restock_orders"].as_array()?.clone();
            (orders.len() == count).then_some(orders)
        })
        .await
    }

    /// Waits until an event about an order was heard, the `nth` of its kind, and answers what it says.
    pub(crate) async fn told(&self, kind: &str, nth: usize) -> Restock {
        eventually(&format!("{kind} {nth}"), LIMIT, async || {
            self.heard_of_orders()
                .into_iter()
                .filter(|(heard, _)| *heard == kind)
                .nth(nth)
                .map(|(_, told)| told)
        })
        .await
    }

    /// What a counter or gauge of the process stands at, by its name and labels.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        let (_, metrics) = self.send(self.request("GET", "/metrics")).await;
        metrics.as_str()?.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits until an order is in a state, and answers it.
    pub(crate) async fn order_in(&self, id: &Value, state: &str) -> Value {
        let path = format!("/v1/restock-orders/{}", id.as_str().unwrap());
        eventually(&format!("the order to be {state}"), LIMIT, async || {
            let (_, order) = self.get(&path).await;
            (order["state"] == state).then_some(order)
        })
        .await
    }
}

pub(crate) async fn simulator() -> Simulator {
    hosting::install_tls();
    Simulator::start("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

/// Products `p1`, `p2`, … as a supplier sells them.
pub(crate) fn products(count: usize) -> Vec<SimProduct> {
    (1..=count)
        .map(|n| SimProduct {
            id: format!("p{n}"),
            name: format!("Product {n}"),
            sku: format!("S{n}"),
            stock: 100,
            price: "9.50".to_owned(),
            updated_at: stamp(0),
        })
        .collect()
}

/// A time so many seconds after another.
pub(crate) fn stamp(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000 + seconds, 0).unwrap()
}

/// An item as events tell it: reorder at 10, 50 at a time.
pub(crate) fn item(sku: &str, supplier_id: &str, version: i64, available: i64) -> Subject {
    Subject {
        item_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, sku.as_bytes()),
        product_id: sku.to_owned(),
        variant_id: None,
        sku: sku.to_owned(),
        owner: "acme".to_owned(),
        supplier_id: Some(supplier_id.to_owned()),
        version,
        active: true,
        reorder_point: 10,
        reorder_quantity: 50,
        on_hand: available,
        available,
        reserved: 0,
        incoming: 0,
        in_transit: 0,
        levels: vec![],
    }
}

pub(crate) fn updated(subject: Subject) -> Event {
    Event::StockUpdated(StockUpdated {
        previous_stock: subject.available + 1,
        new_stock: subject.available,
        change_amount: -1,
        reason: "sold".to_owned(),
        timestamp: Utc::now(),
        command_id: Uuid::now_v7(),
        subject,
    })
}

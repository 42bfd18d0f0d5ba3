//! A stock database with a writer and a relay at work, and stock-checkers that answer from it.

use std::sync::Arc;
use std::time::Duration;

use domain::{
    Attributes, Command, Delta, HoldId, Identity, ItemId, Line, NewItem, Outside, Quantity, Shelf, Sku,
};
use events::outbox::Relay;
use events::{Bus, Message, StockUpdated, Subject, Topology};
use ledger::{By, Done, ItemView, Migrator, Reader, Request, Writer, WriterConfig};
use platform::cache::Layers;
use platform::config::Config;
use platform::db::DbConfig;
use platform::hosting::{Listeners, Service};
use sea_orm::DatabaseConnection;
use serde_json::Value;
use testkit::{Backend, Stage, eventually};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use crate::answer::Answer;

/// Long enough for a busy machine; a test that waits this long has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Stand {
    pub(crate) stage: Stage,
    pub(crate) config: Config,
    pub(crate) db: DatabaseConnection,
    pub(crate) bus: Arc<dyn Bus>,
    writer: Writer,
    pub(crate) reader: Reader,
    wake: Arc<Notify>,
    client: reqwest::Client,
    pub(crate) url: String,
    /// For gRPC.
    pub(crate) calls_url: String,
    stop: CancellationToken,
}

/// A stock-checker that can be stopped on its own.
pub(crate) struct Mortal {
    pub(crate) url: String,
    pub(crate) calls_url: String,
    pub(crate) stop: CancellationToken,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[expect(clippy::disallowed_methods, reason = "the test plays the process")]
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

/// A stand with one stock-checker, and the events on their way.
pub(crate) async fn open(backend: Backend) -> Stand {
    open_with(backend, &[]).await
}

/// The same with settings of the test's own.
pub(crate) async fn open_with(backend: Backend, settings: &[(&str, &str)]) -> Stand {
    let stand = silent(backend, settings).await;
    stand.relay();
    stand
}

/// The same, but nobody publishes the outbox.
pub(crate) async fn silent(backend: Backend, settings: &[(&str, &str)]) -> Stand {
    silent_on(Stage::new(backend).await, settings).await
}

/// The same on this stage.
pub(crate) async fn silent_on(stage: Stage, settings: &[(&str, &str)]) -> Stand {
    _ = tracing_subscriber::fmt().with_test_writer().try_init();
    platform::hosting::install_tls();
    let config = stage
        .settings()
        .into_iter()
        .fold(Config::defaults().unwrap(), |config, (key, value)| config.set(&key, value));
    // A test machine may be slow, and a wrong timeout here would look like a lost value.
    let config = config.set("cache.timeout_ms", 2_000);
    let config = settings.iter().fold(config, |config, (key, value)| config.set(key, *value));
    let database: DbConfig = config.section("database").unwrap();
    let db = platform::db::connect(&stage.stock_url, &database).await.unwrap();
    platform::db::migrate::<Migrator>(&db).await.unwrap();
    let (stop, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
    let lanes: WriterConfig = config.section("ledger").unwrap();
    let (writer, tasks) = Writer::new(&stage.stock_url, &database, &lanes, &wake);
    for task in tasks {
        spawn(task.run(stop.clone()));
    }
    let bus = events::connect(&stage.bus_url, topology(&stage), stop.clone()).unwrap();
    let (url, calls_url) = checker(&config, &bus, &stop).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Stand {
        reader: Reader::new(db.clone()),
        stage,
        config,
        db,
        bus,
        writer,
        wake,
        client,
        url,
        calls_url,
        stop,
    }
}

/// Only this service's queue: nobody else is there to consume the others.
fn topology(stage: &Stage) -> Topology {
    let mut topology = Topology::standard(&stage.exchange, &stage.prefix);
    topology.queues.retain(|queue| queue.name == "stock-checker");
    topology
}

/// Where it answers requests, and calls.
async fn checker(config: &Config, bus: &Arc<dyn Bus>, stop: &CancellationToken) -> (String, String) {
    let service = stock_checker::service(config, Arc::clone(bus)).await.unwrap();
    serve(service, config, stop).await
}

async fn serve(service: Service, config: &Config, stop: &CancellationToken) -> (String, String) {
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let urls = [&http, &grpc].map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    let listeners = Listeners { http, grpc: Some(grpc) };
    let (config, stop) = (config.clone(), stop.clone());
    spawn(async move { platform::hosting::serve(listeners, &config, vec![service], stop).await.unwrap() });
    urls.into()
}

pub(crate) fn quantity(units: i64) -> Quantity {
    Quantity::try_from(units).unwrap()
}

/// An item of `acme`'s, ordered from `sup-1` at 5.
pub(crate) fn new_item(sku: &str) -> NewItem {
    let text = |text: &str| -> Sku { text.to_owned().try_into().unwrap() };
    NewItem {
        identity: Identity {
            id: ItemId(Uuid::now_v7()),
            product_id: text(&format!("p-{sku}")),
            variant_id: None,
            sku: text(sku),
            owner: "acme".to_owned().try_into().unwrap(),
        },
        attributes: Attributes {
            name: "A thing".to_owned().try_into().unwrap(),
            supplier: Some(text("sup-1")),
            reorder_point: 5,
            reorder_quantity: 20,
            active: true,
        },
    }
}

impl Stand {
    /// Publishes the outbox from now on.
    pub(crate) fn relay(&self) {
        let relay = Relay::new("test", self.db.clone(), Arc::clone(&self.bus), Arc::clone(&self.wake));
        spawn(relay.run(self.stop.clone()));
    }

    /// One more stock-checker; its URL.
    pub(crate) async fn replica(&self) -> String {
        self.replica_at(&self.stage.bus_url).await
    }

    /// One more that can be stopped on its own.
    pub(crate) async fn mortal(&self) -> Mortal {
        let bus = events::connect(&self.stage.bus_url, topology(&self.stage), self.stop.clone()).unwrap();
        let bus = if self.stage.backend == testkit::Backend::Real { bus } else { Arc::clone(&self.bus) };
        let stop = self.stop.child_token();
        let (url, calls_url) = checker(&self.config, &bus, &stop).await;
        Mortal { url, calls_url, stop }
    }

    /// One more, at another broker.
    pub(crate) async fn replica_at(&self, bus_url: &str) -> String {
        let bus = events::connect(bus_url, topology(&self.stage), self.stop.clone()).unwrap();
        checker(&self.config, &bus, &self.stop).await.0
    }

    /// One more, with settings of its own.
    pub(crate) async fn replica_with(&self, settings: &[(&str, &str)]) -> String {
        let config =
            settings.iter().fold(self.config.clone(), |config, (key, value)| config.set(key, *value));
        let url = config.text("bus.url").unwrap();
        let bus = events::connect(&url, topology(&self.stage), self.stop.clone()).unwrap();
        checker(&config, &bus, &self.stop).await.0
    }

    /// One more, with layers of cache of its own, and alone on a bus in this process.
    pub(crate) async fn replica_over(&self, config: &Config, layers: Layers) -> (String, Arc<dyn Bus>) {
        let bus = events::connect("memory:", topology(&self.stage), self.stop.clone()).unwrap();
        let config = config.clone().set("bus.url", "memory:");
        let service = stock_checker::service_with(&config, Arc::clone(&bus), layers).await.unwrap();
        (serve(service, &config, &self.stop).await.0, bus)
    }

    pub(crate) async fn does(&self, command: Command) -> Done {
        let by = By { actor: "anna".to_owned(), role: "admin".to_owned(), owner: None };
        self.writer.submit(Request::new(command, by)).await.unwrap().outcome.unwrap()
    }

    /// The same for an order.
    pub(crate) async fn does_for(&self, command: Command, order: &str) -> Done {
        let by = By { actor: "anna".to_owned(), role: "admin".to_owned(), owner: None };
        let mut request = Request::new(command, by);
        request.reference = Some(ledger::Reference { kind: "order".to_owned(), id: order.to_owned() });
        self.writer.submit(request).await.unwrap().outcome.unwrap()
    }

    pub(crate) fn locations_changed(&self) {
        self.writer.locations_changed();
    }

    /// A new item with so many units at the first location.
    pub(crate) async fn item(&self, sku: &str, units: i64) -> ItemId {
        self.item_like(new_item(sku), units).await
    }

    pub(crate) async fn item_like(&self, new: NewItem, units: i64) -> ItemId {
        let id = new.identity.id;
        self.does(Command::CreateItem(new)).await;
        if units > 0 {
            self.receive(id, units).await;
        }
        id
    }

    pub(crate) async fn receive(&self, item: ItemId, units: i64) -> i64 {
        let (quantity, into) = (quantity(units), Shelf::Available);
        let receipt = Command::Receive { item, location: None, quantity, expected: false, into };
        self.does(receipt).await.items[0].version
    }

    /// Sells so many; the item's version after it.
    pub(crate) async fn sell(&self, item: ItemId, units: i64) -> i64 {
        let (delta, shelf) = (Delta::try_from(-units).unwrap(), Shelf::Available);
        let sale = Command::Adjust { item, location: None, delta, against: Outside::Customer, shelf };
        self.does(sale).await.items[0].version
    }

    pub(crate) async fn reserve(&self, item: ItemId, units: i64, seconds: i64) {
        let lines = vec![Line { item, location: None, quantity: quantity(units) }];
        self.does(Command::Reserve { hold: HoldId(Uuid::now_v7()), lines, seconds }).await;
    }

    /// What `stock_updated` says of the item as it is now.
    pub(crate) async fn news(&self, item: ItemId) -> Message {
        let view = self.reader.item(item).await.unwrap().unwrap();
        let timestamp = view.updated_at;
        let event = events::Event::StockUpdated(StockUpdated {
            previous_stock: view.available,
            new_stock: view.available,
            change_amount: 0,
            reason: "test".to_owned(),
            timestamp,
            command_id: Uuid::now_v7(),
            subject: subject(view),
        });
        message(events::outbox::Entry::new("test", event, timestamp, None))
    }

    /// What `item_created` says of the item.
    pub(crate) async fn birth(&self, item: ItemId) -> Message {
        let view = self.reader.item(item).await.unwrap().unwrap();
        let (at, name) = (view.created_at, view.name.clone());
        let created = events::Item { name, subject: subject(view), timestamp: at };
        message(events::outbox::Entry::new("test", events::Event::ItemCreated(created), at, None))
    }

    pub(crate) async fn publish(&self, messages: Vec<Message>) {
        publish(&self.bus, messages).await;
    }

    pub(crate) fn request(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.request(path).send().await.unwrap()
    }

    pub(crate) fn request_from(&self, url: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{url}{path}"))
    }

    pub(crate) fn posting(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.url));
        request.header("content-type", "application/json").body(body.to_string())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.posting(path, body).send().await.unwrap()).await
    }

    pub(crate) async fn get_from(&self, url: &str, path: &str) -> Answer {
        Answer::of(self.client.get(format!("{url}{path}")).send().await.unwrap()).await
    }

    pub(crate) async fn ask(&self, path: &str) -> Answer {
        Answer::of(self.get(path).await).await
    }

    /// The answer's body, which is to be a 200.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.ask(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Asks until the answer comes from the cache.
    pub(crate) async fn cached(&self, path: &str) -> Answer {
        eventually("an answer from the cache", LIMIT, async || {
            Some(self.ask(path).await).filter(|answer| answer.source == "cache")
        })
        .await
    }
}

/// In-process, they have had their effect when this is over.
pub(crate) async fn publish(bus: &Arc<dyn Bus>, messages: Vec<Message>) {
    for message in messages {
        eventually("the bus takes a message", LIMIT, async || {
            bus.publish(vec![message.clone()]).await.remove(0).ok()
        })
        .await;
    }
}

fn message(row: events::outbox::Entry) -> Message {
    Message {
        id: row.id.to_string(),
        routing_key: row.routing_key,
        body: row.body.to_json().into(),
        traceparent: None,
        message_type: None,
    }
}

fn subject(view: ItemView) -> Subject {
    Subject {
        item_id: view.id,
        product_id: view.product_id,
        variant_id: view.variant_id,
        sku: view.sku,
        owner: view.owner,
        supplier_id: view.supplier_id,
        version: view.version,
        active: view.active,
        reorder_point: view.reorder_point,
        reorder_quantity: view.reorder_quantity,
        on_hand: view.on_hand,
        available: view.available,
        reserved: view.reserved,
        incoming: view.incoming,
        in_transit: 0,
        levels: vec![],
    }
}

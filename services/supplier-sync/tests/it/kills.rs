//! `kill -9` at every step of bringing an order to its supplier.
//!
//! The process under test is this test's own program, started anew each time: [`the_process_that_is_killed`]. What must
//! take its time (a lease, a request on its way) takes it between two lives, by changing what is written down.

use crate::world::{LIMIT, SECRET_KEY, item, simulator, updated};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use events::{Bus, Delivery, Envelope, Handler, Message, Subscription, Topology, Verdict};
use platform::config::Config;
use platform::hosting;
use rstest::rstest;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::json;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use supplier_sync::simulator::{Mode, SimOrder, Simulator};
use supplier_sync::{Step, Watcher};
use testkit::{Backend, Stage, eventually};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Suppliers, each of which gets one order a life and is in the middle of one at the kill.
const SUPPLIERS: usize = 2;
/// How long the last life may take to bring on everything that the others were killed over.
const RECOVERY: Duration = Duration::from_secs(300);
/// What the killed process says when an order has got to where it is killed.
const THERE: &str = "an order is there";
/// Its variables, beside the configuration's.
const STEP: &str = "KILLED_AT";
const LIFE: &str = "KILLED_LIFE";
const URLS: &str = "KILLED_SUPPLIERS";

/// Where a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The process itself has got there.
    At(Step),
    /// The supplier has got the request, and has not looked at it.
    Received,
    /// The supplier has the order, and its answer is not sent.
    AnswerLost,
}

const ENDS: [End; 6] = [
    End::At(Step::Claimed),
    End::At(Step::WrittenDown),
    End::Received,
    End::AnswerLost,
    End::At(Step::Answered),
    End::At(Step::Recorded),
];

#[rstest]
#[case(Backend::Embedded, 200)]
#[case(Backend::Real, 40)]
#[tokio::test(flavor = "multi_thread")]
async fn however_often_the_process_is_killed_each_order_is_at_its_supplier_once(
    #[case] backend: Backend,
    #[case] kills: usize,
) {
    let scene = Scene::new(backend).await;
    for life in 0..kills {
        scene.live(life, ENDS[life % ENDS.len()]).await;
        scene.lease_is_over().await;
        // Not in step with the ends, so that each of them comes before and after it.
        if life % 5 == 0 {
            scene.an_hour_passes().await;
        }
    }
    scene.an_hour_passes().await;
    let orders = scene.recover().await;
    let at_suppliers: Vec<SimOrder> = scene.suppliers.iter().flat_map(Simulator::orders).collect();
    let twice: Vec<&SimOrder> = at_suppliers.iter().filter(|order| order.placed != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert_eq!(at_suppliers.len(), orders, "each is there");
    assert!(orders > kills, "only {orders} orders");
}

/// The suppliers, the database, and the way to start the process.
struct Scene {
    suppliers: Vec<Simulator>,
    db: DatabaseConnection,
    environment: Vec<(String, String)>,
    _stage: Stage,
}

impl Scene {
    async fn new(backend: Backend) -> Scene {
        let stage = Stage::new(backend).await;
        let mut suppliers = Vec::new();
        for _ in 0..SUPPLIERS {
            suppliers.push(simulator().await);
        }
        let mut settings = stage.settings();
        // An hour is no time that passes in a test by itself.
        let suitable = [
            ("bus.url", "memory:"),
            ("supplier_sync.secret_key", SECRET_KEY),
            ("supplier_sync.allow_private_addresses", "true"),
            ("supplier_sync.request_timeout_ms", "60000"),
            ("supplier_sync.poll_interval_ms", "50"),
            ("supplier_sync.order_settle_ms", "3600000"),
            ("supplier_sync.order_pause_ms", "100"),
            ("supplier_sync.order_longest_pause_ms", "3600000"),
            ("supplier_sync.order_follow_up_ms", "3600000"),
            ("supplier_sync.order_attempts", "1000"),
        ];
        settings.extend(suitable.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let variable = |key: &str| format!("ONHAND__{}", key.replace('.', "__").to_uppercase());
        let environment = settings.into_iter().map(|(key, value)| (variable(&key), value)).collect();
        let config = Config::defaults().unwrap().section("database").unwrap();
        let db = platform::db::connect(&stage.suppliers_url, &config).await.unwrap();
        Scene { suppliers, db, environment, _stage: stage }
    }

    /// One life of the process: it plans an order at each supplier, gets on with it to the end that is wanted, and is
    /// killed there.
    async fn live(&self, life: usize, end: End) {
        let mode = match end {
            End::At(_) => Mode::Healthy,
            End::Received => Mode::Late,
            End::AnswerLost => Mode::LostAnswer,
        };
        self.suppliers.iter().for_each(|supplier| supplier.fail(mode));
        let before: Vec<usize> = self.suppliers.iter().map(requests).collect();
        let step = if let End::At(step) = end { format!("{step:?}") } else { String::new() };
        let (mut process, mut says) = self.start(&life.to_string(), &step);
        if let End::At(_) = end {
            for _ in 0..SUPPLIERS {
                hear(&mut says).await;
            }
        } else {
            eventually("a request at each supplier", LIMIT, async || {
                let all =
                    self.suppliers.iter().zip(&before).all(|(supplier, before)| requests(supplier) > *before);
                all.then_some(())
            })
            .await;
        }
        process.kill().await.unwrap();
    }

    fn start(&self, life: &str, step: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
        let urls: Vec<String> = self.suppliers.iter().map(Simulator::url).collect();
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "kills::the_process_that_is_killed", "--ignored", "--nocapture"]);
        process.env_clear().envs(self.environment.iter().cloned());
        process.envs([(STEP, step), (LIFE, life), (URLS, &urls.join(" "))]).kill_on_drop(true);
        let mut process = process.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let says = BufReader::new(process.stdout.take().unwrap()).lines();
        (process, says)
    }

    /// The last life, which is not killed: it ends when each order is confirmed. Says how many there are: a kill may come
    /// before an item's event was taken in, and then there is none.
    async fn recover(&self) -> usize {
        self.suppliers.iter().for_each(|supplier| supplier.fail(Mode::Healthy));
        let left =
            async || self.count("SELECT count(*) FROM restock_orders WHERE state <> 'confirmed'").await;
        let orders = self.count("SELECT count(*) FROM restock_orders").await;
        println!("{} of {orders} orders are left to the last life", left().await);
        let (mut process, _says) = self.start("", "");
        eventually("all orders to be confirmed", RECOVERY, async || (left().await == 0).then_some(())).await;
        process.kill().await.unwrap();
        let items = self.count("SELECT count(DISTINCT item_id) FROM restock_orders").await;
        assert_eq!((self.count("SELECT count(*) FROM restock_orders").await, items), (orders, orders));
        orders
    }

    async fn count(&self, sql: &str) -> usize {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        let row = self.db.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).unwrap().try_into().unwrap()
    }

    /// What the dead process had claimed is anybody's again.
    async fn lease_is_over(&self) {
        self.set("next_attempt_at", "state IN ('planned', 'sent')").await;
    }

    /// Long enough for suppliers to look at every request that they got.
    async fn an_hour_passes(&self) {
        self.suppliers.iter().for_each(Simulator::catch_up);
        self.set("requested_at", "requested_at IS NOT NULL").await;
    }

    async fn set(&self, column: &str, condition: &str) {
        let then: DateTime<Utc> = Utc::now() - TimeDelta::hours(2);
        let sql = format!("UPDATE restock_orders SET {column} = $1 WHERE {condition}");
        let backend = self.db.get_database_backend();
        self.db.execute_raw(Statement::from_sql_and_values(backend, sql, [then.into()])).await.unwrap();
    }
}

/// How many order requests a supplier has got.
fn requests(supplier: &Simulator) -> usize {
    supplier.late() + supplier.orders().len()
}

async fn hear(says: &mut Lines<BufReader<ChildStdout>>) {
    let there = async {
        loop {
            let line = says.next_line().await.unwrap().expect("the process ended by itself");
            // The test harness may have begun the line.
            if line.ends_with(THERE) {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, there).await.expect("an order to be where it is killed");
}

/// Takes whatever it is told.
struct Deaf;

#[async_trait]
impl Handler for Deaf {
    async fn handle(&self, _: &Delivery) -> Verdict {
        Verdict::Done
    }
}

#[expect(clippy::disallowed_methods, reason = "these say what the test wants of this process")]
fn wish(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Plans an order at each supplier, and says so when one has got to the step where it is to be killed; there it stays.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is the process that another test starts, and kills"]
async fn the_process_that_is_killed() {
    let (Some(step), Some(life), Some(urls)) = (wish(STEP), wish(LIFE), wish(URLS)) else { return };
    hosting::install_tls();
    let config = Config::load().unwrap();
    let stop = CancellationToken::new();
    let bus = events::connect("memory:", Topology::standard("x", "x."), stop.clone()).unwrap();
    let mut running = JoinSet::new();
    for queue in ["stock-updater", "stock-checker"] {
        let (bus, stop) = (bus.clone(), stop.clone());
        running.spawn(async move { bus.consume(Subscription::Durable(queue), Arc::new(Deaf), stop).await });
    }
    let watcher: Watcher = Arc::new(move |reached, _| {
        let is_there = format!("{reached:?}") == step;
        Box::pin(async move {
            if is_there {
                println!("{THERE}");
                std::future::pending::<()>().await;
            }
        })
    });
    let service = supplier_sync::watched(&config, bus.clone(), Some(watcher)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    running.spawn(async move { hosting::serve(listener, &config, vec![service], stop).await.unwrap() });
    if life == "0" {
        register(&format!("http://{address}"), &urls).await;
    }
    if !life.is_empty() {
        let lines = (0..SUPPLIERS).map(|n| short(bus.as_ref(), format!("S{n}-{life}"), n));
        futures::future::join_all(lines).await;
    }
    while running.join_next().await.is_some() {}
}

async fn register(service: &str, urls: &str) {
    let client = reqwest::Client::new();
    for (n, url) in urls.split(' ').enumerate() {
        let supplier = json!({ "id": n.to_string(), "name": "Supplier", "adapter": "abc", "base_url": url });
        let answer = eventually("the service", LIMIT, async || {
            client.post(format!("{service}/v1/suppliers")).json(&supplier).send().await.ok()
        })
        .await;
        assert_eq!(answer.status(), 201);
    }
}

/// Tells that an item is short.
async fn short(bus: &dyn Bus, sku: String, supplier: usize) {
    let envelope =
        Envelope::new("/onhand/stock-updater", updated(item(&sku, &supplier.to_string(), 1, 0)), Utc::now());
    eventually("the bus to take an event", LIMIT, async || {
        let message = Message {
            id: envelope.id.to_string(),
            routing_key: envelope.event.routing_key(),
            body: envelope.to_json().into(),
            traceparent: None,
            message_type: None,
        };
        bus.publish(vec![message]).await[0].is_ok().then_some(())
    })
    .await;
}

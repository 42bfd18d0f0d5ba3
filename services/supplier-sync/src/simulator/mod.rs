//! A supplier's system to try things on: a real HTTP server that fails on demand.
//!
//! It speaks all three dialects at once (`/catalog`, `/products`, and any other path for generic), takes orders
//! (`POST /orders`, `GET /orders/{reference}`, `POST /orders/{reference}/cancel`) and remembers them. One reference is one order, however often it
//! is placed; how often it was is counted. Used by `onhand demo`, on the command line and by tests.

mod mode;
mod server;

use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

pub use mode::Mode;

/// A running simulated supplier. It stops when this is dropped.
pub struct Simulator {
    address: SocketAddr,
    shared: Shared,
    /// Aborted when it is dropped.
    _serving: JoinSet<std::io::Result<()>>,
}

/// A product as the simulated supplier sells it.
#[derive(Clone, Debug)]
pub struct SimProduct {
    /// The supplier's own id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The supplier's SKU.
    pub sku: String,
    /// How many the supplier has.
    pub stock: i64,
    /// The price of one, as decimal text.
    pub price: String,
    /// When the row last changed.
    pub updated_at: DateTime<Utc>,
}

/// An order that the simulated supplier has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimOrder {
    /// The buyer's reference.
    pub reference: Uuid,
    /// The supplier's SKU.
    pub sku: String,
    /// Units.
    pub quantity: i64,
    /// `accepted`, `confirmed`, `rejected` or `cancelled`.
    pub status: String,
    /// How many it confirms, when it says so.
    pub confirmed_quantity: Option<i64>,
    /// When it says that it delivers.
    pub promised_at: Option<DateTime<Utc>>,
    /// How often it was placed; 1 is as it should be.
    pub placed: u32,
    /// The trace that it was first placed in.
    pub traceparent: Option<String>,
}

/// What the simulated supplier says to orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderPolicy {
    /// Confirms at once.
    Confirm,
    /// Confirms at once, and refuses a reference that it knows.
    Once,
    /// Takes them and decides later: see [`Simulator::decide`].
    Accept,
    /// Rejects them with this reason.
    Reject(String),
}

type Shared = Arc<Mutex<State>>;

struct State {
    products: Vec<SimProduct>,
    /// Sent as they are instead of the products.
    rows: Option<Vec<Value>>,
    key: Option<String>,
    policy: OrderPolicy,
    mode: Mode,
    /// How many more requests fail; `None`: all until healed.
    failures_left: Option<u32>,
    orders: BTreeMap<Uuid, SimOrder>,
    /// Order requests that it has got and not looked at yet.
    late: Vec<server::Late>,
    /// Why it cancels nothing.
    no_cancelling: Option<String>,
    requests: u64,
    /// Whether answers are held back.
    held: watch::Sender<bool>,
}

impl Simulator {
    /// Starts on an address; port 0 picks a free one.
    pub async fn start(address: SocketAddr) -> std::io::Result<Simulator> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared: Shared = Arc::new(Mutex::new(State {
            products: Vec::new(),
            rows: None,
            key: None,
            policy: OrderPolicy::Confirm,
            mode: Mode::Healthy,
            failures_left: None,
            orders: BTreeMap::new(),
            late: Vec::new(),
            no_cancelling: None,
            requests: 0,
            held: watch::Sender::new(false),
        }));
        let app = server::routes(shared.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, app).await });
        Ok(Simulator { address, shared, _serving: serving })
    }

    /// The base URL to give to a supplier, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets what it sells.
    pub fn set_catalog(&self, products: Vec<SimProduct>) {
        let mut state = self.state();
        state.products = products;
        state.rows = None;
    }

    /// Sets the rows of its catalog word for word, to send what no sane supplier would.
    pub fn set_rows(&self, rows: Vec<Value>) {
        self.state().rows = Some(rows);
    }

    /// From now on answers 401 to requests that do not show this key in a header, in the query or as HTTP basic.
    pub fn require_key(&self, key: &str) {
        self.state().key = Some(key.to_owned());
    }

    /// From now on fails this way, until [`Mode::Healthy`].
    pub fn fail(&self, mode: Mode) {
        let mut state = self.state();
        state.mode = mode;
        state.failures_left = None;
    }

    /// Fails this way for so many requests, then is healthy.
    pub fn fail_times(&self, mode: Mode, times: u32) {
        let mut state = self.state();
        state.mode = mode;
        state.failures_left = Some(times);
    }

    /// From now on makes up its answers and holds them back, until [`Simulator::let_go`].
    pub fn hold(&self) {
        self.state().held.send_replace(true);
    }

    /// Sends the answers that were held back, as they were when it was asked.
    pub fn let_go(&self) {
        self.state().held.send_replace(false);
    }

    /// Sets what it says to new orders.
    pub fn set_order_policy(&self, policy: OrderPolicy) {
        self.state().policy = policy;
    }

    /// Decides on an order that it took: `confirmed` or `rejected`.
    pub fn decide(&self, reference: Uuid, status: &str) {
        if let Some(order) = self.state().orders.get_mut(&reference) {
            status.clone_into(&mut order.status);
        }
    }

    /// Confirms an order that it took, so many and until then.
    pub fn promise(&self, reference: Uuid, quantity: i64, at: DateTime<Utc>) {
        if let Some(order) = self.state().orders.get_mut(&reference) {
            "confirmed".clone_into(&mut order.status);
            (order.confirmed_quantity, order.promised_at) = (Some(quantity), Some(at));
        }
    }

    /// Forgets an order that it took, as a supplier that lost its books would.
    pub fn forget(&self, reference: Uuid) {
        self.state().orders.remove(&reference);
    }

    /// From now on cancels nothing, for this reason.
    pub fn refuse_cancelling(&self, reason: &str) {
        self.state().no_cancelling = Some(reason.to_owned());
    }

    /// Looks at the order requests that lie there: see [`Mode::Late`].
    pub fn catch_up(&self) {
        let mut state = self.state();
        for (placed, traceparent) in std::mem::take(&mut state.late) {
            server::take_order(&mut state, placed, traceparent);
        }
    }

    /// How many order requests lie there.
    pub fn late(&self) -> usize {
        self.state().late.len()
    }

    /// The orders that it took, by reference.
    pub fn orders(&self) -> Vec<SimOrder> {
        self.state().orders.values().cloned().collect()
    }

    /// How many requests came in, of any kind.
    pub fn requests(&self) -> u64 {
        self.state().requests
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }
}

/// Plain values are whole whatever panicked while they were locked.
fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A service of somebody else that listens to every event.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use events::{Bus, Delivery, Envelope, Event, Handler, Subscription, Topology, Verdict};
use testkit::{Stage, eventually};
use tokio_util::sync::CancellationToken;

use crate::system::LIMIT;

/// What was heard, and the connection that hears it.
pub(crate) struct Ears {
    heard: Arc<Mutex<Vec<Event>>>,
    _bus: Arc<dyn Bus>,
    stop: CancellationToken,
}

struct Listener {
    heard: Arc<Mutex<Vec<Event>>>,
    listening: Arc<tokio::sync::Notify>,
}

#[async_trait]
impl Handler for Listener {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let envelope = Envelope::parse(&delivery.message.body).unwrap();
        self.heard.lock().unwrap().push(envelope.event);
        Verdict::Done
    }

    async fn resumed(&self) {
        self.listening.notify_one();
    }
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Ears {
    /// Listens, once it returns, to everything on the stage's exchange at the broker behind `url`. The queue is
    /// durable: what is told while the broker is away is heard when it is back.
    pub(crate) async fn open(stage: &Stage, url: &str) -> Ears {
        let (stop, listening) = (CancellationToken::new(), Arc::new(tokio::sync::Notify::new()));
        let mut topology = Topology::standard(&stage.exchange, &stage.prefix);
        topology.queues = vec![events::Queue::new("ears", &["stock_updated.#"])];
        let bus = events::connect(url, topology, stop.clone()).unwrap();
        let heard = Arc::new(Mutex::new(vec![]));
        let listener = Arc::new(Listener { heard: Arc::clone(&heard), listening: Arc::clone(&listening) });
        let (consuming, until) = (Arc::clone(&bus), stop.clone());
        tokio::spawn(async move { consuming.consume(Subscription::Durable("ears"), listener, until).await });
        eventually("the ears are open", LIMIT, async || bus.health().is_ok().then_some(())).await;
        Ears { heard, _bus: bus, stop }
    }

    /// The versions of an item that changes were told of.
    pub(crate) fn versions(&self, sku: &str) -> BTreeSet<i64> {
        let heard = self.heard.lock().unwrap();
        let version = |event: &Event| match event {
            Event::StockUpdated(stock) if stock.subject.sku == sku => Some(stock.subject.version),
            _ => None,
        };
        heard.iter().filter_map(version).collect()
    }

    /// Waits until every version of an item from 2 (its first units) to `last` was told.
    pub(crate) async fn hear_all(&self, sku: &str, last: i64) {
        let wanted: BTreeSet<i64> = (2..=last).collect();
        eventually(&format!("versions 2 to {last} of {sku} are told"), LIMIT, async || {
            let told = self.versions(sku);
            let missing: Vec<&i64> = wanted.difference(&told).collect();
            // A test that fails should say how much is missing, not only that something is.
            eprintln!("{sku}: {} of {last} told, first missing {:?}", told.len(), missing.first());
            missing.is_empty().then_some(())
        })
        .await;
    }
}

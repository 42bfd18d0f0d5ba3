//! The live feed: everything once and in order, whatever is cut, restarted or asked elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use domain::{Command, HoldId, ItemId, Line};
use events::{Delivery, Envelope, Event, Handler, Subscription, Verdict};
use futures::future::join_all;
use rand::RngExt;
use rstest::rstest;
use serde_json::Value;
use testkit::{Backend, eventually};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::listener::{Listener, Said, Wire, announced};
use crate::stand::{LIMIT, Stand, open, open_with, quantity};

const ITEMS: usize = 8;
const WRITERS: usize = 16;
const COMMANDS_EACH: usize = 125;

/// One of many kinds of changes, some of several items at once.
async fn change(stand: &Stand, items: &[ItemId]) {
    let (one, other, kind) = {
        let mut rng = rand::rng();
        (
            items[rng.random_range(0..items.len())],
            items[rng.random_range(0..items.len())],
            rng.random_range(0..4),
        )
    };
    match kind {
        0 => _ = stand.receive(one, 3).await,
        1 => _ = stand.sell(one, 1).await,
        _ => {
            let line = |item| Line { item, location: None, quantity: quantity(1) };
            let mut lines = vec![line(one)];
            if one != other {
                lines.push(line(other));
            }
            let hold = HoldId(Uuid::now_v7());
            stand.does(Command::Reserve { hold, lines, seconds: 600 }).await;
            if kind == 3 {
                stand.does(Command::Cancel { hold }).await;
            }
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_cut_off_at_random_and_goes_on_elsewhere_hears_everything_once_and_in_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(Wire::Events, Wire::Calls)] wire: Wire,
) {
    let stand = open_with(backend, &[("feed.heartbeat_ms", "100"), ("feed.buffer_bytes", "1048576")]).await;
    let skus: Vec<String> = (0..ITEMS).map(|number| format!("TEA-{number}")).collect();
    let mut items = vec![];
    for sku in &skus {
        items.push(stand.item(sku, 5_000).await);
    }
    let mut servers = vec![stand.server()];
    let mut doomed = vec![];
    for _ in 0..2 {
        let mortal = stand.mortal().await;
        servers
            .push(crate::listener::Server { url: mortal.url.clone(), calls_url: mortal.calls_url.clone() });
        doomed.push(mortal);
    }
    let mut listener = Listener::new(wire, "");
    listener.connect(&servers[0]).await;
    assert!(matches!(listener.next().await, Some(Said::Beat)), "a position before any change");

    let done = AtomicUsize::new(0);
    let writers = join_all((0..WRITERS).map(async |_| {
        for _ in 0..COMMANDS_EACH {
            change(&stand, &items).await;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let listening = async {
        let (mut cuts, mut stopped) = (0, 0);
        loop {
            let finished = done.load(Ordering::Relaxed) == WRITERS * COMMANDS_EACH;
            if finished && caught_up(&stand, &listener, &skus).await {
                return (cuts, stopped);
            }
            // Two of three replicas are stopped on the way, one after the other.
            if done.load(Ordering::Relaxed) > (stopped + 1) * WRITERS * COMMANDS_EACH / 3
                && let Some(mortal) = doomed.pop()
            {
                mortal.stop.cancel();
                servers.pop();
                stopped += 1;
            }
            let (server, patience) = {
                let mut rng = rand::rng();
                (rng.random_range(0..servers.len()), rng.random_range(0..120))
            };
            listener.connect(&servers[server]).await;
            for _ in 0..patience {
                if !matches!(listener.next().await, Some(Said::Change(..) | Said::Beat)) {
                    break;
                }
            }
            listener.cut();
            cuts += 1;
        }
    };
    let (_, (cuts, stopped)) = tokio::join!(writers, listening);

    let mut told = 0;
    for sku in &skus {
        let announced = announced(&stand, sku).await;
        let heard = &listener.heard[sku];
        told += heard.len();
        assert_eq!(heard[..], announced[1..], "{sku}, after the first receipt");
    }
    println!("{told} changes, cut off {cuts} times, {stopped} replicas stopped");
    assert!(told >= WRITERS * COMMANDS_EACH && cuts > 10 && stopped == 2, "{told} {cuts} {stopped}");
}

async fn caught_up(stand: &Stand, listener: &Listener, skus: &[String]) -> bool {
    for sku in skus {
        let version = stand.json(&format!("/v1/items/{sku}/levels")).await["version"].as_i64();
        if listener.heard.get(sku).and_then(|heard| heard.last().copied()) != version {
            return false;
        }
    }
    true
}

/// Keeps what the bus tells.
struct Ears(Mutex<Vec<Value>>);

#[async_trait]
impl Handler for Ears {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        if let Event::StockUpdated(update) = Envelope::parse(&delivery.message.body).unwrap().event {
            self.0.lock().await.push(serde_json::to_value(update).unwrap());
        }
        Verdict::Done
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_feed_says_is_what_the_bus_says(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let ears = Arc::new(Ears(Mutex::default()));
    let (bus, handler, stop) = (Arc::clone(&stand.bus), Arc::clone(&ears), CancellationToken::new());
    let bindings = vec!["stock_updated.#".to_owned()];
    let own = Subscription::Exclusive { name: "ears".to_owned(), bindings };
    let hears = bus.consume(own, handler, stop.clone());
    let acts = async {
        let tea = stand.item("TEA", 10).await;
        let mug = stand.item("MUG", 40).await;
        eventually("the bus is heard", LIMIT, async || {
            stand.receive(mug, 1).await;
            (!ears.0.lock().await.is_empty()).then_some(())
        })
        .await;
        let mut listener = Listener::new(Wire::Events, "sku=TEA");
        listener.connect(&stand.server()).await;
        assert!(matches!(listener.next().await, Some(Said::Beat)));
        let last = every_kind(&stand, tea, mug).await;
        listener.hears("TEA", last).await;
        eventually("the bus tells the same", LIMIT, async || {
            let mut told: Vec<Value> = ears.0.lock().await.clone();
            told.retain(|update| update["sku"] == "TEA" && update["version"].as_i64() > Some(2));
            told.sort_by_key(|update| update["version"].as_i64());
            told.dedup();
            (told == listener.changes).then_some(())
        })
        .await;
        assert!(listener.changes.len() >= 15, "{}", listener.changes.len());
        stop.cancel();
    };
    tokio::join!(hears, acts);
}

/// Every kind of change; the version after the last.
async fn every_kind(stand: &Stand, tea: ItemId, mug: ItemId) -> i64 {
    use domain::{ItemPatch, PartLine, Shelf};
    let line = |item, units| Line { item, location: None, quantity: quantity(units) };
    let [first, second, third] = std::array::from_fn(|_| HoldId(Uuid::now_v7()));
    let main = ledger::locations::find(&stand.db, "main").await.unwrap().unwrap().id;
    let location = domain::LocationId(main);
    stand.sell(tea, 2).await;
    stand.receive(tea, 30).await;
    stand.does(Command::Reserve { hold: first, lines: vec![line(tea, 3), line(mug, 2)], seconds: 60 }).await;
    stand.does(Command::Extend { hold: first, seconds: 600 }).await;
    let part = PartLine { item: tea, quantity: quantity(1) };
    stand.does(Command::Confirm { hold: first, lines: Some(vec![part]) }).await;
    stand.does(Command::Confirm { hold: first, lines: None }).await;
    stand.does(Command::Reserve { hold: second, lines: vec![line(tea, 1)], seconds: 60 }).await;
    stand.does(Command::Cancel { hold: second }).await;
    let (from, to) = (Shelf::Available, Shelf::Damaged);
    stand.does(Command::Move { item: tea, location, from, to, quantity: quantity(2) }).await;
    let into = Shelf::Available;
    stand.does(Command::Return { item: tea, location: None, quantity: quantity(1), into }).await;
    stand.does(Command::Expect { item: tea, location: None, quantity: quantity(20) }).await;
    stand
        .does(Command::Receive { item: tea, location: None, quantity: quantity(5), expected: true, into })
        .await;
    stand.does(Command::Unexpect { item: tea, quantity: quantity(15) }).await;
    let shelf = Shelf::Available;
    stand.does(Command::Stocktake { item: tea, location, shelf, counted: 30, version: None }).await;
    let patch = ItemPatch { reorder_point: Some(7), ..ItemPatch::default() };
    stand.does(Command::UpdateItem { item: tea, patch }).await;
    stand.does(Command::Reserve { hold: third, lines: vec![line(tea, 1)], seconds: 1 }).await;
    let held = stand.json("/v1/items/TEA").await["available"].as_i64().unwrap();
    eventually("its time is up", LIMIT, async || {
        (stand.json("/v1/items/TEA").await["available"].as_i64()? > held).then_some(())
    })
    .await;
    // What is recorded next records that too.
    stand.sell(tea, 1).await
}

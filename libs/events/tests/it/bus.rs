//! What every bus does.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use events::{ConnectError, Delivery, Handler, Message, Subscription, Topology, Verdict};
use rstest::rstest;
use testkit::{Backend, eventually};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::stand::{LIMIT, Recorder, Stand, exclusive, message};

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_consumed_once_as_it_was_published(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let consumer = stand.durable("stock-updater");
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let first = Message { traceparent, ..message("m1", "product-sold") };
    stand.publish(first.clone()).await;
    stand.publish(message("m2", "product-sold")).await;
    let seen = consumer.has(2).await;
    // Without a key both may be in hand at once: which is handled first is nobody's promise.
    assert!(seen.contains(&Delivery { message: first, redelivered: false, attempt: 1 }), "{seen:?}");
    let mut ids = consumer.ids();
    ids.sort();
    assert_eq!(ids, ["m1", "m2"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_needs_no_id(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = Stand::new(backend).await;
    let consumer = stand.durable("stock-updater");
    stand.publish(message("", "product-sold")).await;
    assert_eq!(consumer.has(1).await[0].message.id, "");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_durable_queue_gets_its_own_copy(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = Stand::new(backend).await;
    let consumers = ["stock-updater", "supplier-sync", "stock-checker"].map(|queue| stand.durable(queue));
    stand.publish(message("received", "product-received")).await;
    stand.publish(message("updated", "stock_updated.MUG-1")).await;
    let [updater, supplier, checker] = consumers;
    supplier.has(2).await;
    updater.has(1).await;
    checker.has(1).await;
    assert_eq!(updater.ids(), ["received"]);
    assert_eq!(checker.ids(), ["updated"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_a_durable_queue(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    const MESSAGES: usize = 50;
    let stand = Stand::new(backend).await;
    let (one, other) = (stand.durable("stock-updater"), stand.durable("stock-updater"));
    for n in 0..MESSAGES {
        stand.publish(message(&n.to_string(), "product-sold")).await;
    }
    let seen = eventually("all messages", LIMIT, async || {
        let seen = [one.ids(), other.ids()].concat();
        (seen.len() >= MESSAGES).then_some(seen)
    })
    .await;
    assert_eq!(seen.len(), MESSAGES);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_queue_gets_what_its_bindings_say_by_type_and_sku(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let durable = stand.durable("supplier-sync");
    stand.durable("stock-checker");
    let (mugs, low) = (Recorder::always(Verdict::Done), Recorder::always(Verdict::Done));
    stand.consume(exclusive("mugs", &["stock_updated.MUG-1", "stock_low.MUG-1"]), mugs.clone());
    stand.consume(exclusive("low", &["stock_low.#"]), low.clone());
    mugs.has_resumed(1).await;
    low.has_resumed(1).await;
    for (id, key) in [
        ("1", "stock_updated.MUG-1"),
        ("2", "stock_updated.CUP-1"),
        ("3", "stock_low.MUG-1"),
        ("4", "stock_low.CUP-1"),
        ("5", "stock_low"),
    ] {
        stand.publish(message(id, key)).await;
    }
    mugs.has(2).await;
    low.has(3).await;
    durable.has(2).await;
    // They are handled all at once, so in any order.
    assert_eq!(BTreeSet::from_iter(mugs.ids()), ["1", "3"].map(str::to_owned).into());
    assert_eq!(BTreeSet::from_iter(low.ids()), ["3", "4", "5"].map(str::to_owned).into());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_consumer_never_holds_a_publish_back(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let stuck = Recorder::always(Verdict::Wait("for ever".to_owned()));
    stand.consume(exclusive("stuck", &["#"]), stuck.clone());
    stuck.has_resumed(1).await;
    for n in 0..2000 {
        stand.publish(message(&n.to_string(), "stock_low.MUG-1")).await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_no_known_queue_is_bound_to_is_published_all_the_same(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let results = stand.bus.publish(vec![message("m", "stock_low.MUG-1")]).await;
    assert_eq!(results, [Ok(())]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn each_message_of_a_batch_has_its_own_answer(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let consumer = stand.durable("stock-updater");
    stand.publish(message("first", "product-sold")).await;
    let batch: Vec<Message> = (0..1200).map(|n| message(&n.to_string(), "product-sold")).collect();
    let results = stand.bus.publish(batch).await;
    assert_eq!(results.len(), 1200);
    assert!(results.iter().all(Result::is_ok));
    consumer.has(1201).await;
    assert_eq!(consumer.deliveries().len(), 1201);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_waits_for_what_it_needs_without_being_counted(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let (database, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (up, finished) = (Arc::clone(&database), Arc::clone(&done));
    let consumer = Recorder::new(move |_| {
        if !up.load(Ordering::SeqCst) {
            return Verdict::Wait("no database".to_owned());
        }
        finished.store(true, Ordering::SeqCst);
        Verdict::Done
    });
    stand.consume(Subscription::Durable("stock-updater"), consumer.clone());
    let publishing = stand.publish(message("m", "product-sold"));
    let waiting = async {
        consumer.has(3).await;
        database.store(true, Ordering::SeqCst);
        eventually("the message is done", LIMIT, async || done.load(Ordering::SeqCst).then_some(())).await;
    };
    tokio::join!(publishing, waiting);
    assert!(consumer.deliveries().iter().all(|delivery| delivery.attempt == 1));
    assert_eq!(stand.bus.parked("stock-updater", 10).await.unwrap(), []);
}

/// Handles what has the same id one after the other, the later the faster.
#[derive(Default)]
struct ByKey {
    done: Mutex<Vec<String>>,
}

#[async_trait]
impl Handler for ByKey {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let pause: u64 = delivery.message.id.parse().unwrap();
        tokio::time::sleep(Duration::from_millis(20_u64.saturating_sub(pause))).await;
        self.done.lock().unwrap().push(delivery.message.id.clone());
        Verdict::Done
    }

    fn key(&self, _delivery: &Delivery) -> Option<String> {
        Some("one and the same".to_owned())
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn deliveries_with_the_same_key_are_handled_in_order(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    stand.durable("supplier-sync");
    let consumer = Arc::new(ByKey::default());
    stand.consume(Subscription::Durable("stock-updater"), consumer.clone());
    stand.publish(message("0", "product-sold")).await;
    let ids: Vec<String> = (1..20).map(|n| n.to_string()).collect();
    stand.bus.publish(ids.iter().map(|id| message(id, "product-sold")).collect()).await;
    eventually("all are handled", LIMIT, async || (consumer.done.lock().unwrap().len() == 20).then_some(()))
        .await;
    assert_eq!(consumer.done.lock().unwrap()[1..], ids);
}

/// Takes its time, and says when it has begun.
#[derive(Default)]
struct Slow {
    begun: Notify,
    done: AtomicBool,
}

#[async_trait]
impl Handler for Slow {
    async fn handle(&self, _delivery: &Delivery) -> Verdict {
        self.begun.notify_one();
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.done.store(true, Ordering::SeqCst);
        Verdict::Done
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_stops_finishes_what_it_has_in_hand(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let slow = Arc::new(Slow::default());
    let stop = CancellationToken::new();
    let consuming = stand.consume_until(stop.clone(), Subscription::Durable("stock-updater"), slow.clone());
    let publishing = stand.publish(message("m", "product-sold"));
    let stopping = async {
        slow.begun.notified().await;
        stop.cancel();
        consuming.await.unwrap();
    };
    tokio::join!(publishing, stopping);
    assert!(slow.done.load(Ordering::SeqCst));
    // It was acknowledged: the next consumer gets the next message.
    let next = stand.durable("stock-updater");
    stand.publish(message("next", "product-sold")).await;
    next.has(1).await;
    assert_eq!(next.ids(), ["next"]);
}

#[test]
fn a_url_with_a_scheme_of_no_bus_is_refused() {
    let topology = || Topology::standard("events", "");
    let refused = |url| events::connect(url, topology(), CancellationToken::new()).err();
    assert_eq!(refused("redis://localhost"), Some(ConnectError::Scheme("redis".to_owned())));
    assert_eq!(refused("localhost"), Some(ConnectError::Scheme(String::new())));
    assert!(matches!(refused("amqp://[broken"), Some(ConnectError::Url(_))));
}

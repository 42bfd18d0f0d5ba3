//! What becomes of messages that cannot be processed.

use events::{Message, Parked, Subscription, Verdict};
use rstest::rstest;
use testkit::{Backend, eventually};

use crate::stand::{LIMIT, Recorder, Stand, exclusive, message};

const QUEUE: &str = "stock-updater";

async fn parked(stand: &Stand, count: usize) -> Vec<Parked> {
    eventually("the dead letters", LIMIT, async || {
        stand.bus.parked(QUEUE, 100).await.ok().filter(|parked| parked.len() >= count)
    })
    .await
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_fails_five_times_is_parked_with_the_last_reason(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let consumer = Recorder::new(|delivery| Verdict::Retry(format!("no luck with {}", delivery.attempt)));
    stand.consume(Subscription::Durable(QUEUE), consumer.clone());
    stand.publish(message("m", "product-sold")).await;
    let parked = parked(&stand, 1).await;
    let attempts: Vec<u32> = consumer.deliveries().iter().map(|delivery| delivery.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5]);
    assert!(consumer.deliveries()[1..].iter().all(|delivery| delivery.redelivered));
    assert_eq!(parked[0].reason, "failed 5 times, at last because: no luck with 5");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_succeeds_at_last_is_not_parked(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let consumer = Recorder::new(|delivery| match delivery.attempt {
        5 => Verdict::Done,
        _ => Verdict::Retry("not yet".to_owned()),
    });
    stand.consume(Subscription::Durable(QUEUE), consumer.clone());
    stand.publish(message("m", "product-sold")).await;
    consumer.has(5).await;
    stand.publish(message("n", "product-sold")).await;
    consumer.has(10).await;
    assert_eq!(stand.bus.parked(QUEUE, 10).await.unwrap(), []);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_parked_message_is_kept_whole_with_its_reason(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let consumer = Recorder::always(Verdict::Park("no such product".to_owned()));
    stand.consume(Subscription::Durable(QUEUE), consumer.clone());
    let traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let sold = Message { traceparent, ..message("m", "product-sold") };
    stand.publish(sold.clone()).await;
    let letters = parked(&stand, 1).await;
    let expected = Parked { message: sold, reason: "no such product".to_owned() };
    assert_eq!(letters, std::slice::from_ref(&expected));
    assert_eq!(parked(&stand, 1).await, [expected], "looking leaves them where they are");
    assert_eq!(consumer.deliveries().len(), 1);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_fails_that_message_only(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let consumer = Recorder::new(|delivery| match delivery.message.id.as_str() {
        "bad" => panic!("cannot stand {}", delivery.message.id),
        _ => Verdict::Done,
    });
    stand.consume(Subscription::Durable(QUEUE), consumer.clone());
    stand.publish(message("bad", "product-sold")).await;
    stand.publish(message("good", "product-sold")).await;
    let parked = parked(&stand, 1).await;
    assert_eq!(parked[0].message.id, "bad");
    assert!(parked[0].reason.ends_with("the handler panicked: cannot stand bad"), "{}", parked[0].reason);
    assert!(consumer.ids().contains(&"good".to_owned()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn healthy_messages_pass_a_poisoned_one(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = Stand::new(backend).await;
    let consumer = Recorder::new(|delivery| match delivery.message.id.as_str() {
        "poison" => Verdict::Retry("it is poison".to_owned()),
        _ => Verdict::Done,
    });
    stand.consume(Subscription::Durable(QUEUE), consumer.clone());
    stand.publish(message("healthy 0", "product-sold")).await;
    let mut batch = vec![message("poison", "product-sold")];
    batch.extend((1..=50).map(|n| message(&format!("healthy {n}"), "product-sold")));
    let results = stand.bus.publish(batch).await;
    assert!(results.iter().all(Result::is_ok));
    parked(&stand, 1).await;
    let ids = consumer.ids();
    let last_poisoned = ids.iter().rposition(|id| id == "poison").unwrap();
    let healthy_before = ids[..last_poisoned].iter().filter(|id| id.starts_with("healthy")).count();
    assert_eq!(healthy_before, 51, "all healthy ones were done before the poisoned one was given up");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_consumer_tries_again_and_then_drops(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let consumer = Recorder::new(|delivery| match delivery.message.id.as_str() {
        "bad" => Verdict::Retry("bad".to_owned()),
        _ => Verdict::Done,
    });
    stand.consume(exclusive("feed", &["stock_low.#"]), consumer.clone());
    consumer.has_resumed(1).await;
    stand.publish(message("bad", "stock_low.MUG-1")).await;
    consumer.has(5).await;
    stand.publish(message("good", "stock_low.MUG-1")).await;
    consumer.has(6).await;
    assert_eq!(consumer.ids(), ["bad", "bad", "bad", "bad", "bad", "good"]);
}

//! What a broker and a network do to a bus.

use std::{collections::BTreeSet, time::Duration};

use events::{PublishError, Subscription, Verdict};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{BasicPublishOptions, QueueDeleteOptions},
};
use testkit::{Backend, Stage, eventually, proxy::Proxy};
use tokio::time::Instant;

use crate::stand::{LIMIT, Recorder, Stand, exclusive, message};

const QUEUE: &str = "stock-updater";

/// A stand whose way to the broker can be cut.
async fn proxied() -> (Stand, Proxy) {
    let stage = Stage::new(Backend::Real).await;
    let proxy = Proxy::before(&stage.bus_url).await.unwrap();
    let url = proxy.url(&stage.bus_url);
    (Stand::on(stage, &url), proxy)
}

/// Somebody else at the same broker.
async fn stranger(stand: &Stand) -> (Connection, Channel) {
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&stand.stage.bus_url, properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

async fn is_well(stand: &Stand) {
    eventually("all connections stand", LIMIT, async || stand.bus.health().ok()).await;
}

#[tokio::test]
async fn a_queue_without_a_consumer_makes_publish_fail_in_process() {
    let stand = Stand::new(Backend::Embedded).await;
    let consumer = stand.durable("supplier-sync");
    let missing = PublishError::NoConsumer("stock-checker");
    eventually("only the checker is missing", LIMIT, async || {
        let result = stand.bus.publish(vec![message("m", "item_created.MUG-1")]).await.remove(0);
        (result == Err(missing.clone())).then_some(())
    })
    .await;
    assert_eq!(consumer.deliveries(), [], "nobody gets what not all can get");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_no_queue_took_fails_and_the_queue_is_declared_again() {
    let stand = Stand::new(Backend::Real).await;
    stand.publish(message("first", "product-sold")).await;
    let (_connection, channel) = stranger(&stand).await;
    let queue = format!("{}{QUEUE}", stand.stage.prefix);
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    let keys =
        ["stock_updated.MUG-1", "product-sold", "stock_low.MUG-1", "product-sold", "stock_updated.CUP-1"];
    let batch = keys.iter().enumerate().map(|(n, key)| message(&n.to_string(), key)).collect();
    let results = stand.bus.publish(batch).await;
    let lost = Err(PublishError::Unroutable("product-sold".to_owned()));
    assert_eq!(results, [Ok(()), lost.clone(), Ok(()), lost, Ok(())], "each answer is the right one's");
    stand.publish(message("again", "product-sold")).await;
    let consumer = stand.durable(QUEUE);
    consumer.has(1).await;
    assert_eq!(consumer.ids(), ["again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_are_built_again_and_no_confirmed_message_is_lost() {
    let (stand, proxy) = proxied().await;
    let consumer = stand.durable(QUEUE);
    let cache = Recorder::always(Verdict::Done);
    stand.consume(exclusive("cache", &["stock_low.#"]), cache.clone());
    is_well(&stand).await;
    let mut confirmed = BTreeSet::new();
    for round in 0..5 {
        let before = consumer.deliveries().len();
        let ids: Vec<String> = (0..2000).map(|n| format!("{round}-{n}")).collect();
        let publishing = stand.bus.publish(ids.iter().map(|id| message(id, "product-sold")).collect());
        let cutting = async {
            consumer.has(before + 700).await;
            proxy.cut();
        };
        let (results, ()) = tokio::join!(publishing, cutting);
        confirmed.extend(ids.into_iter().zip(results).filter_map(|(id, result)| result.ok().map(|()| id)));
        eventually("the loss is noticed", LIMIT, async || stand.bus.health().err()).await;
        proxy.heal();
        let healed = Instant::now();
        is_well(&stand).await;
        assert!(healed.elapsed() < LIMIT);
        cache.has_resumed(round + 2).await;
    }
    assert!(!confirmed.is_empty());
    eventually("every confirmed message", LIMIT, async || {
        BTreeSet::from_iter(consumer.ids()).is_superset(&confirmed).then_some(())
    })
    .await;
    stand.publish(message("afterwards", "product-sold")).await;
    eventually("the last one", LIMIT, async || {
        consumer.ids().contains(&"afterwards".to_owned()).then_some(())
    })
    .await;
    assert_eq!(stand.bus.parked(QUEUE, 10).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_into_silence_fails_in_time_and_what_was_kept_arrives_later() {
    let (stand, proxy) = proxied().await;
    let consumer = stand.durable(QUEUE);
    stand.publish(message("before", "product-sold")).await;
    proxy.stall();
    let began = Instant::now();
    let results = stand.bus.publish(vec![message("lost", "product-sold")]).await;
    assert_eq!(results, [Err(PublishError::TimedOut(Duration::from_secs(5)))]);
    assert!(began.elapsed() < LIMIT);
    proxy.heal();
    stand.publish(message("after", "product-sold")).await;
    eventually("the one after", LIMIT, async || consumer.ids().contains(&"after".to_owned()).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_whose_queue_is_deleted_is_built_again_with_its_queue() {
    let stand = Stand::new(Backend::Real).await;
    let consumer = stand.durable(QUEUE);
    stand.publish(message("before", "product-sold")).await;
    consumer.has(1).await;
    let (_connection, channel) = stranger(&stand).await;
    let queue = format!("{}{QUEUE}", stand.stage.prefix);
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    stand.publish(message("after", "product-sold")).await;
    consumer.has(2).await;
    assert_eq!(consumer.ids(), ["before", "after"]);
    is_well(&stand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_client_may_publish_a_bare_message() {
    let stand = Stand::new(Backend::Real).await;
    let consumer = stand.durable(QUEUE);
    is_well(&stand).await;
    let (_connection, channel) = stranger(&stand).await;
    let exchange = stand.stage.exchange.clone();
    let body = br#"{"product_id":1,"quantity":2,"order_id":3,"timestamp":0}"#;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    channel.basic_publish(exchange.into(), "product-sold".into(), options, body, properties).await.unwrap();
    let delivery = consumer.has(1).await.remove(0);
    assert_eq!(delivery.message.id, "");
    assert_eq!(delivery.message.body, body.as_slice());
    assert!(events::legacy::ProductSold::parse(&delivery.message.body).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kills_its_consumer_again_and_again_is_parked_by_the_broker() {
    let (stand, proxy) = proxied().await;
    let consumer = Recorder::always(Verdict::Wait("never answered".to_owned()));
    stand.consume(Subscription::Durable(QUEUE), consumer.clone());
    stand.publish(message("m", "product-sold")).await;
    for attempt in 1..=6 {
        eventually("the next delivery", LIMIT, async || {
            consumer.deliveries().last().is_some_and(|last| last.attempt == attempt).then_some(())
        })
        .await;
        proxy.cut();
        eventually("the consumer notices", LIMIT, async || {
            stand.bus.health().err().filter(|wrong| wrong.contains(&format!("{QUEUE}: ")))
        })
        .await;
        proxy.heal();
    }
    let parked =
        eventually("the dead letter", LIMIT, async || stand.bus.parked(QUEUE, 10).await.ok()?.pop()).await;
    assert_eq!(parked.message, message("m", "product-sold"));
    assert!(parked.reason.contains("limit"), "{}", parked.reason);
}

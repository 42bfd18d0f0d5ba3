use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use testkit::servers::RabbitMq;
use testkit::{Backend, Stage, eventually};

use crate::ears::Ears;
use crate::system::{LIMIT, System, Wishes};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restart_under_load_stops_no_command_and_loses_no_event() {
    let mut broker = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap().unwrap();
    let stage = Stage::new(Backend::Real).await;
    let ears = Ears::open(&stage, &broker.url()).await;
    let wishes = Wishes { bus: Some(broker.url()), ..Wishes::default() };
    let system = System::start_with(stage, wishes).await;
    system.item("TEA", 1_000_000).await;
    ears.hear_all("TEA", 2).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let sellers = join_all((0..8).map(|_| async {
        let mut sold = 0i64;
        while !stop.is_cancelled() {
            let body = json!({"delta": -1, "reason": "sold"});
            let answer = system.ask(Method::POST, "/v1/items/TEA/adjustments", None, Some(&body)).await;
            let (status, answer) = answer.unwrap();
            assert_eq!(status, 201, "a command was stopped by the broker's absence: {answer}");
            sold += 1;
        }
        sold
    }));
    let restarts = async {
        for round in 1..=3 {
            // In the middle of things: events flow, and did so again after the stop before.
            eventually("events flow", LIMIT, async || {
                (ears.versions("TEA").len() > round * 200).then_some(())
            })
            .await;
            broker = tokio::task::spawn_blocking(move || {
                broker.stop();
                broker.restart().unwrap();
                broker
            })
            .await
            .unwrap();
        }
        stop.cancel();
        broker
    };
    let (sold, _broker) = tokio::join!(sellers, restarts);
    let sold: i64 = sold.into_iter().sum();
    println!("{sold} sales while the broker was stopped and started three times");
    assert!(sold > 100);
    ears.hear_all("TEA", 2 + sold).await;
    let left = 1_000_000 - sold;
    system.until("the checker", "/v1/items/TEA", |item| (item["available"] == left).then_some(())).await;
    system.audit_is_clean().await;
}

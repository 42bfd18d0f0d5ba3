//! Events keep the cache fresh: repeated, out of order, malformed, and for every replica.

use bytes::Bytes;
use events::Message;
use rstest::rstest;
use testkit::{Backend, eventually};

use crate::stand::{LIMIT, open, open_with, silent};

#[rstest]
#[tokio::test]
async fn a_cached_answer_is_refreshed_by_the_event_of_a_sale(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let item = stand.item("TEA", 10).await;
    let mut available = 10;
    for _ in 0..3 {
        eventually("the cache has what is true", LIMIT, async || {
            let answer = stand.ask("/v1/items/TEA").await;
            (answer.source == "cache" && answer.available() == available).then_some(())
        })
        .await;
        stand.sell(item, 1).await;
        available -= 1;
        eventually("the sale shows", LIMIT, async || {
            (stand.ask("/v1/items/TEA").await.available() == available).then_some(())
        })
        .await;
    }
}

#[rstest]
#[tokio::test]
async fn repeated_and_reordered_events_leave_the_newest(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = silent(backend, &[]).await;
    let (tea, other) = (stand.item("TEA", 10).await, stand.item("OTHER", 10).await);
    let old = stand.news(tea).await;
    stand.sell(tea, 1).await;
    let newer = stand.news(tea).await;
    let newest_version = stand.sell(tea, 1).await;
    let newest = stand.news(tea).await;
    let mark = |seen: i64| {
        let stand = &stand;
        async move {
            eventually("what was published last arrives", LIMIT, async || {
                (stand.ask("/v1/items/OTHER").await.available() == seen).then_some(())
            })
            .await;
        }
    };

    stand.cached("/v1/items/OTHER").await;
    stand.publish(vec![newest.clone(), newest.clone()]).await;
    stand.sell(other, 1).await;
    stand.publish(vec![stand.news(other).await]).await;
    mark(9).await;
    assert_eq!(stand.ask("/v1/items/TEA").await.version(), newest_version);
    stand.cached("/v1/items/TEA").await;

    stand.publish(vec![newer.clone(), old.clone(), newer, newest, old]).await;
    stand.sell(other, 1).await;
    stand.publish(vec![stand.news(other).await]).await;
    mark(8).await;
    let answer = stand.ask("/v1/items/TEA").await;
    assert_eq!((answer.version(), answer.source.as_str()), (newest_version, "cache"), "nothing buried it");
}

#[rstest]
#[tokio::test]
async fn an_event_that_makes_no_sense_is_parked_and_the_next_one_processed(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = silent(backend, &[]).await;
    let item = stand.item("TEA", 10).await;
    let good = stand.news(item).await;
    let text = |message: &Message| String::from_utf8(message.body.to_vec()).unwrap();
    let altered = |from: &str, to: &str| {
        assert!(text(&good).contains(from));
        Message { body: Bytes::from(text(&good).replacen(from, to, 1)), ..good.clone() }
    };
    let garbage = |body: Vec<u8>| Message { body: body.into(), ..good.clone() };
    let wrong = vec![
        (garbage(b"\xff\x00garbage".to_vec()), "does not parse"),
        (garbage(b"{}".to_vec()), "does not parse"),
        (altered(r#""specversion":"1.0""#, r#""specversion":"2.0""#), "does not parse"),
        (altered(r#""version":2"#, r#""version":0"#), "version 0"),
        (altered(r#""version":2"#, r#""version":-1"#), "version -1"),
        (garbage(vec![b' '; 2 << 20]), "bytes"),
    ];
    for (index, (message, reason)) in wrong.into_iter().enumerate() {
        stand.publish(vec![message]).await;
        let parked = eventually("it is parked", LIMIT, async || {
            let parked = stand.bus.parked("stock-checker", 100).await.unwrap();
            (parked.len() > index).then_some(parked)
        })
        .await;
        assert!(parked.iter().any(|parked| parked.reason.contains(reason)), "{reason}: {parked:?}");
    }
    stand.cached("/v1/items/TEA").await;
    stand.sell(item, 1).await;
    stand.publish(vec![stand.news(item).await]).await;
    eventually("the next one is processed", LIMIT, async || {
        (stand.ask("/v1/items/TEA").await.available() == 9).then_some(())
    })
    .await;
}

#[tokio::test]
async fn replicas_with_caches_of_their_own_all_hear_of_a_sale() {
    let stand = open_with(Backend::Real, &[("cache.url", "memory:")]).await;
    let replica = stand.replica().await;
    let item = stand.item("TEA", 10).await;
    for available in (5..10).rev() {
        stand.sell(item, 1).await;
        for url in [None, Some(replica.as_str())] {
            eventually("the sale shows, and is cached", LIMIT, async || {
                let answer = match url {
                    None => stand.ask("/v1/items/TEA").await,
                    Some(url) => stand.get_from(url, "/v1/items/TEA").await,
                };
                (answer.status == 200 && answer.available() == available && answer.source == "cache")
                    .then_some(())
            })
            .await;
        }
    }
}

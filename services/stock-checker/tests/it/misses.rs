//! Questions that the cache has no answer to: one of many asks the database, in all replicas.

use std::time::{Duration, Instant};

use futures::future::join_all;
use rstest::rstest;
use testkit::proxy::Proxy;
use testkit::servers::Redis;
use testkit::{Backend, eventually};

use crate::stand::{LIMIT, Stand, silent};

/// Who ask at once.
const CROWD: usize = 1_000;
const LEASE_MS: u64 = 3_000;

/// A replica that asks the database through a proxy of its own.
async fn behind_proxy(stand: &Stand, settings: &[(&str, &str)]) -> (String, Proxy) {
    let proxy = Proxy::before(&stand.stage.stock_url).await.unwrap();
    let slow = proxy.url(&stand.stage.stock_url);
    let settings = [&[("stock_checker.database_url", &*slow)], settings].concat();
    (stand.replica_with(&settings).await, proxy)
}

#[rstest]
#[case::in_one_process(&[("cache.url", "memory:")], 1)]
#[case::in_one_replica(&[], 1)]
#[case::in_two_replicas(&[], 2)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_miss_the_same_ask_the_database_once(
    #[case] settings: &[(&str, &str)],
    #[case] replicas: usize,
) {
    let stand = silent(Backend::Real, &[]).await;
    let mut all = Vec::new();
    for _ in 0..replicas {
        // Long beside the slow reply: this is about the one who asks, not about one who dies.
        let lease = [settings, &[("stock_checker.fill_lease_ms", "20000")]].concat();
        let (url, proxy) = behind_proxy(&stand, &lease).await;
        proxy.delay_up_to(200);
        all.push((url, proxy));
    }
    // A replica forgets what it knows when it begins to hear events, which may be in the midst of the first crowd.
    let mut questions = Vec::new();
    for crowd in 0..2 {
        let item = stand.item(&format!("TEA-{crowd}"), 10).await;
        all.iter().for_each(|(_, proxy)| proxy.count(item.0.as_bytes()));
        let path = format!("/v1/items/TEA-{crowd}");
        let asking = (0..CROWD).map(|number| stand.get_from(&all[number % replicas].0, &path));
        for answer in join_all(asking).await {
            assert_eq!((answer.status, answer.available()), (200, 10));
        }
        questions.push(all.iter().map(|(_, proxy)| proxy.counted()).sum::<usize>());
    }
    println!("{CROWD} misses in {replicas} replicas, twice: {questions:?} questions to the database");
    assert_eq!(questions[1], 1);
}

#[tokio::test]
async fn when_the_one_who_asks_hangs_the_others_go_on_within_the_lease() {
    let stand = silent(Backend::Real, &[]).await;
    stand.item("TEA", 10).await;
    let lease = LEASE_MS.to_string();
    let settings = [("stock_checker.fill_lease_ms", lease.as_str())];
    let (hung, proxy) = behind_proxy(&stand, &settings).await;
    let others = stand.replica_with(&settings).await;
    // Both know what the name stands for: what hangs is the question for the item.
    for url in [&hung, &others] {
        assert_eq!(stand.get_from(url, "/v1/items/TEA").await.status, 200);
    }
    let version = stand.sell(stand.item("MILK", 1).await, 1).await;
    assert_eq!(stand.get_from(&hung, "/v1/items/MILK/levels?at=2020-01-01T00:00:00Z").await.status, 404);
    proxy.stall();
    let path = format!("/v1/items/MILK?min_version={version}");
    let began = Instant::now();
    let (_hanging, answer) = futures::join!(
        tokio::time::timeout(LIMIT, stand.request_from(&hung, &path).timeout(LIMIT).send()),
        async {
            // The other has the lock by then.
            eventually("a moment passes", LIMIT, async || (began.elapsed().as_millis() > 600).then_some(()))
                .await;
            let answer = stand.get_from(&others, &path).await;
            let took = began.elapsed();
            proxy.heal();
            (answer, took)
        },
    );
    let (answer, took) = answer;
    assert_eq!((answer.status, answer.version()), (200, version));
    println!("the others were answered after {took:?}, and the lease is {LEASE_MS} ms");
    assert!(took > Duration::from_millis(LEASE_MS / 2), "{took:?}: nobody held the lock");
    assert!(took < LIMIT, "{took:?}");
}

#[rstest]
#[tokio::test]
async fn a_name_that_stands_for_nothing_is_looked_for_once_until_it_is_created(
    #[values("memory:", "")] cache_url: &str,
) {
    let stand = silent(Backend::Real, &[]).await;
    let own = [("cache.url", cache_url), ("stock_checker.unknown_ttl_ms", "60000")];
    let (url, proxy) = behind_proxy(&stand, if cache_url.is_empty() { &own[1..] } else { &own }).await;
    proxy.count(b"COFFEE");
    // A replica forgets what it remembers when it begins to hear events, which may be just now: then with another name.
    let mut number = 0;
    let (path, item) = eventually("it is not looked for again and again", LIMIT, async || {
        number += 1;
        let (sku, path) = (format!("COFFEE-{number}"), format!("/v1/items/COFFEE-{number}"));
        assert_eq!(stand.get_from(&url, &path).await.problem(), (404, "item-unknown"));
        let before = proxy.counted();
        for _ in 0..50 {
            assert_eq!(stand.get_from(&url, &path).await.problem(), (404, "item-unknown"));
        }
        let asked = proxy.counted() - before;
        let item = stand.item(&sku, 3).await;
        // Nobody told it.
        let remembered = stand.get_from(&url, &path).await.status == 404;
        (asked == 0 && remembered).then_some((path, item))
    })
    .await;
    stand.publish(vec![stand.birth(item).await]).await;
    eventually("the event of its creation ends it", LIMIT, async || {
        (stand.get_from(&url, &path).await.status == 200).then_some(())
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn whoever_knows_a_version_is_not_told_that_there_is_no_item(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = silent(backend, &[("stock_checker.unknown_ttl_ms", "60000")]).await;
    // A checker forgets what it remembers when it begins to hear events, which may be just now.
    let mut number = 0;
    let path = eventually("a name is remembered to stand for nothing", LIMIT, async || {
        number += 1;
        let (sku, path) = (format!("TEA-{number}"), format!("/v1/items/TEA-{number}"));
        assert_eq!(stand.ask(&path).await.status, 404);
        stand.item(&sku, 3).await;
        (stand.ask(&path).await.status == 404).then_some(path)
    })
    .await;
    assert_eq!(stand.ask(&format!("{path}?min_version=1")).await.available(), 3);
    assert_eq!(stand.ask(&path).await.available(), 3);
}

#[tokio::test]
async fn a_name_is_forgotten_to_stand_for_nothing_by_itself() {
    let stand = silent(Backend::Embedded, &[("stock_checker.unknown_ttl_ms", "100")]).await;
    assert_eq!(stand.ask("/v1/items/TEA").await.status, 404);
    stand.item("TEA", 3).await;
    eventually("it is", LIMIT, async || (stand.ask("/v1/items/TEA").await.status == 200).then_some(())).await;
}

/// Latencies of one stretch of time, for the record.
fn slowest(mut took: Vec<Duration>) -> (usize, Duration, Duration) {
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    (took.len(), at(0.5), at(1.0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_under_load_fails_no_read_and_leaves_nothing_stale() {
    let mut redis = Redis::start().unwrap();
    let stand = silent(Backend::Real, &[]).await;
    stand.relay();
    let redis_url = redis.url();
    let settings = [("cache.url", &*redis_url), ("cache.timeout_ms", "100"), ("cache.local_ttl_ms", "50")];
    let url = stand.replica_with(&settings).await;
    let mut items = Vec::new();
    for number in 0..20 {
        items.push((format!("/v1/items/TEA-{number}"), stand.item(&format!("TEA-{number}"), 1_000).await));
    }
    let load = async |reads: usize| {
        let clients = (0..16).map(async |client: usize| {
            let mut took = Vec::new();
            for turn in 0..reads {
                let path = &items[(client + turn) % items.len()].0;
                let began = Instant::now();
                let answer = stand.get_from(&url, path).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                took.push(began.elapsed());
            }
            took
        });
        slowest(join_all(clients).await.concat())
    };
    let sales = async || {
        for (_, item) in &items {
            stand.sell(*item, 1).await;
        }
    };
    let before = load(200).await;
    redis.kill();
    let (without, ()) = futures::join!(load(200), sales());
    redis.restart().unwrap();
    let (after, ()) = futures::join!(load(200), sales());
    for (when, (reads, p50, max)) in [("before", before), ("without", without), ("after", after)] {
        println!("{when}: {reads} reads, none failed, p50 {p50:?}, slowest {max:?}");
    }
    for (path, _) in &items {
        eventually("what is cached is what is true", LIMIT, async || {
            let answer = stand.get_from(&url, path).await;
            (answer.source == "cache" && answer.available() == 998).then_some(())
        })
        .await;
    }
    assert!(without.2 < Duration::from_secs(20), "a read took {:?}", without.2);
}

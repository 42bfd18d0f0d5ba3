//! Two layers of cache: what this process holds in front of what it shares, and what becomes of it without Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use platform::cache::{self, Cache, CacheConfig, Layers, Versioned};
use testkit::eventually;
use testkit::proxy::Proxy;
use testkit::servers::Redis;

use crate::LIMIT;

const LONG: Duration = Duration::from_secs(60);

fn value(version: i64) -> Versioned {
    Versioned { version, bytes: Bytes::from_static(b"a value") }
}

fn memory() -> Arc<dyn Cache> {
    cache::connect(&crate::defaults().section("cache").unwrap()).unwrap()
}

/// Both layers, and the shared one by itself.
fn layers(own_ttl: Duration) -> (Layers, Arc<dyn Cache>) {
    let shared = memory();
    (Layers::new(Some(memory()), Some(Arc::clone(&shared)), LONG, own_ttl), shared)
}

async fn held(layers: &Layers) -> Option<Versioned> {
    let held = layers.get("a").await;
    assert!(held.error.is_none(), "{held:?}");
    held.value
}

#[tokio::test]
async fn what_is_held_here_is_not_asked_for_elsewhere() {
    let (layers, shared) = layers(LONG);
    layers.put("a", value(5), layers.begin()).await.unwrap();
    assert_eq!(shared.get("a").await.unwrap(), Some(value(5)), "others see it");
    shared.put("a", value(6), LONG).await.unwrap();
    assert_eq!(held(&layers).await, Some(value(5)));
    assert_eq!(layers.get_beyond("a").await.value, Some(value(6)));
    assert_eq!(held(&layers).await, Some(value(6)), "what was found there is held here");
}

#[tokio::test]
async fn a_late_event_goes_unnoticed_here_for_as_long_as_this_layer_lives() {
    let (layers, shared) = layers(Duration::from_millis(200));
    layers.put("a", value(5), layers.begin()).await.unwrap();
    shared.put("a", value(6), LONG).await.unwrap();
    eventually("the newer one is seen", LIMIT, async || {
        (held(&layers).await == Some(value(6))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nothing_older_than_what_was_heard_here_comes_from_or_goes_to_others() {
    let (layers, shared) = layers(LONG);
    let began = layers.begin();
    shared.put("a", value(5), LONG).await.unwrap();
    layers.outdate_own("a", 6).await.unwrap();
    assert_eq!(held(&layers).await, Some(Versioned::tombstone(6)));
    shared.clear().await.unwrap();
    layers.put("a", value(5), began).await.unwrap();
    assert_eq!(shared.get("a").await.unwrap(), None, "though it had forgotten");
    layers.put("a", value(6), layers.begin()).await.unwrap();
    assert_eq!(shared.get("a").await.unwrap(), Some(value(6)));
}

#[tokio::test]
async fn a_value_that_others_have_a_newer_one_of_is_not_held_here() {
    let (layers, shared) = layers(LONG);
    shared.put("a", value(6), LONG).await.unwrap();
    layers.put("a", value(5), layers.begin()).await.unwrap();
    assert_eq!(held(&layers).await, Some(value(6)));
}

#[tokio::test]
async fn what_took_too_long_to_find_is_not_held() {
    let (layers, shared) = layers(Duration::from_millis(60));
    let (began, asked) = (layers.begin(), Instant::now());
    eventually("half its time is over", LIMIT, async || {
        (asked.elapsed() > Duration::from_millis(30)).then_some(())
    })
    .await;
    layers.put("a", value(5), began).await.unwrap();
    assert_eq!(held(&layers).await, None);
    assert_eq!(shared.get("a").await.unwrap(), None);
}

#[tokio::test]
async fn forgetting_is_of_what_this_process_holds_or_is_finding_out() {
    let (layers, shared) = layers(LONG);
    layers.put("a", value(5), layers.begin()).await.unwrap();
    let began = layers.begin();
    layers.forget_own().await.unwrap();
    assert_eq!(shared.get("a").await.unwrap(), Some(value(5)));
    shared.clear().await.unwrap();
    assert_eq!(held(&layers).await, None);
    layers.put("a", value(5), began).await.unwrap();
    shared.clear().await.unwrap();
    assert_eq!(held(&layers).await, None, "it was asked for before");
}

fn config(url: &str, pause_ms: u64) -> CacheConfig {
    let config = crate::defaults().set("cache.url", url).set("cache.timeout_ms", 100);
    config.set("cache.down_pause_ms", pause_ms).section("cache").unwrap()
}

#[tokio::test]
async fn without_the_shared_layer_this_one_is_used_and_the_failure_told() {
    let layers = Layers::connect(&config("redis://127.0.0.1:1", 500), LONG).unwrap();
    assert!(layers.get("a").await.error.is_some());
    assert!(layers.put("a", value(5), layers.begin()).await.is_err());
    assert_eq!(held(&layers).await, Some(value(5)));
    assert!(layers.outdate("a", 6).await.is_err(), "whoever hears of it has to try again");
    let held = layers.get("a").await;
    assert_eq!(held.value, Some(Versioned::tombstone(6)));
    assert!(held.error.is_some());
}

#[tokio::test]
async fn redis_that_hangs_costs_the_limit_once_and_is_found_again() {
    let redis = Redis::start().unwrap();
    let proxy = Proxy::before(&redis.url()).await.unwrap();
    let cache = cache::connect(&config(&proxy.url(&redis.url()), 2_000)).unwrap();
    cache.put("a", value(5), LONG).await.unwrap();
    proxy.stall();
    let began = Instant::now();
    for _ in 0..100 {
        assert!(cache.get("a").await.is_err());
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "100 questions took {took:?}");
    proxy.heal();
    eventually("it is found again", LIMIT, async || cache.get("a").await.ok()).await;
}

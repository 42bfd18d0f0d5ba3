//! What is answered when the cache or the broker is gone, the database is stuck, or the configuration will not do.

use rstest::rstest;
use sea_orm::{ConnectionTrait, TransactionTrait};
use testkit::proxy::Proxy;
use testkit::servers::{Redis, RedisCluster};
use testkit::{Backend, eventually};

use crate::stand::{LIMIT, open, open_with};

#[tokio::test]
async fn reads_go_on_without_the_cache_and_are_right_when_it_is_back() {
    let mut redis = Redis::start().unwrap();
    let url = redis.url();
    let settings = [("cache.url", &*url), ("cache.timeout_ms", "100"), ("cache.local_ttl_ms", "0")];
    let stand = open_with(Backend::Real, &settings).await;
    let item = stand.item("TEA", 10).await;
    stand.cached("/v1/items/TEA").await;
    redis.kill();
    for available in [9, 8, 7] {
        let version = stand.sell(item, 1).await;
        let answer = stand.ask("/v1/items/TEA").await;
        assert_eq!((answer.source.as_str(), answer.available()), ("database", available));
        assert_eq!(
            stand.ask(&format!("/v1/items/TEA/levels?min_version={version}")).await.available(),
            available
        );
        assert_eq!(stand.json("/stock/product/p-TEA").await["stock"], available);
    }
    assert_eq!(stand.get("/ready").await.status(), 200, "the cache is no condition");
    redis.restart().unwrap();
    assert_eq!(stand.cached("/v1/items/TEA").await.available(), 7);
    stand.sell(item, 1).await;
    eventually("events refresh it again", LIMIT, async || {
        (stand.ask("/v1/items/TEA").await.available() == 6).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_cluster_of_redis_that_loses_a_node_fails_no_read() {
    let mut cluster = RedisCluster::start().unwrap();
    let url = cluster.url();
    let settings = [("cache.url", &*url), ("cache.timeout_ms", "200"), ("cache.local_ttl_ms", "0")];
    let stand = open_with(Backend::Real, &settings).await;
    let mut items = Vec::new();
    for number in 0..20 {
        let item = stand.item(&format!("TEA-{number}"), 10).await;
        stand.cached(&format!("/v1/items/TEA-{number}")).await;
        items.push(item);
    }
    cluster.kill_one();
    for (number, item) in items.into_iter().enumerate() {
        let version = stand.sell(item, 1).await;
        let answer = stand.ask(&format!("/v1/items/TEA-{number}?min_version={version}")).await;
        assert_eq!((answer.status, answer.available()), (200, 9));
    }
}

#[rstest]
#[case::cut(Proxy::cut)]
#[case::stalled(Proxy::stall)]
#[tokio::test]
async fn a_cache_that_comes_back_with_what_it_held_is_told_what_it_missed(#[case] fail: fn(&Proxy)) {
    let redis = Redis::start().unwrap();
    let proxy = Proxy::before(&redis.url()).await.unwrap();
    let url = proxy.url(&redis.url());
    let settings = [("cache.url", &*url), ("cache.timeout_ms", "200"), ("cache.local_ttl_ms", "0")];
    let stand = open_with(Backend::Real, &settings).await;
    let item = stand.item("TEA", 10).await;
    stand.cached("/v1/items/TEA").await;
    fail(&proxy);
    stand.sell(item, 1).await;
    assert_eq!(stand.ask("/v1/items/TEA").await.available(), 9);
    proxy.heal();
    eventually("the sale shows, and is cached", LIMIT, async || {
        let answer = stand.ask("/v1/items/TEA").await;
        (answer.available() == 9 && answer.source == "cache").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_is_away_takes_nobody_out_of_rotation() {
    let stand = open(Backend::Embedded).await;
    stand.item("TEA", 10).await;
    // A port on which nobody listens.
    let cut_off = stand.replica_at("amqp://127.0.0.1:1").await;
    assert_eq!(stand.get_from(&cut_off, "/ready").await.status, 200);
    assert_eq!(stand.get_from(&cut_off, "/v1/items/TEA").await.available(), 10);
}

#[tokio::test]
async fn a_stuck_database_is_asked_by_so_many_and_keeps_nobody_waiting_for_what_is_cached() {
    let limits = [("stock_checker.database_reads_at_once", "1"), ("stock_checker.database_wait_ms", "50")];
    let stand = open_with(Backend::Real, &limits).await;
    for sku in ["TEA", "MILK"] {
        stand.item(sku, 10).await;
    }
    stand.cached("/v1/items/TEA").await;
    let stuck = stand.db.begin().await.unwrap();
    stuck.execute_unprepared("LOCK TABLE inventory_items, inventory_locations").await.unwrap();
    let waiting = stand.request("/v1/overview").send();
    let others = async {
        eventually("there is one question too many", LIMIT, async || {
            let answer = stand.ask("/v1/low-stock").await;
            (answer.problem() == (503, "unavailable") && answer.retry_after.is_some()).then_some(())
        })
        .await;
        assert_eq!(stand.ask("/v1/items/TEA").await.source, "cache");
        stuck.rollback().await.unwrap();
    };
    let (waited, ()) = tokio::join!(waiting, others);
    assert_eq!(waited.unwrap().status(), 200);
    assert_eq!(stand.ask("/v1/items/MILK").await.status, 200);
}

#[rstest]
#[case("stock_checker.cache_ttl_ms", "0")]
#[case("stock_checker.cache_ttl_ms", "-1")]
#[case("stock_checker.cache_ttl_ms", "9223372036854775807")]
#[case("stock_checker.aggregate_ttl_ms", "86400001")]
#[case("stock_checker.database_reads_at_once", "0")]
#[case("stock_checker.database_wait_ms", "60001")]
#[case("stock_checker.version_wait_ms", "-5")]
#[case("stock_checker.database_url", "mysql://localhost/stock")]
#[case("cache.url", "memcached://localhost")]
#[case("cache.url", "redis-cluster://")]
#[case("stock_checker.primary_url", "mysql://localhost/stock")]
#[case("stock_checker.fill_lease_ms", "0")]
#[case("stock_checker.unknown_ttl_ms", "60001")]
#[case("stock_checker.replica_wait_ms", "60001")]
#[tokio::test]
async fn a_setting_that_cannot_work_is_refused_by_its_name(#[case] key: &str, #[case] value: &str) {
    let stand = open(Backend::Embedded).await;
    let config = stand.config.clone().set(key, value);
    let refusal = stock_checker::service(&config, stand.bus.clone()).await.err().unwrap();
    assert!(format!("{refusal:#}").contains(key), "{refusal:#}");
}

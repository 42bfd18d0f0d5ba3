//! The cache, the same in Redis, in a cluster of them and in the process.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use platform::cache::{self, Cache, Versioned};
use rstest::rstest;
use testkit::eventually;

use crate::LIMIT;
use crate::places::{Kind, Place};

const LONG: Duration = Duration::from_secs(60);

fn value(version: i64, text: &'static str) -> Versioned {
    Versioned { version, bytes: Bytes::from_static(text.as_bytes()) }
}

async fn cache(kind: Kind) -> (Place, Arc<dyn Cache>) {
    let place = Place::of(kind).await;
    let cache = cache::connect(&place.config).unwrap();
    (place, cache)
}

#[rstest]
#[tokio::test]
async fn what_was_put_is_got(#[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind) {
    let (_place, cache) = cache(kind).await;
    assert_eq!(cache.get("a").await.unwrap(), None);
    assert!(cache.put("a", value(7, "seven"), LONG).await.unwrap());
    assert_eq!(cache.get("a").await.unwrap(), Some(value(7, "seven")));
    let binary = Versioned { version: i64::MAX, bytes: Bytes::from_static(&[0, 255, 13, 10]) };
    assert!(cache.put("b", binary.clone(), LONG).await.unwrap());
    assert_eq!(cache.get("b").await.unwrap(), Some(binary));
}

#[rstest]
#[tokio::test]
async fn a_slow_fill_cannot_bury_a_newer_value(
    #[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind,
) {
    let (_place, cache) = cache(kind).await;
    assert!(cache.put("a", value(10, "new"), LONG).await.unwrap());
    assert!(!cache.put("a", value(9, "old"), LONG).await.unwrap());
    assert_eq!(cache.get("a").await.unwrap(), Some(value(10, "new")));
    assert!(cache.put("a", value(11, "newer"), LONG).await.unwrap());
    assert_eq!(cache.get("a").await.unwrap(), Some(value(11, "newer")));
}

#[rstest]
#[tokio::test]
async fn a_tombstone_keeps_out_what_is_older(#[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind) {
    let (_place, cache) = cache(kind).await;
    assert!(cache.put("a", value(5, "five"), LONG).await.unwrap());
    assert!(!cache.put("a", Versioned::tombstone(5), LONG).await.unwrap(), "it is as new as demanded");
    assert!(cache.put("a", Versioned::tombstone(6), LONG).await.unwrap());
    assert!(cache.get("a").await.unwrap().unwrap().is_tombstone());
    assert!(!cache.put("a", value(5, "five"), LONG).await.unwrap());
    assert!(cache.put("a", value(6, "six"), LONG).await.unwrap());
    assert_eq!(cache.get("a").await.unwrap(), Some(value(6, "six")));
}

#[rstest]
#[tokio::test]
async fn of_many_who_put_at_once_the_newest_stays(
    #[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind,
) {
    let (_place, cache) = cache(kind).await;
    let puts = (0..100).map(|version| cache.put("a", value(version * 37 % 100, "x"), LONG));
    futures::future::try_join_all(puts).await.unwrap();
    assert_eq!(cache.get("a").await.unwrap().unwrap().version, 99);
}

#[rstest]
#[tokio::test]
async fn a_value_lives_as_long_as_it_was_put_for(
    #[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind,
) {
    let (_place, cache) = cache(kind).await;
    cache.put("a", value(1, "x"), Duration::from_millis(50)).await.unwrap();
    cache.put("b", value(1, "x"), LONG).await.unwrap();
    eventually("the value is gone", LIMIT, async || cache.get("a").await.unwrap().is_none().then_some(()))
        .await;
    assert!(cache.get("b").await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn clearing_forgets_all_of_a_prefix_and_nothing_else(
    #[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind,
) {
    let (place, cache) = cache(kind).await;
    let mut others = place.config.clone();
    others.prefix.push_str("other.");
    let other = cache::connect(&others).unwrap();
    for key in 0..1_500 {
        cache.put(&key.to_string(), value(1, "x"), LONG).await.unwrap();
    }
    other.put("0", value(1, "x"), LONG).await.unwrap();
    cache.clear().await.unwrap();
    for key in 0..1_500 {
        assert_eq!(cache.get(&key.to_string()).await.unwrap(), None);
    }
    assert!(other.get("0").await.unwrap().is_some());
    assert!(cache.put("0", value(0, "old"), LONG).await.unwrap(), "nothing is known any more");
}

#[tokio::test]
async fn redis_out_of_reach_is_an_error_and_no_wait() {
    let config = crate::defaults().set("cache.url", "redis://127.0.0.1:1").section("cache").unwrap();
    let cache = cache::connect(&config).unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(2), cache.get("a")).await.unwrap();
    assert!(asked.is_err());
}

#[rstest]
#[case("cache.url", "cache.url", "memcached://127.0.0.1")]
#[case("cache.prefix", "cache.prefix", "all*")]
fn a_configuration_that_will_not_do_names_its_key(
    #[case] named: &str,
    #[case] key: &str,
    #[case] value: &str,
) {
    let config = crate::defaults().set("cache.url", "redis://127.0.0.1:1").set(key, value);
    let Err(error) = cache::connect(&config.section("cache").unwrap()) else { panic!("{value} was taken") };
    assert!(error.to_string().contains(&format!("`{named}`")), "{error}");
}

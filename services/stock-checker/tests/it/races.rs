//! Writers, readers, slow fills and repeated, reordered events at once: nobody is answered from before what they were
//! told. And the same without set-if-newer, where somebody is: this test can fail.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::ItemId;
use events::Bus;
use futures::future::join_all;
use platform::cache::{Cache, CacheConfig, CacheError, Layers, Versioned};
use rstest::rstest;
use testkit::proxy::Proxy;
use testkit::servers::RedisCluster;
use testkit::{Backend, eventually};

use crate::stand::{LIMIT, Stand, publish, silent};

const ITEMS: usize = 3;
const WRITERS: usize = 4;
const READERS: usize = 24;
/// Changes that each writer makes.
const WRITES: usize = 60;
/// Answers between two changes at most, so that some are from the cache, and some changes come in between.
const READS_A_WRITE: usize = 40;
/// Long enough that an event comes while a question to the database is under way.
const SLOWEST_REPLY_MS: u64 = 60;
const LONG: Duration = Duration::from_secs(60);

/// A cache behind a network that repeats itself: the value that was put last arrives again before each look, also after
/// the event that outdated it. `blind`, it takes whatever comes, as caches usually do.
struct Repeating {
    blind: bool,
    held: Mutex<HashMap<String, Versioned>>,
    last: Mutex<HashMap<String, Versioned>>,
}

impl Repeating {
    fn of(blind: bool) -> Arc<dyn Cache> {
        Arc::new(Repeating { blind, held: Mutex::default(), last: Mutex::default() })
    }

    fn arrives(&self, key: &str, value: Versioned) -> bool {
        let mut held = self.held.lock().unwrap();
        let taken = self.blind || held.get(key).is_none_or(|held| value.version >= held.version);
        if taken {
            held.insert(key.to_owned(), value);
        }
        taken
    }
}

#[async_trait]
impl Cache for Repeating {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, CacheError> {
        let again = self.last.lock().unwrap().get(key).cloned();
        again.map(|value| self.arrives(key, value));
        Ok(self.held.lock().unwrap().get(key).cloned())
    }

    async fn put(&self, key: &str, value: Versioned, _: Duration) -> Result<bool, CacheError> {
        if !value.is_tombstone() {
            self.last.lock().unwrap().insert(key.to_owned(), value.clone());
        }
        Ok(self.arrives(key, value))
    }

    async fn clear(&self) -> Result<(), CacheError> {
        self.held.lock().unwrap().clear();
        Ok(())
    }
}

/// What everybody may know of an item.
struct Told {
    item: ItemId,
    /// The version of the newest change that its writer was answered.
    written: AtomicI64,
    /// The version of the newest event that the service has consumed.
    heard: AtomicI64,
}

struct Game {
    stand: Stand,
    url: String,
    bus: Arc<dyn Bus>,
    told: Vec<Told>,
    over: AtomicBool,
    reads: AtomicUsize,
    cached: AtomicUsize,
    stale: AtomicUsize,
}

impl Game {
    async fn write(&self, writer: usize) {
        let mut late = Vec::new();
        for turn in 0..WRITES {
            let told = &self.told[(writer + turn) % ITEMS];
            let version = self.stand.sell(told.item, 1).await;
            told.written.fetch_max(version, Ordering::SeqCst);
            late.push((self.stand.news(told.item).await, told, version));
            // Now and then an event comes when a newer one has come, and each comes twice.
            if turn % 3 == 2 {
                for (news, told, version) in late.drain(..).rev() {
                    publish(&self.bus, vec![news.clone(), news]).await;
                    told.heard.fetch_max(version, Ordering::SeqCst);
                }
            }
            let reads = self.reads.load(Ordering::SeqCst) + (writer + turn) % 3 * READS_A_WRITE / 2;
            eventually("it is read", LIMIT, async || {
                (self.reads.load(Ordering::SeqCst) >= reads).then_some(())
            })
            .await;
        }
    }

    async fn read(&self, reader: usize) {
        let mut seen = [0; ITEMS];
        let mut turn = reader;
        while !self.over.load(Ordering::SeqCst) {
            let which = turn % ITEMS;
            let told = &self.told[which];
            let knows = told.heard.load(Ordering::SeqCst).max(seen[which]);
            let (path, knows) = if turn.is_multiple_of(5) {
                let written = told.written.load(Ordering::SeqCst);
                (format!("/v1/items/{}?min_version={written}", told.item), knows.max(written))
            } else {
                (format!("/v1/items/{}/levels", told.item), knows)
            };
            let answer = self.stand.get_from(&self.url, &path).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            self.reads.fetch_add(1, Ordering::SeqCst);
            self.cached.fetch_add(usize::from(answer.source == "cache"), Ordering::SeqCst);
            self.stale.fetch_add(usize::from(answer.version() < knows), Ordering::SeqCst);
            seen[which] = seen[which].max(answer.version());
            turn += 1;
        }
    }
}

/// How many answers were older than what the reader had been told.
async fn stale_reads(layers: impl FnOnce(&CacheConfig) -> Layers) -> usize {
    let stand = silent(Backend::Real, &[]).await;
    let proxy = Proxy::before(&stand.stage.stock_url).await.unwrap();
    let mut told = Vec::new();
    for number in 0..ITEMS {
        let item = stand.item(&format!("TEA-{number}"), 1_000_000).await;
        told.push(Told { item, written: AtomicI64::new(0), heard: AtomicI64::new(0) });
    }
    let slow = proxy.url(&stand.stage.stock_url);
    let config = stand.config.clone().set("stock_checker.database_url", slow);
    let (url, bus) = stand.replica_over(&config, layers(&config.section("cache").unwrap())).await;
    proxy.delay_up_to(SLOWEST_REPLY_MS);
    let [reads, cached, stale] = [(); 3].map(|()| AtomicUsize::new(0));
    let game = Game { stand, url, bus, told, over: AtomicBool::new(false), reads, cached, stale };
    let writing = async {
        join_all((0..WRITERS).map(|writer| game.write(writer))).await;
        game.over.store(true, Ordering::SeqCst);
    };
    futures::join!(writing, join_all((0..READERS).map(|reader| game.read(reader))));
    let [reads, cached, stale] = [game.reads, game.cached, game.stale].map(AtomicUsize::into_inner);
    println!("{reads} reads, {cached} of them from the cache, {stale} older than what was known");
    assert!(cached > 0 && cached < reads, "{cached} of {reads} reads were from the cache: there was no race");
    stale
}

#[rstest]
#[case::in_this_process("memory:", "2000")]
#[case::in_redis("", "0")]
#[case::in_both("", "2000")]
#[case::in_a_cluster("redis-cluster://", "0")]
#[case::in_front_of_a_cluster("redis-cluster://", "2000")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_answered_from_before_what_they_were_told(#[case] url: &str, #[case] own_ttl_ms: u64) {
    let cluster = url.starts_with("redis-cluster:").then(|| RedisCluster::start().unwrap());
    let url = cluster.as_ref().map_or_else(|| url.to_owned(), RedisCluster::url);
    let stale = stale_reads(|config| {
        let mut config = config.clone();
        config.local_ttl_ms = own_ttl_ms;
        if !url.is_empty() {
            config.url = url.into();
        }
        Layers::connect(&config, LONG).unwrap()
    });
    assert_eq!(stale.await, 0);
}

#[rstest]
#[case::in_this_process(true)]
#[case::in_what_is_shared(false)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_set_if_newer_that_makes_the_difference(#[case] is_own: bool) {
    let layers = |cache| {
        let (own, shared) = if is_own { (Some(cache), None) } else { (None, Some(cache)) };
        Layers::new(own, shared, LONG, LONG)
    };
    assert_eq!(stale_reads(|_| layers(Repeating::of(false))).await, 0);
    assert!(stale_reads(|_| layers(Repeating::of(true))).await > 0, "this test finds nothing");
}

#[rstest]
#[case::alone("memory:")]
#[case::in_front_of_redis("")]
#[tokio::test]
async fn an_answer_of_a_replica_is_never_older_than_its_answer_before(#[case] url: &str) {
    let stand = silent(Backend::Real, &[]).await;
    stand.relay();
    let item = stand.item("TEA", 1_000_000).await;
    let settings: &[(&str, &str)] = if url.is_empty() { &[] } else { &[("cache.url", url)] };
    let replicas = [stand.replica_with(settings).await, stand.replica_with(settings).await];
    let over = AtomicBool::new(false);
    let writing = async {
        for _ in 0..200 {
            stand.sell(item, 1).await;
        }
        over.store(true, Ordering::SeqCst);
    };
    let reading = replicas.iter().map(|url| {
        let (stand, over) = (&stand, &over);
        async move {
            let (mut seen, mut reads) = (0, 0);
            while !over.load(Ordering::SeqCst) {
                let version = stand.get_from(url, "/v1/items/TEA").await.version();
                assert!(version >= seen, "{version} after {seen}, after {reads} reads");
                (seen, reads) = (version, reads + 1);
            }
        }
    });
    futures::join!(writing, join_all(reading));
}

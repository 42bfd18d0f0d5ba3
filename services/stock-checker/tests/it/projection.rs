//! Counts that older clients read in Redis themselves.

use domain::Sku;
use testkit::servers::Redis;
use testkit::{Backend, eventually};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::stand::{LIMIT, Stand, new_item, open_with, silent};

/// A Redis of the test's own, because these keys have no prefix.
struct Shop {
    redis: Redis,
    stand: Stand,
}

async fn shop(projection: &str, publishes: bool) -> Shop {
    let redis = Redis::start().unwrap();
    let settings = [("cache.url", &*redis.url()), ("stock_checker.redis_projection", projection)];
    let stand = match publishes {
        true => open_with(Backend::Real, &settings).await,
        false => silent(Backend::Real, &settings).await,
    };
    Shop { redis, stand }
}

impl Shop {
    /// `GET key`, as a client of another make would send it.
    async fn get(&self, key: &str) -> Option<String> {
        let url = self.redis.url();
        let address = url.trim_start_matches("redis://").trim_end_matches('/').split('/').next().unwrap();
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let command = format!("*2\r\n$3\r\nGET\r\n${}\r\n{key}\r\n", key.len());
        stream.write_all(command.as_bytes()).await.unwrap();
        let (mut length, mut text) = (String::new(), String::new());
        stream.read_line(&mut length).await.unwrap();
        if length.trim_end() == "$-1" {
            return None;
        }
        stream.read_line(&mut text).await.unwrap();
        Some(text.trim_end().to_owned())
    }

    async fn shows(&self, key: &str, expected: Option<&str>) {
        eventually(&format!("{key} is {expected:?}"), LIMIT, async || {
            (self.get(key).await.as_deref() == expected).then_some(())
        })
        .await;
    }

    /// An item of the product `tea`.
    async fn tea(&self, sku: &str, variant: Option<&str>, units: i64) -> domain::ItemId {
        let text = |text: &str| Sku::try_from(text.to_owned()).unwrap();
        let mut new = new_item(sku);
        (new.identity.product_id, new.identity.variant_id) = (text("tea"), variant.map(text));
        self.stand.item_like(new, units).await
    }
}

#[tokio::test]
async fn a_product_id_shows_what_is_available_as_plain_text() {
    let shop = shop("true", true).await;
    let item = shop.stand.item("TEA", 9).await;
    shop.shows("p-TEA", Some("9")).await;
    shop.stand.reserve(item, 2, 600).await;
    shop.shows("p-TEA", Some("7")).await;
    shop.stand.sell(item, 7).await;
    shop.shows("p-TEA", Some("0")).await;
    assert_eq!(shop.get("TEA").await, None, "an SKU is no product id");
}

#[tokio::test]
async fn a_count_gives_way_to_a_newer_one_alone() {
    let shop = shop("true", false).await;
    let (item, other) = (shop.stand.item("TEA", 9).await, shop.stand.item("OTHER", 1).await);
    let old = shop.stand.news(item).await;
    shop.stand.sell(item, 1).await;
    let newest = shop.stand.news(item).await;
    shop.stand.publish(vec![newest.clone(), old.clone(), newest, old]).await;
    // Handled after them, or at least begun.
    shop.stand.publish(vec![shop.stand.news(other).await]).await;
    shop.shows("p-OTHER", Some("1")).await;
    shop.shows("p-TEA", Some("8")).await;
    shop.stand.sell(other, 1).await;
    shop.stand.publish(vec![shop.stand.news(other).await]).await;
    shop.shows("p-OTHER", Some("0")).await;
    assert_eq!(shop.get("p-TEA").await.as_deref(), Some("8"));
}

#[tokio::test]
async fn a_product_with_variants_shows_the_only_one_or_the_main_item() {
    let shop = shop("true", true).await;
    let small = shop.tea("TEA-s", Some("s"), 3).await;
    shop.shows("tea", Some("3")).await;
    shop.tea("TEA-l", Some("l"), 4).await;
    shop.shows("tea", None).await;
    shop.stand.sell(small, 1).await;
    let main = shop.tea("TEA", None, 5).await;
    shop.shows("tea", Some("5")).await;
    shop.stand.sell(small, 1).await;
    shop.stand.sell(main, 1).await;
    shop.shows("tea", Some("4")).await;
}

#[tokio::test]
async fn a_product_that_is_called_like_a_key_of_ours_shows_nothing() {
    let shop = shop("true", true).await;
    let mut new = new_item("EVIL");
    let key = format!("{}c:item", shop.stand.stage.prefix);
    new.identity.product_id = key.clone().try_into().unwrap();
    shop.stand.item_like(new, 9).await;
    shop.stand.item("TEA", 1).await;
    shop.shows("p-TEA", Some("1")).await;
    assert_eq!(shop.get(&key).await, None);
}

#[tokio::test]
async fn a_count_that_redis_lost_comes_back_with_the_next_event() {
    let mut shop = shop("true", true).await;
    let item = shop.stand.item("TEA", 9).await;
    shop.shows("p-TEA", Some("9")).await;
    shop.redis.kill();
    shop.stand.sell(item, 1).await;
    shop.redis.restart().unwrap();
    shop.shows("p-TEA", Some("8")).await;
}

#[tokio::test]
async fn nothing_shows_where_nobody_wants_it() {
    let shop = shop("false", true).await;
    let item = shop.stand.item("TEA", 9).await;
    shop.stand.cached("/v1/items/TEA").await;
    shop.stand.sell(item, 1).await;
    eventually("the event arrives", LIMIT, async || {
        (shop.stand.ask("/v1/items/TEA").await.available() == 8).then_some(())
    })
    .await;
    assert_eq!(shop.get("p-TEA").await, None);
}

#[tokio::test]
async fn a_cache_in_the_process_has_no_counts_and_needs_none() {
    let stand = open_with(Backend::Embedded, &[("stock_checker.redis_projection", "true")]).await;
    stand.item("TEA", 9).await;
    assert_eq!(stand.cached("/v1/items/TEA").await.available(), 9);
}

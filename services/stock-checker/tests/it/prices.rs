//! Prices: asked once by however many want to know, and never waited for in vain.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use futures::future::join_all;
use futures::stream;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::HashMap;
use testkit::{Backend, eventually};
use tokio::net::TcpListener;

use crate::callers::{ask, guarded_with};
use crate::stand::{Answer, LIMIT, Stand, new_item, open, open_with};

/// How the price service behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Unpriced,
    Failing,
    Silent,
    BreaksOff,
    Garbage,
    Huge,
    Elsewhere,
    OtherSku,
    OtherCurrency,
    Negative,
    Number,
    Absurd,
}

/// A price service: a real one, over HTTP.
#[derive(Clone)]
struct Shop {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicUsize>,
    amount: Arc<Mutex<&'static str>>,
    url: String,
}

impl Shop {
    async fn open() -> Shop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shop = Shop {
            mood: Arc::new(Mutex::new(Mood::Well)),
            asked: Arc::default(),
            amount: Arc::new(Mutex::new("12.50")),
            url: format!("http://{}/shop/", listener.local_addr().unwrap()),
        };
        let routes = Router::new().route("/shop/prices/{sku}", get(price)).with_state(shop.clone());
        crate::stand::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        shop
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn price(
    State(shop): State<Shop>,
    Path(sku): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    shop.asked.fetch_add(1, Ordering::SeqCst);
    let (mood, amount) = (*shop.mood.lock().unwrap(), *shop.amount.lock().unwrap());
    let mut quoted = json!({"sku": sku, "amount": amount, "currency": query["currency"], "more": [1]});
    if let Some(lang) = query.get("lang") {
        quoted["lang"] = json!(lang);
    }
    match mood {
        Mood::Well => {
            // Long enough that all who want to know are there.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Mood::Unpriced => return StatusCode::NOT_FOUND.into_response(),
        Mood::Failing => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mood::Silent => std::future::pending().await,
        Mood::BreaksOff => {
            let part = stream::once(async { Ok::<_, std::io::Error>(Bytes::from("{\"sku\":")) });
            return Body::from_stream(futures::StreamExt::chain(part, stream::pending())).into_response();
        }
        Mood::Garbage => return "<html>".into_response(),
        Mood::Huge => {
            return Body::from_stream(stream::repeat_with(|| {
                Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 4096]))
            }))
            .into_response();
        }
        Mood::Elsewhere => return Redirect::temporary("http://127.0.0.1:1/").into_response(),
        Mood::OtherSku => quoted["sku"] = json!("MUG"),
        Mood::OtherCurrency => quoted["currency"] = json!("XXX"),
        Mood::Negative => quoted["amount"] = json!("-1"),
        Mood::Number => quoted["amount"] = json!("twelve"),
        Mood::Absurd => quoted["amount"] = json!("1000000000000.01"),
    }
    axum::Json(quoted).into_response()
}

async fn stand_at(backend: Backend, shop: &Shop, settings: &[(&str, &str)]) -> Stand {
    let mut all = vec![("prices.url", &*shop.url), ("prices.timeout_ms", "1000")];
    all.extend(settings);
    let stand = open_with(backend, &all).await;
    stand.item("TEA", 1).await;
    stand
}

#[rstest]
#[tokio::test]
async fn of_all_who_want_to_know_one_asks(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = Shop::open().await;
    let stand = stand_at(backend, &shop, &[]).await;
    let mut urls = vec![stand.url.clone()];
    if backend == Backend::Real {
        // They share a cache and its locks.
        urls.push(stand.replica().await);
    }
    let stand = &stand;
    let answers = join_all((0..100).map(|number| {
        let url = urls[number % urls.len()].clone();
        async move { stand.get_from(&url, "/v1/prices/TEA?currency=EUR&lang=de-AT").await }
    }))
    .await;
    for answer in &answers {
        let (amount, stale) = (&answer.body["amount"], &answer.body["stale"]);
        assert_eq!((answer.status, amount, stale), (200, &json!("12.50"), &json!(false)), "{answer:?}");
        assert_eq!((&answer.body["currency"], &answer.body["lang"]), (&json!("EUR"), &json!("de-at")));
    }
    assert_eq!(shop.asked(), 1);
    stand.json("/v1/prices/TEA?currency=EUR").await;
    stand.json("/v1/prices/p-TEA?currency=USD&lang=de-AT").await;
    assert_eq!(shop.asked(), 3, "each currency and language has a price of its own");
    stand.json("/v1/prices/TEA").await;
    assert_eq!(shop.asked(), 3, "EUR is what is meant without a word");
}

#[rstest]
#[tokio::test]
async fn whatever_the_price_service_does_there_is_an_answer(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = Shop::open().await;
    let settings =
        [("prices.fresh_ms", "0"), ("prices.breaker_failures", "1000"), ("prices.timeout_ms", "300")];
    let stand = stand_at(backend, &shop, &settings).await;
    stand.item("CUP", 1).await;
    assert_eq!(stand.json("/v1/prices/CUP").await["stale"], false);
    for mood in [
        Mood::Failing,
        Mood::Silent,
        Mood::BreaksOff,
        Mood::Garbage,
        Mood::Huge,
        Mood::Elsewhere,
        Mood::OtherSku,
        Mood::OtherCurrency,
        Mood::Negative,
        Mood::Number,
        Mood::Absurd,
    ] {
        shop.is(mood);
        let began = Instant::now();
        let never_known = stand.ask("/v1/prices/TEA").await;
        assert_eq!(never_known.problem(), (503, "price-unavailable"), "{mood:?}");
        assert!(never_known.retry_after.is_some(), "{mood:?}");
        let known = stand.json("/v1/prices/CUP").await;
        assert_eq!((&known["amount"], &known["stale"]), (&json!("12.50"), &json!(true)), "{mood:?}");
        assert!(began.elapsed() < LIMIT, "{mood:?}: {:?}", began.elapsed());
    }
    shop.is(Mood::Well);
    *shop.amount.lock().unwrap() = "13.00";
    let now = stand.json("/v1/prices/CUP").await;
    assert_eq!((&now["amount"], &now["stale"]), (&json!("13.00"), &json!(false)));
    shop.is(Mood::Unpriced);
    assert_eq!(stand.ask("/v1/prices/CUP").await.problem(), (404, "price-unknown"));
    let asked = shop.asked();
    assert_eq!(stand.ask("/v1/prices/CUP").await.problem(), (404, "price-unknown"));
    assert_eq!(shop.asked(), asked, "that there is none is remembered for a moment");
}

#[tokio::test]
async fn who_waits_for_a_silent_price_service_waits_no_longer_than_who_asks() {
    let shop = Shop::open().await;
    let stand = stand_at(Backend::Real, &shop, &[("prices.timeout_ms", "500")]).await;
    let other = stand.replica().await;
    shop.is(Mood::Silent);
    let began = Instant::now();
    let answers = join_all((0..20).map(|number| {
        let url = if number % 2 == 0 { stand.url.clone() } else { other.clone() };
        let stand = &stand;
        async move { stand.get_from(&url, "/v1/prices/TEA").await }
    }))
    .await;
    for answer in &answers {
        assert_eq!(answer.problem(), (503, "price-unavailable"));
    }
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
}

#[rstest]
#[tokio::test]
async fn a_price_service_that_fails_too_often_is_left_alone_and_then_tried_by_one(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = Shop::open().await;
    let settings =
        [("prices.fresh_ms", "0"), ("prices.breaker_failures", "3"), ("prices.breaker_pause_ms", "1000")];
    let stand = stand_at(backend, &shop, &settings).await;
    stand.json("/v1/prices/TEA").await;
    shop.is(Mood::Failing);
    let before = shop.asked();
    for _ in 0..20 {
        assert_eq!(stand.json("/v1/prices/TEA").await["stale"], true);
    }
    let asked = shop.asked() - before;
    assert!((3..=5).contains(&asked), "{asked} of 20 got through");
    // Half open it is tried, fails, and is left alone again.
    let opened = shop.asked();
    eventually("it is tried again", LIMIT, async || {
        stand.json("/v1/prices/TEA").await;
        (shop.asked() > opened).then_some(())
    })
    .await;
    shop.is(Mood::Well);
    eventually("it is believed again", LIMIT, async || {
        (stand.json("/v1/prices/TEA").await["stale"] == false).then_some(())
    })
    .await;
    assert_eq!(stand.json("/v1/prices/TEA").await["stale"], false);
}

#[rstest]
#[tokio::test]
async fn bad_questions_are_refused_and_without_a_price_service_that_is_said(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = Shop::open().await;
    let stand = stand_at(backend, &shop, &[]).await;
    for (path, status, code) in [
        ("TEA?currency=eur", 400, "parameter-invalid"),
        ("TEA?currency=EURO", 400, "parameter-invalid"),
        ("TEA?currency=", 400, "parameter-invalid"),
        ("TEA?lang=", 400, "parameter-invalid"),
        ("TEA?lang=de_AT", 400, "parameter-invalid"),
        ("TEA?lang=a%26b", 400, "parameter-invalid"),
        ("TEA?colour=red", 400, "malformed-query"),
        ("TEA?currency=EUR&currency=USD", 400, "malformed-query"),
        ("nobody", 404, "item-unknown"),
        ("..%2F..%2Fsecret", 404, "item-unknown"),
        ("a%00b", 400, "malformed-path"),
    ] {
        assert_eq!(stand.ask(&format!("/v1/prices/{path}")).await.problem(), (status, code), "{path}");
    }
    assert_eq!(shop.asked(), 0);
    let mut odd = new_item("A/B?c=#%2e;d");
    odd.identity.product_id = "odd".to_owned().try_into().unwrap();
    stand.item_like(odd, 1).await;
    let answer: Value = stand.json("/v1/prices/odd").await;
    assert_eq!(answer["sku"], "A/B?c=#%2e;d", "a SKU is one part of the path");

    let without = open(backend).await;
    without.item("TEA", 1).await;
    assert_eq!(without.ask("/v1/prices/TEA").await.problem(), (501, "prices-not-configured"));
    assert_eq!(without.ask("/v1/prices/nobody").await.problem(), (404, "item-unknown"));
}

#[rstest]
#[tokio::test]
async fn prices_are_for_everybody_and_of_a_brand_its_own(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = Shop::open().await;
    let stand = guarded_with(backend, &[("prices.url", &shop.url)]).await;
    let of = async |role: &str, owner: Option<&str>| -> Answer {
        ask(&stand, "/v1/prices/TEA", role, owner).await
    };
    for (role, owner) in [("customer", None), ("viewer", None), ("service", None), ("brand", Some("acme"))] {
        assert_eq!(of(role, owner).await.status, 200, "{role}");
    }
    for role in ["brand", "viewer", "customer"] {
        assert_eq!(of(role, Some("bolt")).await.problem(), (404, "item-unknown"), "{role}");
    }
    assert_eq!(stand.ask("/v1/prices/TEA").await.status, 401);
}

#[rstest]
#[case("prices.url", "ftp://prices")]
#[case("prices.url", "prices")]
#[case("prices.default_currency", "eur")]
#[case("prices.timeout_ms", "0")]
#[case("prices.breaker_failures", "0")]
#[tokio::test]
async fn a_setting_of_prices_that_cannot_work_is_refused_by_its_name(#[case] key: &str, #[case] value: &str) {
    let stand = open(Backend::Embedded).await;
    let config = stand.config.clone().set(key, value);
    let refusal = stock_checker::service(&config, stand.bus.clone()).await.err().unwrap();
    assert!(format!("{refusal:#}").contains(key), "{refusal:#}");
}

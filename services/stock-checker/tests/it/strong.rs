//! How new an answer is: strong reads, versions that a replica of the database does not have, and answers that the
//! client has already.

use reqwest::header::{CONTENT_LENGTH, ETAG, IF_NONE_MATCH};
use rstest::rstest;
use sea_orm::ConnectionTrait;
use testkit::servers::Postgres;
use testkit::{Backend, Stage, eventually};

use crate::stand::{Answer, LIMIT, Stand, open, silent, silent_on};

async fn strong(stand: &Stand, url: &str, path: &str) -> Answer {
    let request = stand.request_from(url, path).header("Consistency", "strong");
    Answer::of(request.send().await.unwrap()).await
}

#[rstest]
#[tokio::test]
async fn a_strong_read_is_not_answered_from_the_cache(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    // No event ever arrives, so that the cache stays behind.
    let stand = silent(backend, &[]).await;
    let item = stand.item("TEA", 10).await;
    stand.cached("/v1/items/TEA").await;
    for available in [9, 8] {
        stand.sell(item, 1).await;
        assert_eq!(stand.ask("/v1/items/TEA").await.available(), available + 1, "nobody told the cache");
        for path in ["/v1/items/TEA", "/v1/items/TEA/levels"] {
            let answer = strong(&stand, &stand.url, path).await;
            assert_eq!((answer.source.as_str(), answer.available()), ("database", available));
        }
        assert_eq!(stand.ask("/v1/items/TEA").await.available(), available, "what was read is cached");
    }
    let missing = strong(&stand, &stand.url, "/v1/items/MILK").await;
    assert_eq!(missing.problem(), (404, "item-unknown"));
    stand.item("MILK", 1).await;
    assert_eq!(strong(&stand, &stand.url, "/v1/items/MILK").await.available(), 1);
}

#[rstest]
#[case("Consistency", "weak", "consistency-invalid")]
#[case("Consistency", "", "consistency-invalid")]
#[case("If-None-Match", "12", "if-none-match-invalid")]
#[case("If-None-Match", "\"12\" \"13\"", "if-none-match-invalid")]
#[case("If-None-Match", "\"12", "if-none-match-invalid")]
#[tokio::test]
async fn a_header_that_makes_no_sense_is_refused(
    #[case] name: &str,
    #[case] value: &str,
    #[case] code: &str,
) {
    let stand = open(Backend::Embedded).await;
    stand.item("TEA", 10).await;
    let answer = stand.request("/v1/items/TEA").header(name, value).send().await.unwrap();
    assert_eq!(Answer::of(answer).await.problem(), (400, code));
}

#[tokio::test]
async fn a_strong_read_is_about_the_present() {
    let stand = open(Backend::Embedded).await;
    stand.item("TEA", 10).await;
    let answer = strong(&stand, &stand.url, "/v1/items/TEA?version=1").await;
    assert_eq!(answer.problem(), (400, "parameter-invalid"));
}

#[rstest]
#[tokio::test]
async fn who_has_the_answer_is_not_sent_it_again(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let item = stand.item("TEA", 10).await;
    for path in ["/v1/items/TEA", "/v1/items/TEA/levels"] {
        let version = stand.cached(path).await.version();
        for tags in [format!("\"{version}\""), format!("\"1\", W/\"{version}\""), "*".to_owned()] {
            let answer = stand.request(path).header(IF_NONE_MATCH, &tags).send().await.unwrap();
            assert_eq!(answer.status(), 304, "{tags}");
            assert_eq!(answer.headers()[ETAG], *format!("\"{version}\""));
            assert!(answer.headers().get(CONTENT_LENGTH).is_none_or(|length| length == "0"));
            assert_eq!(answer.bytes().await.unwrap().len(), 0);
        }
        for tags in [format!("\"{}\"", version + 1), "\"abc\"".to_owned()] {
            let answer = stand.request(path).header(IF_NONE_MATCH, &tags).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{tags}");
        }
        let sold = stand.sell(item, 1).await;
        let newer = stand
            .request(&format!("{path}?min_version={sold}"))
            .header(IF_NONE_MATCH, format!("\"{version}\""));
        assert_eq!(newer.send().await.unwrap().status(), 200);
    }
}

#[rstest]
#[tokio::test]
async fn units_that_are_free_again_are_sent_although_no_version_says_so(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let item = stand.item("TEA", 10).await;
    stand.reserve(item, 4, 1).await;
    let held = eventually("the hold shows", LIMIT, async || {
        Some(stand.ask("/v1/items/TEA").await).filter(|answer| answer.available() == 6)
    })
    .await;
    let conditional =
        async || stand.request("/v1/items/TEA").header(IF_NONE_MATCH, &held.etag).send().await.unwrap();
    assert_eq!(conditional().await.status(), 304);
    let freed = eventually("the hold ends", LIMIT, async || {
        Some(conditional().await).filter(|answer| answer.status() == 200)
    })
    .await;
    let freed = Answer::of(freed).await;
    assert_eq!((freed.version(), freed.available()), (held.version(), 10), "nobody recorded its end");
}

/// A stand whose database is copied, by `copy`.
async fn copied(settings: &[(&str, &str)]) -> (Stand, Postgres, Postgres) {
    let primary = Postgres::start().unwrap();
    let copy = primary.replica().unwrap();
    let mut stage = Stage::new(Backend::Embedded).await;
    stage.stock_url = primary.url();
    let (primary_url, copy_url) = (primary.url(), copy.url());
    let urls = [("stock_checker.database_url", &*copy_url), ("stock_checker.primary_url", &*primary_url)];
    let stand = silent_on(stage, &[&urls, settings].concat()).await;
    (stand, primary, copy)
}

async fn run_on(server: &Postgres, sql: &str) {
    let config = platform::config::Config::defaults().unwrap().section("database").unwrap();
    let db = platform::db::connect(&server.url(), &config).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
}

#[tokio::test]
async fn a_replica_that_is_behind_is_not_believed_by_those_who_know_more() {
    let (stand, _primary, copy) = copied(&[("cache.url", "memory:")]).await;
    let item = stand.item("TEA", 10).await;
    let before = eventually("the replica has it", LIMIT, async || {
        Some(stand.ask("/v1/items/TEA").await)
            .filter(|answer| answer.status == 200 && answer.available() == 10)
    })
    .await;
    let alone = [("stock_checker.primary_url", ""), ("stock_checker.version_wait_ms", "300")];
    let alone = stand.replica_with(&alone).await;
    assert_eq!(stand.get_from(&alone, "/v1/items/TEA").await.available(), 10);

    run_on(&copy, "SELECT pg_wal_replay_pause()").await;
    let version = stand.sell(item, 3).await;
    let milk = stand.item("MILK", 5).await;
    assert_eq!(stand.ask("/v1/items/TEA").await.version(), before.version(), "the replica is behind");
    let path = format!("/v1/items/TEA?min_version={version}");
    assert_eq!(stand.get_from(&alone, &path).await.problem(), (503, "version-not-there"));
    assert_eq!(strong(&stand, &alone, "/v1/items/TEA").await.problem(), (503, "strong-unavailable"));
    let asked = stand.ask(&path).await;
    assert_eq!((asked.version(), asked.available()), (version, 7), "the primary was asked");
    assert_eq!(stand.ask(&format!("/v1/items/{milk}?min_version=1")).await.available(), 5);
    let sold = stand.sell(item, 1).await;
    let answer = strong(&stand, &stand.url, "/v1/items/TEA").await;
    assert_eq!((answer.version(), answer.available()), (sold, 6));
    assert_eq!(stand.ask("/v1/items/TEA").await.version(), sold, "what was read is cached");
    let far = stand.ask(&format!("/v1/items/TEA?min_version={}", sold + 1)).await;
    assert_eq!(far.problem(), (503, "version-not-there"), "not even the primary has it");

    run_on(&copy, "SELECT pg_wal_replay_resume()").await;
    eventually("the replica has it", LIMIT, async || {
        let answer = stand.get_from(&alone, &format!("/v1/items/TEA?min_version={sold}")).await;
        (answer.status == 200 && answer.version() == sold).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_replica_is_asked_while_its_primary_is_away() {
    let (stand, mut primary, _copy) = copied(&[("cache.url", "memory:")]).await;
    let item = stand.item("TEA", 10).await;
    let version = stand.sell(item, 1).await;
    eventually("the replica has it", LIMIT, async || {
        let answer = stand.ask("/v1/items/TEA").await;
        (answer.status == 200 && answer.version() == version).then_some(())
    })
    .await;
    primary.kill();
    assert_eq!(stand.ask(&format!("/v1/items/TEA/levels?min_version={version}")).await.available(), 9);
    assert_eq!(stand.get("/ready").await.status(), 200);
    let behind = stand.ask(&format!("/v1/items/TEA?min_version={}", version + 1)).await;
    assert_eq!(behind.status, 503);
    assert_eq!(strong(&stand, &stand.url, "/v1/items/TEA").await.problem(), (503, "unavailable"));
}

//! The bounds of the live feed: who may listen, from where on, for how long, and how many at once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::NewItem;
use rstest::rstest;
use testkit::{Backend, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::callers::{ask, guarded, token};
use crate::listener::{Listener, Said, Wire};
use crate::stand::{Answer, LIMIT, Stand, new_item, open, open_with};

const QUIET: Duration = Duration::from_millis(400);

fn of_bolt(sku: &str) -> NewItem {
    let mut new = new_item(sku);
    new.identity.owner = "bolt".to_owned().try_into().unwrap();
    new
}

async fn listening(stand: &Stand, wire: Wire, query: &str) -> Listener {
    let mut listener = Listener::new(wire, query);
    listener.connect(&stand.server()).await;
    assert!(matches!(listener.next().await, Some(Said::Beat)), "a position at once");
    listener
}

/// A position with some of its bytes changed, and its checksum made right.
fn forged(position: &str, at: usize, bytes: &[u8]) -> String {
    let mut said = hex::decode(position).unwrap();
    said.truncate(said.len() - 4);
    said[at..at + bytes.len()].copy_from_slice(bytes);
    let sum = Uuid::new_v5(&Uuid::NAMESPACE_OID, &said).into_bytes();
    said.extend(&sum[..4]);
    hex::encode(said)
}

#[rstest]
#[tokio::test]
async fn only_what_was_asked_for_is_heard(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(Wire::Events, Wire::Calls)] wire: Wire,
) {
    let stand = open_with(backend, &[("feed.heartbeat_ms", "50")]).await;
    let (tea, mug) = (stand.item("TEA", 9).await, stand.item_like(of_bolt("MUG"), 9).await);
    let mut by_sku = listening(&stand, wire, "sku=TEA").await;
    let mut by_owner = listening(&stand, wire, "owner=bolt").await;
    let mut by_both = listening(&stand, wire, "sku=TEA&owner=bolt").await;
    let mut all = listening(&stand, wire, "").await;
    stand.sell(tea, 1).await;
    let last = stand.sell(mug, 1).await;
    by_sku.hears("TEA", 3).await;
    by_owner.hears("MUG", last).await;
    all.hears("TEA", 3).await;
    all.hears("MUG", last).await;
    assert!(by_sku.hears_nothing(QUIET).await && !by_sku.heard.contains_key("MUG"));
    assert!(by_owner.hears_nothing(QUIET).await && !by_owner.heard.contains_key("TEA"));
    assert!(by_both.hears_nothing(QUIET).await && by_both.heard.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_quiet_feed_says_that_it_is_alive_and_how_far_it_is(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(Wire::Events, Wire::Calls)] wire: Wire,
) {
    let stand = open_with(backend, &[("feed.heartbeat_ms", "50")]).await;
    let (tea, mug) = (stand.item("TEA", 9).await, stand.item("MUG", 9).await);
    let mut listener = listening(&stand, wire, "sku=TEA").await;
    let first = listener.last.clone().unwrap();
    stand.sell(mug, 1).await;
    for _ in 0..20 {
        assert!(matches!(listener.next().await, Some(Said::Beat)));
    }
    assert_ne!(listener.last.as_deref(), Some(&*first), "it got further without a change of its own");
    listener.cut();
    stand.sell(tea, 1).await;
    listener.connect(&stand.server()).await;
    listener.hears("TEA", 3).await;
    assert_eq!(listener.heard["TEA"], [3], "a position without a change is as good as any");
}

#[rstest]
#[tokio::test]
async fn a_position_that_is_none_is_refused(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = open_with(backend, &[("feed.max_age_s", "3600")]).await;
    let tea = stand.item("TEA", 9).await;
    let mut listener = listening(&stand, Wire::Events, "").await;
    stand.sell(tea, 1).await;
    listener.hears("TEA", 3).await;
    let good = listener.last.clone().unwrap();
    let time = |ago: i64| (Utc::now() - chrono::Duration::seconds(ago)).timestamp_micros().to_be_bytes();
    let flipped = if good.ends_with('0') { "1" } else { "0" };
    for (bad, status, code, call) in [
        (String::new(), 400, "position-invalid", None),
        ("12".to_owned(), 400, "position-invalid", Some(Code::InvalidArgument)),
        ("%F0%9F%8D%B5".to_owned(), 400, "position-invalid", None),
        ("0".repeat(good.len()), 400, "position-invalid", Some(Code::InvalidArgument)),
        ("f".repeat(10_000), 400, "position-invalid", Some(Code::InvalidArgument)),
        (
            format!("{}{flipped}", &good[..good.len() - 1]),
            400,
            "position-invalid",
            Some(Code::InvalidArgument),
        ),
        (forged(&good, 0, &[2]), 400, "position-invalid", Some(Code::InvalidArgument)),
        (forged(&good, 1, &[0xff]), 400, "position-invalid", Some(Code::InvalidArgument)),
        (forged(&good, 41, &time(-900)), 400, "position-invalid", Some(Code::InvalidArgument)),
        (forged(&good, 33, &time(-900)), 400, "position-invalid", Some(Code::InvalidArgument)),
        (forged(&good, 33, &[0x7f; 8]), 400, "position-invalid", Some(Code::InvalidArgument)),
        (forged(&good, 41, &time(3_700)), 410, "position-too-old", Some(Code::OutOfRange)),
        (forged(&good, 49, &[1; 8]), 410, "position-unknown", Some(Code::OutOfRange)),
    ] {
        let answer = stand.ask(&format!("/v1/feed?after={bad}")).await;
        assert_eq!(answer.problem(), (status, code), "{bad}");
        if !bad.contains('%') {
            let asked = stand.request("/v1/feed").header("Last-Event-ID", &bad).send().await.unwrap();
            assert_eq!(Answer::of(asked).await.problem(), (status, code), "{bad}");
        }
        if let Some(code) = call {
            let mut client = client(&stand).await;
            let mut caller = Listener::new(Wire::Calls, "");
            caller.last = Some(bad.clone());
            assert_eq!(client.watch(caller.request()).await.unwrap_err().code(), code, "{bad}");
        }
    }
    if backend == Backend::Embedded {
        let far = forged(&good, 1, &i64::MAX.to_be_bytes());
        let answer = stand.ask(&format!("/v1/feed?after={far}")).await;
        assert_eq!(answer.problem(), (410, "position-unknown"), "this file never came that far");
    }
    for (query, status, code) in [
        ("sku=nobody", 404, "item-unknown"),
        ("sku=", 404, "item-unknown"),
        ("owner=", 400, "malformed-query"),
        ("colour=red", 400, "malformed-query"),
        ("sku=a%00b", 400, "malformed-query"),
    ] {
        assert_eq!(stand.ask(&format!("/v1/feed?{query}")).await.problem(), (status, code), "{query}");
    }
    // The header is what a browser got last; the query is where it began.
    listener.cut();
    let after = listener.last.clone().unwrap();
    let mut again = Listener::new(Wire::Events, "after=12");
    again.last = Some(after);
    again.connect(&stand.server()).await;
}

async fn client(stand: &Stand) -> proto::feed::stock_feed_client::StockFeedClient<tonic::transport::Channel> {
    let client = proto::feed::stock_feed_client::StockFeedClient::connect(stand.calls_url.clone());
    client.await.unwrap()
}

#[rstest]
#[tokio::test]
async fn a_brand_hears_of_its_own_items_alone(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(Wire::Events, Wire::Calls)] wire: Wire,
) {
    let stand = guarded(backend).await;
    let mug = stand.item_like(of_bolt("MUG"), 9).await;
    let tea = stand.reader.resolve("TEA", None).await.unwrap().unwrap().id;
    let with = |role: &str, owner: Option<&str>, query: &str| {
        let mut listener = Listener::new(wire, query);
        listener.token = Some(token(role, owner));
        listener
    };
    let mut admin = with("admin", None, "");
    admin.connect(&stand.server()).await;
    assert!(matches!(admin.next().await, Some(Said::Beat)));
    let position = admin.last.clone();
    stand.sell(tea, 1).await;
    let last = stand.sell(mug, 1).await;
    admin.hears("MUG", last).await;
    for (role, query) in [("brand", ""), ("brand", "owner=bolt"), ("viewer", ""), ("brand", "sku=MUG")] {
        // Also after a position of somebody's who may hear of everything.
        let mut own = with(role, Some("bolt"), query);
        own.last.clone_from(&position);
        own.connect(&stand.server()).await;
        own.hears("MUG", last).await;
        assert!(!own.heard.contains_key("TEA"), "{role} {query}");
    }
    for (role, owner, query, status, code) in [
        ("customer", None, "", 403, Code::PermissionDenied),
        ("brand", Some("bolt"), "owner=acme", 403, Code::PermissionDenied),
        ("brand", Some("bolt"), "sku=TEA", 404, Code::NotFound),
        ("viewer", Some("bolt"), "sku=p-TEA", 404, Code::NotFound),
    ] {
        match wire {
            Wire::Events => {
                let answer = ask(&stand, &format!("/v1/feed?{query}"), role, owner).await;
                assert_eq!(answer.status, status, "{role} {query}");
            }
            Wire::Calls => {
                let refused = client(&stand).await.watch(with(role, owner, query).request()).await;
                assert_eq!(refused.unwrap_err().code(), code, "{role} {query}");
            }
        }
    }
    assert_eq!(stand.ask("/v1/feed").await.status, 401);
}

#[rstest]
#[tokio::test]
async fn who_does_not_keep_up_is_sent_away_and_misses_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(Wire::Events, Wire::Calls)] wire: Wire,
) {
    let stand = open_with(backend, &[("feed.heartbeat_ms", "50"), ("feed.buffer_bytes", "1048576")]).await;
    let tea = stand.item("TEA", 9_000).await;
    let mut listener = listening(&stand, wire, "").await;
    // Long enough that it has caught up with what is kept for all.
    for _ in 0..20 {
        listener.next().await;
    }
    let mut last = 0;
    for _ in 0..1_200 {
        last = stand.sell(tea, 1).await;
    }
    let mut keen = Listener::new(wire, "");
    keen.last.clone_from(&listener.last);
    keen.connect(&stand.server()).await;
    keen.hears("TEA", last).await;
    let mut quiet = 0;
    let reason = loop {
        match listener.next().await {
            Some(Said::Ended(reason)) => break reason,
            Some(Said::Change(..)) => {}
            Some(Said::Beat) => {
                quiet += 1;
                assert!(quiet < 200, "it kept up: {:?}", listener.heard);
            }
            None => panic!("it ended without a word after {:?}", listener.heard),
        }
    };
    assert_eq!(reason, "too-slow");
    let before = listener.heard["TEA"].len();
    assert!(before < 1_000, "{before} fitted in between");
    listener.connect(&stand.server()).await;
    listener.hears("TEA", last).await;
    assert_eq!(listener.heard["TEA"], (3..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_caller_has_so_many_feeds_and_who_takes_nothing_loses_his() {
    let limits = [("feed.heartbeat_ms", "20"), ("feed.per_caller", "2"), ("feed.at_once", "3")];
    let stand = open_with(Backend::Embedded, &limits).await;
    let first = listening(&stand, Wire::Events, "").await;
    let mut second = listening(&stand, Wire::Events, "").await;
    let refused = stand.ask("/v1/feed").await;
    assert_eq!(refused.problem(), (429, "too-many-feeds"));
    assert!(refused.retry_after.is_some());
    let call = client(&stand).await.watch(Listener::new(Wire::Calls, "").request()).await;
    assert_eq!(call.unwrap_err().code(), Code::ResourceExhausted);
    second.cut();
    eventually("a place is free when its listener is gone", LIMIT, async || {
        (stand.get("/v1/feed").await.status() == 200).then_some(())
    })
    .await;
    // It does not read: its signs of life fill its window, and then it takes nothing.
    let _asleep = first;
    let mut third = listening(&stand, Wire::Events, "").await;
    eventually("who takes nothing loses the place", LIMIT, async || {
        third.next().await;
        (stand.get("/v1/feed").await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_replica_serves_so_many_feeds() {
    let stand = open_with(Backend::Embedded, &[("feed.at_once", "0")]).await;
    let refused = stand.ask("/v1/feed").await;
    assert_eq!(refused.problem(), (503, "unavailable"));
    assert!(refused.retry_after.is_some());
}

#[rstest]
#[tokio::test]
async fn a_feed_lasts_so_long_and_ends_with_the_process(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(Wire::Events, Wire::Calls)] wire: Wire,
) {
    let stand = open_with(backend, &[("feed.lifetime_s", "2")]).await;
    let began: DateTime<Utc> = Utc::now();
    let mut listener = listening(&stand, wire, "").await;
    match (wire, listener.next().await) {
        (Wire::Events, Some(Said::Ended(reason))) => assert_eq!(reason, "lasted"),
        (Wire::Calls, None) => {}
        (_, other) => panic!("{other:?}"),
    }
    assert!(Utc::now() - began >= chrono::Duration::seconds(2));

    let mortal = stand.mortal().await;
    let mut listener = Listener::new(wire, "");
    let server = crate::listener::Server { url: mortal.url.clone(), calls_url: mortal.calls_url.clone() };
    listener.connect(&server).await;
    assert!(matches!(listener.next().await, Some(Said::Beat)));
    mortal.stop.cancel();
    let began = std::time::Instant::now();
    match listener.next().await {
        Some(Said::Ended(reason)) => assert_eq!(reason, "stopping"),
        other => panic!("{other:?}"),
    }
    assert!(listener.next().await.is_none());
    assert!(began.elapsed() < Duration::from_secs(6), "the stop does not wait for it: {:?}", began.elapsed());
}

#[rstest]
#[case("feed.heartbeat_ms", "1")]
#[case("feed.max_age_s", "0")]
#[case("feed.per_caller", "0")]
#[case("feed.buffer_bytes", "1")]
#[case("feed.lifetime_s", "0")]
#[tokio::test]
async fn a_setting_of_the_feed_that_cannot_work_is_refused_by_its_name(
    #[case] key: &str,
    #[case] value: &str,
) {
    let stand = open(Backend::Embedded).await;
    let config = stand.config.clone().set(key, value);
    let refusal = stock_checker::service(&config, stand.bus.clone()).await.err().unwrap();
    assert!(format!("{refusal:#}").contains(key), "{refusal:#}");
}

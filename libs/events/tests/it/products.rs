//! Sellers' changes of products: how they look, what identifies them, and how they travel.

use events::{
    Message, Subscription, Verdict,
    legacy::{ProductChange, ProductChanged},
};
use rstest::rstest;
use testkit::Backend;

use crate::stand::{LIMIT, Recorder, Stand, message};

fn parse(kind: &str, body: &str) -> Result<ProductChanged, String> {
    ProductChanged::parse(Some(kind), body.as_bytes()).map_err(|error| error.to_string())
}

fn update(quantity: &str) -> Result<ProductChanged, String> {
    parse("Update", &format!(r#"{{"id":4711,"quantity":{quantity}}}"#))
}

#[test]
fn products_have_a_quantity_that_is_a_whole_number_from_zero() {
    for (written, meant) in [("0", 0), ("1", 1), ("1000000000000", 1_000_000_000_000)] {
        assert_eq!(update(written).unwrap().change, ProductChange::Update { quantity: meant });
    }
    for (written, reason) in [
        ("-1", "not -1"),
        ("1000000000001", "from 0 to 1000000000000"),
        ("9223372036854775808", "not 9223372036854775808"),
        ("1.5", "not 1.5"),
        ("1.0", "not 1.0"),
        ("1e3", "not 1000.0"),
        (r#""5""#, r#"not "5""#),
        ("null", "not absent"),
        ("true", "not true"),
    ] {
        let refused = update(written).unwrap_err();
        assert!(refused.contains(reason), "{written}: {refused}");
    }
    assert!(parse("Create", r#"{"id":1}"#).unwrap_err().contains("not absent"));
}

#[test]
fn products_that_are_deleted_need_no_quantity() {
    assert_eq!(parse("Delete", r#"{"id":"a"}"#).unwrap().change, ProductChange::Delete);
    assert_eq!(parse("Delete", r#"{"id":"a","quantity":-1.5}"#).unwrap().change, ProductChange::Delete);
}

#[rstest]
fn products_without_a_known_message_type_are_refused(
    #[values(None, Some(""), Some("create"), Some("DELETE"), Some("Updated"))] kind: Option<&str>,
) {
    let refused = ProductChanged::parse(kind, br#"{"id":1,"quantity":1}"#).unwrap_err().to_string();
    assert!(refused.contains("MessageType is Create, Update or Delete"), "{refused}");
}

#[rstest]
fn products_that_name_nothing_are_refused(
    #[values(
        "",
        "[]",
        "{}",
        r#"{"quantity":1}"#,
        r#"{"id":" ","quantity":1}"#,
        r#"{"id":1.5,"quantity":1}"#,
        r#"{"id":1,"id":2,"quantity":1}"#,
        r#"{"id":1,"quantity":1,"name":7}"#,
        r#"{"id":1,"quantity":1,"timestamp":"yesterday"}"#,
        r#"{"id":1,"quantity":1} x"#
    )]
    body: &str,
) {
    assert!(parse("Update", body).is_err());
}

#[test]
fn products_are_known_by_their_message_id_or_by_what_is_said_of_them() {
    let identity = |kind, body: &str, message: Option<&str>| parse(kind, body).unwrap().identity(message);
    let five = r#"{"id":1,"quantity":5}"#;
    let one = identity("Update", five, None);
    assert_eq!(one, identity("Update", r#"{"id":"1","quantity":5,"name":"x","price":7}"#, Some("")));
    for other in [
        identity("Create", five, None),
        identity("Delete", five, None),
        identity("Update", r#"{"id":2,"quantity":5}"#, None),
        identity("Update", r#"{"id":1,"quantity":6}"#, None),
        identity("Update", r#"{"id":1,"quantity":5,"timestamp":1767614400}"#, None),
        identity("Update", five, Some("m")),
    ] {
        assert_ne!(one, other);
    }
    // Two kinds under one id of the publisher's are one message: what they say differs, and it is noticed.
    assert_eq!(identity("Update", five, Some("m")), identity("Delete", r#"{"id":9}"#, Some("m")));
    assert_eq!(
        identity("Update", r#"{"id":1,"quantity":5,"timestamp":1767614400.0}"#, None),
        identity("Update", r#"{"id":1,"quantity":5,"timestamp":"2026-01-05T12:00:00Z"}"#, None),
        "however the time is written"
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn products_travel_with_their_message_type_also_to_the_dead_letters(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let consumer = Recorder::always(Verdict::Park("look at it".to_owned()));
    stand.consume(Subscription::Durable("stock-updater"), consumer.clone());
    let told = |key: &str| Message { message_type: Some("Update".to_owned()), ..message(key, key) };
    for key in ["product", "product.4711"] {
        stand.publish(told(key)).await;
    }
    let mut seen: Vec<Message> = consumer.has(2).await.into_iter().map(|delivery| delivery.message).collect();
    seen.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(seen, [told("product"), told("product.4711")]);
    let parked = testkit::eventually("two dead letters", LIMIT, async || {
        stand.bus.parked("stock-updater", 10).await.ok().filter(|parked| parked.len() == 2)
    })
    .await;
    assert!(parked.iter().all(|letter| letter.message.message_type.as_deref() == Some("Update")));
}

//! Bad input on every route: a problem that says what is wrong.

use rstest::rstest;
use testkit::Backend;

use crate::stand::open;

#[rstest]
#[tokio::test]
async fn bad_input_is_a_problem_that_says_what_is_wrong(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    stand.item("TEA", 3).await;
    stand.item("TEB", 3).await;
    let foreign = stand.json("/v1/items?limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    let of_nul = "6c6f772d73746f636b204100";
    for list in ["/v1/low-stock", "/v1/items"] {
        for (query, code) in [
            ("limit=0", "limit-invalid"),
            ("limit=501", "limit-invalid"),
            ("limit=-1", "malformed-query"),
            ("limit=ten", "malformed-query"),
            ("limit=1.5", "malformed-query"),
            ("limit=", "malformed-query"),
            ("limit=1&limit=2", "malformed-query"),
            ("limit=18446744073709551616", "malformed-query"),
            ("cursor=", "cursor-invalid"),
            ("cursor=zz", "cursor-invalid"),
            ("cursor=abc", "cursor-invalid"),
            ("cursor=deadbeef", "cursor-invalid"),
            (&format!("cursor={of_nul}"), "cursor-invalid"),
            (&format!("cursor={}", "61".repeat(5_000)), "cursor-invalid"),
            ("owner=", "malformed-query"),
            ("owner=a%00b", "malformed-query"),
            ("owner=%0A", "malformed-query"),
            (&format!("owner={}", "x".repeat(10_000)), "malformed-query"),
            ("colour=red", "malformed-query"),
            ("Limit=1", "malformed-query"),
        ] {
            let answer = stand.ask(&format!("{list}?{query}")).await;
            assert_eq!(answer.problem(), (400, code), "{list}?{query}");
        }
    }
    for (path, code) in [
        (format!("/v1/low-stock?cursor={foreign}"), "cursor-invalid"),
        ("/v1/low-stock?threshold=many".to_owned(), "malformed-query"),
        ("/v1/low-stock?threshold=1.5".to_owned(), "malformed-query"),
        ("/v1/low-stock?threshold=-1".to_owned(), "threshold-invalid"),
        ("/v1/low-stock?threshold=1000000000001".to_owned(), "threshold-invalid"),
        ("/v1/low-stock?threshold=9223372036854775808".to_owned(), "malformed-query"),
        ("/v1/low-stock?min_version=1".to_owned(), "malformed-query"),
        ("/v1/items?active_only=perhaps".to_owned(), "malformed-query"),
        ("/v1/items?threshold=1".to_owned(), "malformed-query"),
        ("/v1/overview?owner=acme".to_owned(), "malformed-query"),
        ("/v1/items?sort=price".to_owned(), "malformed-query"),
        ("/v1/items?sort=".to_owned(), "malformed-query"),
        ("/v1/items?sort=SKU".to_owned(), "malformed-query"),
        ("/v1/items?order=up".to_owned(), "malformed-query"),
        ("/v1/items?status=".to_owned(), "parameter-invalid"),
        ("/v1/items?status=LOW_STOCK".to_owned(), "parameter-invalid"),
        ("/v1/items?status=low_stock,".to_owned(), "parameter-invalid"),
        ("/v1/items?search=".to_owned(), "parameter-invalid"),
        ("/v1/items?search=%20%20".to_owned(), "parameter-invalid"),
        ("/v1/items?search=a%0Ab".to_owned(), "parameter-invalid"),
        ("/v1/items?search=a%00b".to_owned(), "malformed-query"),
        (format!("/v1/items?search={}", "x".repeat(201)), "parameter-invalid"),
        ("/v1/items?supplier=".to_owned(), "malformed-query"),
        ("/v1/items?supplier=a%20b".to_owned(), "malformed-query"),
        ("/v1/items?available_min=-1".to_owned(), "parameter-invalid"),
        ("/v1/items?available_max=1000000000001".to_owned(), "parameter-invalid"),
        ("/v1/items?available_min=3&available_max=2".to_owned(), "parameter-invalid"),
        ("/v1/items?on_hand_min=3&on_hand_max=2".to_owned(), "parameter-invalid"),
        ("/v1/items?on_hand_min=few".to_owned(), "malformed-query"),
        ("/v1/low-stock?search=tea".to_owned(), "malformed-query"),
        ("/v1/low-stock?supplier=a%20b".to_owned(), "malformed-query"),
    ] {
        assert_eq!(stand.ask(&path).await.problem(), (400, code), "{path}");
    }
    for list in ["/v1/low-stock", "/v1/items"] {
        for location in ["mars", "", "%20", &"x".repeat(1_000)] {
            let answer = stand.ask(&format!("{list}?location={location}")).await;
            assert_eq!(answer.problem(), (404, "location-unknown"), "{list} {location}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_name_that_is_none_is_unknown_or_malformed(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    stand.item("TEA", 3).await;
    for tail in ["", "/levels"] {
        for (name, status, code) in [
            ("a%00b".to_owned(), 400, "malformed-path"),
            ("%ED%A0%80".to_owned(), 400, "malformed-path"),
            ("x".repeat(10_000), 404, "item-unknown"),
            ("TEA%20".to_owned(), 404, "item-unknown"),
            ("%0ATEA".to_owned(), 404, "item-unknown"),
            ("TE%D0%90".to_owned(), 404, "item-unknown"),
            ("'%20OR%201=1--".to_owned(), 404, "item-unknown"),
            ("%25".to_owned(), 404, "item-unknown"),
        ] {
            let answer = stand.ask(&format!("/v1/items/{name}{tail}")).await;
            assert_eq!(answer.problem(), (status, code), "{name}{tail}");
        }
        for (query, code) in [
            ("min_version=-1", "min-version-invalid"),
            ("min_version=new", "malformed-query"),
            ("min_version=1.0", "malformed-query"),
            ("min_version=9223372036854775808", "malformed-query"),
            ("min_version=1&min_version=2", "malformed-query"),
            ("at=2020-01-01", "malformed-query"),
        ] {
            let answer = stand.ask(&format!("/v1/items/TEA{tail}?{query}")).await;
            assert_eq!(answer.problem(), (400, code), "{tail}?{query}");
        }
    }
}

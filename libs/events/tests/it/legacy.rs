//! The bare messages of older clients, as they really write them.

use chrono::{DateTime, Utc};
use events::legacy::{ProductReceived, ProductSold};
use rstest::rstest;

fn sold(product_id: &str, quantity: &str, order_id: &str, timestamp: &str) -> Result<ProductSold, String> {
    let body = format!(
        r#"{{"product_id":{product_id},"quantity":{quantity},"order_id":{order_id},"timestamp":{timestamp}}}"#
    );
    ProductSold::parse(body.as_bytes()).map_err(|error| error.to_string())
}

fn received(product_id: &str, supplier_id: &str, timestamp: &str, quantity: i64) -> ProductReceived {
    let body = format!(
        r#"{{"product_id":{product_id},"quantity":{quantity},"supplier_id":{supplier_id},"timestamp":{timestamp}}}"#
    );
    ProductReceived::parse(body.as_bytes()).unwrap()
}

#[rstest]
#[case("1767614400", "2026-01-05T12:00:00Z")]
#[case("1767614400.0", "2026-01-05T12:00:00Z")]
#[case("1767614400.123456", "2026-01-05T12:00:00.123456Z")]
#[case("1.7676144e9", "2026-01-05T12:00:00Z")]
#[case(r#""2026-01-05T12:00:00Z""#, "2026-01-05T12:00:00Z")]
#[case(r#""2026-01-05T14:00:00.5+02:00""#, "2026-01-05T12:00:00.5Z")]
#[case(r#""2026-01-05T14:00:00+0200""#, "2026-01-05T12:00:00Z")]
#[case(r#""2026-01-05T12:00:00.123456""#, "2026-01-05T12:00:00.123456Z")]
#[case(r#""2026-01-05 12:00:00""#, "2026-01-05T12:00:00Z")]
#[case(r#""2026-01-05""#, "2026-01-05T00:00:00Z")]
#[case("0", "1970-01-01T00:00:00Z")]
fn a_timestamp_is_unix_time_or_iso_text(#[case] written: &str, #[case] meant: DateTime<Utc>) {
    assert_eq!(sold("1", "1", "1", written).unwrap().timestamp, meant);
}

#[rstest]
fn a_timestamp_that_names_no_time_is_refused(
    #[values(
        "-1",
        "-0.5",
        "1767614400000",
        "1e300",
        "null",
        "true",
        "[]",
        r#""""#,
        r#""yesterday""#,
        r#""1767614400""#,
        r#""0000-01-01T00:00:00Z""#,
        r#""2026-02-30T00:00:00Z""#,
        r#""+12026-01-05T00:00:00Z""#
    )]
    written: &str,
) {
    assert!(sold("1", "1", "1", written).is_err());
}

#[rstest]
#[case("4711", "4711")]
#[case(r#""4711""#, "4711")]
#[case(r#""SKU/ä 1""#, "SKU/ä 1")]
#[case("-3", "-3")]
fn an_id_is_text_or_an_integer_and_kept_as_text(#[case] written: &str, #[case] kept: &str) {
    let event = sold(written, "1", written, "0").unwrap();
    assert_eq!((event.product_id.as_str(), event.order_id.as_str()), (kept, kept));
    assert_eq!(received(written, written, "0", 1).supplier_id, kept);
}

#[rstest]
fn an_id_that_names_nothing_is_refused(
    #[values(r#""""#, r#"" ""#, "1.5", "null", "true", "{}", r#""a\u0000b""#, r#""a\nb""#)] written: &str,
) {
    assert!(sold(written, "1", "1", "0").is_err());
    assert!(sold("1", "1", written, "0").is_err());
    assert!(sold(&format!("\"{}\"", "x".repeat(256)), "1", "1", "0").is_err());
}

#[rstest]
#[case("1", 1)]
#[case("1000000000000", 1_000_000_000_000)]
fn a_quantity_is_a_whole_number_up_to_a_million_million(#[case] written: &str, #[case] meant: i64) {
    assert_eq!(sold("1", written, "1", "0").unwrap().quantity, meant);
}

#[rstest]
fn a_quantity_that_is_none_is_refused(
    #[values(
        "0",
        "-1",
        "1000000000001",
        "9223372036854775807",
        "9223372036854775808",
        "1.5",
        "1.0",
        "1e3",
        r#""5""#,
        "null",
        "true"
    )]
    written: &str,
) {
    assert!(sold("1", written, "1", "0").is_err());
}

#[rstest]
fn a_body_that_is_not_the_whole_message_is_refused(
    #[values(
        "",
        "{}",
        "[]",
        "null",
        "4711",
        r#"{"product_id":1,"quantity":1,"order_id":1}"#,
        r#"{"product_id":1,"quantity":1,"order_id":1,"timestamp":0} x"#,
        r#"{"product_id":1,"product_id":2,"quantity":1,"order_id":1,"timestamp":0}"#
    )]
    body: &str,
) {
    assert!(ProductSold::parse(body.as_bytes()).is_err());
    assert!(ProductReceived::parse(body.as_bytes()).is_err());
}

#[test]
fn unknown_fields_are_ignored() {
    let body = br#"{"product_id":1,"quantity":1,"order_id":1,"timestamp":0,"channel":"web"}"#;
    assert!(ProductSold::parse(body).is_ok());
}

#[test]
fn the_message_id_is_the_identity_when_there_is_one() {
    let one = sold("1", "2", "7", "0").unwrap();
    let other = sold("9", "9", "9", "9").unwrap();
    assert_eq!(one.identity(Some("m1")), other.identity(Some("m1")));
    assert_ne!(one.identity(Some("m1")), one.identity(Some("m2")));
    assert_ne!(one.identity(Some("m1")), received("1", "7", "0", 2).identity(Some("m1")), "per kind");
    assert_eq!(one.identity(Some("")), one.identity(None), "an empty id is none");
}

#[test]
fn a_sale_is_known_by_order_and_product() {
    let identity =
        |product, order, quantity, time| sold(product, quantity, order, time).unwrap().identity(None);
    let one = identity("1", "7", "2", "0");
    assert_eq!(one, identity(r#""1""#, "7", "3", "99"), "whatever its quantity and time");
    assert_ne!(one, identity("1", "8", "2", "0"));
    assert_ne!(one, identity("2", "7", "2", "0"));
    assert_ne!(identity(r#""a\",\"b""#, r#""c""#, "1", "0"), identity(r#""a""#, r#""b\",\"c""#, "1", "0"));
}

#[test]
fn a_delivery_is_known_by_product_supplier_time_and_quantity() {
    let identity =
        |product, supplier, time, quantity| received(product, supplier, time, quantity).identity(None);
    let one = identity("1", "7", "1767614400", 2);
    assert_eq!(one, identity("1", "7", r#""2026-01-05T12:00:00Z""#, 2), "however the time is written");
    assert_eq!(one, identity("1", "7", "1767614400.0", 2));
    assert_ne!(one, identity("1", "7", "1767614401", 2));
    assert_ne!(one, identity("1", "7", "1767614400", 3));
    assert_ne!(one, identity("1", "8", "1767614400", 2));
    assert_ne!(one, identity("2", "7", "1767614400", 2));
}

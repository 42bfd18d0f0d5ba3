//! Rows of a feed: what every dialect's catalog comes down to, read field by field.
//!
//! What is read: an id (text or whole number), a name, optionally an SKU, a price (number or decimal text, not
//! negative), the supplier's own stock (a whole number, not negative) and the row's last change. A row without
//! an id or a name, or with a value that is none of these, is refused alone; what stood for that product stays.

use super::misread;
use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use domain::{Name, Sku};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::str::FromStr;

/// The longest product id, in bytes: as long as an SKU may be, since it serves as one.
const MAX_ID: usize = 100;
/// The dearest that a unit may cost; a price above is a mistake in the feed.
const MAX_COST: i64 = 1_000_000_000;
/// The most decimals of a price; more is the noise of a binary fraction.
const MAX_DECIMALS: u32 = 6;

/// The longest reason that is kept for a refused row, in characters: it may quote what the row says.
const MAX_WHY: usize = 200;
/// What some systems put before their text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A catalog as it was read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Feed {
    pub(crate) rows: Vec<FeedRow>,
    pub(crate) refused: Vec<RefusedRow>,
}

/// One product as the supplier lists it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FeedRow {
    pub(crate) product_id: String,
    pub(crate) supplier_sku: String,
    pub(crate) name: String,
    pub(crate) cost: Option<Decimal>,
    pub(crate) stock: Option<i64>,
    pub(crate) stamp: Option<DateTime<Utc>>,
}

/// A row that says nothing that we could use, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RefusedRow {
    /// `None`: it does not even say which product it is about.
    pub(crate) product_id: Option<String>,
    pub(crate) why: String,
}

/// What a dialect calls things.
pub(super) struct Columns {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    /// The first that is there counts.
    pub(super) stock: &'static [&'static str],
    pub(super) price: &'static str,
    pub(super) sku: Option<&'static str>,
    pub(super) stamp: Option<&'static str>,
}

/// An answer with its rows still as text: a large feed is parsed a row at a time, not held as a tree.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    products: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

/// Reads a catalog whose rows are in the first list of these names, `products` or `items`.
pub(super) fn read(body: &[u8], lists: &[&str], columns: &Columns) -> Result<Feed, String> {
    // Bytes that are no text are one row's, not the feed's: they are marked, and that row is refused.
    let text = String::from_utf8_lossy(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body));
    let mended = matches!(text, Cow::Owned(_));
    let answer: Answer = serde_json::from_str(&text).map_err(|e| format!("the answer {}", misread(&e)))?;
    let list = lists.iter().find_map(|list| if *list == "items" { answer.items } else { answer.products });
    let rows: Option<Vec<&RawValue>> = list.and_then(|list| serde_json::from_str(list.get()).ok());
    let rows = rows.ok_or_else(|| format!("the answer has no list {:?}", lists.join(" or ")))?;
    let mut feed = Feed::default();
    for row in rows {
        match value(row.get(), mended).and_then(|row| read_row(&row, columns)) {
            Ok(row) => feed.rows.push(row),
            Err(why) => feed.refused.push(refused(row.get(), columns, why)),
        }
    }
    Ok(feed)
}

/// A row's fields. What is no value in JSON (a number beyond all bounds, half a character) is that row's fault alone.
fn value(row: &str, mended: bool) -> Result<Value, String> {
    match mended && row.contains(char::REPLACEMENT_CHARACTER) {
        true => Err("it is not text in UTF-8".to_owned()),
        false => serde_json::from_str(row).map_err(|e| format!("it cannot be read: {e}")),
    }
}

fn refused(row: &str, columns: &Columns, why: String) -> RefusedRow {
    let product_id = serde_json::from_str(row).ok().and_then(|row| id(&row, columns).ok());
    let why = match &product_id {
        Some(id) => format!("product {id}: {why}"),
        None => why,
    };
    RefusedRow { product_id, why: why.chars().take(MAX_WHY).collect() }
}

fn read_row(row: &Value, columns: &Columns) -> Result<FeedRow, String> {
    let product_id = id(row, columns)?;
    let name = row.get(columns.name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let name = Name::try_from(name).map_err(|e| format!("its {}: {e}", columns.name))?;
    let sku = columns.sku.and_then(|column| row.get(column)).filter(|sku| !sku.is_null());
    let supplier_sku = match sku {
        Some(sku) => text(sku).filter(|sku| !sku.is_empty()).ok_or("its sku is not text")?,
        None => product_id.clone(),
    };
    Sku::try_from(supplier_sku.clone()).map_err(|e| format!("its sku: {e}"))?;
    let stock = columns.stock.iter().find_map(|column| row.get(column)).filter(|stock| !stock.is_null());
    let given_price = row.get(columns.price).filter(|price| !price.is_null());
    Ok(FeedRow {
        product_id,
        supplier_sku,
        name: name.into(),
        // Nothing is sold for nothing: a price of 0 says that there is none.
        cost: given_price.map(price).transpose()?.filter(|price| !price.is_zero()),
        stock: stock.map(units).transpose()?,
        stamp: columns.stamp.and_then(|column| row.get(column)).and_then(stamp),
    })
}

fn id(row: &Value, columns: &Columns) -> Result<String, String> {
    let id = row.get(columns.id).and_then(text).ok_or_else(|| format!("it has no {}", columns.id))?;
    match id.is_empty() || id.len() > MAX_ID || id.chars().any(|c| !c.is_ascii_graphic()) {
        true => Err(format!("its {} is not 1 to {MAX_ID} visible ASCII characters", columns.id)),
        false => Ok(id),
    }
}

/// Text, or a whole number as text: suppliers write their ids either way.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

fn units(value: &Value) -> Result<i64, String> {
    let units = value.as_i64().ok_or_else(|| format!("its stock {value} is not a whole number"))?;
    match units {
        0..=domain::MAX_UNITS => Ok(units),
        _ => Err(format!("its stock {units} is not between 0 and {}", domain::MAX_UNITS)),
    }
}

fn price(value: &Value) -> Result<Decimal, String> {
    let written = match value {
        Value::String(text) => text.trim().to_owned(),
        // The shortest text that reads back as the same number: 19.99 stays 19.99.
        Value::Number(number) => number.to_string(),
        _ => return Err(format!("its price {value} is not a number")),
    };
    let price = Decimal::from_str(&written).or_else(|_| Decimal::from_scientific(&written));
    let price = price.map_err(|_| format!("its price {written} is not a number"))?;
    match price.is_sign_negative() && !price.is_zero() || price > Decimal::from(MAX_COST) {
        true => Err(format!("its price {price} is not between 0 and {MAX_COST}")),
        false => Ok(price.round_dp(MAX_DECIMALS).normalize()),
    }
}

/// When a row last changed, to the microsecond that a database keeps.
fn stamp(value: &Value) -> Option<DateTime<Utc>> {
    instant(value).map(|at| at.trunc_subsecs(6))
}

/// RFC 3339, the same without a zone (then UTC), or unix seconds. Anything else counts as not said: the row is
/// still good.
fn instant(value: &Value) -> Option<DateTime<Utc>> {
    if let Some(seconds) = value.as_i64() {
        return DateTime::from_timestamp(seconds, 0);
    }
    let written = value.as_str()?.trim();
    let zoned = DateTime::parse_from_rfc3339(written).map(|at| at.with_timezone(&Utc));
    let naive = |format| NaiveDateTime::parse_from_str(written, format).map(|at| at.and_utc());
    zoned.or_else(|_| naive("%Y-%m-%dT%H:%M:%S%.f")).or_else(|_| naive("%Y-%m-%d %H:%M:%S%.f")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::{AdapterKind, adapter};

    fn check(kind: AdapterKind, body: &str) -> Feed {
        adapter(kind).read(body.as_bytes()).expect("a feed")
    }

    #[test]
    fn each_dialect_comes_down_to_the_same_row() {
        let row = FeedRow {
            product_id: "7".into(),
            supplier_sku: "7".into(),
            name: "Mug".into(),
            cost: Decimal::from_str("19.99").ok(),
            stock: Some(3),
            stamp: DateTime::from_timestamp(1_700_000_000, 0),
        };
        let feed = Feed { rows: vec![row], refused: vec![] };
        let abc = r#"{"products":[{"id":7,"name":" Mug ","inventory":3,"price":19.99,
            "description":"d","category":"c","sku":"7","updated_at":"2023-11-14T22:13:20Z"}]}"#;
        assert_eq!(check(AdapterKind::Abc, abc), feed);
        let xyz = r#"{"items":[{"product_id":"7","product_name":"Mug","stock_count":3,"wholesale_price":"19.990",
            "product_description":"d","category":"c","manufacturer":"m","last_update":1700000000}]}"#;
        assert_eq!(check(AdapterKind::Xyz, xyz), feed);
        let generic = r#"{"items":[{"id":"7","name":"Mug","inventory":3,"price":19.99,"description":null,
            "updated_at":"2023-11-14 22:13:20"}]}"#;
        assert_eq!(check(AdapterKind::Generic, generic), feed);
    }

    #[test]
    fn a_bad_row_is_refused_alone_and_by_name() {
        let body = r#"{"products":[{"id":"a","name":"A","inventory":-1},{"id":"b","name":"B","inventory":1.5},
            {"id":"c","name":""},{"name":"no id"},{"id":"d","name":"D","price":"-2"},{"id":"e","name":"E"},
            {"id":"f","name":"F","sku":"a b"},7]}"#;
        let feed = check(AdapterKind::Abc, body);
        assert_eq!(feed.rows.iter().map(|row| row.product_id.as_str()).collect::<Vec<_>>(), ["e"]);
        let refused: Vec<_> = feed.refused.iter().map(|row| row.product_id.as_deref()).collect();
        assert_eq!(refused, [Some("a"), Some("b"), Some("c"), None, Some("d"), Some("f"), None]);
    }

    #[test]
    fn a_row_that_is_no_value_or_no_text_is_refused_alone() {
        let body = [
            b"\xef\xbb\xbf{\"products\":[{\"id\":\"a\",\"name\":\"A\",\"price\":1e999},".as_slice(),
            b"{\"id\":\"b\",\"name\":\"\\ud800\"},{\"id\":\"c\",\"name\":\"C\xff\"},",
            b"{\"id\":\"d\",\"name\":\"D\",\"price\":0},{\"id\":\"e\",\"name\":\"E\",\"price\":\"0.00\"}]}",
        ];
        let feed = adapter(AdapterKind::Abc).read(&body.concat()).expect("a feed");
        let read: Vec<_> = feed.rows.iter().map(|row| (row.product_id.as_str(), row.cost)).collect();
        assert_eq!(read, [("d", None), ("e", None)], "a price of 0 is none");
        let refused: Vec<_> = feed.refused.iter().map(|row| row.product_id.as_deref()).collect();
        assert_eq!(refused, [None, None, Some("c")], "{:?}", feed.refused);
    }

    #[test]
    fn an_answer_without_the_list_is_no_feed() {
        for body in ["<html>", "{}", "[]", r#"{"products":{}}"#, r#"{"items":[]}"#] {
            assert!(adapter(AdapterKind::Abc).read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn why_an_answer_is_no_feed_does_not_quote_it() {
        let why = |body: &str| adapter(AdapterKind::Abc).read(body.as_bytes()).expect_err("no feed");
        let text = why(&format!("{:?}", "the key hunter22 is wrong ".repeat(1_000)));
        assert!(text.starts_with("the answer is JSON of another shape, at line 1 column "), "{text}");
        assert!(text.len() < MAX_WHY && !text.contains("hunter22"), "{text}");
        assert_eq!(why("hunter22"), "the answer is not JSON: expected value at line 1 column 1");
    }
}

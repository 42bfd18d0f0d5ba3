//! The three bare JSON messages that existing clients send, outside any envelope.
//!
//! Ids arrive as text or as integers and are kept as text. `timestamp` arrives as a unix time in whole
//! seconds, as one with a fraction, or as ISO 8601 text (without a zone it is UTC). `quantity` is an
//! integer from 1 to 10^12, and of `product`, where it is a figure and no movement, from 0. Unknown fields are
//! ignored.
//!
//! # Identity, and what it cannot tell apart
//!
//! The messages carry no event id. [`ProductReceived::identity`], [`ProductSold::identity`] and
//! [`ProductChanged::identity`] are the AMQP `message_id` when there is one, and otherwise derived from the body:
//!
//! - `product-sold`: order and product. Two lines of one order for the same product, or a second sale
//!   added to an order later, look like one sale, whatever their quantities and times; the second
//!   has no effect. A correction under the same order has none either.
//! - `product-received`: product, supplier, time (to the microsecond) and quantity. Two real deliveries
//!   that agree in all four, such as two pallets booked in the same whole second, look like one. The same
//!   delivery sent again with a new timestamp looks like two. The three ways to write a time are one
//!   and the same if they name the same microsecond; a float has no more than that to give.
//! - `product`: what it says (`MessageType`), product, quantity and, if there is one, time. Without a time an
//!   update that goes back to an earlier figure (5, then 3, then 5 again) looks like that earlier update, and a
//!   product that is deleted, created and deleted again looks deleted once; the later one has no effect.
//!   With a time, the same update sent again with a new timestamp is another update.
//!
//! And with a `message_id`: a client that gives two different messages one id loses the second, and one
//! that sends the same message once with an id and once without (or with a new id) has it counted
//! twice. Clients that cannot live with this set a `message_id` of their own on each message, and the same
//! one on each repetition.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::envelope::{Malformed, parse};

/// The most that a single message may move, in units.
const QUANTITY_MAX: i64 = 1_000_000_000_000;

/// The longest id, in bytes: two of them and a kind still fit any index and any AMQP short string.
const ID_MAX_BYTES: usize = 255;

/// The last second of the year 9999. A unix time in milliseconds is far beyond it, and refused.
const UNIX_TIME_MAX: i64 = 253_402_300_799;

/// `product-received`: goods arrived from a supplier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductReceived {
    /// Of which product.
    #[serde(deserialize_with = "id")]
    pub product_id: String,
    /// How many, 1 to 10^12.
    #[serde(deserialize_with = "quantity")]
    pub quantity: i64,
    /// From whom.
    #[serde(deserialize_with = "id")]
    pub supplier_id: String,
    /// When.
    #[serde(deserialize_with = "timestamp")]
    pub timestamp: DateTime<Utc>,
}

/// `product-sold`: a customer bought something elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductSold {
    /// Of which product.
    #[serde(deserialize_with = "id")]
    pub product_id: String,
    /// How many, 1 to 10^12.
    #[serde(deserialize_with = "quantity")]
    pub quantity: i64,
    /// In which order.
    #[serde(deserialize_with = "id")]
    pub order_id: String,
    /// When.
    #[serde(deserialize_with = "timestamp")]
    pub timestamp: DateTime<Utc>,
}

/// `product`: a seller changed what he sells. What about it is said by the message's
/// [type](crate::Message::message_type).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProductChanged {
    /// Which product.
    pub id: String,
    /// What about it.
    #[serde(flatten)]
    pub change: ProductChange,
    /// What it is called, if the seller says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When, if the seller says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<DateTime<Utc>>,
}

/// What a seller did with a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ProductChange {
    /// It is sold from now on.
    Create {
        /// How many are available, 0 to 10^12.
        quantity: i64,
    },
    /// Something about it is different.
    Update {
        /// How many are available now, 0 to 10^12: not by how many more or fewer.
        quantity: i64,
    },
    /// It is not sold any more.
    Delete,
}

/// The body of `product`. What must be in it depends on the message's type.
#[derive(Deserialize)]
struct Product {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default)]
    quantity: Option<serde_json::Value>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, deserialize_with = "optional_timestamp")]
    timestamp: Option<DateTime<Utc>>,
}

impl ProductReceived {
    /// Its routing key.
    pub const ROUTING_KEY: &str = "product-received";

    /// Reads a message's body.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        parse(body)
    }

    /// Equal for what is taken to be the same delivery; see the [module](self) for what that means.
    pub fn identity(&self, message_id: Option<&str>) -> String {
        let time = self.timestamp.timestamp_micros().to_string();
        let quantity = self.quantity.to_string();
        identity(Self::ROUTING_KEY, message_id, &[&self.product_id, &self.supplier_id, &time, &quantity])
    }
}

impl ProductSold {
    /// Its routing key.
    pub const ROUTING_KEY: &str = "product-sold";

    /// Reads a message's body.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        parse(body)
    }

    /// Equal for what is taken to be the same sale; see the [module](self) for what that means.
    pub fn identity(&self, message_id: Option<&str>) -> String {
        identity(Self::ROUTING_KEY, message_id, &[&self.order_id, &self.product_id])
    }
}

impl ProductChange {
    /// The word for it: the message's type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Create { .. } => "Create",
            Self::Update { .. } => "Update",
            Self::Delete => "Delete",
        }
    }

    /// How many are to be available, if it says so.
    pub fn quantity(&self) -> Option<i64> {
        match self {
            Self::Create { quantity } | Self::Update { quantity } => Some(*quantity),
            Self::Delete => None,
        }
    }
}

impl ProductChanged {
    /// Its routing key. `product.<id>` is one as well.
    pub const ROUTING_KEY: &str = "product";

    /// Reads a message's type and body.
    pub fn parse(message_type: Option<&str>, body: &[u8]) -> Result<Self, Malformed> {
        let product: Product = parse(body)?;
        let change = match message_type {
            Some("Create") => ProductChange::Create { quantity: figure(product.quantity)? },
            Some("Update") => ProductChange::Update { quantity: figure(product.quantity)? },
            Some("Delete") => ProductChange::Delete,
            other => return Err(Malformed::MessageType(other.unwrap_or("nothing").to_owned())),
        };
        Ok(Self { id: product.id, change, name: product.name, timestamp: product.timestamp })
    }

    /// Equal for what is taken to be the same change; see the [module](self) for what that means.
    pub fn identity(&self, message_id: Option<&str>) -> String {
        let quantity = self.change.quantity().map(|units| units.to_string()).unwrap_or_default();
        let time = self.timestamp.map(|time| time.timestamp_micros().to_string()).unwrap_or_default();
        identity(Self::ROUTING_KEY, message_id, &[self.change.kind(), &self.id, &quantity, &time])
    }
}

/// The parts are written as a JSON list, so that no id can be mistaken for two. The kind comes first, so
/// that a message id used for both kinds is two identities.
fn identity(kind: &str, message_id: Option<&str>, parts: &[&str]) -> String {
    match message_id {
        Some(id) if !id.is_empty() => format!("{kind}:message:{id}"),
        _ => format!("{kind}:body:{}", serde_json::json!(parts)),
    }
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "an id is text or an integer")]
    enum Id {
        Text(String),
        Number(i64),
    }
    let id = match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    };
    if id.trim().is_empty() || id.len() > ID_MAX_BYTES || id.contains(char::is_control) {
        return Err(D::Error::custom(format!(
            "an id has 1 to {ID_MAX_BYTES} bytes, no control characters, and is not blank"
        )));
    }
    Ok(id)
}

fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let quantity = i64::deserialize(deserializer)?;
    if !(1..=QUANTITY_MAX).contains(&quantity) {
        return Err(D::Error::custom(format!("quantity is 1 to {QUANTITY_MAX}, not {quantity}")));
    }
    Ok(quantity)
}

/// How many there are, as opposed to [`quantity`], by how many it changed.
fn figure(quantity: Option<serde_json::Value>) -> Result<i64, serde_json::Error> {
    let refused = |what: &str| {
        Err(serde_json::Error::custom(format!("quantity is an integer from 0 to {QUANTITY_MAX}, not {what}")))
    };
    let Some(value) = quantity else { return refused("absent") };
    match value.as_i64() {
        Some(units @ 0..=QUANTITY_MAX) => Ok(units),
        Some(_) | None => refused(&value.to_string()),
    }
}

fn optional_timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    #[derive(Deserialize)]
    struct Given(#[serde(deserialize_with = "timestamp")] DateTime<Utc>);
    Ok(Option::<Given>::deserialize(deserializer)?.map(|Given(time)| time))
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a timestamp is a unix time in seconds or ISO 8601 text")]
    enum Timestamp {
        Seconds(i64),
        Fraction(f64),
        Text(String),
    }
    let time = match Timestamp::deserialize(deserializer)? {
        Timestamp::Seconds(seconds) => unix_time(seconds, 0),
        Timestamp::Fraction(seconds) => fractional_unix_time(seconds),
        Timestamp::Text(text) => iso_time(text.trim()),
    };
    time.ok_or_else(|| D::Error::custom("timestamp is not a time in the years 1970 to 9999"))
}

fn unix_time(seconds: i64, micros: u32) -> Option<DateTime<Utc>> {
    if !(0..=UNIX_TIME_MAX).contains(&seconds) {
        return None;
    }
    DateTime::from_timestamp(seconds, micros * 1000)
}

/// Rounded to the microsecond: a double of today's size holds a quarter of one at best.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "checked"
)]
fn fractional_unix_time(seconds: f64) -> Option<DateTime<Utc>> {
    if !(0.0..UNIX_TIME_MAX as f64).contains(&seconds) {
        return None;
    }
    let micros = (seconds * 1e6).round() as i64;
    unix_time(micros / 1_000_000, (micros % 1_000_000) as u32)
}

fn iso_time(text: &str) -> Option<DateTime<Utc>> {
    let with_zone = || {
        ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"]
            .iter()
            .find_map(|format| DateTime::parse_from_str(text, format).ok())
            .map(|time| time.to_utc())
    };
    let without_zone = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|time| time.and_utc())
    };
    let whole_day =
        || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|time| time.and_utc());
    let time = DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .ok()
        .or_else(with_zone)
        .or_else(without_zone)
        .or_else(whole_day)?;
    (0..=UNIX_TIME_MAX).contains(&time.timestamp()).then_some(time)
}

//! The wire format: published examples stay readable, and every envelope is a CloudEvent.

use std::{collections::BTreeSet, fs, path::Path};

use cloudevents::{AttributesReader, Data};
use events::{
    Envelope, Event,
    legacy::{ProductChanged, ProductReceived, ProductSold},
};
use serde_json::Value;

/// Each example by its name, which is the event's type.
fn examples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&file).unwrap())
        })
        .collect()
}

fn envelopes() -> impl Iterator<Item = (String, String, Envelope)> {
    examples().into_iter().filter(|(name, _)| !name.starts_with("product-")).map(|(name, text)| {
        let envelope = Envelope::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, text, envelope)
    })
}

#[test]
fn every_example_still_parses_and_is_written_the_same() {
    for (name, text) in examples() {
        let again = match name.as_str() {
            "product-received" => serde_json::to_value(ProductReceived::parse(text.as_bytes()).unwrap()),
            "product-sold" => serde_json::to_value(ProductSold::parse(text.as_bytes()).unwrap()),
            "product-create" => product("Create", &text),
            "product-update" => product("Update", &text),
            "product-delete" => product("Delete", &text),
            _ => serde_json::from_str(&Envelope::parse(text.as_bytes()).unwrap().to_json()),
        };
        let published: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(again.unwrap(), published, "{name}");
    }
}

fn product(kind: &str, text: &str) -> serde_json::Result<Value> {
    serde_json::to_value(ProductChanged::parse(Some(kind), text.as_bytes()).unwrap())
}

#[test]
fn there_is_an_example_of_each_type() {
    let named: BTreeSet<String> = envelopes().map(|(name, ..)| name).collect();
    let kinds: BTreeSet<String> =
        envelopes().map(|(.., envelope)| envelope.event.kind().to_owned()).collect();
    assert_eq!(named, kinds, "an example is named after its type");
    // The types as the deserialiser lists them when it meets one that it does not know.
    let error =
        serde_json::from_str::<Event>(r#"{"type":"no_such_type","data":{}}"#).unwrap_err().to_string();
    let known: BTreeSet<String> = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert_eq!(kinds, known);
}

#[test]
fn every_envelope_is_a_cloud_event() {
    for (name, text, envelope) in envelopes() {
        let event: cloudevents::Event = serde_json::from_str(&text).unwrap();
        assert_eq!(event.ty(), name);
        assert_eq!(event.id(), envelope.id.to_string());
        assert_eq!(event.source(), &envelope.source);
        assert_eq!(event.subject(), envelope.subject.as_deref());
        assert_eq!(event.time(), Some(&envelope.time));
        assert_eq!(event.datacontenttype(), Some("application/json"));
        assert!(matches!(event.data(), Some(Data::Json(_))));
        let again: cloudevents::Event = serde_json::from_str(&envelope.to_json()).unwrap();
        assert_eq!(again, event);
    }
}

#[test]
fn a_routing_key_is_the_type_and_the_sku() {
    let keys: Vec<String> = envelopes().map(|(.., envelope)| envelope.event.routing_key()).collect();
    assert!(keys.contains(&"stock_updated.MUG-11-RED".to_owned()));
    assert!(keys.contains(&"restock_ordered.MUG-11-RED".to_owned()));
    assert!(keys.contains(&"supplier_catalog_updated".to_owned()));
}

#[test]
fn a_routing_key_is_cut_to_what_amqp_carries() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/stock_low.json")).unwrap();
    let text = text.replace(r#""sku": "MUG-11-RED""#, &format!(r#""sku": "{}""#, "ä".repeat(200)));
    let key = Envelope::parse(text.as_bytes()).unwrap().event.routing_key();
    assert_eq!(key.len(), 254, "at a character's end");
}

#[test]
fn what_is_no_event_of_ours_does_not_parse() {
    let (_, good, _) = envelopes().next().unwrap();
    let spoil = |from: &str, to: &str| {
        assert!(good.contains(from));
        good.replacen(from, to, 1)
    };
    for (what, body) in [
        ("another version of CloudEvents", spoil(r#""specversion": "1.0""#, r#""specversion": "2.0""#)),
        ("an unknown type", spoil(r#""type": ""#, r#""type": "not_"#)),
        ("data that is not JSON", spoil("application/json", "application/xml")),
        ("an id that is no UUID", spoil(r#""id": ""#, r#""id": "x"#)),
        ("no data", r#"{"specversion":"1.0"}"#.to_owned()),
        ("trailing garbage", format!("{good}x")),
        ("nothing", String::new()),
        ("not JSON", "stock_updated".to_owned()),
        ("depth", "[".repeat(10_000)),
        ("more than 1 MiB", format!("{good}{}", " ".repeat(1024 * 1024))),
    ] {
        assert!(Envelope::parse(body.as_bytes()).is_err(), "{what}");
    }
}

#[test]
fn fields_that_are_added_later_are_ignored() {
    let (_, good, envelope) = envelopes().next().unwrap();
    let later = good.replacen(r#""data": {"#, r#""traceparent": "00-1", "data": {"added_later": 1, "#, 1);
    assert_eq!(Envelope::parse(later.as_bytes()).unwrap(), envelope);
}

#[test]
fn what_restock_events_say_since_later_is_optional_and_kept() {
    let (_, _, envelope) = envelopes().find(|(name, ..)| name == "restock_received").unwrap();
    let Event::RestockReceived(early) = envelope.event.clone() else { unreachable!() };
    assert_eq!((early.ordered_at, early.received_at, early.expected), (None, None, None));
    let at = Some(early.timestamp);
    let later = events::Restock {
        ordered_at: at,
        received_at: at,
        expected: Some(3),
        short: Some(1),
        ..early.clone()
    };
    let envelope = Envelope::new("/onhand/supplier-sync", Event::RestockReceived(later), early.timestamp);
    assert_eq!(Envelope::parse(envelope.to_json().as_bytes()).unwrap(), envelope);
    assert!(envelope.to_json().contains(r#""expected":3"#));
}

//! Search, filters, sorting and paging of items.

use std::collections::HashSet;

use domain::{Command, ItemPatch, LocationId, Shelf};
use ledger::locations::{self, LocationPatch};
use rstest::rstest;
use serde_json::Value;
use testkit::Backend;
use uuid::Uuid;

use crate::stand::{Stand, new_item, open, quantity};

fn skus(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["sku"].as_str().unwrap().to_owned()).collect()
}

/// All pages of the list, and how many there were.
async fn pages(stand: &Stand, path: &str) -> (Vec<String>, usize) {
    let (mut found, mut count, mut next) = (vec![], 0, String::new());
    loop {
        let page = stand.json(&format!("{path}{next}")).await;
        found.extend(skus(&page));
        count += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { return (found, count) };
        next = format!("&cursor={cursor}");
    }
}

/// SKU, name, owner, supplier, units. All are ordered at 5.
const GOODS: [(&str, &str, &str, &str, i64); 7] = [
    ("TEA-1", "Green tea", "acme", "sup-1", 0),
    ("TEA-2", "black tea", "acme", "sup-2", 3),
    ("TEA-10", "Äpfeltee", "bolt", "sup-1", 5),
    ("MUG_1", "Mug 100%", "acme", "sup-1", 6),
    ("MUGX1", "Mug [blue]", "acme", "sup-2", 40),
    ("old*", "A kettle?", "acme", "sup-1", 3),
    ("zz\\9", "Green tin", "bolt", "sup-2", 40),
];

/// The goods, the first four of them in this order; `old*` is inactive, and of `MUGX1` 2 are at `east`.
async fn shop(backend: Backend) -> Stand {
    let stand = open(backend).await;
    let east = LocationId(Uuid::now_v7());
    let last = LocationPatch { priority: Some(200), ..LocationPatch::default() };
    locations::create(&stand.db, east, "east", last, chrono::Utc::now()).await.unwrap();
    stand.locations_changed();
    for (sku, name, owner, supplier, units) in GOODS {
        let mut new = new_item(sku);
        new.identity.owner = owner.to_owned().try_into().unwrap();
        new.attributes.name = name.to_owned().try_into().unwrap();
        new.attributes.supplier = Some(supplier.to_owned().try_into().unwrap());
        let item = stand.item_like(new, if sku == "MUGX1" { units - 2 } else { units }).await;
        if sku == "MUGX1" {
            let (quantity, into) = (quantity(2), Shelf::Available);
            let there = Some(east);
            stand.does(Command::Receive { item, location: there, quantity, expected: false, into }).await;
        }
        if sku == "old*" {
            let patch = ItemPatch { active: Some(false), ..ItemPatch::default() };
            stand.does(Command::UpdateItem { item, patch }).await;
        }
    }
    stand
}

#[rstest]
#[tokio::test]
async fn a_part_of_sku_product_or_name_is_found_in_capitals_or_not(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = shop(backend).await;
    for (search, expected) in [
        ("tea", vec!["TEA-1", "TEA-10", "TEA-2"]),
        ("TEA-1", vec!["TEA-1", "TEA-10"]),
        ("p-tea-2", vec!["TEA-2"]),
        ("GREEN T", vec!["TEA-1", "zz\\9"]),
        ("äpfel", vec!["TEA-10"]),
        ("ÄPFELTEE", vec!["TEA-10"]),
        // What stands for anything elsewhere stands for itself.
        ("mug_", vec!["MUG_1"]),
        ("100%", vec!["MUG_1"]),
        ("[blue]", vec!["MUGX1"]),
        ("old*", vec!["old*"]),
        ("ttle?", vec!["old*"]),
        ("zz\\", vec!["zz\\9"]),
        ("%%%", vec![]),
        ("***", vec![]),
        ("[a-z]", vec![]),
        ("' OR '1'='1", vec![]),
        // Not across two of the three.
        ("2p-TEA", vec![]),
        // Of one or two characters the beginnings.
        ("m", vec!["MUGX1", "MUG_1"]),
        ("gr", vec!["TEA-1", "zz\\9"]),
        ("un", vec![]),
        ("%", vec![]),
        ("ä", vec!["TEA-10"]),
        ("  tea-2 ", vec!["TEA-2"]),
        ("nothing like it", vec![]),
    ] {
        let query = encoded(search);
        assert_eq!(pages(&stand, &format!("/v1/items?search={query}")).await.0, expected, "{search}");
        let paged = pages(&stand, &format!("/v1/items?limit=1&search={query}")).await;
        assert_eq!(paged, (expected.iter().map(|sku| (*sku).to_owned()).collect(), expected.len().max(1)));
    }
}

/// For a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[rstest]
#[tokio::test]
async fn each_filter_lets_through_what_it_says(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = shop(backend).await;
    for (query, expected) in [
        ("owner=bolt", vec!["TEA-10", "zz\\9"]),
        ("owner=nobody", vec![]),
        ("supplier=sup-2", vec!["MUGX1", "TEA-2", "zz\\9"]),
        ("supplier=SUP-2", vec![]),
        ("location=east", vec!["MUGX1"]),
        ("location=main&owner=bolt", vec!["TEA-10", "zz\\9"]),
        ("status=in_stock", vec!["MUGX1", "MUG_1", "zz\\9"]),
        ("status=low_stock", vec!["TEA-10", "TEA-2"]),
        ("status=out_of_stock", vec!["TEA-1"]),
        ("status=inactive", vec!["old*"]),
        ("status=out_of_stock,low_stock", vec!["TEA-1", "TEA-10", "TEA-2"]),
        ("status=inactive,in_stock,inactive", vec!["MUGX1", "MUG_1", "old*", "zz\\9"]),
        ("status=low_stock&owner=bolt", vec!["TEA-10"]),
        ("active_only=true&available_max=3", vec!["TEA-1", "TEA-2"]),
        ("available_min=5&available_max=6", vec!["MUG_1", "TEA-10"]),
        ("available_min=40&available_max=40", vec!["MUGX1", "zz\\9"]),
        ("available_min=1000000000000", vec![]),
        ("on_hand_max=0", vec!["TEA-1"]),
        ("on_hand_min=6&search=mug", vec!["MUGX1", "MUG_1"]),
        ("search=tea&supplier=sup-1&status=low_stock&owner=bolt&location=main&on_hand_min=5", vec!["TEA-10"]),
    ] {
        for sorted in ["", "&sort=name", "&sort=updated", "&sort=available&order=desc"] {
            let mut found = pages(&stand, &format!("/v1/items?limit=2&{query}{sorted}")).await.0;
            found.sort();
            assert_eq!(found, expected, "{query}{sorted}");
        }
    }
    let page = stand.json("/v1/items?status=out_of_stock").await;
    assert_eq!(
        (&page["items"][0]["status"], &page["items"][0]["available"]),
        (&"out_of_stock".into(), &0.into())
    );
    assert!(page["items"][0]["updated_at"].is_string());
    for (query, expected) in [
        ("", vec!["TEA-1", "TEA-10", "TEA-2"]),
        ("?supplier=sup-1", vec!["TEA-1", "TEA-10"]),
        ("?supplier=sup-1&owner=acme", vec!["TEA-1"]),
        ("?location=east&threshold=41", vec!["MUGX1"]),
        ("?location=main", vec!["TEA-10", "TEA-2"]),
    ] {
        assert_eq!(skus(&stand.json(&format!("/v1/low-stock{query}")).await), expected, "{query}");
    }
}

#[rstest]
#[tokio::test]
async fn items_come_in_the_order_that_is_asked_for(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = shop(backend).await;
    let as_created: Vec<&str> = GOODS.iter().map(|goods| goods.0).collect();
    for (sort, expected) in [
        ("sku", vec!["MUGX1", "MUG_1", "TEA-1", "TEA-10", "TEA-2", "old*", "zz\\9"]),
        ("name", vec!["old*", "TEA-2", "TEA-1", "zz\\9", "MUG_1", "MUGX1", "TEA-10"]),
        ("available", vec!["TEA-1", "TEA-2", "old*", "TEA-10", "MUG_1", "MUGX1", "zz\\9"]),
        ("updated", as_created),
    ] {
        for limit in [1, 2, 7] {
            let path = format!("/v1/items?limit={limit}&sort={sort}");
            let (found, count) = pages(&stand, &path).await;
            assert_eq!((found.as_slice(), count), (&own(&expected)[..], 7_usize.div_ceil(limit)), "{path}");
            let (found, _) = pages(&stand, &format!("{path}&order=desc")).await;
            assert_eq!(found, own(&expected).into_iter().rev().collect::<Vec<_>>(), "{path}");
        }
    }
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[rstest]
#[tokio::test]
async fn items_that_are_created_between_pages_shift_none(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = shop(backend).await;
    let from_the_beginning: HashSet<&str> = GOODS.iter().map(|goods| goods.0).collect();
    let mut number = 0;
    for query in ["sort=sku", "sort=name", "sort=available", "sort=updated", "search=t"] {
        for order in ["asc", "desc"] {
            let path = format!("/v1/items?limit=2&{query}&order={order}");
            let (mut found, mut next) = (vec![], String::new());
            loop {
                let page = stand.json(&format!("{path}{next}")).await;
                found.extend(skus(&page));
                // Some before and some after the place where the page ended, in any order.
                for (sku, name, units) in [("A", "Aa", 0), ("N", "Mu", 4), ("~", "zz", 99)] {
                    number += 1;
                    let mut new = new_item(&format!("{sku}{number}"));
                    new.attributes.name = format!("{name} {number}").try_into().unwrap();
                    if number < 40 {
                        stand.item_like(new, units).await;
                    }
                }
                let Some(cursor) = page["next_cursor"].as_str() else { break };
                next = format!("&cursor={cursor}");
            }
            let distinct: HashSet<&str> = found.iter().map(String::as_str).collect();
            assert_eq!(distinct.len(), found.len(), "one came twice: {path} {found:?}");
            if !query.starts_with("search") {
                assert!(from_the_beginning.is_subset(&distinct), "one was left out: {path} {found:?}");
            }
        }
    }
    assert!(number > 40, "too few were created in between");
}

#[rstest]
#[tokio::test]
async fn a_cursor_is_good_for_the_list_that_gave_it_alone(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = shop(backend).await;
    let cursor = async |path: &str| {
        let page = stand.json(path).await;
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let own = cursor("/v1/items?limit=1&sort=name&owner=acme").await;
    let next = stand.json(&format!("/v1/items?limit=5&sort=name&owner=acme&cursor={own}")).await;
    assert_eq!(skus(&next)[0], "TEA-2", "another limit is the same list");
    let text = String::from_utf8(hex(&own)).unwrap();
    let forged = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (path, cursor) in [
        ("/v1/items?sort=name", &own),
        ("/v1/items?sort=sku&owner=acme", &own),
        ("/v1/items?sort=name&owner=acme&order=desc", &own),
        ("/v1/items?sort=name&owner=bolt", &own),
        ("/v1/items?sort=name&owner=acme&search=t", &own),
        ("/v1/items?sort=name&owner=acme&status=in_stock", &own),
        ("/v1/items?sort=name&owner=acme&available_min=0", &own),
        ("/v1/low-stock?owner=acme", &own),
        ("/v1/low-stock?limit=1", &cursor("/v1/items?limit=1&status=out_of_stock,low_stock").await),
        ("/v1/low-stock?threshold=9", &cursor("/v1/low-stock?limit=1&threshold=8").await),
        ("/v1/low-stock?supplier=sup-1", &cursor("/v1/low-stock?limit=1").await),
        ("/v1/items?sort=name&owner=acme", &forged(&text.replace("old*", "TEA 1"))),
        ("/v1/items?sort=name&owner=acme", &forged(&text.replace("a kettle?", "a\nkettle"))),
        ("/v1/items?sort=name&owner=acme", &forged(&text.replace("items ", "items 0"))),
        ("/v1/items?sort=name&owner=acme", &own[..own.len() / 4].to_owned()),
    ] {
        let answer = stand.ask(&format!("{path}&cursor={cursor}")).await;
        assert_eq!(answer.problem(), (400, "cursor-invalid"), "{path}");
    }
    for (sort, nonsense) in [
        ("available", "many"),
        ("available", "9223372036854775808"),
        ("updated", "yesterday"),
        ("updated", "9223372036854775807"),
        ("sku", "x"),
    ] {
        let path = format!("/v1/items?limit=1&sort={sort}");
        let given = String::from_utf8(hex(&cursor(&path).await)).unwrap();
        let (rest, _) = given.rsplit_once(' ').unwrap();
        let answer = stand.ask(&format!("{path}&cursor={}", forged(&format!("{rest} {nonsense}")))).await;
        assert_eq!(answer.problem(), (400, "cursor-invalid"), "{sort} {nonsense}");
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

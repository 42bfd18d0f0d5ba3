//! Lists and the overview.

use domain::{Command, ItemPatch};
use rstest::rstest;
use serde_json::Value;
use testkit::{Backend, eventually};

use crate::stand::{LIMIT, Stand, new_item, open};

fn skus(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["sku"].as_str().unwrap()).collect()
}

/// `A-0` to `A-4` with so many units each as their number tells, `B` of another owner with 3, `GONE` inactive.
async fn stock(backend: Backend) -> Stand {
    let stand = open(backend).await;
    for units in 0..5 {
        stand.item(&format!("A-{units}"), units).await;
    }
    let mut other = new_item("B");
    other.identity.owner = "bolt".to_owned().try_into().unwrap();
    stand.item_like(other, 30).await;
    let gone = stand.item("GONE", 0).await;
    let patch = ItemPatch { active: Some(false), ..ItemPatch::default() };
    stand.does(Command::UpdateItem { item: gone, patch }).await;
    stand
}

#[rstest]
#[tokio::test]
async fn low_stock_is_below_the_threshold_or_at_the_reorder_point(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = stock(backend).await;
    let low = async |query: &str| stand.json(&format!("/v1/low-stock{query}")).await;
    assert_eq!(skus(&low("").await), ["A-0", "A-1", "A-2", "A-3", "A-4"]);
    assert_eq!(skus(&low("?threshold=2").await), ["A-0", "A-1"]);
    assert_eq!(skus(&low("?threshold=0").await), [""; 0]);
    assert_eq!(skus(&low("?threshold=31&owner=bolt").await), ["B"]);
    assert_eq!(skus(&low("?owner=nobody").await), [""; 0]);
    let page = low("?threshold=1").await;
    assert!(page["next_cursor"].is_null());
    assert_eq!(page["items"][0]["available"], 0);
}

#[rstest]
#[tokio::test]
async fn a_list_is_read_page_by_page(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = stock(backend).await;
    for (path, expected) in [
        ("/v1/items?limit=3", vec!["A-0", "A-1", "A-2", "A-3", "A-4", "B", "GONE"]),
        ("/v1/items?limit=1&active_only=true", vec!["A-0", "A-1", "A-2", "A-3", "A-4", "B"]),
        ("/v1/items?limit=5&owner=acme&active_only=true", vec!["A-0", "A-1", "A-2", "A-3", "A-4"]),
        ("/v1/low-stock?limit=2", vec!["A-0", "A-1", "A-2", "A-3", "A-4"]),
        ("/v1/low-stock?limit=500&threshold=1000", vec!["A-0", "A-1", "A-2", "A-3", "A-4", "B"]),
    ] {
        let (mut found, mut next) = (vec![], String::new());
        loop {
            let page = stand.json(&format!("{path}{next}")).await;
            found.extend(skus(&page).into_iter().map(str::to_owned));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            next = format!("&cursor={cursor}");
        }
        assert_eq!(found, expected, "{path}");
    }
}

#[rstest]
#[tokio::test]
async fn the_overview_counts_what_there_is(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = stock(backend).await;
    let overview = stand.json("/v1/overview").await;
    let counts =
        ["items", "active", "out_of_stock", "low_stock", "in_stock", "on_hand", "available", "reserved"];
    assert_eq!(counts.map(|name| overview[name].as_i64().unwrap()), [7, 6, 1, 4, 1, 40, 40, 0]);
    let owners: Vec<&str> = overview["by_owner"]
        .as_array()
        .unwrap()
        .iter()
        .map(|owner| owner["owner"].as_str().unwrap())
        .collect();
    assert_eq!(owners, ["acme", "bolt"]);
    assert_eq!(overview["by_owner"][1]["available"], 30);
    assert_eq!((&overview["inactive"], &overview["by_owner"][0]["inactive"]), (&1.into(), &1.into()));
    let there = &overview["by_location"][0];
    assert_eq!(
        (&there["location"], &there["items"], &there["on_hand"]),
        (&"main".into(), &5.into(), &40.into())
    );
    assert!(overview["as_of"].is_string());
    stand.item("C", 5).await;
    eventually("the overview is made again", LIMIT, async || {
        (stand.json("/v1/overview").await["items"] == 8).then_some(())
    })
    .await;
}

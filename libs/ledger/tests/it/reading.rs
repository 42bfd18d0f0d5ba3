use domain::{Command, ItemId, ItemPatch};
use ledger::{ItemFilter, ItemQuery, Range, ReadError, Standing};
use rstest::rstest;
use testkit::Backend;
use uuid::Uuid;

use crate::books::{new_item, open, receive, reserve};

#[rstest]
#[tokio::test]
async fn an_item_is_found_by_id_product_and_sku(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 5).await;
    for name in [item.to_string().as_str(), "p-TEA", "TEA"] {
        assert_eq!(books.reader.resolve(name, None).await.unwrap().unwrap().id, item, "{name}");
    }
    assert!(books.reader.resolve("tea", None).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn a_product_with_several_variants_is_no_item(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    for variant in ["s", "l"] {
        let mut new = new_item(&format!("TEA-{variant}"));
        new.identity.product_id = "tea".to_owned().try_into().unwrap();
        new.identity.variant_id = Some(variant.to_owned().try_into().unwrap());
        books.does(Command::CreateItem(new)).await;
    }
    assert!(matches!(books.reader.resolve("tea", None).await, Err(ReadError::Ambiguous(_))));
    assert!(books.reader.resolve("TEA-s", None).await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn low_stock_is_a_threshold_or_the_reorder_point(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    books.item("LOW", 5).await;
    books.item("MUCH", 50).await;
    let retired = books.item("RETIRED", 0).await;
    let patch = ItemPatch { active: Some(false), ..ItemPatch::default() };
    books.does(Command::UpdateItem { item: retired, patch }).await;
    let skus = async |filter: ItemFilter| -> Vec<String> {
        let query = ItemQuery { filter, limit: 10, ..ItemQuery::default() };
        let found = books.reader.gather(&query).await.unwrap();
        found.items.into_iter().map(|item| item.sku).collect()
    };
    let short =
        ItemFilter { standings: vec![Standing::LowStock, Standing::OutOfStock], ..ItemFilter::default() };
    assert_eq!(skus(short).await, ["LOW"]);
    let at_most = |max| ItemFilter {
        active_only: true,
        available: Range { min: None, max: Some(max) },
        ..ItemFilter::default()
    };
    assert_eq!(skus(at_most(50)).await, ["LOW", "MUCH"]);
    assert_eq!(skus(at_most(4)).await, [""; 0]);
    assert_eq!(skus(ItemFilter { owner: Some("other".to_owned()), ..ItemFilter::default() }).await, [""; 0]);
}

#[rstest]
#[tokio::test]
async fn the_overview_counts_what_there_is(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let books = open(backend).await;
    let tea = books.item("TEA", 50).await;
    books.item("LOW", 5).await;
    books.item("OUT", 0).await;
    books.does(reserve(&[tea], 10, 60).1).await;
    let overview = books.reader.overview(None).await.unwrap();
    let total = &overview.total;
    assert_eq!((total.items, total.in_stock(), total.low_stock, total.out_of_stock), (3, 1, 1, 1));
    assert_eq!((total.on_hand, total.available, total.reserved), (55, 45, 10));
    assert_eq!((overview.by_location.len(), overview.by_location[0].location.as_str()), (1, "main"));
    assert_eq!((overview.by_location[0].items, overview.by_location[0].available), (2, 45));
    assert_eq!(overview.by_owner.len(), 1);
    assert_eq!(books.reader.overview(Some("other")).await.unwrap().total.items, 0);
}

#[rstest]
#[tokio::test]
async fn an_items_totals_are_the_sum_of_its_locations(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 5).await;
    let id = domain::LocationId(uuid::Uuid::now_v7());
    let patch = ledger::locations::LocationPatch { priority: Some(1), ..Default::default() };
    ledger::locations::create(&books.db, id, "front", patch, chrono::Utc::now()).await.unwrap();
    books.writer.locations_changed();
    books.does(receive(item, 7)).await;
    books.does(reserve(&[item], 9, 60).1).await;
    let view = books.view(item).await;
    let codes: Vec<_> = view.levels.iter().map(|level| (level.location.as_str(), level.available)).collect();
    assert_eq!(codes, [("front", 0), ("main", 3)]);
    assert_eq!((view.on_hand, view.available, view.reserved), (12, 3, 9));
    books.is_clean().await;
}

#[rstest]
#[tokio::test]
async fn items_asked_for_together_are_as_each_by_itself(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let mut items = Vec::new();
    for (sku, units) in [("TEA", 5), ("MILK", 0), ("CUP", 7)] {
        items.push(books.item(sku, units).await);
    }
    books.does(reserve(&[items[0], items[2]], 2, 60).1).await;
    let mut each = Vec::new();
    for item in &items {
        each.push(books.view(*item).await);
    }
    each.sort_unstable_by_key(|item| item.id);
    let nobody = ItemId(Uuid::now_v7());
    let asked_for = [items[2], nobody, items[0], items[1], items[0]];
    assert_eq!(books.reader.items(&asked_for).await.unwrap(), each);
    assert_eq!(books.reader.items(&items[..1]).await.unwrap(), [books.view(items[0]).await]);
    assert_eq!(books.reader.items(&[nobody]).await.unwrap(), []);
    assert_eq!(books.reader.items(&[]).await.unwrap(), []);
}

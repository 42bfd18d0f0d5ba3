//! Syncs of good feeds.

use crate::world::{LIMIT, World, products, simulator, stamp};
use events::Event;
use rstest::rstest;
use serde_json::json;
use supplier_sync::simulator::Mode;
use testkit::{Backend, eventually};

#[rstest]
#[tokio::test]
async fn each_adapter_brings_the_catalog_with_its_own_kind_of_key(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values("abc", "xyz", "generic header", "generic query", "generic basic")] kind: &str,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(3));
    supplier.require_key("user:secret");
    let (adapter, auth) = kind.split_once(' ').unwrap_or((kind, ""));
    let mut more = json!({ "credential": "user:secret", "sku_prefix": "AC-" });
    if adapter == "generic" {
        more["options"] = json!({ "path": "/feed/all", "auth": auth, "auth_name": "token" });
    }
    world.supplier("acme", adapter, &supplier, more).await;

    let run = world.sync("acme").await;

    assert_eq!((&run["state"], &run["added"]), (&json!("succeeded"), &json!(3)), "{run}");
    let (_, page) = world.get("/v1/suppliers/acme/catalog?limit=1").await;
    let sku = if adapter == "abc" { "S1" } else { "p1" };
    let product = &page["products"][0];
    assert_eq!(product["product_id"], "p1");
    assert_eq!((&product["supplier_sku"], &product["sku"]), (&json!(sku), &json!(format!("AC-{sku}"))));
    assert_eq!((&product["cost"], &product["supplier_stock"]), (&json!("9.5"), &json!(100)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, rest) = world.get(&format!("/v1/suppliers/acme/catalog?cursor={cursor}")).await;
    assert_eq!(rest["products"].as_array().unwrap().len(), 2);
    assert!(rest["next_cursor"].is_null());
}

#[rstest]
#[tokio::test]
async fn only_what_changed_is_told_and_what_is_gone_is_deactivated(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(3));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    let mut changed = products(3);
    changed.remove(0);
    changed[0].name = "Better".to_owned();
    changed[0].updated_at = stamp(60);
    supplier.set_catalog(changed);

    let run = world.sync("acme").await;

    let counts = ["added", "updated", "deactivated", "unchanged"].map(|count| run[count].as_i64().unwrap());
    assert_eq!(counts, [0, 1, 1, 1], "{run}");
    let expected = [("p1", "Product 1", false), ("p2", "Better", true), ("p3", "Product 3", true)];
    assert_eq!(
        world.catalog("acme").await,
        expected.map(|(id, name, active)| (id.into(), name.into(), active))
    );
    let told = eventually("the event", LIMIT, async || {
        world.heard().into_iter().find_map(|event| match event {
            Event::SupplierCatalogUpdated(told) if told.products.len() == 2 => Some(told),
            _ => None,
        })
    })
    .await;
    assert_eq!(told.products_updated, ["p2", "p1"]);
    assert_eq!(told.supplier_name.as_deref(), Some("ACME"));
    let listings = told.products.iter().map(|product| (product.active, product.listing_changed));
    assert_eq!(listings.collect::<Vec<_>>(), [(true, false), (false, true)]);

    let again = world.sync("acme").await;
    assert_eq!(
        (&again["updated"], &again["deactivated"], &again["unchanged"]),
        (&json!(0), &json!(0), &json!(2))
    );
}

#[rstest]
#[tokio::test]
async fn a_stock_figure_is_no_change_of_listing_and_another_sku_is(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(2));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    let mut changed = products(2);
    changed[0].stock = 7;
    changed[1].sku = "S2-B".to_owned();
    supplier.set_catalog(changed);
    assert_eq!(world.sync("acme").await["updated"], 2);
    let told = eventually("the event", LIMIT, async || {
        world.heard().into_iter().find_map(|event| match event {
            Event::SupplierCatalogUpdated(told) if told.products.len() == 3 => Some(told.products),
            _ => None,
        })
    })
    .await;
    let told: Vec<_> = told.iter().map(|p| (p.sku.as_str(), p.active, p.listing_changed)).collect();
    assert_eq!(told, [("S1", true, false), ("S2-B", true, true), ("S2", false, true)]);
}

#[rstest]
#[tokio::test]
async fn a_big_catalog_is_told_in_events_of_at_most_200_products(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) =
        (World::with(backend, &[("request_timeout_ms", "10000")]).await, simulator().await);
    supplier.set_catalog(products(1_201));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    assert_eq!(world.sync("acme").await["added"], 1_201);
    let sizes = eventually("all events", LIMIT, async || {
        let size = |event| match event {
            Event::SupplierCatalogUpdated(told) => Some(told.products.len()),
            _ => None,
        };
        let sizes: Vec<usize> = world.heard().into_iter().filter_map(size).collect();
        (sizes.iter().sum::<usize>() == 1_201).then_some(sizes)
    })
    .await;
    assert!(sizes.iter().all(|size| *size <= 200) && sizes.len() == 7, "{sizes:?}");
}

#[rstest]
#[tokio::test]
async fn bad_rows_are_refused_alone_and_leave_their_products_as_they_were(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(3));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    let row =
        |id: &str, name: &str, stock: i64| json!({ "id": id, "name": name, "inventory": stock, "sku": id });
    supplier.set_rows(vec![
        row("p1", "Negative", -1),
        row("p2", "First", 0),
        row("p2", "Second", 0),
        json!({ "id": "p3" }),
        row("p4", "New", 0),
    ]);

    let run = world.sync("acme").await;

    assert_eq!((&run["state"], &run["refused"]), (&json!("succeeded"), &json!(3)), "{run}");
    let refusals = run["refusals"].as_array().unwrap();
    assert!(refusals.len() == 3 && refusals[0].as_str().unwrap().starts_with("product p1: "), "{run}");
    let expected = [("p1", "Product 1"), ("p2", "First"), ("p3", "Product 3"), ("p4", "New")];
    assert_eq!(world.catalog("acme").await, expected.map(|(id, name)| (id.into(), name.into(), true)));
}

#[rstest]
#[tokio::test]
async fn one_odd_row_fails_no_feed_and_only_the_first_reasons_are_kept(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    let odd = (0..12).map(|n| json!({ "id": format!("odd{n}"), "name": "x".repeat(10_000) }));
    let good = json!({ "id": "p1", "name": "Good", "inventory": 1, "price": 1e300, "sku": "p1" });
    let better = json!({ "id": "p2", "name": "Better", "inventory": 1, "sku": "p2" });
    supplier.set_rows(odd.chain([good, better]).collect());
    world.supplier("acme", "abc", &supplier, json!({})).await;
    let run = world.sync("acme").await;
    assert_eq!((&run["state"], &run["added"], &run["refused"]), (&json!("succeeded"), &json!(1), &json!(13)));
    let refusals = run["refusals"].as_array().unwrap();
    assert!(refusals.len() == 10 && refusals.iter().all(|why| why.as_str().unwrap().len() <= 300), "{run}");
}

#[rstest]
#[tokio::test]
async fn a_compressed_feed_is_read_like_any_other(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(50));
    supplier.fail(Mode::Packed);
    world.supplier("acme", "abc", &supplier, json!({})).await;
    assert_eq!(world.sync("acme").await["added"], 50);
}

#[rstest]
#[tokio::test]
async fn pack_and_minimum_are_ours_to_set_and_no_sync_forgets_them(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.set_catalog(products(1));
    world.supplier("acme", "abc", &supplier, json!({})).await;
    world.sync("acme").await;
    let (status, product) =
        world.patch("/v1/suppliers/acme/catalog/p1", json!({ "pack_size": 12, "minimum_order": 24 })).await;
    assert_eq!((status, &product["pack_size"]), (200, &json!(12)), "{product}");
    let mut changed = products(1);
    changed[0].name = "Better".to_owned();
    supplier.set_catalog(changed);
    assert_eq!(world.sync("acme").await["updated"], 1);
    let (_, page) = world.get("/v1/suppliers/acme/catalog").await;
    let product = &page["products"][0];
    assert_eq!((&product["pack_size"], &product["minimum_order"]), (&json!(12), &json!(24)));
}

//! Credentials and addresses: what must not leak, and where suppliers may not be.

use crate::world::{SECRET_KEY, World, products, simulator};
use platform::config::Config;
use platform::db;
use rstest::rstest;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use supplier_sync::keys;
use testkit::Backend;

const CREDENTIAL: &str = "very-secret-key";

async fn stored(world: &World) -> String {
    let config = Config::defaults().unwrap().section("database").unwrap();
    let db = db::connect(&world.stage.suppliers_url, &config).await.unwrap();
    let select = Statement::from_string(db.get_database_backend(), "SELECT credential FROM suppliers");
    db.query_one_raw(select).await.unwrap().unwrap().try_get("", "credential").unwrap()
}

#[rstest]
#[tokio::test]
async fn a_credential_is_sealed_in_the_table_and_never_comes_back(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier) = (World::new(backend).await, simulator().await);
    supplier.require_key(CREDENTIAL);
    supplier.set_catalog(products(1));
    let body = json!({ "id": "acme", "name": "Acme", "adapter": "abc", "base_url": supplier.url(), "credential": CREDENTIAL });
    let (_, created) = world.post("/v1/suppliers", body).await;
    assert_eq!(created["has_credential"], true, "{created}");
    let (_, patched) =
        world.patch("/v1/suppliers/acme", json!({ "credential": CREDENTIAL, "name": "Acme 2" })).await;
    let (_, got) = world.get("/v1/suppliers/acme").await;
    let (_, old) = world.get("/suppliers/acme").await;
    for answer in [created, patched, got, old] {
        assert!(!answer.to_string().contains(CREDENTIAL) && answer.get("credential").is_none(), "{answer}");
    }
    let sealed = stored(&world).await;
    assert!(sealed.starts_with("v1.") && !sealed.contains(CREDENTIAL), "{sealed}");
    assert_eq!(world.sync("acme").await["state"], "succeeded", "it opens when it is needed");
    let (_, removed) = world.patch("/v1/suppliers/acme", json!({ "credential": null })).await;
    assert_eq!(removed["has_credential"], false);
}

#[rstest]
#[tokio::test]
async fn a_credential_does_not_follow_its_supplier_to_another_host(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (world, supplier, other) = (World::new(backend).await, simulator().await, simulator().await);
    supplier.set_catalog(products(1));
    world.supplier("acme", "abc", &supplier, json!({ "credential": CREDENTIAL })).await;
    let (status, problem) = world.patch("/v1/suppliers/acme", json!({ "base_url": other.url() })).await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:onhand:problem:credential-needed")),
        "{problem}"
    );
    let below = json!({ "base_url": format!("{}/v2", supplier.url()) });
    assert_eq!(world.patch("/v1/suppliers/acme", below).await.0, 200, "the same host");
    let back = json!({ "base_url": supplier.url() });
    assert_eq!(world.patch("/v1/suppliers/acme", back).await.0, 200);
    world.sync("acme").await;
    assert_eq!((supplier.requests(), other.requests()), (1, 0));
    let anew = json!({ "base_url": other.url(), "credential": "another-key" });
    assert_eq!(world.patch("/v1/suppliers/acme", anew).await.0, 200, "given anew");
    let without = json!({ "base_url": supplier.url(), "credential": null });
    assert_eq!(world.patch("/v1/suppliers/acme", without).await.0, 200, "removed");
    assert_eq!(world.patch("/v1/suppliers/acme", json!({ "base_url": other.url() })).await.0, 200, "none");
}

/// Another key than the one that tests start with.
const NEW_KEY: &str = "0b6de1c47fa853920c9d7e1f35ab6248d0f4c17b9e83a5627c1d08e94fb3a526";

#[rstest]
#[tokio::test]
async fn keys_are_rotated_by_hand_all_credentials_or_none(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (mut world, supplier) = (World::idle(backend, &[]).await, simulator().await);
    supplier.require_key(CREDENTIAL);
    supplier.set_catalog(products(1));
    world.supplier("acme", "abc", &supplier, json!({ "credential": CREDENTIAL })).await;
    let before = stored(&world).await;
    world.set("supplier_sync.secret_key", NEW_KEY);
    let neither = keys::rotate(world.config(), false).await.unwrap();
    assert_eq!((neither.present, neither.resealed, neither.broken.len()), (0, 0, 1), "{neither:?}");
    assert!(neither.broken[0].0 == "acme" && neither.broken[0].1.contains("not configured"), "{neither:?}");
    world.set("supplier_sync.previous_secret_key", SECRET_KEY);
    let dry = keys::rotate(world.config(), true).await.unwrap();
    assert_eq!((dry.resealed, stored(&world).await), (1, before.clone()), "nothing is written");

    let rotation = keys::rotate(world.config(), false).await.unwrap();
    assert_eq!((rotation.present, rotation.resealed, rotation.broken.len()), (0, 1, 0));
    let after = stored(&world).await;
    assert!(after != before && after.contains(&rotation.key_id), "{after}");
    let again = keys::rotate(world.config(), false).await.unwrap();
    assert_eq!((again.present, again.resealed, stored(&world).await), (1, 0, after));
    world.set("supplier_sync.previous_secret_key", "");
    world.start().await;
    assert_eq!(world.sync("acme").await["state"], "succeeded", "it opens without the former key");
}

#[rstest]
#[tokio::test]
async fn suppliers_on_our_own_networks_are_refused(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let world = World::with(backend, &[("allow_private_addresses", "false")]).await;
    let supplier = simulator().await;
    let port = supplier.url().rsplit(':').next().unwrap().to_owned();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.1.2.3",
        "169.254.169.254",
        "0.0.0.0",
    ] {
        let body = json!({ "name": "x", "adapter": "abc", "base_url": format!("http://{host}:{port}") });
        let (status, problem) = world.post("/v1/suppliers", body).await;
        assert_eq!((status, &problem["type"]), (422, &json!("urn:onhand:problem:address-refused")), "{host}");
    }
    // A name is refused where it is resolved: when it is connected to.
    let body = json!({ "id": "name", "name": "x", "adapter": "abc", "base_url": format!("http://localhost:{port}") });
    assert_eq!(world.post("/v1/suppliers", body).await.0, 201);
    let run = world.sync("name").await;
    assert!(run["error"].as_str().unwrap().contains("not a public address"), "{run}");
    assert_eq!(supplier.requests(), 0);
}

#[tokio::test]
async fn a_missing_or_weak_key_is_refused_at_start_by_its_name() {
    let weak = "00".repeat(32);
    for (backend, key) in
        [(Backend::Real, ""), (Backend::Embedded, "abc"), (Backend::Embedded, weak.as_str())]
    {
        let world = World::new(backend).await;
        let mut config = Config::defaults().unwrap();
        for (name, value) in world.stage.settings() {
            config = config.set(&name, value);
        }
        let refused =
            supplier_sync::service(&config.set("supplier_sync.secret_key", key), world.bus.clone()).await;
        let error = format!("{:#}", refused.err().unwrap());
        assert!(
            error.contains("supplier_sync.secret_key") && (key.is_empty() || !error.contains(key)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_embedded_service_keeps_a_key_of_its_own() {
    let world = World::with(Backend::Embedded, &[("secret_key", "")]).await;
    let file = world.stage.folder.join("supplier-sync.key");
    let key = std::fs::read_to_string(&file).unwrap();
    assert!(key.len() == SECRET_KEY.len() && key != SECRET_KEY);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

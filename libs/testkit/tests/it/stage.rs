use std::net::SocketAddr;

use sqlx::{Connection, PgConnection};
use testkit::{Backend, Stage};

#[tokio::test]
async fn two_embedded_stages_share_nothing() {
    let (one, other) = (Stage::new(Backend::Embedded).await, Stage::new(Backend::Embedded).await);
    assert_ne!(one.stock_url, one.suppliers_url);
    assert_ne!(one.stock_url, other.stock_url);
    assert_ne!(one.exchange, other.exchange);
    assert_ne!(one.prefix, other.prefix);
    let folder = one.folder.clone();
    drop(one);
    assert!(!folder.exists());
}

#[tokio::test]
async fn databases_of_a_real_stage_go_with_it_even_while_in_use() {
    let stage = Stage::new(Backend::Real).await;
    let url = stage.stock_url.clone();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(tables, 0);
    drop(stage);
    assert!(PgConnection::connect(&url).await.is_err());
}

#[test]
fn the_settings_name_every_back_end_and_nothing_twice() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::new(Backend::Embedded));
    let mut keys: Vec<String> = stage.settings().into_iter().map(|setting| setting.0).collect();
    assert_eq!(keys.len(), 9);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 9);
}

#[test]
fn no_two_stages_are_given_one_address() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Stages side by side, as those of tests are; a file lock is its opener's, so threads stand for processes.
    let askers: Vec<_> = (0..8)
        .map(|_| {
            let stage = runtime.block_on(Stage::new(Backend::Embedded));
            std::thread::spawn(move || {
                let addresses: Vec<SocketAddr> = (0..50).map(|_| stage.free_address()).collect();
                (stage, addresses)
            })
        })
        .collect();
    let given: Vec<_> = askers.into_iter().map(|asker| asker.join().unwrap()).collect();
    let mut addresses: Vec<SocketAddr> = given.iter().flat_map(|(_, addresses)| addresses.clone()).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 8 * 50);
}

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

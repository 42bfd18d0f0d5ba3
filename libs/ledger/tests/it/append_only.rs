use rstest::rstest;
use sea_orm::ConnectionTrait;
use testkit::Backend;

use crate::books::open;

#[rstest]
#[tokio::test]
async fn the_database_refuses_to_rewrite_the_ledger(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    books.item("TEA", 5).await;
    for statement in [
        "UPDATE inventory_transactions SET quantity = 7",
        "DELETE FROM inventory_transactions",
        "DELETE FROM inventory_transactions WHERE version = 1",
    ] {
        let error = books.db.execute_unprepared(statement).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(books.count("inventory_transactions").await, 2);
}

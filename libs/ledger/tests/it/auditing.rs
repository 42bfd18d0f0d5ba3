use rstest::rstest;
use sea_orm::ConnectionTrait;
use testkit::Backend;

use crate::books::{open, reserve};

#[rstest]
#[tokio::test]
async fn a_row_changed_by_hand_is_named(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(
        ("UPDATE inventory_locations SET available_quantity = available_quantity + 1", "available units"),
        ("UPDATE inventory_items SET version = version + 1", "versions of an item"),
        ("UPDATE inventory_items SET total_quantity = 0", "total_quantity"),
        ("UPDATE inventory_reservations SET quantity = 1", "open holds"),
        ("UPDATE inventory_reservations SET status = 'confirmed'", "open holds")
    )]
    (tampering, rule): (&str, &str),
) {
    let books = open(backend).await;
    let item = books.item("TEA", 5).await;
    books.does(reserve(&[item], 2, 60).1).await;
    books.is_clean().await;
    books.db.execute_unprepared(tampering).await.unwrap();
    let report = ledger::audit::audit(&books.db).await.unwrap();
    let named = report.differences.iter().find(|difference| difference.rule.contains(rule));
    assert_eq!(named.unwrap().sku.as_deref(), Some("TEA"), "{report:#?}");
    assert!(!report.clean);
}

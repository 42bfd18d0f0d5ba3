//! The migrations of this service's database, oldest first. A merged one never changes.

mod m20261121_000001_suppliers;
mod m20261121_000002_transit;
mod m20261130_000003_sync;
mod m20261130_000004_restock;
mod m20261130_000005_order_traces;

use sea_orm_migration::prelude::*;

/// Brings the suppliers' database up to date, on PostgreSQL and on SQLite.
pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_suppliers::Migration),
            Box::new(m20261121_000002_transit::Migration),
            Box::new(m20261130_000003_sync::Migration),
            Box::new(m20261130_000004_restock::Migration),
            Box::new(m20261130_000005_order_traces::Migration),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::Migrator;
    use crate::store::entities::order::OrderState;
    use crate::store::{orders, receipts};
    use platform::config::Config;
    use rstest::rstest;
    use sea_orm::ConnectionTrait;
    use sea_orm_migration::MigratorTrait;
    use testkit::{Backend, Stage};
    use uuid::Uuid;

    /// The migrations before orders remembered when they were asked for.
    const BEFORE: u32 = 2;
    const ORDERS: &str = "INSERT INTO restock_orders (id, item_id, sku, supplier_id, supplier_sku, state, quantity,
            accepted, rejected, attempts, in_doubt, next_attempt_at, fence, last_error, created_at, updated_at)
        SELECT id, id, 'S', 'acme', 'S', state, 50, accepted, 0, attempts, in_doubt, NULL, 0, NULL,
            '2026-01-01 00:00:00+00:00', '2026-01-02 00:00:00+00:00'
        FROM old_orders";

    async fn rows(db: &impl ConnectionTrait, sqlite: bool) {
        let id = |n: u8| match sqlite {
            true => format!("x'{:032x}'", n),
            false => format!("'{}'::uuid", Uuid::from_u128(n.into())),
        };
        let row = |n: u8, state: &str, accepted: i64, attempts: i64, doubt: bool| {
            format!(
                "SELECT {} AS id, '{state}' AS state, {accepted} AS accepted, {attempts} AS attempts, {doubt} AS in_doubt",
                id(n)
            )
        };
        let all = [
            row(1, "planned", 0, 0, false),
            row(2, "planned", 0, 1, true),
            row(3, "confirmed", 0, 1, false),
            row(4, "received", 50, 1, false),
        ];
        let view = format!("CREATE TABLE old_orders AS {}", all.join(" UNION ALL "));
        let receipt = format!(
            "INSERT INTO restock_receipts VALUES ({0}, {0}, {0}, 50, 0, NULL, '2026-01-02 00:00:00+00:00', false)",
            id(4)
        );
        for statement in [view.as_str(), ORDERS, &receipt, "DROP TABLE old_orders"] {
            db.execute_unprepared(statement).await.expect(statement);
        }
    }

    #[rstest]
    #[tokio::test]
    async fn orders_from_before_are_kept_with_what_can_be_known_of_them(
        #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    ) {
        let stage = Stage::new(backend).await;
        let config = Config::defaults().expect("defaults").section("database").expect("a section");
        let db = platform::db::connect(&stage.suppliers_url, &config).await.expect("a database");
        let tx = platform::db::begin(&db).await.expect("a transaction");
        Migrator::up(&tx, Some(BEFORE)).await.expect("the first ones");
        rows(&tx, backend == Backend::Embedded).await;
        Migrator::up(&tx, None).await.expect("the others");
        tx.commit().await.expect("a commit");
        let mut found = Vec::new();
        for n in 1..=4 {
            let order = orders::find(&db, Uuid::from_u128(n)).await.expect("a row").expect("the order");
            let may_be_there = order.may_be_there();
            found.push((
                order.state,
                may_be_there,
                order.ordered_at.is_some(),
                order.next_attempt_at.is_some(),
            ));
        }
        let expected = [
            (OrderState::Planned, false, false, true),
            (OrderState::Planned, true, true, true),
            (OrderState::Confirmed, true, true, true),
            (OrderState::Received, true, true, false),
        ];
        assert_eq!(found, expected);
        let receipts = receipts::of_order(&db, Uuid::from_u128(4), 10).await.expect("rows");
        assert_eq!((receipts[0].awaited, receipts[0].settled), (50, false));
    }
}

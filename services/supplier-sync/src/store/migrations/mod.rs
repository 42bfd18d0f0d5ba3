//! The migrations of this service's database, oldest first. A merged one never changes.

mod m20261121_000001_suppliers;
mod m20261121_000002_transit;
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
            Box::new(m20261130_000005_order_traces::Migration),
        ]
    }
}

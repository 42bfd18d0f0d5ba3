//! The migrations of the stock database, oldest first. A merged one never changes.

mod m20261121_000001_stock;
mod m20261121_000002_stock_in_full;
mod m20261125_000003_lists;
mod m20261130_000004_demand;

use sea_orm_migration::prelude::*;

/// Brings the stock database up to date, on PostgreSQL and on SQLite.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_stock::Migration),
            Box::new(m20261121_000002_stock_in_full::Migration),
            Box::new(m20261125_000003_lists::Migration),
            Box::new(m20261130_000004_demand::Migration),
        ]
    }
}

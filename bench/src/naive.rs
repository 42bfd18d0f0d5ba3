//! The conventional design: one transaction a request.
//!
//! Two updates (the level, guarded by what is available; the item's version and totals), the ledger row, the outbox
//! row, commit. It keeps no idempotency key, so it does less.

use std::sync::Arc;

use domain::ItemId;
use events::{Event, Levels, StockUpdated, Subject, outbox};
use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::NAIVE_CALLERS;
use crate::measure::{Caller, Measured, Pace, closed_loop};

/// A connection a caller.
pub async fn pool(url: &str) -> PgPool {
    let connections = u32::try_from(NAIVE_CALLERS).unwrap();
    PgPoolOptions::new().max_connections(connections).min_connections(connections).connect(url).await.unwrap()
}

/// Sells one unit at a time.
struct Seller {
    pool: PgPool,
    items: Arc<[ItemId]>,
}

/// An item after a sale.
#[derive(Clone, Copy, Debug)]
pub struct Sold {
    /// Its version.
    pub version: i64,
    /// How many are left.
    pub available: i64,
}

/// As fast as it goes.
pub async fn measure(pool: &PgPool, what: &str, items: &Arc<[ItemId]>, pace: Pace) -> Measured {
    let seller = || Seller { pool: pool.clone(), items: Arc::clone(items) };
    let sellers = (0..NAIVE_CALLERS).map(|_| seller()).collect();
    closed_loop(&format!("naive, {what}, {NAIVE_CALLERS} connections"), pace, sellers).await
}

impl Caller for Seller {
    async fn ask(&mut self, turn: usize) {
        sell(&self.pool, self.items[turn % self.items.len()]).await.unwrap();
    }
}

/// Sells one unit.
pub async fn sell(pool: &PgPool, item: ItemId) -> Result<Sold, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let location: Uuid = sqlx::query_scalar(
        "UPDATE inventory_locations SET available_quantity = available_quantity - 1, updated_at = now()
         WHERE inventory_item_id = $1 AND available_quantity >= 1 RETURNING warehouse_id",
    )
    .bind(item.0)
    .fetch_one(&mut *tx)
    .await?;
    let row = sqlx::query(
        "UPDATE inventory_items SET version = version + 1, total_quantity = total_quantity - 1,
             available_quantity = available_quantity - 1, updated_at = now()
         WHERE id = $1 RETURNING version, available_quantity, sku, product_id, owner",
    )
    .bind(item.0)
    .fetch_one(&mut *tx)
    .await?;
    let command = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place,
             from_warehouse_id, to_place, created_by, role, command_id, recorded_at)
         VALUES ($1, $2, 'decreased', 1, 'available', $3, 'customer', 'bench', 'service', $4, now())",
    )
    .bind(item.0)
    .bind(row.get::<i64, _>("version"))
    .bind(location)
    .bind(command)
    .execute(&mut *tx)
    .await?;
    tell(&mut tx, item, location, command, &row).await?;
    tx.commit().await?;
    Ok(Sold { version: row.get("version"), available: row.get("available_quantity") })
}

/// The same event as the batched writer's.
async fn tell(
    tx: &mut PgConnection,
    item: ItemId,
    location: Uuid,
    command_id: Uuid,
    row: &PgRow,
) -> Result<(), sqlx::Error> {
    let (now, available) = (chrono::Utc::now(), row.get::<i64, _>("available_quantity"));
    let level = Levels {
        location_id: location,
        location: "main".to_owned(),
        on_hand: available,
        available,
        reserved: 0,
        damaged: 0,
        quality_control: 0,
        incoming: 0,
        in_transit: 0,
    };
    let subject = Subject {
        item_id: item.0,
        product_id: row.get("product_id"),
        variant_id: None,
        sku: row.get("sku"),
        owner: row.get("owner"),
        supplier_id: None,
        version: row.get("version"),
        active: true,
        reorder_point: 0,
        reorder_quantity: 0,
        on_hand: available,
        available,
        reserved: 0,
        incoming: 0,
        in_transit: 0,
        levels: vec![level],
    };
    let event = Event::StockUpdated(StockUpdated {
        subject,
        previous_stock: available + 1,
        new_stock: available,
        change_amount: -1,
        reason: "sale".to_owned(),
        timestamp: now,
        command_id,
    });
    let told = outbox::Parcel::of(&[outbox::Entry::new("/stock-updater", event, now, None)]);
    sqlx::query("INSERT INTO outbox (messages, packed, created_at) VALUES ($1, $2, now())")
        .bind(told.count)
        .bind(told.packed)
        .execute(tx)
        .await?;
    Ok(())
}

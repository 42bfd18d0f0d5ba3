//! The conventional design: one transaction a request.

use domain::ItemId;
use events::{Event, Levels, StockUpdated, Subject, outbox};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::measure::{Load, Measured, closed_loop};

pub(crate) async fn pool(url: &str, connections: usize) -> PgPool {
    let connections = u32::try_from(connections).unwrap();
    PgPoolOptions::new().max_connections(connections).min_connections(connections).connect(url).await.unwrap()
}

pub(crate) async fn measure(pool: &PgPool, load: &Load) -> Measured {
    let shape = if load.items.len() == 1 { "one hot item" } else { "uniform" };
    let pool = pool.clone();
    closed_loop(&format!("naive, {shape}, {} connections", load.callers), load, move |item| {
        let pool = pool.clone();
        async move { sell(&pool, item).await.unwrap() }
    })
    .await
}

async fn sell(pool: &PgPool, item: ItemId) -> Result<(), sqlx::Error> {
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
    tx.commit().await
}

/// The same event as the batched writer's.
async fn tell(
    tx: &mut PgConnection,
    item: ItemId,
    location: Uuid,
    command_id: Uuid,
    row: &sqlx::postgres::PgRow,
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

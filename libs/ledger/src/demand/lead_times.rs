//! How long suppliers take: from an order to the first of its goods, as the restock events tell.
//!
//! **Invariant.** The same may be told any number of times and in any order: the earliest time of each stands.

use std::collections::BTreeMap;

use domain::Timestamp;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use crate::history::moment;
use crate::reader::{ReadError, Reader};

/// Orders of a supplier that count, the latest: more would hide that it has become quicker or slower.
const LATEST: usize = 100;
const DAY_S: f64 = 86_400.0;

/// An item of a restock order.
#[derive(Clone, Copy, Debug)]
pub struct Ordered<'a> {
    /// The order.
    pub order: Uuid,
    /// The item.
    pub item: Uuid,
    /// Whoever delivers it.
    pub supplier: &'a str,
}

/// How long a supplier took of late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// Orders that arrived.
    pub orders: usize,
    /// Days from the order to the first of the goods, on average.
    pub mean_days: f64,
    /// The standard deviation of that; 0 of one order.
    pub sd_days: f64,
}

#[derive(FromQueryResult)]
struct Row {
    supplier_id: String,
    ordered_at: Timestamp,
    received_at: Timestamp,
}

/// Takes down that it was ordered then.
pub async fn ordered<C: ConnectionTrait>(db: &C, order: Ordered<'_>, at: Timestamp) -> Result<(), DbErr> {
    remember(db, order, "ordered_at", at).await
}

/// Takes down that the first of it came then.
pub async fn received<C: ConnectionTrait>(db: &C, order: Ordered<'_>, at: Timestamp) -> Result<(), DbErr> {
    remember(db, order, "received_at", at).await
}

async fn remember<C: ConnectionTrait>(
    db: &C,
    order: Ordered<'_>,
    column: &'static str,
    at: Timestamp,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let sql = format!(
        "INSERT INTO lead_times (order_id, inventory_item_id, supplier_id, {column}) VALUES ($1, $2, $3, $4)
         ON CONFLICT (order_id, inventory_item_id) DO UPDATE SET {column} = excluded.{column}
             WHERE lead_times.{column} IS NULL OR lead_times.{column} > excluded.{column}"
    );
    let Ordered { order, item, supplier } = order;
    let values = [order.into(), item.into(), supplier.into(), moment(backend, at)];
    db.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(())
}

impl Reader {
    /// How long these suppliers took of late, of those that delivered anything.
    pub async fn lead_times(&self, suppliers: &[&str]) -> Result<BTreeMap<String, Observed>, ReadError> {
        if suppliers.is_empty() {
            return Ok(BTreeMap::new());
        }
        // Each by itself, so that its last orders are read off the end of the index, however many there are.
        let latest = |number: usize| {
            format!(
                "SELECT * FROM (SELECT supplier_id, ordered_at, received_at FROM lead_times
                 WHERE supplier_id = ${number} AND ordered_at IS NOT NULL AND received_at IS NOT NULL
                 ORDER BY received_at DESC LIMIT {LATEST}) AS orders_{number}"
            )
        };
        let sql = (1..=suppliers.len()).map(latest).collect::<Vec<_>>().join(" UNION ALL ");
        let values = suppliers.iter().map(|supplier| Value::from(*supplier));
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        let mut days: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for row in Row::find_by_statement(statement).all(&self.db).await? {
            // Clocks of two machines may differ: nothing arrives before it was ordered.
            let took = (row.received_at - row.ordered_at).num_seconds().max(0);
            days.entry(row.supplier_id).or_default().push(took as f64 / DAY_S);
        }
        Ok(days.into_iter().map(|(supplier, days)| (supplier, Observed::of(&days))).collect())
    }
}

impl Observed {
    fn of(days: &[f64]) -> Observed {
        let orders = days.len();
        let mean_days = days.iter().sum::<f64>() / orders.max(1) as f64;
        let squares: f64 = days.iter().map(|day| (day - mean_days).powi(2)).sum();
        let sd_days = (squares / orders.saturating_sub(1).max(1) as f64).sqrt();
        Observed { orders, mean_days, sd_days }
    }
}

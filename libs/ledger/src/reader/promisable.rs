//! What could be promised of many items at once.

use std::collections::HashMap;

use domain::{ItemId, LocationId};
use sea_orm::{FromQueryResult, Statement};
use uuid::Uuid;

use super::pages::Wanted;
use super::{ReadError, Reader};

/// Items in one statement: SQLite binds at most 32,766 values.
const AT_ONCE: usize = 1_000;

/// What a reservation could take of an item. Holds whose time is up do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promisable {
    /// Whether it may be promised at all.
    pub active: bool,
    /// Units by open location: nothing is promised from a closed one.
    pub at: HashMap<LocationId, i64>,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    active: bool,
    location: Option<Uuid>,
    available: Option<i64>,
    overdue: Option<i64>,
}

impl Reader {
    /// The same of each of the items, as they were at one instant; those that there are.
    pub async fn promisable(&self, items: &[ItemId]) -> Result<HashMap<ItemId, Promisable>, ReadError> {
        let (backend, now) = (self.db.get_database_backend(), self.clock());
        let mut found: HashMap<ItemId, Promisable> = HashMap::new();
        for items in items.chunks(AT_ONCE) {
            let mut wanted = Wanted::default();
            let ids: Vec<String> = items.iter().map(|ItemId(id)| wanted.bind(*id)).collect();
            let sql = format!(
                "SELECT i.id, i.is_active AS active, w.id AS location, l.available_quantity AS available,
                     CASE WHEN l.reserved_quantity > 0 THEN (
                         SELECT CAST(sum(r.quantity - r.confirmed_quantity) AS bigint)
                         FROM inventory_reservations r WHERE r.status = 'open' AND r.expires_at <= {now}
                         AND r.inventory_item_id = l.inventory_item_id AND r.warehouse_id = l.warehouse_id
                     ) END AS overdue
                 FROM inventory_items i LEFT JOIN inventory_locations l ON l.inventory_item_id = i.id
                 LEFT JOIN warehouses w ON w.id = l.warehouse_id AND w.is_active WHERE i.id IN ({})",
                ids.join(", ")
            );
            let statement = Statement::from_sql_and_values(backend, sql, wanted.values);
            for row in Row::find_by_statement(statement).all(&self.db).await? {
                let item = found.entry(ItemId(row.id)).or_default();
                item.active = row.active;
                if let (Some(location), Some(available)) = (row.location, row.available) {
                    item.at.insert(LocationId(location), available + row.overdue.unwrap_or(0));
                }
            }
        }
        Ok(found)
    }

    /// The locations that these ids and codes stand for, by name.
    pub async fn locations(&self, names: &[&str]) -> Result<HashMap<String, LocationId>, ReadError> {
        Ok(crate::locations::find_all(&self.db, names).await?)
    }
}

impl Promisable {
    /// Units over all open locations.
    pub fn total(&self) -> i64 {
        self.at.values().sum()
    }
}

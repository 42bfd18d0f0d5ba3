//! Lists of items and counts over them.

use sea_orm::{FromQueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ReadError, Reader};

/// Which items to list.
#[derive(Clone, Debug, Default)]
pub struct ItemFilter {
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only those that may be promised.
    pub active_only: bool,
    /// Only those with fewer available than this.
    pub below: Option<i64>,
    /// Only those at or below their reorder point.
    pub at_reorder_point: bool,
    /// Only those whose SKU comes after this one: the cursor.
    pub after: Option<String>,
}

/// An item in a list; units over all locations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromQueryResult)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// The product it stands for.
    pub product_id: String,
    /// Its SKU.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// The brand that owns it.
    pub owner: String,
    /// The supplier that it is ordered from.
    pub supplier_id: Option<String>,
    /// What that supplier is called, if it is known.
    pub supplier_name: Option<String>,
    /// Whether it may be promised.
    pub active: bool,
    /// Counts its changes.
    pub version: i64,
    /// Order more at or below this.
    pub reorder_point: i64,
    /// How many to order then.
    pub reorder_quantity: i64,
    /// On the shelf.
    pub on_hand: i64,
    /// Free to promise.
    pub available: i64,
    /// Promised.
    pub reserved: i64,
    /// On order from suppliers.
    pub incoming: i64,
    /// On their way between locations.
    pub in_transit: i64,
}

/// Counts over all items that a caller may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Items.
    pub items: i64,
    /// Items that may be promised.
    pub active: i64,
    /// Active items with nothing available.
    pub out_of_stock: i64,
    /// Active items with something available, at or below their reorder point.
    pub low_stock: i64,
    /// Active items above their reorder point.
    pub in_stock: i64,
    /// Units on the shelf.
    pub on_hand: i64,
    /// Units free to promise.
    pub available: i64,
    /// Units promised.
    pub reserved: i64,
    /// Units on order from suppliers.
    pub incoming: i64,
    /// Units on their way between locations.
    pub in_transit: i64,
    /// The same by owner, the largest first, at most 100.
    pub by_owner: Vec<OwnerCount>,
}

/// One owner's share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromQueryResult)]
pub struct OwnerCount {
    /// Whose.
    pub owner: String,
    /// Items.
    pub items: i64,
    /// Items that may be promised.
    pub active: i64,
    /// Active items with nothing available.
    pub out_of_stock: i64,
    /// Active items with something available, at or below their reorder point.
    pub low_stock: i64,
    /// Units on the shelf.
    pub on_hand: i64,
    /// Units free to promise.
    pub available: i64,
    /// Units promised.
    pub reserved: i64,
    /// Units on order from suppliers.
    pub incoming: i64,
    /// Units on their way between locations.
    pub in_transit: i64,
}

/// The most owners that an overview names one by one.
const OWNERS_NAMED: usize = 100;

impl Reader {
    /// The items that pass `filter`, by SKU, at most `limit`.
    pub async fn list(&self, filter: &ItemFilter, limit: u64) -> Result<Vec<Listed>, ReadError> {
        let mut values: Vec<Value> = Vec::new();
        let mut bind = |value: Value| {
            values.push(value);
            format!("${}", values.len())
        };
        let mut wanted = vec!["TRUE".to_owned()];
        if let Some(owner) = &filter.owner {
            wanted.push(format!("owner = {}", bind(owner.clone().into())));
        }
        if filter.active_only {
            wanted.push("active".to_owned());
        }
        if let Some(below) = filter.below {
            wanted.push(format!("available < {}", bind(below.into())));
        }
        if filter.at_reorder_point {
            wanted.push("available <= reorder_point".to_owned());
        }
        if let Some(after) = &filter.after {
            wanted.push(format!("sku > {}", bind(after.clone().into())));
        }
        let limit = bind(i64::try_from(limit).unwrap_or(i64::MAX).into());
        let items = self.current();
        let wanted = wanted.join(" AND ");
        let sql = format!(
            "SELECT current.*, s.name AS supplier_name FROM ({items}) AS current
             LEFT JOIN supplier_names s ON s.supplier_id = current.supplier_id
             WHERE {wanted} ORDER BY sku LIMIT {limit}"
        );
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        Ok(Listed::find_by_statement(statement).all(&self.db).await?)
    }

    /// Counts over the items of `owner`, or over all.
    pub async fn overview(&self, owner: Option<&str>) -> Result<Overview, ReadError> {
        let items = self.current();
        let (wanted, values) = match owner {
            Some(owner) => ("WHERE owner = $1", vec![Value::from(owner)]),
            None => ("", vec![]),
        };
        let count = |what: &str| format!("CAST(sum(CASE WHEN {what} THEN 1 ELSE 0 END) AS bigint)");
        let (active, out, low) = (
            count("active"),
            count("active AND available <= 0"),
            count("active AND available > 0 AND available <= reorder_point"),
        );
        let sum = |what: &str| format!("CAST(sum({what}) AS bigint) AS {what}");
        let units = ["on_hand", "available", "reserved", "incoming", "in_transit"].map(sum).join(", ");
        let sql = format!(
            "SELECT owner, count(*) AS items, {active} AS active, {out} AS out_of_stock, {low} AS low_stock, {units}
             FROM ({items}) AS current {wanted} GROUP BY owner ORDER BY 2 DESC, owner"
        );
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        let by_owner = OwnerCount::find_by_statement(statement).all(&self.db).await?;
        Ok(Overview::of(by_owner))
    }

    /// Items with their totals as they are now: holds whose time is up count as available.
    fn current(&self) -> String {
        let now = self.clock();
        format!(
            "SELECT i.id, i.product_id, i.sku, i.name, i.owner, i.supplier_id, i.is_active AS active, i.version,
                 i.reorder_point, i.reorder_quantity, i.total_quantity AS on_hand,
                 i.available_quantity + coalesce(due.units, 0) AS available,
                 i.reserved_quantity - coalesce(due.units, 0) AS reserved, i.incoming_quantity AS incoming,
                 i.in_transit_quantity AS in_transit
             FROM inventory_items i
             LEFT JOIN (SELECT inventory_item_id, CAST(sum(quantity - confirmed_quantity) AS bigint) AS units
                 FROM inventory_reservations WHERE status = 'open' AND expires_at <= {now} GROUP BY inventory_item_id) AS due
             ON due.inventory_item_id = i.id"
        )
    }
}

impl Overview {
    fn of(mut by_owner: Vec<OwnerCount>) -> Overview {
        let sum = |field: fn(&OwnerCount) -> i64| -> i64 { by_owner.iter().map(field).sum() };
        let (active, out_of_stock, low_stock) =
            (sum(|owner| owner.active), sum(|owner| owner.out_of_stock), sum(|owner| owner.low_stock));
        let (items, on_hand) = (sum(|owner| owner.items), sum(|owner| owner.on_hand));
        let (available, reserved) = (sum(|owner| owner.available), sum(|owner| owner.reserved));
        let (incoming, in_transit) = (sum(|owner| owner.incoming), sum(|owner| owner.in_transit));
        by_owner.truncate(OWNERS_NAMED);
        let in_stock = active - out_of_stock - low_stock;
        Overview {
            items,
            active,
            out_of_stock,
            low_stock,
            in_stock,
            on_hand,
            available,
            reserved,
            incoming,
            in_transit,
            by_owner,
        }
    }
}

//! Items and levels as rows of a table, for files: page by page, in the order of SKUs.

use sea_orm::{FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::{ReadError, Reader};

/// SKUs in one statement: SQLite binds at most 32,766 values.
const SKUS_AT_ONCE: usize = 10_000;

/// An item without its levels.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct ItemRecord {
    /// Its id.
    pub id: Uuid,
    /// Its SKU.
    pub sku: String,
    /// The product it stands for.
    pub product_id: String,
    /// The variant of the product.
    pub variant_id: Option<String>,
    /// Its name.
    pub name: String,
    /// The brand that owns it.
    pub owner: String,
    /// The supplier that it is ordered from.
    pub supplier_id: Option<String>,
    /// Order more when available and incoming together are at or below this.
    pub reorder_point: i64,
    /// How many to order then; 0 never orders.
    pub reorder_quantity: i64,
    /// Whether it may be promised.
    pub active: bool,
    /// Counts its changes.
    pub version: i64,
}

/// What lies at one location of an item. An item that has never been anywhere has one without a location.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct LevelRecord {
    /// The item's SKU.
    pub sku: String,
    /// The location's code.
    pub location: Option<String>,
    /// Sellable units, promised ones among them: what a stocktake counts.
    pub sellable: i64,
    /// Not sellable.
    pub damaged: i64,
    /// Waiting to be looked at.
    pub quality_control: i64,
    /// Counts the item's changes.
    pub version: i64,
}

const ITEM: &str =
    "id, sku, product_id, variant_id, name, owner, supplier_id, reorder_point, reorder_quantity,
     is_active AS active, version FROM inventory_items";

impl Reader {
    /// The items after the SKU `after` that `owner` may see, at most `limit`.
    pub async fn items_after(
        &self,
        after: &str,
        owner: Option<&str>,
        limit: u64,
    ) -> Result<Vec<ItemRecord>, ReadError> {
        let (mine, values) = page(after, owner, limit);
        let sql = format!("SELECT {ITEM} WHERE sku > $1 {mine} ORDER BY sku LIMIT $2");
        Ok(ItemRecord::find_by_statement(self.statement(sql, values)).all(&self.db).await?)
    }

    /// What lies where of the first `limit` items after the SKU `after` that `owner` may see, all locations of each.
    pub async fn levels_after(
        &self,
        after: &str,
        owner: Option<&str>,
        limit: u64,
    ) -> Result<Vec<LevelRecord>, ReadError> {
        let (mine, values) = page(after, owner, limit);
        let units = |column: &str| format!("coalesce({column}, 0)");
        let (sellable, damaged) =
            (units("l.available_quantity + l.reserved_quantity"), units("l.damaged_quantity"));
        let quality_control = units("l.quality_control_quantity");
        let sql = format!(
            "SELECT i.sku, w.code AS location, {sellable} AS sellable, {damaged} AS damaged,
                 {quality_control} AS quality_control, i.version
             FROM (SELECT id, sku, version FROM inventory_items WHERE sku > $1 {mine} ORDER BY sku LIMIT $2) AS i
             LEFT JOIN inventory_locations l ON l.inventory_item_id = i.id
             LEFT JOIN warehouses w ON w.id = l.warehouse_id
             ORDER BY i.sku, w.code"
        );
        Ok(LevelRecord::find_by_statement(self.statement(sql, values)).all(&self.db).await?)
    }

    /// Those of the items with these SKUs that `owner` may see.
    pub async fn records(&self, skus: &[&str], owner: Option<&str>) -> Result<Vec<ItemRecord>, ReadError> {
        let mut found = Vec::with_capacity(skus.len());
        for skus in skus.chunks(SKUS_AT_ONCE) {
            let places: Vec<String> = (1..=skus.len()).map(|at| format!("${at}")).collect();
            let mut values: Vec<Value> = skus.iter().map(|sku| Value::from(*sku)).collect();
            let mut sql = format!("SELECT {ITEM} WHERE sku IN ({})", places.join(", "));
            if let Some(owner) = owner {
                values.push(owner.into());
                sql.push_str(&format!(" AND owner = ${}", values.len()));
            }
            found.extend(ItemRecord::find_by_statement(self.statement(sql, values)).all(&self.db).await?);
        }
        Ok(found)
    }

    fn statement(&self, sql: String, values: Vec<Value>) -> Statement {
        Statement::from_sql_and_values(sea_orm::ConnectionTrait::get_database_backend(&self.db), sql, values)
    }
}

/// The condition on the owner, and what is bound.
fn page(after: &str, owner: Option<&str>, limit: u64) -> (&'static str, Vec<Value>) {
    let mut values = vec![Value::from(after), Value::from(i64::try_from(limit).unwrap_or(i64::MAX))];
    let Some(owner) = owner else { return ("", values) };
    values.push(owner.into());
    ("AND owner = $3", values)
}

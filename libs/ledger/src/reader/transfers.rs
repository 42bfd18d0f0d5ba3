//! Transfers as they are answered.

use domain::{ShippedLine, Timestamp, TransferId};
use sea_orm::{FromQueryResult, Statement, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ReadError, Reader};
use crate::request::ShippedAfter;

/// Units that go from one location to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// Its id.
    pub transfer_id: TransferId,
    /// Where it left.
    pub from_location_id: Uuid,
    /// That location's code.
    pub from_location: String,
    /// Where it goes.
    pub to_location_id: Uuid,
    /// That location's code.
    pub to_location: String,
    /// Whether anything is still on its way.
    pub open: bool,
    /// What kind of thing it is for.
    pub reference_type: Option<String>,
    /// Which one.
    pub reference_id: Option<String>,
    /// Who shipped it.
    pub created_by: String,
    /// When it was shipped.
    pub created_at: Timestamp,
    /// When something of it last arrived, or was given up.
    pub updated_at: Timestamp,
    /// What is on it, by SKU.
    pub lines: Vec<ShippedAfter>,
    /// The SKUs in the order of the lines.
    pub skus: Vec<String>,
}

#[derive(FromQueryResult)]
struct LineRow {
    inventory_item_id: Uuid,
    from_warehouse_id: Uuid,
    from_code: String,
    to_warehouse_id: Uuid,
    to_code: String,
    shipped_quantity: i64,
    received_quantity: i64,
    lost_quantity: i64,
    reference_type: Option<String>,
    reference_id: Option<String>,
    created_by: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    sku: String,
    owner: String,
}

const LINES: &str = "SELECT t.inventory_item_id, t.from_warehouse_id, f.code AS from_code, t.to_warehouse_id,
        d.code AS to_code, t.shipped_quantity, t.received_quantity, t.lost_quantity, t.reference_type,
        t.reference_id, t.created_by, t.created_at, t.updated_at, i.sku, i.owner
    FROM inventory_transfers t
    JOIN inventory_items i ON i.id = t.inventory_item_id
    JOIN warehouses f ON f.id = t.from_warehouse_id
    JOIN warehouses d ON d.id = t.to_warehouse_id
    WHERE t.id = $1 ORDER BY i.sku";

impl Reader {
    /// A transfer as it is now, if it is of items that `owner` may see.
    pub async fn transfer(
        &self,
        id: TransferId,
        owner: Option<&str>,
    ) -> Result<Option<TransferView>, ReadError> {
        let backend = self.db.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, LINES, [Value::from(id.0)]);
        let rows = LineRow::find_by_statement(statement).all(&self.db).await?;
        if owner.is_some_and(|owner| rows.iter().any(|row| row.owner != owner)) {
            return Ok(None);
        }
        let lines: Vec<ShippedAfter> = rows.iter().map(LineRow::line).collect();
        let open = lines.iter().any(|line| line.outstanding > 0);
        let skus = rows.iter().map(|row| row.sku.clone()).collect();
        let updated_at = rows.iter().map(|row| row.updated_at).max();
        let (Some(first), Some(updated_at)) = (rows.into_iter().next(), updated_at) else { return Ok(None) };
        Ok(Some(TransferView {
            transfer_id: id,
            from_location_id: first.from_warehouse_id,
            from_location: first.from_code,
            to_location_id: first.to_warehouse_id,
            to_location: first.to_code,
            open,
            reference_type: first.reference_type,
            reference_id: first.reference_id,
            created_by: first.created_by,
            created_at: first.created_at,
            updated_at,
            lines,
            skus,
        }))
    }
}

impl LineRow {
    fn line(&self) -> ShippedAfter {
        let (item, shipped) = (domain::ItemId(self.inventory_item_id), self.shipped_quantity);
        let line = ShippedLine { item, shipped, received: self.received_quantity, lost: self.lost_quantity };
        let outstanding = line.outstanding();
        let ShippedLine { item: item_id, shipped, received, lost } = line;
        ShippedAfter { item_id, shipped, received, lost, outstanding }
    }
}

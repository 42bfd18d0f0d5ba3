//! Snapshots against the ledger.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::{Difference, Report};
use crate::history::{HistoryError, Past, Until, tell};
use crate::reader::past::SnapshotRow;
use crate::snapshot::Snapshot;
use crate::tables::item;

const TOLD: &str = "a snapshot is what the ledger comes to";
const READ: &str = "an item's ledger can be read from its beginning";

#[derive(FromQueryResult)]
struct Id {
    inventory_item_id: Uuid,
}

/// Tells the past of each item that has snapshots once, and compares them on the way.
pub(super) async fn check(db: &DatabaseTransaction, report: &mut Report) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let ids = "SELECT DISTINCT inventory_item_id FROM inventory_snapshots ORDER BY inventory_item_id";
    for Id { inventory_item_id: id } in
        Id::find_by_statement(Statement::from_string(backend, ids)).all(db).await?
    {
        let sku = item::Entity::find_by_id(id).one(db).await?.map(|item| item.sku);
        let mut past = Past::none(domain::ItemId(id));
        for row in snapshots(db, id).await? {
            let until = Until::Version(row.version);
            match tell(db, &mut past, until, |_, past| past.forget_books()).await {
                Err(HistoryError::Database(error)) => return Err(error),
                Err(HistoryError::Row(_)) => {
                    report.add(difference(READ, sku.clone(), past.version() + 1));
                    break;
                }
                Ok(()) if !agrees(&row, &past) => report.add(difference(TOLD, sku.clone(), row.version)),
                Ok(()) => {}
            }
        }
    }
    Ok(())
}

async fn snapshots(db: &DatabaseTransaction, item: Uuid) -> Result<Vec<SnapshotRow>, DbErr> {
    let sql = "SELECT version, recorded_at, body FROM inventory_snapshots WHERE inventory_item_id = $1
               ORDER BY version";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [Value::from(item)]);
    SnapshotRow::find_by_statement(statement).all(db).await
}

fn agrees(row: &SnapshotRow, past: &Past) -> bool {
    let body: Result<Snapshot, _> = serde_json::from_str(&row.body);
    let told = past.item().filter(|item| item.version == row.version);
    told.is_some_and(|item| {
        past.recorded_at == Some(row.recorded_at) && body.is_ok_and(|body| body == Snapshot::of(item))
    })
}

pub(super) fn difference(rule: &str, sku: Option<String>, version: i64) -> Difference {
    let rule = rule.to_owned();
    Difference { rule, sku, location: None, version: Some(version), expected: None, actual: None }
}

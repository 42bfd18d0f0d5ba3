//! What an item's ledger comes to, and when and by whom each part of it was made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{HoldId, HoldLine, HoldStatus, ItemId, LocationId, Timestamp, TransferId};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::tables::{HoldRow, ItemRow, LevelRow, SnapshotRow, TransferRow};
use crate::demand::{self, days::Days};
use crate::history::{self, HistoryError, Past, Row, Until};
use crate::snapshot::Snapshot;

/// An item, told from its first row on. Holds in memory what the item ever held: a few hundred bytes a hold.
pub(super) struct Told {
    id: Uuid,
    past: Past,
    /// How many rows it was told by.
    pub(super) rows: u64,
    /// What it sold, as far as that is summed up.
    pub(super) demand: Days,
    notes: Notes,
}

/// What does not follow from the events alone.
#[derive(Default)]
struct Notes {
    created_at: Option<Timestamp>,
    levels: BTreeMap<LocationId, (Timestamp, Timestamp)>,
    holds: HashMap<(HoldId, LocationId), Made>,
    transfers: HashMap<TransferId, Made>,
    /// The versions that there are snapshots of.
    kept: BTreeSet<i64>,
    snapshots: BTreeMap<i64, (Timestamp, String)>,
    /// The rows of the last transaction: the version before them, and when they were recorded.
    run: (i64, Option<Timestamp>),
    /// A snapshot that is due by them, unless more rows follow.
    due: Option<i64>,
}

/// Who made something, what for, and when it last changed.
struct Made {
    reference_type: Option<String>,
    reference_id: Option<String>,
    created_by: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    lasting_unsaid: bool,
}

#[derive(FromQueryResult)]
struct Last {
    version: Option<i64>,
}

#[derive(FromQueryResult)]
struct Kept {
    version: i64,
}

impl Told {
    /// An item of which nothing was told yet.
    pub(super) fn none(id: Uuid) -> Told {
        Told { id, past: Past::none(ItemId(id)), rows: 0, demand: Days::none(id), notes: Notes::default() }
    }

    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    pub(super) fn sku(&self) -> Option<String> {
        self.past.item().map(|item| item.identity.sku.as_str().to_owned())
    }

    /// Goes on up to the last row that there is.
    pub(super) async fn go_on<C: ConnectionTrait>(&mut self, db: &C) -> Result<(), HistoryError> {
        self.notes.kept.extend(kept(db, self.id).await?);
        let last = last(db, self.id).await?;
        let Told { past, rows, notes, .. } = self;
        history::tell(db, past, Until::Version(last), |row, past| {
            *rows += 1;
            notes.take(row, past);
        })
        .await?;
        if self.past.version() < last {
            return Err(HistoryError::Row(format!("version {} is missing", self.past.version() + 1)));
        }
        let summed = demand::progress(db, self.id).await?.min(last);
        if self.demand.version > summed {
            self.demand = Days::none(self.id);
        }
        demand::tell(db, self.id, &mut self.demand, summed).await
    }

    /// Its row; none when the ledger does not know the item.
    pub(super) fn item(&self) -> Option<ItemRow> {
        let (item, created_at) = (self.past.item()?, self.notes.created_at?);
        let (identity, attributes, total) = (&item.identity, &item.attributes, item.total());
        Some(ItemRow {
            id: self.id,
            product_id: identity.product_id.as_str().to_owned(),
            variant_id: identity.variant_id.as_ref().map(|variant| variant.as_str().to_owned()),
            sku: identity.sku.as_str().to_owned(),
            name: attributes.name.as_str().to_owned(),
            owner: identity.owner.as_str().to_owned(),
            supplier_id: attributes.supplier.as_ref().map(|supplier| supplier.as_str().to_owned()),
            reorder_point: attributes.reorder_point,
            reorder_quantity: attributes.reorder_quantity,
            is_active: attributes.active,
            version: item.version,
            total_quantity: total.on_hand(),
            available_quantity: total.available,
            reserved_quantity: total.reserved,
            incoming_quantity: total.incoming,
            in_transit_quantity: total.in_transit,
            created_at,
            updated_at: self.past.recorded_at.unwrap_or(created_at),
        })
    }

    pub(super) fn levels(&self) -> Vec<LevelRow> {
        let levels = self.past.item().into_iter().flat_map(|item| &item.levels);
        let row = |(location, level): (&LocationId, &domain::Level)| {
            let (created_at, updated_at) = *self.notes.levels.get(location)?;
            Some(LevelRow {
                inventory_item_id: self.id,
                warehouse_id: location.0,
                available_quantity: level.available,
                reserved_quantity: level.reserved,
                damaged_quantity: level.damaged,
                quality_control_quantity: level.quality_control,
                incoming_quantity: level.incoming,
                in_transit_quantity: level.in_transit,
                created_at,
                updated_at,
            })
        };
        levels.filter_map(row).collect()
    }

    pub(super) fn holds(&self) -> Vec<HoldRow> {
        let lines =
            self.past.stock.holds.iter().flat_map(|(id, hold)| hold.lines.iter().map(|line| (*id, line)));
        lines.filter_map(|(id, line)| self.hold(id, line)).collect()
    }

    fn hold(&self, id: HoldId, line: &HoldLine) -> Option<HoldRow> {
        let made = self.notes.holds.get(&(id, line.location))?;
        Some(HoldRow {
            id: id.0,
            inventory_item_id: self.id,
            warehouse_id: line.location.0,
            quantity: line.quantity,
            confirmed_quantity: line.confirmed,
            status: line.status.as_str().to_owned(),
            expires_at: line.expires_at,
            reference_type: made.reference_type.clone(),
            reference_id: made.reference_id.clone(),
            created_by: made.created_by.clone(),
            created_at: made.created_at,
            updated_at: made.updated_at,
            lasting_unsaid: made.lasting_unsaid,
        })
    }

    pub(super) fn transfers(&self) -> Vec<TransferRow> {
        let row = |(id, transfer): (&TransferId, &domain::Transfer)| {
            let made = self.notes.transfers.get(id)?;
            let line = transfer.lines.first()?;
            Some(TransferRow {
                id: id.0,
                inventory_item_id: self.id,
                from_warehouse_id: transfer.from.0,
                to_warehouse_id: transfer.to.0,
                shipped_quantity: line.shipped,
                received_quantity: line.received,
                lost_quantity: line.lost,
                reference_type: made.reference_type.clone(),
                reference_id: made.reference_id.clone(),
                created_by: made.created_by.clone(),
                created_at: made.created_at,
                updated_at: made.updated_at,
            })
        };
        self.past.stock.transfers.iter().filter_map(row).collect()
    }

    pub(super) fn snapshots(&self) -> Vec<SnapshotRow> {
        let row = |(version, (recorded_at, body)): (&i64, &(Timestamp, String))| SnapshotRow {
            inventory_item_id: self.id,
            version: *version,
            recorded_at: *recorded_at,
            body: body.clone(),
        };
        self.notes.snapshots.iter().map(row).collect()
    }
}

impl Notes {
    /// Takes down what a row says beside its event, which was applied already.
    fn take(&mut self, row: &Row, past: &Past) {
        let at = row.recorded_at;
        self.created_at.get_or_insert(at);
        for location in [row.from_warehouse_id, row.to_warehouse_id].into_iter().flatten() {
            self.levels.entry(LocationId(location)).or_insert((at, at)).1 = at;
        }
        if let Some(hold) = row.reservation_id.map(HoldId) {
            self.take_hold(row, hold, past);
        }
        if let Some(transfer) = row.transfer_id.map(TransferId) {
            self.transfers.entry(transfer).or_insert_with(|| Made::by(row)).updated_at = at;
        }
        self.take_snapshot(row, past);
    }

    fn take_hold(&mut self, row: &Row, hold: HoldId, past: &Past) {
        let lines = past.stock.holds.get(&hold).into_iter().flat_map(|hold| &hold.lines);
        let here = |line: &&HoldLine| match row.kind.as_str() {
            // All that are open were extended, each by a row that does not say which.
            "extended" => line.status == HoldStatus::Open,
            "held" => Some(line.location.0) == row.to_warehouse_id,
            _ => Some(line.location.0) == row.from_warehouse_id,
        };
        for line in lines.filter(here) {
            let made = self.holds.entry((hold, line.location)).or_insert_with(|| Made::by(row));
            made.updated_at = row.recorded_at;
            if row.kind == "extended" {
                made.lasting_unsaid = false;
            }
        }
    }

    /// There is a snapshot at the end of each transaction in which one was due, as the writer takes them; and wherever
    /// there is one already.
    fn take_snapshot(&mut self, row: &Row, past: &Past) {
        let Some(item) = past.item() else { return };
        if self.run.1 != Some(row.recorded_at) {
            self.run = (row.version - 1, Some(row.recorded_at));
            self.due = None;
        }
        if let Some(version) = self.due.take() {
            self.snapshots.remove(&version);
        }
        let begun = self.run.0;
        let taken = self.kept.contains(&row.version);
        // Of the rows of one transaction the last one counts; and none does if there is a snapshot among them.
        let due =
            Snapshot::is_due(begun, row.version) && self.kept.range(begun + 1..=row.version).next().is_none();
        self.due = due.then_some(row.version);
        if taken || due {
            // Plain data: there is nothing in it that JSON cannot say.
            let body = serde_json::to_string(&Snapshot::of(item)).unwrap_or_default();
            self.snapshots.insert(row.version, (row.recorded_at, body));
        }
    }
}

impl Made {
    fn by(row: &Row) -> Made {
        Made {
            reference_type: row.reference_type.clone(),
            reference_id: row.reference_id.clone(),
            created_by: row.created_by.clone(),
            created_at: row.recorded_at,
            updated_at: row.recorded_at,
            lasting_unsaid: row.attributes.is_none(),
        }
    }
}

/// The last version in the ledger; 0 when there is none.
async fn last<C: ConnectionTrait>(db: &C, item: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT max(version) AS version FROM inventory_transactions WHERE inventory_item_id = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [Value::from(item)]);
    let row = Last::find_by_statement(statement).one(db).await?;
    Ok(row.and_then(|row| row.version).unwrap_or(0))
}

async fn kept<C: ConnectionTrait>(db: &C, item: Uuid) -> Result<Vec<i64>, DbErr> {
    let sql = "SELECT version FROM inventory_snapshots WHERE inventory_item_id = $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [Value::from(item)]);
    Ok(Kept::find_by_statement(statement).all(db).await?.into_iter().map(|row| row.version).collect())
}

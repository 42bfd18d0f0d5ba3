//! An item's past, told from its ledger.
//!
//! A [`Row`] is read back as the event that it recorded (`event`), and [`Past`] applies one after another with
//! [`domain::evolve`], as the writer did. **Invariant.** There is no other fold: answers about a past instant,
//! explanations, the audit of snapshots and what is rebuilt all come from this one.

mod event;

use domain::{Identity, Item, ItemId, Stock, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

pub(crate) use event::{KINDS, state};

use crate::snapshot::Snapshot;

/// Rows that are read at once: as many as lie between two snapshots.
const PAGE: i64 = crate::snapshot::EVERY;

/// The columns of a [`Row`].
pub(crate) const COLUMNS: &str = "t.inventory_item_id, t.version, t.kind, t.quantity, t.from_place, \
     t.from_warehouse_id, t.to_place, t.to_warehouse_id, t.reservation_id, t.transfer_id, t.reason, \
     t.reference_type, t.reference_id, t.created_by, t.role, t.command_id, t.attributes, t.recorded_at";

/// A row of the ledger as it is stored.
#[derive(Clone, Debug, FromQueryResult)]
pub(crate) struct Row {
    pub(crate) inventory_item_id: Uuid,
    pub(crate) version: i64,
    pub(crate) kind: String,
    pub(crate) quantity: i64,
    pub(crate) from_place: Option<String>,
    pub(crate) from_warehouse_id: Option<Uuid>,
    pub(crate) to_place: Option<String>,
    pub(crate) to_warehouse_id: Option<Uuid>,
    pub(crate) reservation_id: Option<Uuid>,
    pub(crate) transfer_id: Option<Uuid>,
    pub(crate) reason: Option<String>,
    pub(crate) reference_type: Option<String>,
    pub(crate) reference_id: Option<String>,
    pub(crate) created_by: String,
    pub(crate) role: String,
    pub(crate) command_id: Uuid,
    pub(crate) attributes: Option<String>,
    pub(crate) recorded_at: Timestamp,
}

/// Why a past was not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error("a ledger row does not parse: {0}")]
    Row(String),
}

/// An item as its ledger tells it, up to a version; with the holds and transfers that the rows so far told of.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    id: ItemId,
    pub(crate) stock: Stock,
    /// When the last row was recorded.
    pub(crate) recorded_at: Option<Timestamp>,
}

/// How far a past is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// Up to this version.
    Version(i64),
    /// Up to what was recorded at this time, of the versions up to this one.
    Time(Timestamp, i64),
}

impl Past {
    /// Of an item of which nothing was told yet.
    pub(crate) fn none(id: ItemId) -> Past {
        Past { id, stock: Stock::default(), recorded_at: None }
    }

    /// Of an item as a snapshot has it.
    pub(crate) fn at(identity: Identity, version: i64, recorded_at: Timestamp, snapshot: Snapshot) -> Past {
        let id = identity.id;
        let Snapshot { attributes, levels } = snapshot;
        let mut past = Past { recorded_at: Some(recorded_at), ..Past::none(id) };
        past.stock.items.insert(id, Item { identity, attributes, version, levels });
        past
    }

    /// The item; none before its first row.
    pub(crate) fn item(&self) -> Option<&Item> {
        self.stock.items.get(&self.id)
    }

    /// The version that it was told up to.
    pub(crate) fn version(&self) -> i64 {
        self.item().map_or(0, |item| item.version)
    }

    /// Applies the next row.
    pub(crate) fn apply(&mut self, row: &Row) -> Result<(), HistoryError> {
        let bad = |what: String| {
            HistoryError::Row(format!("item {}, version {}: {what}", row.inventory_item_id, row.version))
        };
        if row.version != self.version() + 1 {
            return Err(bad(format!("version {} is missing", self.version() + 1)));
        }
        let event = row.event(&self.stock).map_err(bad)?;
        domain::evolve(&mut self.stock, &event);
        self.recorded_at = Some(row.recorded_at);
        if self.version() != row.version {
            return Err(bad("an item begins with its creation".to_owned()));
        }
        Ok(())
    }

    /// Forgets the holds and transfers, for those who need only levels: an item may have had millions.
    pub(crate) fn forget_books(&mut self) {
        self.stock.holds.clear();
        self.stock.transfers.clear();
    }
}

/// Goes on with a past, telling `each` of every row that is applied.
pub(crate) async fn tell<C: ConnectionTrait>(
    db: &C,
    past: &mut Past,
    until: Until,
    mut each: impl FnMut(&Row, &mut Past),
) -> Result<(), HistoryError> {
    let last = match until {
        Until::Version(version) | Until::Time(_, version) => version,
    };
    while past.version() < last {
        let after = past.version();
        let up_to = last.min(after + PAGE);
        let rows = page(db, past.id, (after, up_to), until).await?;
        for row in &rows {
            past.apply(row)?;
            each(row, past);
        }
        if past.version() < up_to {
            break;
        }
    }
    Ok(())
}

/// The rows after one version and up to another, as far as they are to be told.
async fn page<C: ConnectionTrait>(
    db: &C,
    item: ItemId,
    (after, up_to): (i64, i64),
    until: Until,
) -> Result<Vec<Row>, DbErr> {
    let backend = db.get_database_backend();
    let mut values = vec![item.0.into(), after.into(), up_to.into()];
    let in_time = match until {
        Until::Version(_) => "",
        Until::Time(at, _) => {
            values.push(moment(backend, at));
            "AND t.recorded_at <= $4"
        }
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM inventory_transactions t
         WHERE t.inventory_item_id = $1 AND t.version > $2 AND t.version <= $3 {in_time} ORDER BY t.version"
    );
    Row::find_by_statement(Statement::from_sql_and_values(backend, sql, values)).all(db).await
}

/// An instant as a value to compare with or to store: SQLite keeps times as text.
pub(crate) fn moment(backend: DbBackend, at: Timestamp) -> Value {
    match backend {
        DbBackend::Postgres => at.into(),
        _ => crate::time::text(at).into(),
    }
}

//! Items as they were: the latest snapshot before the moment, and the ledger since.
//!
//! What was recorded stays as it is, so the same question gets the same answer for ever; unless it is about the last
//! moments, in which something may yet be recorded. **Invariant.** A moment costs the rows between two snapshots at
//! most, however long the item's history is.

use std::collections::HashMap;

use domain::{Identity, ItemId, Timestamp};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, FromQueryResult, QueryOrder, Statement,
};
use uuid::Uuid;

use super::views::{ItemView, LevelView};
use super::{ReadError, Reader};
use crate::history::{self, HistoryError, Past, Row, Until, moment};
use crate::instant;
use crate::snapshot::Snapshot;
use crate::tables::{item, location, supplier_name};

/// A moment in an item's past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// As a reader would have been answered at this time: holds that were over by then count as available.
    At(Timestamp),
    /// As the books were at this version of the item.
    Version(i64),
}

/// Why a question about the past was not answered.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// As any question.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such item, or there was none yet.
    #[error("there was no such item then")]
    Unknown,
    /// The item has not come to that version.
    #[error("the item is at version {latest}: there is no version {version}")]
    VersionUnknown {
        /// What was asked for.
        version: i64,
        /// The item's version.
        latest: i64,
    },
    /// That time has not come.
    #[error("{} has not come yet: it is {}", crate::time::text(*.at), crate::time::text(*.now))]
    Future {
        /// What was asked for.
        at: Timestamp,
        /// What time it is by the database's clock.
        now: Timestamp,
    },
}

impl From<DbErr> for PastError {
    fn from(error: DbErr) -> PastError {
        PastError::Read(error.into())
    }
}

impl From<HistoryError> for ReadError {
    fn from(error: HistoryError) -> ReadError {
        match error {
            HistoryError::Database(error) => error.into(),
            HistoryError::Row(what) => ReadError::Row(what),
        }
    }
}

impl From<HistoryError> for PastError {
    fn from(error: HistoryError) -> PastError {
        PastError::Read(error.into())
    }
}

/// A snapshot as it is stored.
#[derive(FromQueryResult)]
pub(crate) struct SnapshotRow {
    pub(crate) version: i64,
    pub(crate) recorded_at: Timestamp,
    pub(crate) body: String,
}

/// The past of an item up to a moment.
pub(super) struct Told {
    pub(super) item: item::Model,
    /// Where the telling began.
    pub(super) base: Option<(Timestamp, Past)>,
    pub(super) past: Past,
}

/// Units of an item at a location that were held, though the hold was over.
#[derive(FromQueryResult)]
struct Freed {
    warehouse_id: Uuid,
    units: i64,
}

impl Reader {
    /// An item and its levels as they were. Its `next_expiry` is not told.
    pub async fn item_at(&self, id: ItemId, moment: Moment) -> Result<ItemView, PastError> {
        let db = instant::begin(&self.db).await?;
        let told = tell(&db, id, Some(moment), |_| ()).await?;
        let view = view(&db, &told, Some(moment)).await?;
        db.commit().await?;
        Ok(view)
    }
}

/// Tells an item's past up to a moment, or to the present; `each` is told of every row since the snapshot.
pub(super) async fn tell(
    db: &DatabaseTransaction,
    id: ItemId,
    moment: Option<Moment>,
    mut each: impl FnMut(&Row),
) -> Result<Told, PastError> {
    let item = item::Entity::find_by_id(id.0).one(db).await?.ok_or(PastError::Unknown)?;
    let latest = item.version;
    let until = match moment {
        None => Until::Version(latest),
        Some(Moment::Version(version)) if version > latest => {
            return Err(PastError::VersionUnknown { version, latest });
        }
        Some(Moment::Version(version)) => Until::Version(version),
        Some(Moment::At(at)) => {
            let now = instant::now(db).await?;
            if at > now {
                return Err(PastError::Future { at, now });
            }
            Until::Time(at, latest)
        }
    };
    let base = match base(db, id, until).await? {
        None => None,
        Some(row) => Some((row.recorded_at, at_snapshot(&item, row)?)),
    };
    let mut past = base.as_ref().map_or_else(|| Past::none(id), |(_, past)| past.clone());
    history::tell(db, &mut past, until, |row, _| each(row)).await?;
    if past.item().is_none() {
        return Err(PastError::Unknown);
    }
    Ok(Told { item, base, past })
}

/// The latest snapshot of the item up to there.
pub(super) async fn base<C: ConnectionTrait>(
    db: &C,
    id: ItemId,
    until: Until,
) -> Result<Option<SnapshotRow>, DbErr> {
    let backend = db.get_database_backend();
    let (before, value) = match until {
        Until::Version(version) => ("version <= $2", version.into()),
        Until::Time(at, _) => ("recorded_at <= $2", moment(backend, at)),
    };
    let sql = format!(
        "SELECT version, recorded_at, body FROM inventory_snapshots WHERE inventory_item_id = $1 AND {before}
         ORDER BY version DESC LIMIT 1"
    );
    let statement = Statement::from_sql_and_values(backend, sql, [id.0.into(), value]);
    SnapshotRow::find_by_statement(statement).one(db).await
}

/// The item as a snapshot has it.
pub(super) fn at_snapshot(item: &item::Model, row: SnapshotRow) -> Result<Past, ReadError> {
    let snapshot: Snapshot = serde_json::from_str(&row.body)
        .map_err(|error| ReadError::Row(format!("snapshot {} of item {}: {error}", row.version, item.id)))?;
    let identity = identity(item).map_err(ReadError::Row)?;
    Ok(Past::at(identity, row.version, row.recorded_at, snapshot))
}

/// What never changes of an item.
pub(crate) fn identity(item: &item::Model) -> Result<Identity, String> {
    let bad = |error: domain::TextError| format!("item {}: {error}", item.id);
    Ok(Identity {
        id: ItemId(item.id),
        product_id: item.product_id.clone().try_into().map_err(bad)?,
        variant_id: item.variant_id.clone().map(TryInto::try_into).transpose().map_err(bad)?,
        sku: item.sku.clone().try_into().map_err(bad)?,
        owner: item.owner.clone().try_into().map_err(bad)?,
    })
}

/// What is answered of what was told.
pub(super) async fn view(
    db: &DatabaseTransaction,
    told: &Told,
    moment: Option<Moment>,
) -> Result<ItemView, PastError> {
    let (row, past) = (&told.item, told.past.item().ok_or(PastError::Unknown)?);
    let attributes = &past.attributes;
    let supplier_id = attributes.supplier.as_ref().map(|supplier| supplier.as_str().to_owned());
    let supplier = match &supplier_id {
        Some(id) => supplier_name::Entity::find_by_id(id.clone()).one(db).await?,
        None => None,
    };
    let freed = match moment {
        Some(Moment::At(at)) => freed(db, past.identity.id, at).await?,
        Some(Moment::Version(_)) | None => HashMap::new(),
    };
    let places = location::Entity::find()
        .order_by_asc(location::Column::Priority)
        .order_by_asc(location::Column::Code)
        .all(db)
        .await?;
    let level = |place: location::Model| {
        let level = past.levels.get(&domain::LocationId(place.id))?;
        let freed = freed.get(&place.id).copied().unwrap_or(0);
        Some(LevelView::of((place.id, place.code), level, freed))
    };
    let levels = places.into_iter().filter_map(level).collect();
    let item = ItemView {
        id: row.id,
        product_id: row.product_id.clone(),
        variant_id: row.variant_id.clone(),
        sku: row.sku.clone(),
        name: attributes.name.as_str().to_owned(),
        owner: row.owner.clone(),
        supplier_id,
        supplier_name: supplier.map(|supplier| supplier.name),
        reorder_point: attributes.reorder_point,
        reorder_quantity: attributes.reorder_quantity,
        active: attributes.active,
        version: past.version,
        on_hand: 0,
        available: 0,
        reserved: 0,
        incoming: 0,
        in_transit: 0,
        levels: vec![],
        created_at: row.created_at,
        updated_at: told.past.recorded_at.unwrap_or(row.created_at),
        next_expiry: None,
        freed: freed.values().sum(),
    };
    Ok(item.with(levels))
}

/// The holds of an item that were over at a time and not recorded as over by then. A hold that is over can be neither
/// extended nor confirmed: what is known of it now was so then.
pub(super) const OVER: &str = "inventory_item_id = $1 AND created_at <= $2 AND expires_at <= $2
    AND (status = 'open' OR (status = 'expired' AND updated_at > $2))";

async fn freed(db: &DatabaseTransaction, id: ItemId, at: Timestamp) -> Result<HashMap<Uuid, i64>, DbErr> {
    let backend = db.get_database_backend();
    let sql = format!(
        "SELECT warehouse_id, CAST(sum(quantity - confirmed_quantity) AS bigint) AS units
         FROM inventory_reservations WHERE {OVER} GROUP BY warehouse_id"
    );
    let statement = Statement::from_sql_and_values(backend, sql, [id.0.into(), moment(backend, at)]);
    let rows = Freed::find_by_statement(statement).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.warehouse_id, row.units)).collect())
}

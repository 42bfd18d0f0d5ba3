//! Every question about stock, answered from the database.
//!
//! **Invariants.** A hold whose time is up is never counted as reserved, recorded or not. A caller that is bound
//! to an owner sees only that owner's items: the owner is in every `WHERE`.

mod abc;
mod demand;
mod explain;
mod export;
mod feed;
mod kept;
mod keys;
mod listing;
mod names;
mod overview;
mod pages;
pub(crate) mod past;
mod promisable;
mod transactions;
mod transfers;
mod views;

use domain::{HoldId, ItemId, LocationId};
use sea_orm::sea_query::ArrayType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    FromQueryResult, QueryFilter, Statement, Value,
};
use uuid::Uuid;

pub use abc::{AbcPage, AbcQuery, Ranked};
pub use demand::{Demand, DemandDay, Demands};
pub use explain::{Earlier, Explanation, HeldUnits, Pile, Question, SnapshotUnits};
pub use export::{ItemRecord, LevelRecord};
pub use feed::{Change, FeedPage, Folds, Position};
pub use kept::{Kept, KeptAt, Standing};
pub use listing::{After, ItemFilter, ItemQuery, Listed, Listing, Order, Place, Range, SortKey};
pub use names::{Resolutions, Resolved};
pub use overview::{Counts, LocationCount, Overview, OwnerCount};
pub use pages::{Called, KeptFilter, Page};
pub use past::{Moment, PastError};
pub use promisable::Promisable;
pub(crate) use transactions::codes;
pub use transactions::{
    Cursor, KINDS, LOOK_BACK, PlaceView, TransactionFilter, TransactionPage, TransactionView,
};
pub use transfers::TransferView;
pub use views::{HoldView, ItemView, LevelView};

use crate::tables::{hold, item};
use crate::{instant, locations};

/// Answers questions from one database, which may be a read replica. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pub(crate) db: DatabaseConnection,
    names: names::Names,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// A row does not say what it should.
    #[error("a row does not parse: {0}")]
    Row(String),
    /// A product id that stands for several variants does not name one item.
    #[error("{0:?} is a product with several variants: name one by its id or SKU")]
    Ambiguous(String),
}

impl Reader {
    /// A reader of the database behind `db`.
    pub fn new(db: DatabaseConnection) -> Reader {
        Reader { db, names: names::cache() }
    }

    /// An item and its levels, as they were at one instant just now.
    pub async fn item(&self, id: ItemId) -> Result<Option<ItemView>, ReadError> {
        Ok(self.items_where("= $1", Value::from(id.0)).await?.pop())
    }

    /// The same of several at once: those that there are, in the order of their ids. One statement, for which PostgreSQL
    /// works hardly longer than for one item.
    pub async fn items(&self, ids: &[ItemId]) -> Result<Vec<ItemView>, ReadError> {
        match (ids, self.db.get_database_backend()) {
            ([id], _) => Ok(self.item(*id).await?.into_iter().collect()),
            (_, DbBackend::Postgres) => {
                let ids = ids.iter().map(|id| Value::from(id.0)).collect();
                self.items_where("= ANY($1)", Value::Array(ArrayType::Uuid, Some(Box::new(ids)))).await
            }
            _ => {
                let ids: Vec<String> = ids.iter().map(|id| id.0.simple().to_string()).collect();
                let which = "IN (SELECT unhex(value) FROM json_each($1))";
                self.items_where(which, Value::from(serde_json::json!(ids).to_string())).await
            }
        }
    }

    async fn items_where(&self, which: &str, value: Value) -> Result<Vec<ItemView>, ReadError> {
        let backend = self.db.get_database_backend();
        let statement =
            Statement::from_sql_and_values(backend, views::items_sql(backend, which, self.clock()), [value]);
        Ok(views::items(views::ItemRow::find_by_statement(statement).all(&self.db).await?))
    }

    /// A reservation as it is now, if it is on items that `owner` may see.
    pub async fn hold(&self, id: HoldId, owner: Option<&str>) -> Result<Option<HoldView>, ReadError> {
        let lines = hold::Entity::find().filter(hold::Column::Id.eq(id.0)).all(&self.db).await?;
        let items: Vec<Uuid> = lines.iter().map(|line| line.inventory_item_id).collect();
        let items = item::Entity::find().filter(item::Column::Id.is_in(items)).all(&self.db).await?;
        if owner.is_some_and(|owner| items.iter().any(|item| item.owner != owner)) {
            return Ok(None);
        }
        let now = instant::now(&self.db).await?;
        views::hold(id, &lines, &items, now).map_err(ReadError::Row)
    }

    /// The location that an id or a code stands for.
    pub async fn location(&self, name: &str) -> Result<Option<LocationId>, ReadError> {
        Ok(locations::find(&self.db, name).await?.map(|location| LocationId(location.id)))
    }

    /// Begins a transaction for questions that depend on what is asked for: each is planned for its own values, since
    /// what finds a rare thing is not what finds a frequent one. Compiling a plan would take longer than it saves.
    async fn begin_planned(&self) -> Result<DatabaseTransaction, DbErr> {
        let db = instant::begin(&self.db).await?;
        if db.get_database_backend() == DbBackend::Postgres {
            db.execute_unprepared("SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off")
                .await?;
        }
        Ok(db)
    }

    /// The SQL for what time it is by the database's clock.
    fn clock(&self) -> &'static str {
        instant::clock(self.db.get_database_backend())
    }
}

//! Every question about stock, answered from the database.
//!
//! **Invariants.** A hold whose time is up is never counted as reserved, recorded or not. A caller that is bound
//! to an owner sees only that owner's items: the owner is in every `WHERE`.

mod lists;
mod views;

use domain::{HoldId, ItemId};
use moka::future::Cache;
use sea_orm::sea_query::Condition;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, Statement, Value,
};
use uuid::Uuid;

pub use lists::{ItemFilter, Listed, Overview, OwnerCount};
pub use views::{HoldView, ItemView, LevelView};

use crate::tables::{hold, item};

/// How many names of items are remembered: what an SKU or a product id stands for never changes.
const NAMES_REMEMBERED: u64 = 100_000;

/// Answers questions from one database, which may be a read replica. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    db: DatabaseConnection,
    names: Cache<String, Named>,
}

/// What a name stands for, for those who may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The item.
    pub id: ItemId,
    /// Its SKU.
    pub sku: String,
}

/// What a name stands for.
#[derive(Clone)]
struct Named {
    item: Resolved,
    owner: String,
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
        Reader { db, names: Cache::new(NAMES_REMEMBERED) }
    }

    /// Finds the item that `name` stands for, an id, a product id or an SKU, in that order, among those that
    /// `owner` may see; `None` sees all.
    pub async fn resolve(&self, name: &str, owner: Option<&str>) -> Result<Option<Resolved>, ReadError> {
        let named = match self.names.get(name).await {
            Some(named) => Some(named),
            None => self.look_up(name).await?,
        };
        let visible = named.filter(|named| owner.is_none_or(|owner| owner == named.owner));
        Ok(visible.map(|named| named.item))
    }

    async fn look_up(&self, name: &str) -> Result<Option<Named>, ReadError> {
        let mut any = Condition::any().add(item::Column::ProductId.eq(name)).add(item::Column::Sku.eq(name));
        let id = Uuid::parse_str(name).ok();
        if let Some(id) = id {
            any = any.add(item::Column::Id.eq(id));
        }
        let found = item::Entity::find().filter(any).order_by_asc(item::Column::Id).all(&self.db).await?;
        let one = found.iter().find(|row| Some(row.id) == id);
        let product: Vec<_> = found.iter().filter(|row| row.product_id == name).collect();
        let main = product.iter().find(|row| row.variant_id.is_none()).copied();
        let row = match (one.or(main), product.as_slice()) {
            (Some(row), _) => row,
            (None, [only]) => only,
            (None, [_, _, ..]) => return Err(ReadError::Ambiguous(name.to_owned())),
            (None, []) => match found.iter().find(|row| row.sku == name) {
                Some(row) => row,
                None => return Ok(None),
            },
        };
        let item = Resolved { id: ItemId(row.id), sku: row.sku.clone() };
        let named = Named { item, owner: row.owner.clone() };
        // The only variant of a product may get a sibling, or a main item; ids and SKUs stay what they are.
        if one.is_some() || main.is_some() || row.sku == name && product.is_empty() {
            self.names.insert(name.to_owned(), named.clone()).await;
        }
        Ok(Some(named))
    }

    /// An item and its levels, as they were at one instant just now.
    pub async fn item(&self, id: ItemId) -> Result<Option<ItemView>, ReadError> {
        let statement = Statement::from_sql_and_values(
            self.db.get_database_backend(),
            views::item_sql(self.clock()),
            [Value::from(id.0)],
        );
        Ok(views::item(views::ItemRow::find_by_statement(statement).all(&self.db).await?))
    }

    /// A reservation as it is now, if it is on items that `owner` may see.
    pub async fn hold(&self, id: HoldId, owner: Option<&str>) -> Result<Option<HoldView>, ReadError> {
        let lines = hold::Entity::find().filter(hold::Column::Id.eq(id.0)).all(&self.db).await?;
        let items: Vec<Uuid> = lines.iter().map(|line| line.inventory_item_id).collect();
        let items = item::Entity::find().filter(item::Column::Id.is_in(items)).all(&self.db).await?;
        if owner.is_some_and(|owner| items.iter().any(|item| item.owner != owner)) {
            return Ok(None);
        }
        let now = self.now().await?;
        views::hold(id, &lines, &items, now).map_err(ReadError::Row)
    }

    /// The SQL for what time it is by the database's clock.
    fn clock(&self) -> &'static str {
        match self.db.get_database_backend() {
            DbBackend::Postgres => "clock_timestamp()",
            _ => "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')",
        }
    }

    async fn now(&self) -> Result<domain::Timestamp, ReadError> {
        let sql = format!("SELECT {} AS now", self.clock());
        let row = self.db.query_one_raw(Statement::from_string(self.db.get_database_backend(), sql)).await?;
        let row = row.ok_or_else(|| ReadError::Row("the clock gave no time".to_owned()))?;
        Ok(row.try_get("", "now")?)
    }
}

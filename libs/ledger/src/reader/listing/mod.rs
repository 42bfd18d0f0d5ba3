//! Lists of items: which, in what order, from where on.
//!
//! Reading order: [`ItemQuery`] → [`Reader::look`] → [`Reader::gather`] → `sql` (the statements) → `text` (search).
//!
//! A page is looked for where the order has an index: a little way along it. What is too rare to fill a page by then
//! is gathered: all that passes, then sorted. So neither a frequent nor a rare thing costs more than the items that
//! have it, unless nothing but the units of an item tells: these change with every sale and have no index.

mod sql;
mod text;

use domain::{LocationId, Timestamp};
use sea_orm::{DbErr, FromQueryResult, QueryResult, Statement};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kept::Standing;
use super::{ReadError, Reader};
use sql::Way;

/// Which items, in what order, and how many.
#[derive(Clone, Debug, Default)]
pub struct ItemQuery {
    /// Which.
    pub filter: ItemFilter,
    /// In what order.
    pub order: Order,
    /// Only those after this place in the order: the cursor.
    pub after: Option<After>,
    /// How many at most.
    pub limit: u64,
}

/// Which items to list.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ItemFilter {
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only those ordered from this supplier.
    pub supplier: Option<String>,
    /// Only those that are, or were, kept at this location.
    pub location: Option<LocationId>,
    /// Only those in whose SKU, product id or name this is, in capitals or not. Of one or two characters: at the
    /// beginning.
    pub text: Option<String>,
    /// Only those that stand in one of these ways, if any is named.
    pub standings: Vec<Standing>,
    /// Only those that may be promised.
    pub active_only: bool,
    /// Only those of which so many are available.
    pub available: Range,
    /// Only those of which so many are on the shelf.
    pub on_hand: Range,
}

/// From the least to the most, both included.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Range {
    /// The least.
    pub min: Option<i64>,
    /// The most.
    pub max: Option<i64>,
}

/// By what, and which way round.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Order {
    /// By what; those that are the same in it are by SKU.
    pub by: SortKey,
    /// The greatest first.
    pub descending: bool,
}

/// What items are sorted by. Texts go by their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortKey {
    /// The SKU.
    #[default]
    Sku,
    /// The name, in small letters.
    Name,
    /// How many are available.
    Available,
    /// When it last changed.
    Updated,
}

/// A place in a list: right after an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// What it is sorted by.
    pub place: Place,
    /// Its SKU.
    pub sku: String,
}

/// What an item is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its SKU alone.
    Sku,
    /// Its name, in small letters.
    Name(String),
    /// How many are available.
    Available(i64),
    /// When it last changed.
    Updated(Timestamp),
}

/// A page of items.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// The items.
    pub items: Vec<Listed>,
    /// Where the next page begins, if there are more.
    pub next: Option<After>,
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
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An item as it was found.
struct Found {
    item: Listed,
    /// By what it is sorted if that is its name.
    name_key: String,
    /// Units of its holds that are over. If there are any, it was found among those that have such holds.
    freed: i64,
}

impl FromQueryResult for Found {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Found, DbErr> {
        Ok(Found {
            item: Listed::from_query_result(row, prefix)?,
            name_key: row.try_get(prefix, "name_key")?,
            freed: row.try_get(prefix, "freed")?,
        })
    }
}

impl Reader {
    /// The page, if it is found by going along the order a little way; else [`Reader::gather`] has it.
    pub async fn look(&self, query: &ItemQuery) -> Result<Option<Listing>, ReadError> {
        if !query.order.by.has_index() {
            return Ok(None);
        }
        let found = self.find(query, Way::Along).await?;
        // Those with holds that are over are looked for everywhere, the others only along the way.
        let along = found.iter().filter(|found| found.freed == 0).count() as u64;
        let whole = along > query.limit || query.filter.is_by_index();
        Ok(whole.then(|| query.page(found)))
    }

    /// The page, whatever it takes: all that passes is read, by an index where what is asked for has one.
    pub async fn gather(&self, query: &ItemQuery) -> Result<Listing, ReadError> {
        Ok(query.page(self.find(query, Way::All).await?))
    }

    async fn find(&self, query: &ItemQuery, way: Way) -> Result<Vec<Found>, ReadError> {
        let db = self.begin_planned().await?;
        let backend = self.db.get_database_backend();
        let (sql, values) = sql::page(backend, query, way);
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let found = Found::find_by_statement(statement).all(&db).await?;
        db.commit().await?;
        Ok(found)
    }
}

impl ItemQuery {
    /// The first of what was found; one more than is asked for was looked for, which tells whether there are more.
    fn page(&self, mut found: Vec<Found>) -> Listing {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| self.order.by.after(last));
        Listing { items: found.into_iter().map(|found| found.item).collect(), next }
    }
}

impl ItemFilter {
    /// Whether indexes alone decide, so that what is found along one is all there is.
    fn is_by_index(&self) -> bool {
        let ItemFilter { location, text, active_only, available, on_hand, .. } = self;
        location.is_none() && text.is_none() && !active_only && available.is_open() && on_hand.is_open()
    }
}

impl Range {
    fn is_open(self) -> bool {
        self.min.is_none() && self.max.is_none()
    }
}

impl SortKey {
    /// Whether there may be an index: sales change how many are available, and when it last changed.
    fn has_index(self) -> bool {
        match self {
            SortKey::Sku | SortKey::Name => true,
            SortKey::Available | SortKey::Updated => false,
        }
    }

    fn after(self, last: &Found) -> After {
        let place = match self {
            SortKey::Sku => Place::Sku,
            SortKey::Name => Place::Name(last.name_key.clone()),
            SortKey::Available => Place::Available(last.item.available),
            SortKey::Updated => Place::Updated(last.item.updated_at),
        };
        After { place, sku: last.item.sku.clone() }
    }
}

impl Listed {
    /// How well it is stocked.
    pub fn standing(&self) -> Standing {
        Standing::of(self.active, self.available, self.reorder_point)
    }
}

//! What names stand for: items by id, product id or SKU, and the items that holds and transfers are about.
//!
//! Names are looked up by the set, and remembered: what an SKU or a product id stands for never changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::{HoldId, ItemId, TransferId};
use moka::future::Cache;
use sea_orm::sea_query::{Alias, Condition, Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{ReadError, Reader};
use crate::tables::item;

/// How many names of items are remembered.
const REMEMBERED: u64 = 100_000;

/// Names in one statement: each is bound three times, and SQLite binds at most 32,766 values.
const NAMES_AT_ONCE: usize = 1_000;

pub(super) type Names = Cache<String, Arc<Named>>;

/// What a name stands for, for those who may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The item.
    pub id: ItemId,
    /// Its SKU.
    pub sku: String,
}

/// What several names stand for, as far as the caller may see it.
#[derive(Clone, Debug, Default)]
pub struct Resolutions {
    /// The item of each name that stands for one.
    pub items: HashMap<String, Resolved>,
    /// The products of several variants: each of these names does not name one item.
    pub ambiguous: HashSet<String>,
}

/// What a name stands for.
pub(super) struct Named {
    item: Resolved,
    owner: String,
}

pub(super) fn cache() -> Names {
    Cache::new(REMEMBERED)
}

impl Reader {
    /// The item that `name` stands for, if that is remembered and `owner` may see it: no question to the database.
    pub async fn remembered(&self, name: &str, owner: Option<&str>) -> Option<ItemId> {
        let named = self.names.get(name).await?;
        owner.is_none_or(|owner| owner == named.owner).then_some(named.item.id)
    }

    /// Finds the item that `name` stands for, an id, a product id or an SKU, in that order, among those that
    /// `owner` may see; `None` sees all.
    pub async fn resolve(&self, name: &str, owner: Option<&str>) -> Result<Option<Resolved>, ReadError> {
        let mut found = self.resolve_all(&[name], owner).await?;
        if found.ambiguous.contains(name) {
            return Err(ReadError::Ambiguous(name.to_owned()));
        }
        Ok(found.items.remove(name))
    }

    /// The same for many names. One that is in neither part of the answer stands for nothing.
    pub async fn resolve_all(&self, names: &[&str], owner: Option<&str>) -> Result<Resolutions, ReadError> {
        let mut found = Resolutions::default();
        let mut missing = Vec::new();
        let visible = |named: &Named| owner.is_none_or(|owner| owner == named.owner);
        for name in names.iter().collect::<HashSet<_>>() {
            match self.names.get(*name).await {
                Some(named) if visible(&named) => {
                    found.items.insert((*name).to_owned(), named.item.clone());
                }
                Some(_) => {}
                None => missing.push(*name),
            }
        }
        for names in missing.chunks(NAMES_AT_ONCE) {
            let rows = self.named(names).await?;
            let rows = Called::of(&rows);
            for name in names {
                match rows.choose(name) {
                    Choice::Nothing => {}
                    Choice::Several => {
                        found.ambiguous.insert((*name).to_owned());
                    }
                    Choice::One { row, for_ever } => {
                        let item = Resolved { id: ItemId(row.id), sku: row.sku.clone() };
                        let named = Named { item: item.clone(), owner: row.owner.clone() };
                        if visible(&named) {
                            found.items.insert((*name).to_owned(), item);
                        }
                        if for_ever {
                            self.names.insert((*name).to_owned(), Arc::new(named)).await;
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// The items that are called by any of the names.
    async fn named(&self, names: &[&str]) -> Result<Vec<item::Model>, ReadError> {
        let ids: Vec<Uuid> = names.iter().filter_map(|name| Uuid::parse_str(name).ok()).collect();
        let names = || names.iter().copied();
        let mut any = Condition::any()
            .add(item::Column::ProductId.is_in(names()))
            .add(item::Column::Sku.is_in(names()));
        if !ids.is_empty() {
            any = any.add(item::Column::Id.is_in(ids));
        }
        Ok(item::Entity::find().filter(any).order_by_asc(item::Column::Id).all(&self.db).await?)
    }

    /// The items that these holds and transfers are about, by the id of the hold or transfer.
    pub async fn items_of(
        &self,
        holds: &[HoldId],
        transfers: &[TransferId],
    ) -> Result<HashMap<Uuid, Vec<ItemId>>, ReadError> {
        let holds: Vec<Uuid> = holds.iter().map(|HoldId(id)| *id).collect();
        let transfers: Vec<Uuid> = transfers.iter().map(|TransferId(id)| *id).collect();
        let mut items: HashMap<Uuid, Vec<ItemId>> = HashMap::new();
        for (table, ids) in [("inventory_reservations", holds), ("inventory_transfers", transfers)] {
            for ids in ids.chunks(NAMES_AT_ONCE) {
                let select = Query::select()
                    .distinct()
                    .columns([Alias::new("id"), Alias::new("inventory_item_id")])
                    .from(Alias::new(table))
                    .and_where(Expr::col(Alias::new("id")).is_in(ids.iter().copied()))
                    .to_owned();
                for row in self.db.query_all(&select).await? {
                    let item = ItemId(row.try_get("", "inventory_item_id")?);
                    items.entry(row.try_get("", "id")?).or_default().push(item);
                }
            }
        }
        Ok(items)
    }
}

/// Rows by what they are called.
struct Called<'a> {
    by_id: HashMap<Uuid, &'a item::Model>,
    by_product: HashMap<&'a str, Vec<&'a item::Model>>,
    by_sku: HashMap<&'a str, &'a item::Model>,
}

enum Choice<'a> {
    Nothing,
    /// Whether it will always be this one: the only variant of a product may get a sibling, or a main item; ids and
    /// SKUs stay what they are.
    One {
        row: &'a item::Model,
        for_ever: bool,
    },
    Several,
}

impl<'a> Called<'a> {
    fn of(rows: &'a [item::Model]) -> Called<'a> {
        let mut by_product: HashMap<&str, Vec<&item::Model>> = HashMap::new();
        for row in rows {
            by_product.entry(&row.product_id).or_default().push(row);
        }
        let by_id = rows.iter().map(|row| (row.id, row)).collect();
        let by_sku = rows.iter().map(|row| (row.sku.as_str(), row)).collect();
        Called { by_id, by_product, by_sku }
    }

    /// The row that a name stands for.
    fn choose(&self, name: &str) -> Choice<'a> {
        let one = Uuid::parse_str(name).ok().and_then(|id| self.by_id.get(&id)).copied();
        let product = self.by_product.get(name).map_or(&[][..], Vec::as_slice);
        let main = product.iter().find(|row| row.variant_id.is_none()).copied();
        match (one.or(main), product) {
            (Some(row), _) => Choice::One { row, for_ever: true },
            (None, [only]) => Choice::One { row: only, for_ever: false },
            (None, [_, _, ..]) => Choice::Several,
            (None, []) => match self.by_sku.get(name) {
                Some(row) => Choice::One { row, for_ever: true },
                None => Choice::Nothing,
            },
        }
    }
}

//! Items and their levels by exact name and by the page, for clients that count pages.
//!
//! **Invariant.** An item and its levels are read in one statement, and its totals are the sums of its levels.

use std::collections::HashMap;

use domain::{ItemId, LocationId};
use sea_orm::sea_query::Condition;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Statement, Value,
};
use uuid::Uuid;

use super::kept::{AVAILABLE, Kept, KeptAt, Row, Standing};
use super::{ReadError, Reader};
use crate::tables::item;

/// Names or ids in one statement: SQLite binds at most 32,766 values.
const AT_ONCE: usize = 1_000;

/// What one item is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// By its id.
    Id(ItemId),
    /// By its product and variant, its SKU, or both; then both must be right. A product without a variant is its
    /// item without one, or its only variant.
    Names {
        /// The product.
        product: Option<String>,
        /// The variant of the product.
        variant: Option<String>,
        /// The SKU.
        sku: Option<String>,
    },
}

/// Which items to list.
#[derive(Clone, Debug, Default)]
pub struct KeptFilter {
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only those that stand so.
    pub standing: Option<Standing>,
    /// Only those that are, or were, kept at this location.
    pub location: Option<LocationId>,
    /// Only those that may be promised and of which no more are available than their reorder point.
    pub short: bool,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many to pass over.
    pub offset: i64,
    /// How many to give at most.
    pub limit: i64,
}

/// Items by what they are called.
#[derive(Default)]
struct Named {
    by_sku: HashMap<String, item::Model>,
    by_product: HashMap<String, Vec<item::Model>>,
}

/// A statement under construction: what it says, and the values in it.
#[derive(Default)]
pub(super) struct Wanted {
    conditions: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Wanted {
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn only(&mut self, column: &str, value: impl Into<Value>) {
        let condition = format!("{column} = {}", self.bind(value));
        self.conditions.push(condition);
    }

    fn condition(&self) -> String {
        if self.conditions.is_empty() { "TRUE".to_owned() } else { self.conditions.join(" AND ") }
    }
}

impl Reader {
    /// The item that is called so, if `owner` may see it; `None` sees all.
    pub async fn kept(&self, called: &Called, owner: Option<&str>) -> Result<Option<Kept>, ReadError> {
        Ok(self.kept_all(std::slice::from_ref(called), owner).await?.pop().flatten())
    }

    /// The items that are called so, in that order.
    pub async fn kept_all(
        &self,
        called: &[Called],
        owner: Option<&str>,
    ) -> Result<Vec<Option<Kept>>, ReadError> {
        let named = self.called(called, owner).await?;
        let mut ids = Vec::with_capacity(called.len());
        for called in called {
            ids.push(match called {
                Called::Id(id) => Some(id.0),
                Called::Names { product, variant, sku } => {
                    named.choose(product.as_deref(), variant.as_deref(), sku.as_deref())?
                }
            });
        }
        let mut distinct: Vec<Uuid> = ids.iter().flatten().copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let found = self.kept_by_id(&distinct, owner).await?;
        let found: HashMap<Uuid, Kept> = found.into_iter().map(|kept| (kept.id.0, kept)).collect();
        Ok(ids.into_iter().map(|id| found.get(&id?).cloned()).collect())
    }

    /// The items that have any of the names, as far as `owner` may see them.
    async fn called(&self, called: &[Called], owner: Option<&str>) -> Result<Named, ReadError> {
        let mut named = Named::default();
        for called in called.chunks(AT_ONCE) {
            let (mut skus, mut products) = (Vec::new(), Vec::new());
            for called in called {
                match called {
                    Called::Id(_) => {}
                    Called::Names { sku: Some(sku), .. } => skus.push(sku.as_str()),
                    Called::Names { product, sku: None, .. } => products.extend(product.as_deref()),
                }
            }
            if skus.is_empty() && products.is_empty() {
                continue;
            }
            let any = Condition::any()
                .add(item::Column::Sku.is_in(skus))
                .add(item::Column::ProductId.is_in(products));
            let mut select = item::Entity::find().filter(any).order_by_asc(item::Column::Id);
            if let Some(owner) = owner {
                select = select.filter(item::Column::Owner.eq(owner));
            }
            select.all(&self.db).await?.into_iter().for_each(|row| named.add(row));
        }
        Ok(named)
    }

    async fn kept_by_id(&self, ids: &[Uuid], owner: Option<&str>) -> Result<Vec<Kept>, ReadError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let mut wanted = Wanted::default();
            let ids: Vec<String> = ids.iter().map(|id| wanted.bind(*id)).collect();
            wanted.conditions.push(format!("i.id IN ({})", ids.join(", ")));
            if let Some(owner) = owner {
                wanted.only("i.owner", owner);
            }
            found.extend(self.kept_where(wanted).await?);
        }
        Ok(found)
    }

    /// One page of the items that pass `filter`, by SKU, and how many there are on all pages.
    pub async fn kept_page(&self, filter: &KeptFilter, page: Page) -> Result<(Vec<Kept>, i64), ReadError> {
        let mut wanted = Wanted::default();
        if let Some(owner) = &filter.owner {
            wanted.only("i.owner", owner.as_str());
        }
        if let Some(standing) = filter.standing {
            wanted.conditions.push(standing.sql());
        }
        if let Some(location) = filter.location {
            let at = wanted.bind(location.0);
            wanted.conditions.push(format!(
                "EXISTS (SELECT 1 FROM inventory_locations k WHERE k.inventory_item_id = i.id AND k.warehouse_id = {at})"
            ));
        }
        if filter.short {
            wanted.conditions.push(format!("i.is_active AND {AVAILABLE} <= i.reorder_point"));
        }
        let due = self.due();
        let from = format!(
            "FROM inventory_items i LEFT JOIN ({due}) AS due ON due.inventory_item_id = i.id WHERE {}",
            wanted.condition()
        );
        let total = self.count(&from, &wanted.values).await?;
        let ids = format!("SELECT i.id {from} ORDER BY i.sku");
        let ids = self.page(ids, wanted.values, page).await?;
        let mut kept = self.kept_by_id(&ids, None).await?;
        kept.sort_by(|one, other| one.sku.cmp(&other.sku));
        Ok((kept, total))
    }

    /// One page of what is, or was, kept at a location, by SKU, and how many there are on all pages.
    pub async fn kept_at(
        &self,
        location: LocationId,
        owner: Option<&str>,
        page: Page,
    ) -> Result<(Vec<KeptAt>, i64), ReadError> {
        let filter =
            KeptFilter { owner: owner.map(str::to_owned), location: Some(location), ..KeptFilter::default() };
        let (kept, total) = self.kept_page(&filter, page).await?;
        Ok((kept.iter().filter_map(|kept| kept.at(location).cloned()).collect(), total))
    }

    /// The items with their levels, item after item.
    async fn kept_where(&self, wanted: Wanted) -> Result<Vec<Kept>, ReadError> {
        let now = self.clock();
        let sql = format!(
            "SELECT i.id, i.product_id, i.variant_id, i.sku, i.reorder_point, i.reorder_quantity, i.is_active,
                 i.version, i.created_at, i.updated_at, l.warehouse_id AS location_id,
                 l.available_quantity + l.reserved_quantity + l.damaged_quantity + l.quality_control_quantity AS on_hand,
                 l.available_quantity AS available, l.reserved_quantity AS reserved,
                 CASE WHEN l.reserved_quantity > 0 THEN (SELECT CAST(sum(r.quantity - r.confirmed_quantity) AS bigint)
                     FROM inventory_reservations r WHERE r.status = 'open' AND r.expires_at <= {now}
                     AND r.inventory_item_id = l.inventory_item_id AND r.warehouse_id = l.warehouse_id) END AS overdue,
                 l.created_at AS kept_since, l.updated_at AS kept_changed
             FROM inventory_items i
             LEFT JOIN inventory_locations l ON l.inventory_item_id = i.id
             LEFT JOIN warehouses w ON w.id = l.warehouse_id
             WHERE {} ORDER BY i.id, w.priority, w.code",
            wanted.condition()
        );
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, wanted.values);
        let rows = Row::find_by_statement(statement).all(&self.db).await?;
        let mut kept: Vec<Kept> = Vec::new();
        for row in rows {
            let level = row.level();
            match kept.last_mut() {
                Some(same) if same.id.0 == row.id => same.levels.extend(level),
                _ => kept.push(Kept { levels: level.into_iter().collect(), ..row.item() }),
            }
        }
        Ok(kept)
    }

    /// What holds whose time is up have not given back yet, by item.
    pub(super) fn due(&self) -> String {
        let now = self.clock();
        format!(
            "SELECT inventory_item_id, CAST(sum(quantity - confirmed_quantity) AS bigint) AS units
             FROM inventory_reservations WHERE status = 'open' AND expires_at <= {now} GROUP BY inventory_item_id"
        )
    }

    async fn count(&self, from: &str, values: &[Value]) -> Result<i64, ReadError> {
        let sql = format!("SELECT count(*) AS total {from}");
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values.to_vec());
        let row = self.db.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| ReadError::Row("a count gave no number".to_owned()))?;
        Ok(row.try_get("", "total")?)
    }

    async fn page(&self, sql: String, mut values: Vec<Value>, page: Page) -> Result<Vec<Uuid>, ReadError> {
        values.extend([page.limit.into(), page.offset.into()]);
        let sql = format!("{sql} LIMIT ${} OFFSET ${}", values.len() - 1, values.len());
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        let rows = self.db.query_all_raw(statement).await?;
        Ok(rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?)
    }
}

impl Named {
    fn add(&mut self, row: item::Model) {
        let siblings = self.by_product.entry(row.product_id.clone()).or_default();
        // Looked for in several parts, it may be found more than once.
        if siblings.iter().all(|sibling| sibling.id != row.id) {
            siblings.push(row.clone());
            self.by_sku.insert(row.sku.clone(), row);
        }
    }

    /// The item that is called so.
    fn choose(
        &self,
        product: Option<&str>,
        variant: Option<&str>,
        sku: Option<&str>,
    ) -> Result<Option<Uuid>, ReadError> {
        let rows: &[item::Model] = match (sku, product) {
            (Some(sku), _) => self.by_sku.get(sku).map_or(&[], std::slice::from_ref),
            (None, Some(product)) => self.by_product.get(product).map_or(&[], Vec::as_slice),
            (None, None) => &[],
        };
        let fits = |row: &&item::Model| {
            product.is_none_or(|product| row.product_id == product)
                && variant.is_none_or(|variant| row.variant_id.as_deref() == Some(variant))
        };
        let fitting: Vec<&item::Model> = rows.iter().filter(fits).collect();
        match fitting.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only.id)),
            several => match several.iter().find(|row| row.variant_id.is_none()) {
                Some(main) => Ok(Some(main.id)),
                None => Err(ReadError::Ambiguous(product.unwrap_or_default().to_owned())),
            },
        }
    }
}

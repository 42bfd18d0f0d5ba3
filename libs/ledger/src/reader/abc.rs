//! Items ranked by what they sold, with their share of it.

use chrono::{Days, NaiveDate};
use domain::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::{ReadError, Reader};
use crate::instant;

/// Which items, over how long, and which part of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AbcQuery {
    /// Only this owner's: shares are of what that owner sold.
    pub owner: Option<String>,
    /// Only those ordered from this supplier: likewise.
    pub supplier: Option<String>,
    /// Days before today that count.
    pub days: u32,
    /// Only those after this place: the units and SKU of the last.
    pub after: Option<(i64, String)>,
    /// How many at most.
    pub limit: u64,
}

/// Items, those that sold most in front.
#[derive(Clone, Debug)]
pub struct AbcPage {
    /// When it was so, by the database's clock.
    pub as_of: Timestamp,
    /// The items.
    pub items: Vec<Ranked>,
    /// Whether there are more.
    pub more: bool,
}

/// An item and what it sold.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Ranked {
    /// Its id.
    pub id: Uuid,
    /// Its SKU.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// Units sold less those brought back, never below zero.
    pub units: i64,
    /// Its place, from 1.
    pub rank: i64,
    /// Units of it and of all before it.
    pub running: i64,
    /// Units of all.
    pub total: i64,
}

impl Reader {
    /// A page of the items that pass, by the units that they sold, then by SKU. Reads all of them.
    pub async fn abc(&self, query: &AbcQuery) -> Result<AbcPage, ReadError> {
        let db = self.begin_planned().await?;
        let as_of = instant::now(&db).await?;
        let today = as_of.date_naive();
        let from = today.checked_sub_days(Days::new(u64::from(query.days))).unwrap_or(today);
        let (sql, values) = query.sql(db.get_database_backend(), from, today);
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        let mut items = Ranked::find_by_statement(statement).all(&db).await?;
        db.commit().await?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(AbcPage { as_of, items, more })
    }
}

impl AbcQuery {
    fn sql(&self, backend: DbBackend, from: NaiveDate, today: NaiveDate) -> (String, Vec<Value>) {
        let mut values: Vec<Value> = vec![from.into(), today.into()];
        let mut bind = |value: Value| {
            values.push(value);
            format!("${}", values.len())
        };
        let mut wanted = vec!["TRUE".to_owned()];
        for (column, value) in [("i.owner", &self.owner), ("i.supplier_id", &self.supplier)] {
            wanted.extend(value.as_ref().map(|value| format!("{column} = {}", bind(value.clone().into()))));
        }
        // Only their days are added up, where not everybody's are asked for.
        let whose = match wanted.len() {
            1 => String::new(),
            _ => format!("JOIN inventory_items i ON i.id = d.inventory_item_id AND {}", wanted.join(" AND ")),
        };
        let after = match &self.after {
            None => "TRUE".to_owned(),
            Some((units, sku)) => {
                let (units, sku) = (bind((*units).into()), bind(sku.clone().into()));
                format!("(units < {units} OR (units = {units} AND sku > {sku}))")
            }
        };
        let limit = bind(i64::try_from(self.limit + 1).unwrap_or(i64::MAX).into());
        let none = if backend == DbBackend::Postgres { "greatest" } else { "max" };
        let sql = format!(
            "WITH sums AS (
                 SELECT inventory_item_id, CAST({none}(sum(sold) - sum(returned), 0) AS bigint) AS units
                 FROM demand_days d {whose}
                 WHERE day >= $1 AND day < $2 GROUP BY inventory_item_id
             ), ranked AS (
                 SELECT i.id, i.sku, i.name, i.owner, coalesce(s.units, 0) AS units,
                     row_number() OVER (ORDER BY coalesce(s.units, 0) DESC, i.sku) AS rank,
                     CAST(sum(coalesce(s.units, 0)) OVER (ORDER BY coalesce(s.units, 0) DESC, i.sku) AS bigint)
                         AS running,
                     CAST(sum(coalesce(s.units, 0)) OVER () AS bigint) AS total
                 FROM inventory_items i LEFT JOIN sums s ON s.inventory_item_id = i.id WHERE {}
             )
             SELECT id, sku, name, owner, units, rank, running, total FROM ranked WHERE {after}
             ORDER BY units DESC, sku LIMIT {limit}",
            wanted.join(" AND ")
        );
        (sql, values)
    }
}

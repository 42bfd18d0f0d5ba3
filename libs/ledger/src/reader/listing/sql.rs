//! The statements behind lists.
//!
//! **Invariants.** A hold whose time is up counts as available, recorded or not. So a page is put together from two:
//! items of which nothing is overdue, as they are written down and found by indexes, and the few others, reckoned
//! anew. Each item is in one of them: what time it is does not change within a statement.

use domain::LocationId;
use sea_orm::{DbBackend, Value};

use super::super::pages::Wanted;
use super::text;
use super::{ItemFilter, ItemQuery, Order, Place, Range, SortKey};
use crate::history::moment;
use crate::instant;

/// How far to go along an order for a page: a hundredth of a second or so. What one item in fifty has fills a page.
const LOOK_AHEAD: u64 = 5_000;

/// How a page is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Along the order, as far as [`LOOK_AHEAD`].
    Along,
    /// Among all that passes.
    All,
}

/// What is available of an item `i` by what is written down.
const WRITTEN: &str = "i.available_quantity";
/// The same, with what its overdue holds, `due`, give back.
const TRUE: &str = "(i.available_quantity + due.units)";

/// What the statement is made from, and the values in it so far.
struct Asked<'a> {
    backend: DbBackend,
    query: &'a ItemQuery,
    bound: Wanted,
}

/// The statement for one more than a page of each part; both are sorted into each other.
pub(super) fn page(backend: DbBackend, query: &ItemQuery, way: Way) -> (String, Vec<Value>) {
    let mut asked = Asked { backend, query, bound: Wanted::default() };
    let limit = query.limit.saturating_add(1);
    let written = match way {
        Way::Along => asked.along(limit),
        Way::All => asked.all(limit),
    };
    let overdue = asked.overdue(limit);
    let order = query.order.sql("l.sort_key", "l.sku");
    let sql = format!(
        "SELECT l.*, s.name AS supplier_name
         FROM (SELECT * FROM ({written}) AS w UNION ALL SELECT * FROM ({overdue}) AS o) AS l
         LEFT JOIN supplier_names s ON s.supplier_id = l.supplier_id ORDER BY {order}"
    );
    (sql, asked.bound.values)
}

impl Asked<'_> {
    /// Items as they are written down, from those that come first in the order.
    fn along(&mut self, limit: u64) -> String {
        let (from, sku) = self.written();
        let key = self.key(WRITTEN, sku);
        let wanted = all_of([self.by_index(), self.after(&key, sku), vec![self.nothing_overdue()]]);
        let rest = all_of([self.by_reading(WRITTEN)]);
        // Where nothing else is asked, what is found is the page.
        let far = if self.query.filter.is_by_index() { limit } else { LOOK_AHEAD.max(limit) };
        let (order, again) = (self.query.order.sql(&key, sku), self.query.order.sql("i.sort_key", "i.sku"));
        format!(
            "SELECT {} FROM (SELECT i.*, {key} AS sort_key {from} WHERE {wanted} ORDER BY {order} LIMIT {far}) AS i
             WHERE {rest} ORDER BY {again} LIMIT {limit}",
            columns("CAST(0 AS bigint)")
        )
    }

    /// Items as they are written down, all that pass.
    fn all(&mut self, limit: u64) -> String {
        let (from, sku) = self.written();
        let key = self.key(WRITTEN, sku);
        let wanted =
            [self.by_index(), self.by_reading(WRITTEN), self.after(&key, sku), vec![self.nothing_overdue()]];
        // Keeps the database from going along the order after all: it cannot know how far.
        let fence = match (self.query.order.by.has_index(), self.backend) {
            (false, _) => "",
            (true, DbBackend::Postgres) => "OFFSET 0",
            (true, _) => "LIMIT -1 OFFSET 0",
        };
        format!(
            "SELECT {} FROM (SELECT i.*, {key} AS sort_key {from} WHERE {} {fence}) AS i ORDER BY {} LIMIT {limit}",
            columns("CAST(0 AS bigint)"),
            all_of(wanted),
            self.query.order.sql("i.sort_key", "i.sku")
        )
    }

    /// Items with holds that are over, reckoned anew.
    fn overdue(&mut self, limit: u64) -> String {
        let key = self.key(TRUE, "i.sku");
        let standings: Vec<String> =
            self.query.filter.standings.iter().map(|standing| format!("({})", standing.sql())).collect();
        let standings =
            if standings.is_empty() { vec![] } else { vec![format!("({})", standings.join(" OR "))] };
        let wanted = all_of([self.named(), standings, self.by_reading(TRUE), self.after(&key, "i.sku")]);
        format!(
            "SELECT {} FROM (SELECT i.*, due.units, {key} AS sort_key
                 FROM (SELECT inventory_item_id, CAST(sum(quantity - confirmed_quantity) AS bigint) AS units
                     FROM inventory_reservations WHERE {} GROUP BY inventory_item_id) AS due
                 JOIN inventory_items i ON i.id = due.inventory_item_id WHERE {wanted}) AS i
             ORDER BY {} LIMIT {limit}",
            columns("i.units"),
            self.is_over(),
            self.query.order.sql("i.sort_key", "i.sku")
        )
    }

    /// Where items are read from, and which column has their SKUs: those that stand alike are found in its order.
    fn written(&self) -> (&'static str, &'static str) {
        if self.query.filter.standings.is_empty() {
            return ("FROM inventory_items i", "i.sku");
        }
        ("FROM inventory_items i JOIN inventory_standings k ON k.inventory_item_id = i.id", "k.sku")
    }

    /// What there are indexes for that an order may begin with.
    fn by_index(&mut self) -> Vec<String> {
        let mut wanted = self.named();
        let words: Vec<String> =
            self.query.filter.standings.iter().map(|standing| format!("'{}'", standing.as_str())).collect();
        if !words.is_empty() {
            wanted.push(format!("k.standing IN ({})", words.join(", ")));
        }
        wanted
    }

    fn named(&mut self) -> Vec<String> {
        let ItemFilter { owner, supplier, .. } = &self.query.filter;
        let mut wanted = Vec::new();
        for (column, value) in [("i.owner", owner), ("i.supplier_id", supplier)] {
            if let Some(value) = value {
                wanted.push(format!("{column} = {}", self.bound.bind(value.as_str())));
            }
        }
        wanted
    }

    /// What is found out by looking at an item.
    fn by_reading(&mut self, available: &str) -> Vec<String> {
        let filter = &self.query.filter;
        let mut wanted = Vec::new();
        if let Some(text) = &filter.text {
            let pattern = self.bound.bind(text::pattern(self.backend, text));
            wanted.push(text::condition(self.backend, &pattern));
        }
        if let Some(LocationId(location)) = filter.location {
            let location = self.bound.bind(location);
            wanted.push(format!(
                "EXISTS (SELECT 1 FROM inventory_locations h
                     WHERE h.inventory_item_id = i.id AND h.warehouse_id = {location})"
            ));
        }
        if filter.active_only {
            wanted.push("i.is_active".to_owned());
        }
        for (units, Range { min, max }) in
            [(available, filter.available), ("i.total_quantity", filter.on_hand)]
        {
            for (bound, sign) in [(min, ">="), (max, "<=")] {
                if let Some(bound) = bound {
                    wanted.push(format!("{units} {sign} {}", self.bound.bind(bound)));
                }
            }
        }
        wanted
    }

    /// What comes after the last page.
    fn after(&mut self, key: &str, sku: &str) -> Vec<String> {
        let Some(after) = &self.query.after else { return vec![] };
        let sign = if self.query.order.descending { "<" } else { ">" };
        let place: Value = match &after.place {
            Place::Sku => return vec![format!("{sku} {sign} {}", self.bound.bind(after.sku.as_str()))],
            Place::Name(name) => name.as_str().into(),
            Place::Available(units) => (*units).into(),
            Place::Updated(at) => moment(self.backend, *at),
        };
        let (place, last) = (self.bound.bind(place), self.bound.bind(after.sku.as_str()));
        vec![format!("({key}, {sku}) {sign} ({place}, {last})")]
    }

    /// What items are sorted by, as the index on it has it.
    fn key(&self, available: &str, sku: &str) -> String {
        match (self.query.order.by, self.backend) {
            (SortKey::Sku, _) => sku.to_owned(),
            (SortKey::Name, DbBackend::Postgres) => "lower(i.name) COLLATE \"C\"".to_owned(),
            (SortKey::Name, _) => "lower(i.name)".to_owned(),
            (SortKey::Available, _) => available.to_owned(),
            (SortKey::Updated, _) => "i.updated_at".to_owned(),
        }
    }

    fn nothing_overdue(&self) -> String {
        let over = self.is_over();
        format!("i.id NOT IN (SELECT inventory_item_id FROM inventory_reservations WHERE {over})")
    }

    fn is_over(&self) -> String {
        let now = match self.backend {
            DbBackend::Postgres => "statement_timestamp()",
            other => instant::clock(other),
        };
        format!("status = 'open' AND expires_at <= {now}")
    }
}

impl Order {
    fn sql(self, key: &str, sku: &str) -> String {
        let way = if self.descending { " DESC" } else { "" };
        match self.by {
            SortKey::Sku => format!("{sku}{way}"),
            SortKey::Name | SortKey::Available | SortKey::Updated => format!("{key}{way}, {sku}{way}"),
        }
    }
}

/// What is answered of an item `i` of which so many units are free again.
fn columns(freed: &str) -> String {
    format!(
        "i.id, i.product_id, i.sku, i.name, i.owner, i.supplier_id, i.is_active AS active, i.version, i.reorder_point,
         i.reorder_quantity, i.total_quantity AS on_hand, i.available_quantity + {freed} AS available,
         i.reserved_quantity - {freed} AS reserved, i.incoming_quantity AS incoming,
         i.in_transit_quantity AS in_transit, i.updated_at, i.sort_key, lower(i.name) AS name_key, {freed} AS freed"
    )
}

fn all_of<const N: usize>(conditions: [Vec<String>; N]) -> String {
    let conditions = conditions.concat();
    if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") }
}

//! Counts over all items: in total, by owner, by location.
//!
//! **Invariant.** All of an overview is of one state of the database.

use domain::Timestamp;
use sea_orm::{DatabaseTransaction, DbErr, FromQueryResult, Statement, Value};
use uuid::Uuid;

use super::{ReadError, Reader};
use crate::instant;

/// The most owners that an overview names one by one.
const OWNERS_NAMED: usize = 100;

/// Counts over all items that a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// When it was so, by the database's clock.
    pub as_of: Timestamp,
    /// All of it together.
    pub total: Counts,
    /// The same by owner, the largest first, at most 100.
    pub by_owner: Vec<OwnerCount>,
    /// What lies where, the location to take from first in front. Where nothing ever was is not named.
    pub by_location: Vec<LocationCount>,
}

/// Items by how they stand, and their units.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct Counts {
    /// Items.
    pub items: i64,
    /// Items that may be promised.
    pub active: i64,
    /// Active items with nothing available.
    pub out_of_stock: i64,
    /// Active items with something available, at or below their reorder point.
    pub low_stock: i64,
    /// Units on the shelf.
    pub on_hand: i64,
    /// Units free to promise.
    pub available: i64,
    /// Units promised.
    pub reserved: i64,
    /// Units on order from suppliers.
    pub incoming: i64,
    /// Units on their way between locations.
    pub in_transit: i64,
}

/// One owner's share.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct OwnerCount {
    /// Whose.
    pub owner: String,
    /// How much.
    #[sea_orm(nested)]
    pub counts: Counts,
}

/// One location's share, in units.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct LocationCount {
    /// Where.
    pub location_id: Uuid,
    /// Its code.
    pub location: String,
    /// Items that are, or were, kept there.
    pub items: i64,
    /// On the shelf.
    pub on_hand: i64,
    /// Free to promise.
    pub available: i64,
    /// Promised.
    pub reserved: i64,
    /// Not sellable.
    pub damaged: i64,
    /// Waiting to be looked at.
    pub quality_control: i64,
    /// On order from suppliers.
    pub incoming: i64,
    /// On their way there from another location.
    pub in_transit: i64,
}

impl Counts {
    /// Active items above their reorder point.
    pub fn in_stock(&self) -> i64 {
        self.active - self.out_of_stock - self.low_stock
    }

    /// Items that may not be promised.
    pub fn inactive(&self) -> i64 {
        self.items - self.active
    }

    fn add(&mut self, other: &Counts) {
        self.items += other.items;
        self.active += other.active;
        self.out_of_stock += other.out_of_stock;
        self.low_stock += other.low_stock;
        self.on_hand += other.on_hand;
        self.available += other.available;
        self.reserved += other.reserved;
        self.incoming += other.incoming;
        self.in_transit += other.in_transit;
    }
}

impl Reader {
    /// Counts over the items of `owner`, or over all.
    pub async fn overview(&self, owner: Option<&str>) -> Result<Overview, ReadError> {
        let db = self.begin_planned().await?;
        let as_of = instant::now(&db).await?;
        let mut by_owner = self.by_owner(&db, owner).await?;
        let by_location = self.by_location(&db, owner).await?;
        db.commit().await?;
        let mut total = Counts::default();
        by_owner.iter().for_each(|owner| total.add(&owner.counts));
        by_owner.truncate(OWNERS_NAMED);
        Ok(Overview { as_of, total, by_owner, by_location })
    }

    async fn by_owner(
        &self,
        db: &DatabaseTransaction,
        owner: Option<&str>,
    ) -> Result<Vec<OwnerCount>, DbErr> {
        let due = self.due();
        let available = "i.available_quantity + coalesce(due.units, 0)";
        let count = |what: &str| format!("CAST(sum(CASE WHEN {what} THEN 1 ELSE 0 END) AS bigint)");
        let (active, out, low) = (
            count("i.is_active"),
            count(&format!("i.is_active AND {available} <= 0")),
            count(&format!("i.is_active AND {available} > 0 AND {available} <= i.reorder_point")),
        );
        let units = sums(&[
            ("i.total_quantity", "on_hand"),
            (available, "available"),
            ("i.reserved_quantity - coalesce(due.units, 0)", "reserved"),
            ("i.incoming_quantity", "incoming"),
            ("i.in_transit_quantity", "in_transit"),
        ]);
        let (mine, values) = bound(owner);
        let sql = format!(
            "SELECT i.owner, count(*) AS items, {active} AS active, {out} AS out_of_stock, {low} AS low_stock, {units}
             FROM inventory_items i LEFT JOIN ({due}) AS due ON due.inventory_item_id = i.id
             {mine} GROUP BY i.owner ORDER BY 2 DESC, i.owner"
        );
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        OwnerCount::find_by_statement(statement).all(db).await
    }

    /// Locations are few, so both sums are made before they meet.
    async fn by_location(
        &self,
        db: &DatabaseTransaction,
        owner: Option<&str>,
    ) -> Result<Vec<LocationCount>, DbErr> {
        let now = self.clock();
        let on_hand =
            "l.available_quantity + l.reserved_quantity + l.damaged_quantity + l.quality_control_quantity";
        let units = sums(&[
            (on_hand, "on_hand"),
            ("l.available_quantity", "available"),
            ("l.reserved_quantity", "reserved"),
            ("l.damaged_quantity", "damaged"),
            ("l.quality_control_quantity", "quality_control"),
            ("l.incoming_quantity", "incoming"),
            ("l.in_transit_quantity", "in_transit"),
        ]);
        let (mine, values) = bound(owner);
        let of_owner = |table: &str| match owner {
            Some(_) => format!("JOIN inventory_items i ON i.id = {table}.inventory_item_id"),
            None => String::new(),
        };
        let (levels, holds) = (of_owner("l"), of_owner("r"));
        let over = if owner.is_some() { format!("{mine} AND") } else { "WHERE".to_owned() };
        let sql = format!(
            "SELECT w.id AS location_id, w.code AS location, t.items, t.on_hand,
                 t.available + coalesce(d.units, 0) AS available, t.reserved - coalesce(d.units, 0) AS reserved,
                 t.damaged, t.quality_control, t.incoming, t.in_transit
             FROM (SELECT l.warehouse_id, count(*) AS items, {units}
                 FROM inventory_locations l {levels} {mine} GROUP BY l.warehouse_id) AS t
             JOIN warehouses w ON w.id = t.warehouse_id
             LEFT JOIN (SELECT r.warehouse_id, CAST(sum(r.quantity - r.confirmed_quantity) AS bigint) AS units
                 FROM inventory_reservations r {holds} {over} r.status = 'open' AND r.expires_at <= {now}
                 GROUP BY r.warehouse_id) AS d ON d.warehouse_id = t.warehouse_id
             ORDER BY w.priority, w.code"
        );
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        LocationCount::find_by_statement(statement).all(db).await
    }
}

/// The condition that an item `i` is the owner's, if there is one, and its value.
fn bound(owner: Option<&str>) -> (&'static str, Vec<Value>) {
    match owner {
        Some(owner) => ("WHERE i.owner = $1", vec![owner.into()]),
        None => ("", vec![]),
    }
}

fn sums(columns: &[(&str, &str)]) -> String {
    let sum = |(units, name): &(&str, &str)| format!("CAST(sum({units}) AS bigint) AS {name}");
    columns.iter().map(sum).collect::<Vec<_>>().join(", ")
}

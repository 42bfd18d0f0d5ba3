//! Reports over many items.

use chrono::{DateTime, NaiveDate, Utc};
use ledger::{Demand, Listed, Ranked};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::rounded;
use crate::reports::Turned;

/// Items whose predecessors in the ranking sold less than this share of all are of class A.
const A: f64 = 0.80;
/// Likewise of class B; the rest, and what sold nothing, is C.
const B: f64 = 0.95;

/// Items by what they sold, the most in front.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AbcReport {
    pub(crate) as_of: DateTime<Utc>,
    /// Days before today that count.
    pub(crate) days: u32,
    pub(crate) items: Vec<AbcItem>,
    /// Give it as `cursor` to get those after these; none when there are no more.
    pub(crate) next_cursor: Option<String>,
}

/// An item's share of the sales.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AbcItem {
    item_id: Uuid,
    sku: String,
    name: String,
    owner: String,
    /// Its place, from 1.
    rank: i64,
    /// Sold less returned.
    units: i64,
    /// Its share of the units of all.
    share: f64,
    /// That of it and all before it.
    cumulative_share: f64,
    /// A, B or C.
    class: &'static str,
}

/// How often stock turned over, by SKU.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TurnoverReport {
    /// Days before today that count, at most: of an item that is younger those since.
    pub(crate) days: u32,
    pub(crate) items: Vec<TurnoverItem>,
    /// Give it as `cursor` to get those after these; none when there are no more.
    pub(crate) next_cursor: Option<String>,
}

/// How often an item's stock turned over.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct TurnoverItem {
    item_id: Uuid,
    sku: String,
    name: String,
    owner: String,
    /// Days that it was there.
    days: usize,
    /// Sold less returned.
    units: i64,
    /// On the shelf at the end of a day, on average.
    average_on_hand: f64,
    /// How often the average was sold; none if there never was any.
    turnover: Option<f64>,
    /// The same if a year went on so.
    turnover_per_year: Option<f64>,
}

/// Stock that nobody buys, by SKU.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeadStockReport {
    /// Days before today in which none was sold.
    pub(crate) days: u32,
    pub(crate) items: Vec<DeadItem>,
    /// Give it as `cursor` to go on. A page may be short, or empty, and have one: so many items are looked at a page.
    pub(crate) next_cursor: Option<String>,
}

/// An item that nobody buys.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DeadItem {
    item_id: Uuid,
    sku: String,
    name: String,
    owner: String,
    on_hand: i64,
    /// However long ago; none if it never sold.
    last_sold: Option<NaiveDate>,
}

impl From<&Ranked> for AbcItem {
    fn from(item: &Ranked) -> AbcItem {
        let of_all = |units: i64| if item.total > 0 { units as f64 / item.total as f64 } else { 0.0 };
        let before = of_all(item.running - item.units);
        let class = match item.units {
            0 => "C",
            _ if before < A => "A",
            _ if before < B => "B",
            _ => "C",
        };
        AbcItem {
            item_id: item.id,
            sku: item.sku.clone(),
            name: item.name.clone(),
            owner: item.owner.clone(),
            rank: item.rank,
            units: item.units,
            share: rounded(of_all(item.units)),
            cumulative_share: rounded(of_all(item.running)),
            class,
        }
    }
}

impl TurnoverItem {
    pub(crate) fn of(item: Listed, turned: Turned) -> TurnoverItem {
        let Turned { days, units, average_on_hand, turnover, per_year } = turned;
        TurnoverItem {
            item_id: item.id,
            sku: item.sku,
            name: item.name,
            owner: item.owner,
            days,
            units,
            average_on_hand: rounded(average_on_hand),
            turnover: turnover.map(rounded),
            turnover_per_year: per_year.map(rounded),
        }
    }
}

impl DeadItem {
    pub(crate) fn of(item: Listed, demand: &Demand) -> DeadItem {
        let Listed { id, sku, name, owner, on_hand, .. } = item;
        DeadItem { item_id: id, sku, name, owner, on_hand, last_sold: demand.last_sold }
    }
}

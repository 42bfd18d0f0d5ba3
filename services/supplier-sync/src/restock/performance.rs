//! What became of a supplier's orders: how long it takes to deliver, and how much of what was ordered came.
//!
//! An order is charged to the supplier that it was ordered at, once nothing more is to come of it. Orders that it was
//! never asked for, and those that we cancelled ourselves, say nothing of it.

use crate::store::entities::order::{self, OrderState};
use crate::store::orders;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use serde::Serialize;
use utoipa::ToSchema;

/// The latest orders that count: older ones say little of what to expect now.
const LATEST_ORDERS: u64 = 1_000;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// A supplier's record over its latest orders of which nothing more is to come.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Performance {
    /// How many orders that is, 1,000 at most.
    orders: u64,
    units_ordered: i64,
    /// Units that came and were good.
    units_accepted: i64,
    /// Units that were sent back.
    units_rejected: i64,
    /// The share of the ordered units that came and were good, 0 to 1; what came beyond an order does not count. Null
    /// without orders.
    fill_rate: Option<f64>,
    lead_time: LeadTime,
    /// Of those with a promise, the share that was complete by then. Null when nothing was promised.
    on_time_rate: Option<f64>,
    /// Open orders that should be here by now.
    overdue: u64,
}

/// From the first request to the last receipt, of orders that were received.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct LeadTime {
    /// How many orders.
    count: u64,
    /// Null without orders.
    mean_days: Option<f64>,
    /// The spread (of a sample). Null with fewer than two orders.
    sd_days: Option<f64>,
}

/// What became of a supplier's orders.
pub(crate) async fn performance<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    now: DateTime<Utc>,
) -> Result<Performance, DbErr> {
    let mut closed = orders::closed_of(db, supplier_id, LATEST_ORDERS).await?;
    closed.retain(is_charged);
    let overdue = orders::overdue(db, Some(supplier_id), now).await?;
    Ok(summed(&closed, overdue))
}

fn is_charged(order: &order::Model) -> bool {
    let by_us = order.state == OrderState::Cancelled && order.cancel_requested_at.is_some();
    order.ordered_at.is_some() && !by_us && !order.replaced
}

fn summed(orders: &[order::Model], overdue: u64) -> Performance {
    let sum = |units: fn(&order::Model) -> i64| orders.iter().map(units).sum::<i64>();
    let ordered = sum(|order| order.quantity);
    let filled = sum(|order| order.accepted.min(order.quantity));
    let promised: Vec<bool> = orders.iter().filter_map(kept_its_promise).collect();
    let kept = promised.iter().filter(|kept| **kept).count();
    Performance {
        orders: orders.len() as u64,
        units_ordered: ordered,
        units_accepted: sum(|order| order.accepted),
        units_rejected: sum(|order| order.rejected),
        fill_rate: (ordered > 0).then(|| filled as f64 / ordered as f64),
        lead_time: lead_time(&orders.iter().filter_map(days).collect::<Vec<f64>>()),
        on_time_rate: (!promised.is_empty()).then(|| kept as f64 / promised.len() as f64),
        overdue,
    }
}

/// None: nothing was promised.
fn kept_its_promise(order: &order::Model) -> Option<bool> {
    let promised = order.promised_at?;
    Some(order.received_at.is_some_and(|at| at <= promised))
}

fn days(order: &order::Model) -> Option<f64> {
    let taken = order.received_at? - order.ordered_at?;
    Some(taken.as_seconds_f64() / SECONDS_PER_DAY)
}

fn lead_time(days: &[f64]) -> LeadTime {
    let count = days.len() as f64;
    let mean = days.iter().sum::<f64>() / count;
    let squares = days.iter().map(|day| (day - mean).powi(2)).sum::<f64>();
    LeadTime {
        count: days.len() as u64,
        mean_days: (!days.is_empty()).then_some(mean),
        sd_days: (days.len() > 1).then(|| (squares / (count - 1.0)).sqrt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_time_is_a_mean_and_the_spread_of_a_sample() {
        let of = |days: &[f64]| {
            let told = lead_time(days);
            (told.count, told.mean_days, told.sd_days)
        };
        assert_eq!(of(&[]), (0, None, None));
        assert_eq!(of(&[4.0]), (1, Some(4.0), None));
        assert_eq!(of(&[2.0, 4.0, 6.0]), (3, Some(4.0), Some(2.0)));
    }
}

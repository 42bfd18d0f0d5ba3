//! Days as a series: what customers kept, and days that say nothing.

use forecast::Series;
use ledger::{Demand, DemandDay};

/// The series of an item. A day on which it was sold out all day says nothing of demand.
pub fn series(demand: &Demand) -> Series {
    let units = net(&demand.days).into_iter().zip(&demand.days);
    let units = units.map(|(units, day)| (!day.sold_out).then_some(units as f64)).collect();
    Series { first_day: demand.first_day, units }
}

/// What customers kept of what was sold, day by day.
///
/// What comes back undoes a sale, and a sale is of the day on which it was made: what is returned is taken off the
/// latest sales up to then. So no day is below zero, and the sum is that of sales less returns. What was sold before the
/// first day takes nothing off.
pub(crate) fn net(days: &[DemandDay]) -> Vec<i64> {
    let mut kept: Vec<i64> = Vec::with_capacity(days.len());
    // Days of which something is left to be returned.
    let mut open: Vec<usize> = Vec::new();
    for (at, day) in days.iter().enumerate() {
        kept.push(day.sold);
        if day.sold > 0 {
            open.push(at);
        }
        let mut back = day.returned;
        while back > 0
            && let Some(latest) = open.last().copied()
        {
            let taken = back.min(kept[latest]);
            kept[latest] -= taken;
            back -= taken;
            if kept[latest] == 0 {
                open.pop();
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn day(sold: i64, returned: i64) -> DemandDay {
        DemandDay { sold, returned, on_hand: 0, sold_out: false }
    }

    #[test]
    fn what_comes_back_is_taken_off_the_latest_sales_before_it() {
        assert_eq!(net(&[day(5, 0), day(2, 0), day(0, 0), day(0, 4)]), [3, 0, 0, 0]);
        assert_eq!(net(&[day(5, 1), day(2, 3)]), [3, 0]);
        // What was sold before the first day is none of these days'.
        assert_eq!(net(&[day(0, 9), day(2, 0), day(1, 1)]), [0, 2, 0]);
    }

    #[test]
    fn a_day_that_was_sold_out_says_nothing() {
        let out = DemandDay { sold_out: true, ..day(0, 0) };
        let first_day = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        let demand = Demand { first_day, days: vec![day(3, 0), out, day(0, 0)], last_sold: None, version: 1 };
        assert_eq!(series(&demand), Series { first_day, units: vec![Some(3.0), None, Some(0.0)] });
    }
}

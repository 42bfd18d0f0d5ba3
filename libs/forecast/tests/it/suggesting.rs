use forecast::generated::{self, Kind};
use forecast::{LeadTime, Suggestion, forecast, suggest};

use crate::of;

const FIVE_DAYS: LeadTime = LeadTime { mean_days: 5.0, sd_days: 0.0 };

#[test]
fn demand_and_delivery_that_never_vary_need_no_safety_stock() {
    let said = suggest(&forecast(&of([6.0; 60])), &FIVE_DAYS, 0.95, 14.0);
    assert_eq!(said, Suggestion { safety_stock: 0, reorder_point: 30, reorder_quantity: 84 });
}

#[test]
fn a_delivery_that_varies_needs_safety_stock_for_the_demand_of_its_days() {
    let lead = LeadTime { sd_days: 2.0, ..FIVE_DAYS };
    let said = suggest(&forecast(&of([100.0; 60])), &lead, 0.95, 14.0);
    // 1.645 × 100 × 2.
    assert_eq!(said, Suggestion { safety_stock: 329, reorder_point: 829, reorder_quantity: 1400 });
}

#[test]
fn demand_that_varies_needs_the_root_of_its_days() {
    let forecast = forecast(&of((0..364).map(|day| if day % 2 == 0 { 90.0 } else { 110.0 })));
    let (mean, sd) = forecast.over(5.0);
    let said = suggest(&forecast, &FIVE_DAYS, 0.975, 0.0);
    assert_eq!(said.reorder_point, (mean + 1.959_963_985 * sd).ceil() as i64);
    assert!((sd - forecast.daily_sd * 5f64.sqrt()).abs() < 2.0, "{sd} {}", forecast.daily_sd);
}

#[test]
fn what_is_not_asked_for_is_not_ordered() {
    let nothing = Suggestion { safety_stock: 0, reorder_point: 0, reorder_quantity: 0 };
    for series in [of([]), of([0.0; 100])] {
        assert_eq!(suggest(&forecast(&series), &FIVE_DAYS, 0.99, 30.0), nothing);
    }
}

#[test]
fn less_than_one_unit_is_still_ordered_whole() {
    let sold = (0..300).map(|day| if day % 50 == 0 { 1.0 } else { 0.0 });
    let said = suggest(&forecast(&of(sold)), &FIVE_DAYS, 0.95, 14.0);
    assert_eq!((said.reorder_point, said.reorder_quantity), (1, 1));
}

#[test]
fn slow_movers_keep_what_their_skewed_counts_need() {
    let lumpy = forecast(&generated::series(Kind::Lumpy, 3, 546));
    let (mean, sd) = lumpy.over(5.0);
    let said = suggest(&lumpy, &FIVE_DAYS, 0.99, 14.0);
    let normal = mean + 2.326 * sd;
    assert!(said.reorder_point as f64 > normal + 3.0, "{} and the normal's {normal}", said.reorder_point);
}

#[test]
fn a_service_level_beyond_the_bounds_is_the_nearer_bound_and_odd_times_are_none() {
    let said = forecast(&generated::series(Kind::Steady, 3, 200));
    let at = |level| suggest(&said, &FIVE_DAYS, level, 14.0);
    assert_eq!((at(-1.0), at(f64::NAN)), (at(0.5), at(0.5)));
    assert_eq!((at(1.0), at(7.0)), (at(0.9999), at(0.9999)));
    let odd = LeadTime { mean_days: f64::NAN, sd_days: -4.0 };
    let none = LeadTime { mean_days: 0.0, sd_days: 0.0 };
    assert_eq!(suggest(&said, &odd, 0.9, f64::NAN), suggest(&said, &none, 0.9, 0.0));
    let endless = LeadTime { mean_days: f64::INFINITY, sd_days: f64::INFINITY };
    assert!(suggest(&said, &endless, 0.9, f64::INFINITY).reorder_point > 0);
}

/// Every cell of a grid, for what holds of each step holds of all.
#[test]
fn safety_stock_grows_with_the_service_level_and_with_the_spread() {
    let levels = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999];
    let spreads = (0..120).map(|step| 0.02 * f64::from(step) * 1.06f64.powi(step));
    let spreads: Vec<f64> = spreads.collect();
    for kind in Kind::ALL {
        let said = forecast(&generated::series(kind, 11, 300));
        for lead_days in [0.5, 2.0, 9.0, 40.0] {
            let grid = levels.map(|level| {
                let at =
                    |sd: &f64| suggest(&said, &LeadTime { mean_days: lead_days, sd_days: *sd }, level, 7.0);
                spreads.iter().map(at).map(|said| said.safety_stock).collect::<Vec<_>>()
            });
            for row in &grid {
                assert!(row.is_sorted(), "{} at {lead_days} days: {row:?}", kind.as_str());
            }
            for column in 0..spreads.len() {
                let column = grid.each_ref().map(|row| row[column]);
                assert!(column.is_sorted(), "{} at {lead_days} days: {column:?}", kind.as_str());
            }
        }
    }
}

use forecast::{MAX_DAYS, Method, Series, forecast};

use crate::{day, of};

#[test]
fn a_day_that_is_not_named_sold_nothing_and_one_that_is_named_twice_sold_both() {
    let series = Series::counted(day(1), day(4), [(day(2), 3.0), (day(4), 1.0), (day(2), 2.0)]);
    assert_eq!(series.units, [Some(0.0), Some(5.0), Some(0.0), Some(1.0)]);
}

#[test]
fn sales_outside_a_series_are_no_part_of_it() {
    let series = Series::counted(day(2), day(3), [(day(1), 3.0), (day(4), 1.0), (day(3), 7.0)]);
    assert_eq!(series.units, [Some(0.0), Some(7.0)]);
    assert_eq!(Series::counted(day(3), day(2), [(day(3), 1.0)]).units, []);
}

#[test]
fn the_last_days_of_a_long_series_are_taken() {
    let first = day(1) - chrono::Days::new(5000);
    let series = Series::counted(first, day(1), [(first, 9.0), (day(1), 1.0)]);
    assert_eq!(series.units.len(), MAX_DAYS);
    assert_eq!(series.units.iter().flatten().sum::<f64>(), 1.0);
    let old = of((0..2 * MAX_DAYS).map(|day| if day < MAX_DAYS { 50.0 } else { 10.0 }));
    assert_eq!(forecast(&old).mean(1), 10.0);
}

#[test]
fn a_day_on_which_there_was_nothing_to_sell_says_nothing() {
    let sold = Series::counted(day(1), day(20), (1..=20).map(|n| (day(n), 4.0)));
    let sold_out = |n: u32| (10..=15).contains(&n);
    let some = (1..=20).filter(|n| !sold_out(*n)).map(|n| (day(n), 4.0));
    let counted = Series::counted(day(1), day(20), some);
    let without = counted.clone().without((10..=15).map(day));
    assert_eq!(forecast(&without).mean(1), forecast(&sold).mean(1));
    assert!(forecast(&counted).mean(1) < 4.0, "as days without demand they would count");
    assert_eq!(forecast(&without).observed_days, 14);
}

#[test]
fn a_series_begins_with_the_first_day_that_says_something() {
    let units = [None; 40].into_iter().chain([Some(6.0); 40]);
    let said = forecast(&Series { first_day: day(1), units: units.collect() });
    assert_eq!((said.mean(1), said.daily_sd, said.observed_days), (6.0, 0.0, 40));
}

#[test]
fn what_is_no_number_says_nothing_and_what_is_below_zero_is_no_demand() {
    let mut odd = of([f64::NAN, 3.0, f64::INFINITY, 3.0, f64::NEG_INFINITY, 3.0]);
    odd.units.push(None);
    assert_eq!(forecast(&odd).mean(1), 3.0);
    assert_eq!(forecast(&odd).observed_days, 3);
    assert_eq!(forecast(&of([-5.0, 4.0])).mean(1), 2.0);
    let huge = forecast(&of([f64::MAX; 40]));
    assert!(huge.over(400.0).0.is_finite() && huge.daily_sd.is_finite());
}

#[test]
fn of_nothing_nothing_is_expected() {
    for series in [of([]), of([f64::NAN]), Series { first_day: day(1), units: vec![None; 40] }] {
        let said = forecast(&series);
        assert_eq!((said.method, said.mean(1), said.over(7.0)), (Method::Nothing, 0.0, (0.0, 0.0)));
    }
}

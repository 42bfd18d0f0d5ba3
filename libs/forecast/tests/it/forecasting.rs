use forecast::generated::{self, Kind};
use forecast::{MAX_DAYS, MAX_STEPS, Method, Pattern, days_of_cover, forecast};

use crate::of;

#[test]
fn one_day_is_expected_again_with_a_spread_of_its_own() {
    let said = forecast(&of([9.0]));
    assert_eq!((said.method, said.mean(1), said.mean(400)), (Method::Level, 9.0, 9.0));
    assert_eq!(said.over(1.0), (9.0, 3.0), "one day says nothing of the spread, so it is Poisson's");
}

#[test]
fn a_constant_is_expected_to_stay_and_has_no_spread() {
    let said = forecast(&of([6.0; 60]));
    assert_eq!((said.method, said.pattern), (Method::Level, Pattern::Smooth));
    assert_eq!((said.mean(1), said.over(7.0)), (6.0, (42.0, 0.0)));
}

#[test]
fn what_was_never_asked_for_is_not_expected() {
    let said = forecast(&of([0.0; 60]));
    assert_eq!((said.method, said.pattern, said.over(30.0)), (Method::Level, Pattern::None, (0.0, 0.0)));
    assert_eq!(days_of_cover(5, &said), None);
}

#[test]
fn a_week_that_repeats_is_known_by_its_days() {
    let week = [0.0, 1.0, 2.0, 3.0, 9.0, 12.0, 8.0];
    let said = forecast(&of((0..70).map(|day| week[day % 7])));
    assert_eq!(said.method, Method::Weekly);
    for ahead in 1..=21 {
        let expected = week[(70 + ahead - 1) % 7];
        assert!((said.mean(ahead) - expected).abs() < 1e-6, "{ahead}: {}", said.mean(ahead));
    }
    assert!((said.over(7.0).0 - 35.0).abs() < 1e-6 && (said.over(3.5).0 - 4.5).abs() < 1e-6);
}

#[test]
fn a_day_that_says_nothing_is_still_a_day_of_the_week() {
    let week = [0.0, 1.0, 2.0, 3.0, 9.0, 12.0, 8.0];
    let mut series = of((0..70).map(|day| week[day % 7]));
    for day in [20, 33, 45, 46, 47, 61] {
        series.units[day] = None;
    }
    let said = forecast(&series);
    assert_eq!((said.method, said.observed_days), (Method::Weekly, 64));
    for (ahead, units) in week.iter().enumerate() {
        assert!((said.mean(ahead + 1) - units).abs() < 1e-6, "{ahead}: {}", said.mean(ahead + 1));
    }
}

#[test]
fn weekends_alone_are_a_season_and_not_chance() {
    let said = forecast(&of((0..140).map(|day| if day % 7 < 5 { 0.0 } else { 10.0 })));
    assert_eq!((said.pattern, said.method), (Pattern::Intermittent, Method::Weekly));
    assert!(said.mean(1) < 0.5 && (said.mean(6) - 10.0).abs() < 0.5, "{} {}", said.mean(1), said.mean(6));
}

#[test]
fn growth_goes_on_and_dies_out() {
    let said = forecast(&of((0..120).map(|day| 10.0 + 0.5 * f64::from(day))));
    assert_eq!(said.method, Method::Trend);
    assert!(said.mean(1) > 68.0 && said.mean(14) > said.mean(1) + 3.0, "{} {}", said.mean(1), said.mean(14));
    assert!(said.mean(730) < 110.0, "it does not go on for ever: {}", said.mean(730));
}

#[test]
fn a_fall_ends_at_nothing_and_not_below() {
    let said = forecast(&of((0..120).map(|day| 60.0 - 0.5 * f64::from(day))));
    assert_eq!(said.method, Method::Trend);
    assert_eq!((said.mean(60), said.over(60.0).0.is_sign_positive()), (0.0, true));
}

#[test]
fn the_new_level_is_known_after_a_shift() {
    let said = forecast(&of((0..200).map(|day| if day < 170 { 10.0 } else { 30.0 })));
    assert!((said.mean(1) - 30.0).abs() < 1.0, "{}", said.mean(1));
}

#[test]
fn what_nobody_asks_for_any_more_fades() {
    let sold = (0..300).map(|day| if day < 150 && day % 4 == 0 { 3.0 } else { 0.0 });
    let said = forecast(&of(sold));
    assert_eq!((said.pattern, said.method), (Pattern::Intermittent, Method::TeunterSyntetosBabai));
    assert!(said.mean(1) < 0.05, "{}", said.mean(1));
}

#[test]
fn seldom_demand_is_forecast_by_its_rate() {
    let said = forecast(&of((0..200).map(|day| if day % 4 == 0 { 3.0 } else { 0.0 })));
    assert_eq!((said.pattern, said.method), (Pattern::Intermittent, Method::SyntetosBoylan));
    assert!((said.mean(1) - 0.75).abs() < 0.08 && said.mean(1) == said.mean(30), "{}", said.mean(1));
}

// Syntetos, Boylan (2005): what Croston's method says is too high by half the gain.
#[test]
fn the_rate_is_corrected_for_crostons_bias() {
    let said = forecast(&of((0..200).map(|day| if day % 2 == 1 { 3.0 } else { 0.0 })));
    assert_eq!(said.method, Method::SyntetosBoylan);
    assert!(said.mean(1) < 1.5 && said.mean(1) > 1.34, "Croston says 1.5, and this {}", said.mean(1));
}

#[test]
fn patterns_are_told_apart() {
    let pattern = |size: fn(usize) -> f64| forecast(&of((0..90).map(size))).pattern;
    assert_eq!(pattern(|day| 8.0 + (day % 3) as f64), Pattern::Smooth);
    assert_eq!(pattern(|day| if day % 3 == 0 { 40.0 } else { 2.0 }), Pattern::Erratic);
    assert_eq!(pattern(|day| if day % 3 == 0 { 4.0 } else { 0.0 }), Pattern::Intermittent);
    assert_eq!(
        pattern(|day| if day % 9 == 0 { 40.0 } else { [2.0, 0.0][usize::from(day % 3 != 0)] }),
        Pattern::Lumpy
    );
}

#[test]
fn sums_of_days_that_start_from_one_level_spread_more_than_days_that_know_nothing_of_each_other() {
    let said = forecast(&generated::series(Kind::Walk, 1, 400));
    let (_, sd) = said.over(14.0);
    assert!(sd > 2.0 * said.daily_sd * 14f64.sqrt(), "{sd} {}", said.daily_sd);
    let steady = forecast(&generated::series(Kind::Steady, 1, 400));
    let (_, sd) = steady.over(14.0);
    assert!(sd < 1.5 * steady.daily_sd * 14f64.sqrt(), "{sd} {}", steady.daily_sd);
}

#[test]
fn times_that_are_none_have_no_demand_and_long_ones_go_on() {
    let said = forecast(&of([6.0; 60]));
    assert_eq!((said.over(0.0), said.over(-3.0), said.over(f64::NAN)), ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0)));
    assert!((said.over(1000.0).0 - 6000.0).abs() < 1e-6);
    assert_eq!(days_of_cover(9000, &said), Some(1500.0));
}

#[test]
fn cover_is_counted_day_by_day() {
    let said = forecast(&of((0..70).map(|day| if day % 7 < 5 { 0.0 } else { 10.0 })));
    let cover = days_of_cover(15, &said).unwrap();
    assert!(
        (cover - 6.5).abs() < 0.2,
        "five days without sales, then ten and a half of the next ten: {cover}"
    );
    assert_eq!((days_of_cover(0, &said), days_of_cover(-4, &said)), (Some(0.0), Some(0.0)));
}

#[test]
fn the_work_is_bounded_whatever_the_series() {
    for kind in Kind::ALL {
        let steps = forecast(&generated::series(kind, 7, 3 * MAX_DAYS)).steps;
        assert!(steps > 0 && steps <= MAX_STEPS, "{}: {steps} of {MAX_STEPS}", kind.as_str());
    }
    // Some nanoseconds each make less than ten milliseconds.
    const { assert!(MAX_STEPS < 300_000) }
}

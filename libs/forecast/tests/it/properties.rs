use forecast::{LeadTime, MAX_STEPS, Series, days_of_cover, forecast, suggest};
use proptest::prelude::*;

use crate::day;

fn units() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        6 => (0i32..40).prop_map(|units| Some(f64::from(units))),
        4 => Just(Some(0.0)),
        1 => Just(None),
        1 => prop_oneof![Just(f64::NAN), Just(-3.0), Just(f64::INFINITY), Just(f64::MAX), Just(1e-300)]
            .prop_map(Some),
    ]
}

fn series() -> impl Strategy<Value = Series> {
    prop::collection::vec(units(), 0..120).prop_map(|units| Series { first_day: day(1), units })
}

/// Of what shops see: whole units, days that say nothing.
fn sane() -> impl Strategy<Value = Series> {
    let units = prop_oneof![8 => (0i32..40).prop_map(|units| Some(f64::from(units))), 1 => Just(None)];
    prop::collection::vec(units, 1..120).prop_map(|units| Series { first_day: day(1), units })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_forecast_is_a_number_and_never_negative(series in series(), days in 0f64..800.0) {
        let said = forecast(&series);
        for ahead in [1, 2, 7, 30, 729, 5000] {
            prop_assert!(said.mean(ahead).is_finite() && said.mean(ahead) >= 0.0, "{ahead}: {}", said.mean(ahead));
        }
        let (mean, sd) = said.over(days);
        prop_assert!(mean.is_finite() && mean >= 0.0 && sd.is_finite() && sd >= 0.0, "{mean} {sd}");
        prop_assert!(said.steps <= MAX_STEPS);
    }

    #[test]
    fn the_same_series_has_the_same_forecast(series in series()) {
        prop_assert_eq!(forecast(&series), forecast(&series));
    }

    #[test]
    fn longer_times_have_more_demand_and_more_spread(series in sane(), days in 0f64..400.0, more in 0f64..100.0) {
        let said = forecast(&series);
        let ((mean, sd), (longer, wider)) = (said.over(days), said.over(days + more));
        prop_assert!(longer >= mean - 1e-9 && wider >= sd - 1e-9, "{mean} {longer} {sd} {wider}");
    }

    #[test]
    fn cover_grows_with_stock_and_falls_with_demand(series in sane(), units in 1i64..2000) {
        let said = forecast(&series);
        let doubled = Series { units: series.units.iter().map(|units| units.map(|units| 2.0 * units)).collect(), ..series };
        let more = forecast(&doubled);
        match (days_of_cover(units, &said), days_of_cover(units, &more)) {
            (Some(cover), Some(less)) => {
                prop_assert!(less <= cover + 1e-9, "{cover} {less}");
                prop_assert!(days_of_cover(units + 1, &said).is_none_or(|longer| longer > cover));
            }
            (cover, less) => prop_assert!(cover.is_none(), "{cover:?} {less:?}"),
        }
    }

    #[test]
    fn what_is_suggested_holds_together(series in series(), lead in 0f64..60.0, sd in 0f64..20.0, level in 0.5f64..1.0) {
        let said = forecast(&series);
        let lead = LeadTime { mean_days: lead, sd_days: sd };
        let suggestion = suggest(&said, &lead, level, 14.0);
        prop_assert!(suggestion.safety_stock >= 0 && suggestion.reorder_point >= suggestion.safety_stock);
        prop_assert!(suggestion.reorder_quantity >= 0);
    }
}

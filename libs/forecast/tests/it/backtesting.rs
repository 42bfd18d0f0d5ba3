use chrono::Days;
use forecast::backtest::{Backtest, backtest};
use forecast::generated::{DAYS, Kind, series};

use crate::{day, of};

/// Two of each kind, for one may be luck.
const SEEDS: [u64; 2] = [1, 2];

/// The part of the seasonal naive forecast's error that is well below it.
const WELL: f64 = 0.95;

/// How much worse than the seasonal naive forecast is no loss where there is nothing to know.
const NO_LOSS: f64 = 1.02;

fn told(kind: Kind, seed: u64) -> Backtest {
    let tested = backtest(&series(kind, seed, DAYS)).unwrap();
    println!(
        "{:<13} seed {seed}: MASE {:.3} {:.3} {:.3}, RMSE {:.3} {:.3} {:.3}",
        kind.as_str(),
        tested.ours.mase.unwrap(),
        tested.naive.mase.unwrap(),
        tested.seasonal_naive.mase.unwrap(),
        tested.ours.rmse,
        tested.naive.rmse,
        tested.seasonal_naive.rmse,
    );
    tested
}

#[test]
fn where_there_is_structure_it_is_better_than_the_naive_and_elsewhere_no_worse() {
    for (kind, seed) in Kind::ALL.into_iter().flat_map(|kind| SEEDS.map(|seed| (kind, seed))) {
        let tested = told(kind, seed);
        let (ours, naive, seasonal) = (tested.ours, tested.naive, tested.seasonal_naive);
        if kind.has_structure() {
            assert!(ours.rmse < WELL * seasonal.rmse && ours.rmse < NO_LOSS * naive.rmse, "{tested:?}");
        } else {
            assert!(
                ours.rmse < NO_LOSS * seasonal.rmse && ours.mase < seasonal.mase.map(|mase| NO_LOSS * mase)
            );
        }
    }
}

#[test]
fn a_season_without_chance_is_foretold_without_error() {
    let tested = backtest(&of((0..200).map(|day| f64::from(day % 7)))).unwrap();
    assert!(tested.ours.rmse < 1e-6 && tested.seasonal_naive.rmse == 0.0, "{tested:?}");
    assert_eq!(tested.ours.mase, None, "no week differs from another, so there is no scale");
    assert!(tested.naive.rmse > 1.9);
}

#[test]
fn a_series_is_long_enough_from_six_weeks_on() {
    assert_eq!(backtest(&of([1.0; 41])), None);
    let tested = backtest(&of([1.0; 42])).unwrap();
    assert_eq!((tested.origins, tested.foretold), (1, 14));
    assert_eq!(backtest(&of([1.0; 5000])).unwrap().origins, 26);
}

#[test]
fn days_that_say_nothing_are_not_foretold() {
    let mut some = of((0..42).map(|day| f64::from(day % 5)));
    some = some.without([day(1) + Days::new(40)]);
    assert_eq!(backtest(&some).unwrap().foretold, 13);
}

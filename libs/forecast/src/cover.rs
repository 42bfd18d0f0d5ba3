//! How long stock lasts.

use crate::outlook::{Forecast, MAX_AHEAD};

/// The days until so many units are gone, when demand is as expected. `None` is forever: nothing is asked for, or less and
/// less. No units are gone already.
pub fn days_of_cover(units: i64, forecast: &Forecast) -> Option<f64> {
    let mut left = units as f64;
    if left <= 0.0 {
        return Some(0.0);
    }
    for day in 1..=MAX_AHEAD {
        let mean = forecast.mean(day);
        if mean > 0.0 && left <= mean {
            return Some((day - 1) as f64 + left / mean);
        }
        left -= mean;
    }
    let rest = forecast.last_week();
    (rest > 0.0).then(|| MAX_AHEAD as f64 + left / rest)
}

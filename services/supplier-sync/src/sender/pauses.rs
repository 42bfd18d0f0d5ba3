//! When a supplier is asked about an order next: less and less often, with a bound.

use crate::App;
use crate::store::entities::order::{self, OrderState};
use chrono::TimeDelta;
use std::time::Duration;

/// Doublings after which the longest pause is reached anyway.
const MAX_DOUBLINGS: i32 = 20;

/// Twice as long each time, up to the longest; spread, so that orders that failed together do not return
/// together. While nobody is asked (`held`), no longer than it takes to find out that somebody can be again.
pub(super) fn pause(app: &App, order: &order::Model, held: bool) -> TimeDelta {
    let settings = &app.settings;
    let first = match order.state {
        OrderState::Confirmed | OrderState::PartlyReceived => settings.order_follow_up_ms,
        _ => settings.order_pause_ms,
    };
    let longest = match held {
        true => settings.breaker_pause_ms.max(settings.order_pause_ms).min(settings.order_longest_pause_ms),
        false => settings.order_longest_pause_ms,
    };
    let doublings = (order.asks - 1).clamp(0, MAX_DOUBLINGS);
    let bounded = first.saturating_mul(1 << doublings).min(longest);
    span(Duration::from_millis(bounded).mul_f64(rand::random_range(0.75..=1.0)))
}

pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

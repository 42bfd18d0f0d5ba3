//! When to order more, and how much, as a forecast suggests it.

use serde::Serialize;

use crate::outlook::Forecast;
use crate::quantile;

/// The least service level that stock is suggested for: without safety stock, every other cycle runs out.
pub const MIN_SERVICE_LEVEL: f64 = 0.5;

/// The highest one. Beyond it the tails of the distributions say nothing about any shop.
pub const MAX_SERVICE_LEVEL: f64 = 0.9999;

/// The most units that are suggested, and days that are asked about, so that all stays a number.
const MOST_UNITS: f64 = 1e12;
const MOST_DAYS: f64 = 3650.0;

/// Demand over a lead time of at most so many units is counted, not measured: its distribution is discrete and skewed.
const SLOW: f64 = 50.0;

/// The service level from which tails matter. Below it the skew of counts says nothing: their quantiles are near the
/// mean, and wander when the spread grows.
const TAILS: f64 = 0.9;

/// How many times the square of its mean the variance of counted demand exceeds the mean by, at most. A distribution that
/// is spread even more has nearly all of its weight at zero, and its quantiles fall when it is spread more; from there on
/// the normal quantile, which goes on growing, is the higher one.
const MOST_SPREAD: f64 = 4.0;

/// A remainder that comes of computing with floats is no unit.
const DUST: f64 = 1e-9;

/// How long a delivery takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeadTime {
    /// On the average, in days.
    pub mean_days: f64,
    /// Its standard deviation, in days.
    pub sd_days: f64,
}

/// What a forecast suggests, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// What is kept beside the demand that is expected during a delivery.
    pub safety_stock: i64,
    /// Order when what is there and what is on order come down to this.
    pub reorder_point: i64,
    /// How many to order then; 0 when nothing is asked for.
    pub reorder_quantity: i64,
}

/// Suggests when to order and how much, so that the share `service_level` of deliveries comes before the stock is gone
/// (the cycle service level), and an order lasts `cover_days` beyond its lead time.
///
/// The variance of demand during a delivery is L·σ_d² + d²·σ_L²: that of the demand of L days, and that of how many days
/// they are (Silver, Pyke, Peterson, "Inventory Management and Production Planning and Scheduling", 3rd edition, 1998,
/// section 7.10). L·σ_d² is [`Forecast::over`]'s, which also knows that errors of days ahead go together. Safety stock is
/// the normal quantile of that; for slow movers, whose demand comes in whole and skewed counts, it is the quantile of
/// the negative binomial distribution where that is higher (Syntetos, Boylan, "On the stock control performance of
/// intermittent demand estimators", International Journal of Production Economics 103, 2006).
///
/// A service level outside [`MIN_SERVICE_LEVEL`] to [`MAX_SERVICE_LEVEL`] counts as the nearer of them, a time that is
/// below zero or no number as none.
pub fn suggest(forecast: &Forecast, lead: &LeadTime, service_level: f64, cover_days: f64) -> Suggestion {
    let (lead_days, lead_sd, cover) = (days(lead.mean_days), days(lead.sd_days), days(cover_days));
    let level = service_level.clamp(MIN_SERVICE_LEVEL, MAX_SERVICE_LEVEL);
    let level = if level.is_nan() { MIN_SERVICE_LEVEL } else { level };
    let (mean, demand_sd) = forecast.over(lead_days);
    let daily = if lead_days > 0.0 { mean / lead_days } else { forecast.mean(1) };
    let variance = demand_sd.powi(2) + (daily * lead_sd).powi(2);
    let safety = safety(level, mean, variance);
    let quantity = forecast.over(lead_days + cover).0 - mean;
    Suggestion {
        safety_stock: whole(safety),
        reorder_point: whole(mean + safety),
        // Less than one unit is still ordered as one.
        reorder_quantity: whole(quantity),
    }
}

/// What is kept beside the mean so that demand is met with this probability.
fn safety(level: f64, mean: f64, variance: f64) -> f64 {
    let normal = quantile::normal(level) * variance.sqrt();
    let counted = if mean <= SLOW && level >= TAILS {
        let variance = variance.min(mean + MOST_SPREAD * mean * mean);
        quantile::negative_binomial(level, mean, variance).map(|most| most - mean)
    } else {
        None
    };
    normal.max(counted.unwrap_or(0.0)).max(0.0)
}

fn days(days: f64) -> f64 {
    if days.is_nan() { 0.0 } else { days.clamp(0.0, MOST_DAYS) }
}

fn whole(units: f64) -> i64 {
    (units.min(MOST_UNITS) - DUST).ceil().max(0.0) as i64
}

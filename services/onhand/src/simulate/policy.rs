//! What is to be tried, as it is written on the command line.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use domain::MAX_UNITS;
use forecast::{LeadTime, MAX_SERVICE_LEVEL, MIN_SERVICE_LEVEL};

/// The longest time that a delivery may take on the average, and vary by.
const MOST_DAYS: f64 = 365.0;

/// When to order and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Policy {
    /// So many, at this many or fewer.
    Point { point: i64, quantity: i64 },
    /// Up to the most, at the least or fewer.
    MinMax { least: i64, most: i64 },
    /// As the forecast suggests for a service level.
    Suggested { service_level: f64 },
}

/// How long a delivery takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LeadDays(pub(crate) LeadTime);

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Policy, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "point" => {
                let parts = rest.split_once(",quantity:");
                let (point, quantity) = parts.ok_or("a reorder point is written point:20,quantity:50")?;
                let (point, quantity) = (units(point)?, units(quantity)?);
                let some = if quantity > 0 { Ok(()) } else { Err("an order is at least 1 unit") };
                some.map(|()| Policy::Point { point, quantity }).map_err(str::to_owned)
            }
            "min-max" => {
                let parts = rest.split_once(',');
                let (least, most) = parts.ok_or("a least and a most are written min-max:20,80")?;
                let (least, most) = (units(least)?, units(most)?);
                let some = if most > least { Ok(()) } else { Err("the most has to be above the least") };
                some.map(|()| Policy::MinMax { least, most }).map_err(str::to_owned)
            }
            "suggested" => match rest.parse::<f64>() {
                Ok(level) if (MIN_SERVICE_LEVEL..=MAX_SERVICE_LEVEL).contains(&level) => {
                    Ok(Policy::Suggested { service_level: level })
                }
                _ => Err(format!("a service level is from {MIN_SERVICE_LEVEL} to {MAX_SERVICE_LEVEL}")),
            },
            _ => Err("a policy is point:…,quantity:…, min-max:… or suggested:…".to_owned()),
        }
    }
}

impl Display for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Policy::Point { point, quantity } => write!(f, "point:{point},quantity:{quantity}"),
            Policy::MinMax { least, most } => write!(f, "min-max:{least},{most}"),
            Policy::Suggested { service_level } => write!(f, "suggested:{service_level}"),
        }
    }
}

impl FromStr for LeadDays {
    type Err = String;

    fn from_str(text: &str) -> Result<LeadDays, String> {
        let (mean, sd) = text.split_once('±').or_else(|| text.split_once("+-")).unwrap_or((text, "0"));
        match (mean.trim().parse::<f64>(), sd.trim().parse::<f64>()) {
            (Ok(mean_days), Ok(sd_days))
                if (0.0..=MOST_DAYS).contains(&mean_days) && (0.0..=MOST_DAYS).contains(&sd_days) =>
            {
                Ok(LeadDays(LeadTime { mean_days, sd_days }))
            }
            _ => Err(format!("a lead time is written 5±2 or 5+-2, in days from 0 to {MOST_DAYS}")),
        }
    }
}

impl Display for LeadDays {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}±{}", self.0.mean_days, self.0.sd_days)
    }
}

fn units(text: &str) -> Result<i64, String> {
    match text.trim().parse::<i64>() {
        Ok(units) if (0..=MAX_UNITS).contains(&units) => Ok(units),
        _ => Err(format!("{text:?} is no number of units from 0 to {MAX_UNITS}")),
    }
}

//! What kind of demand a series shows.

use serde::Serialize;

/// On the average, demand every so many days, or more seldom, is intermittent.
const SELDOM: f64 = 1.32;

/// The squared coefficient of variation of sizes from which they vary much.
const UNEVEN: f64 = 0.49;

/// The quadrants of Syntetos, Boylan and Croston, "On the categorization of demand patterns", Journal of the Operational
/// Research Society 56 (2005): how often something is asked for, and how much the sizes vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Nothing was ever asked for, or no day says anything.
    None,
    /// Often, in much the same amounts.
    Smooth,
    /// Often, in amounts that vary.
    Erratic,
    /// Seldom, in much the same amounts.
    Intermittent,
    /// Seldom, in amounts that vary.
    Lumpy,
}

impl Pattern {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Pattern::None => "none",
            Pattern::Smooth => "smooth",
            Pattern::Erratic => "erratic",
            Pattern::Intermittent => "intermittent",
            Pattern::Lumpy => "lumpy",
        }
    }

    /// Whether days without demand are the rule.
    pub fn is_seldom(self) -> bool {
        match self {
            Pattern::Intermittent | Pattern::Lumpy => true,
            Pattern::None | Pattern::Smooth | Pattern::Erratic => false,
        }
    }
}

/// The kind of demand that these days show; those that are `None` do not count.
pub fn pattern(units: &[Option<f64>]) -> Pattern {
    let observed = units.iter().flatten().count() as f64;
    let sizes: Vec<f64> = units.iter().flatten().copied().filter(|size| *size > 0.0).collect();
    if sizes.is_empty() {
        return Pattern::None;
    }
    let number = sizes.len() as f64;
    let mean = sizes.iter().sum::<f64>() / number;
    let variance = sizes.iter().map(|size| (size - mean).powi(2)).sum::<f64>() / number;
    let (seldom, uneven) = (observed / number >= SELDOM, variance / (mean * mean) >= UNEVEN);
    match (seldom, uneven) {
        (false, false) => Pattern::Smooth,
        (false, true) => Pattern::Erratic,
        (true, false) => Pattern::Intermittent,
        (true, true) => Pattern::Lumpy,
    }
}

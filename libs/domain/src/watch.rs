//! The lines that a level is watched against.

/// A line that the available units of an item crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// Down to the reorder point or below it.
    Low,
    /// Down to nothing.
    Depleted,
    /// Up above the reorder point.
    Replenished,
}

/// Says which lines were crossed when the available units went from `before` to `after`. A level that moves
/// without crossing a line is nobody's news, so each crossing is told once.
pub fn crossings(before: i64, after: i64, reorder_point: i64) -> Vec<Crossing> {
    let mut crossed = Vec::new();
    if before > reorder_point && after <= reorder_point {
        crossed.push(Crossing::Low);
    }
    if before > 0 && after <= 0 {
        crossed.push(Crossing::Depleted);
    }
    if before <= reorder_point && after > reorder_point {
        crossed.push(Crossing::Replenished);
    }
    crossed
}

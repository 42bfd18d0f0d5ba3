//! Quantiles of distributions.

/// The most units that [`negative_binomial`] counts up to. What it is asked for has a small mean.
const MAX_COUNT: u32 = 10_000;

/// The value that a standard normal variable stays below with probability `p`, which is between 0 and 1.
///
/// Peter J. Acklam's rational approximation ("An algorithm for computing the inverse normal cumulative distribution
/// function", 2003): its relative error is below 1.15e-9.
pub(crate) fn normal(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    /// Below this, and above one minus it, lie the tails.
    const TAIL: f64 = 0.024_25;
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    };
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    }
}

/// The smallest count that a variable of the negative binomial distribution stays at or below with probability `p`.
/// `None` unless the variance is at least the mean (where they are equal it is Poisson's) and the mean is above zero, and
/// for means that are beyond what can be counted up to.
pub(crate) fn negative_binomial(p: f64, mean: f64, variance: f64) -> Option<f64> {
    /// So near to Poisson's distribution that the difference is nothing.
    const POISSON: f64 = 1e9;
    if mean <= 0.0 || variance < mean {
        return None;
    }
    let size = (mean * mean / (variance - mean)).min(POISSON);
    let ratio = mean / (size + mean);
    let mut chance = (-size * (mean / size).ln_1p()).exp();
    let mut sum = chance;
    for count in 0..MAX_COUNT {
        if sum >= p {
            return Some(f64::from(count));
        }
        chance *= ratio * (size + f64::from(count)) / (f64::from(count) + 1.0);
        sum += chance;
    }
    None
}

fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::{negative_binomial, normal};

    #[test]
    fn the_normal_quantile_is_as_tables_have_it() {
        for (p, z) in [(0.5, 0.0), (0.9, 1.281_551_566), (0.975, 1.959_963_985), (0.999, 3.090_232_306)] {
            assert!((normal(p) - z).abs() < 1e-8, "{p}: {}", normal(p));
            assert!((normal(1.0 - p) + z).abs() < 1e-8, "{p}: {}", normal(1.0 - p));
        }
    }

    #[test]
    fn the_negative_binomial_quantile_is_as_tables_have_it() {
        // Poisson's: P(X ≤ 1) = 0.9098, P(X ≤ 2) = 0.9856 for a mean of 0.5.
        assert_eq!(negative_binomial(0.90, 0.5, 0.5), Some(1.0));
        assert_eq!(negative_binomial(0.95, 0.5, 0.5), Some(2.0));
        // Geometric with a mean of 1: P(X ≤ n) = 1 − 2^−(n+1).
        assert_eq!(negative_binomial(0.93, 1.0, 2.0), Some(3.0));
        assert_eq!(negative_binomial(0.94, 1.0, 2.0), Some(4.0));
        assert_eq!(negative_binomial(0.9, 2.0, 1.0), None);
        assert_eq!(negative_binomial(0.9, 0.0, 1.0), None);
    }
}

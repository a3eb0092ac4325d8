//! Tail: value at risk and expected shortfall, of what was observed and of a normal distribution.
//!
//! Both are losses: above zero where money is lost. Value at risk at a confidence c is the loss of the
//! quantile 1 - c of the gains. Expected shortfall is the mean loss of the worst part 1 - c of all days;
//! the day at its edge counts for the part of it that is inside (Acerbi and Tasche, "On the coherence of
//! expected shortfall", 2002). Confidences are in millionths, so that no day is lost to rounding.

use super::moments::finite;
use crate::config::analytics::Quantile;

/// One, in millionths.
const ONE: u64 = 1_000_000;

/// Gains, from the worst to the best. Every one is finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Gains {
    ordered: Vec<f64>,
}

impl Gains {
    /// Leaves out what is no number.
    pub fn new(gains: &[f64]) -> Self {
        let mut ordered: Vec<f64> = gains
            .iter()
            .copied()
            .filter(|gain| gain.is_finite())
            .collect();
        ordered.sort_unstable_by(f64::total_cmp);
        Self { ordered }
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.ordered.len()
    }

    /// From the worst.
    pub fn ordered(&self) -> &[f64] {
        &self.ordered
    }

    /// The loss that is exceeded on a part 1 - `confidence` of the days. `None` of nothing.
    pub fn value_at_risk(&self, confidence: u32, quantile: Quantile) -> Option<f64> {
        let count = self.ordered.len() as u64;
        let tail = ONE.saturating_sub(u64::from(confidence));
        let gain = match quantile {
            Quantile::Linear => {
                let place = count.checked_sub(1)? * tail;
                let (low, part) = ((place / ONE) as usize, (place % ONE) as f64 / ONE as f64);
                let low_gain = *self.ordered.get(low)?;
                let high_gain = self.ordered.get(low + 1).copied().unwrap_or(low_gain);
                low_gain + (high_gain - low_gain) * part
            }
            Quantile::Observed => {
                let place = (count * tail).div_ceil(ONE).max(1);
                *self.ordered.get(place as usize - 1)?
            }
        };
        loss(gain)
    }

    /// The mean loss of the worst part 1 - `confidence` of the days. `None` of nothing.
    pub fn expected_shortfall(&self, confidence: u32) -> Option<f64> {
        let tail = ONE.saturating_sub(u64::from(confidence));
        let days = self.ordered.len() as u64 * tail;
        let (whole, part) = ((days / ONE) as usize, (days % ONE) as f64 / ONE as f64);
        let inside: f64 = self.ordered.get(..whole)?.iter().sum();
        let edge = self.ordered.get(whole).copied().unwrap_or_default();
        loss((inside + edge * part) / (days as f64 / ONE as f64))
    }
}

/// The loss of a normal distribution of gains: `z` deviations, less the mean.
pub fn normal_value_at_risk(mean: f64, deviation: f64, confidence: u32) -> Option<f64> {
    finite(normal_quantile(confidence) * deviation - mean)
}

/// The mean loss beyond it.
pub fn normal_expected_shortfall(mean: f64, deviation: f64, confidence: u32) -> Option<f64> {
    let tail = ONE.saturating_sub(u64::from(confidence)) as f64 / ONE as f64;
    let density = normal_density(normal_quantile(confidence));
    finite(density / tail * deviation - mean)
}

/// Zero has one sign.
fn loss(gain: f64) -> Option<f64> {
    finite(0.0 - gain)
}

/// Below which a part `confidence`, above one half, of a standard normal distribution lies. Newton's
/// method from the middle: the distribution is concave there, so each step ends before the place.
pub fn normal_quantile(confidence: u32) -> f64 {
    const STEPS_MAX: usize = 100;
    let share = f64::from(confidence) / ONE as f64;
    let mut z = 0.0;
    for _ in 0..STEPS_MAX {
        let step = (share - normal_share(z)) / normal_density(z);
        z += step;
        if step.abs() <= f64::EPSILON * z.abs() {
            break;
        }
    }
    z
}

fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// The part below `z`, by the series of odd powers over odd factorials, whose terms are all above zero.
fn normal_share(z: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (z, z, 1.0);
    while f64::EPSILON * sum.abs() < 2.0 * term.abs() {
        odd += 2.0;
        term *= z * z / odd;
        sum += term;
    }
    0.5 + normal_density(z) * sum
}

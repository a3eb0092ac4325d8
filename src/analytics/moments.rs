//! Moments: means, variances, covariances, betas and volatilities of returns.
//!
//! Additions, multiplications, divisions and roots alone: every machine gives the same bits.

/// Below this, for each unit of the largest return, a deviation is the rounding of prices and no risk.
const NOISE: f64 = 1e-13;

/// The sum over the count; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    finite(values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample covariance: products of deviations from the means, over the count less 1. `None` of fewer
/// than two, or of two lists of different lengths.
pub fn covariance(one: &[f64], other: &[f64]) -> Option<f64> {
    if one.len() != other.len() || one.len() < 2 {
        return None;
    }
    let (mean_one, mean_other) = (mean(one)?, mean(other)?);
    let products = one.iter().zip(other);
    let sum: f64 = products
        .map(|(one, other)| (one - mean_one) * (other - mean_other))
        .sum();
    finite(sum / (one.len() - 1) as f64)
}

/// The sample variance. Zero where values differ by no more than rounding makes them differ.
pub fn variance(values: &[f64]) -> Option<f64> {
    let variance = covariance(values, values)?;
    let largest = values
        .iter()
        .fold(1.0, |most: f64, value| most.max(value.abs()));
    let noise = NOISE * largest;
    Some(if variance <= noise * noise {
        0.0
    } else {
        variance
    })
}

/// The sample deviation.
pub fn deviation(values: &[f64]) -> Option<f64> {
    variance(values).map(f64::sqrt)
}

/// The exponentially weighted deviation behind the last value: the variance of each day is `lambda`
/// times that of the day before and `1 - lambda` times the square of the day's value. The first is the
/// square of the first value; means are taken for zero.
pub fn ewma_deviation(values: &[f64], lambda: f64) -> Option<f64> {
    let mut values = values.iter();
    let first = values.next()?;
    let variance = values.fold(first * first, |variance, value| {
        lambda * variance + (1.0 - lambda) * value * value
    });
    finite(variance.sqrt())
}

/// How much values move for each unit that the index moves: covariance over the index's variance.
/// `None` where the index does not move.
pub fn beta(values: &[f64], index: &[f64]) -> Option<f64> {
    ratio(covariance(values, index)?, variance(index)?)
}

/// A quotient that is a number; `None` by zero.
pub fn ratio(of: f64, by: f64) -> Option<f64> {
    finite(of / by)
}

/// `None` in place of NaN and infinity.
pub fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

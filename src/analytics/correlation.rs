//! Correlation: the correlations and covariances of a panel, shrunk where they are ill-conditioned.
//!
//! What is conditioned is the correlation matrix: its condition number does not depend on how volatile
//! each symbol is, and shrinking it leaves every variance as it was sampled. Where its greatest
//! eigenvalue is more than `condition_max` times its least, each correlation is multiplied by 1 - s.
//! The intensity s is that of Ledoit and Wolf ("A well-conditioned estimator for large-dimensional
//! covariance matrices", 2004) for standardised returns and the identity as target, or, where that is
//! not enough, the least that brings the condition number down to `condition_max`.

use super::error::AnalyticsError;
use super::moments::{covariance, deviation, finite, mean, ratio, variance};
use super::panel::Panel;

/// Eigenvalues of more symbols take minutes.
const SYMBOLS_MAX: usize = 1_000;

/// Of a panel, in the order of its symbols.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlation {
    /// Row by row. `None` beside a symbol that does not move, of which nothing can be said.
    matrix: Vec<Option<f64>>,
    deviations: Vec<f64>,
    /// Of the sampled matrix; `None` where it is singular, or no symbol moves.
    pub condition: Option<f64>,
    /// How much was shrunk; zero where nothing was.
    pub shrinkage: f64,
}

impl Correlation {
    /// Samples it, and shrinks it where its condition number is above `condition_max`.
    pub fn new(panel: &Panel, condition_max: f64) -> Result<Self, AnalyticsError> {
        let count = panel.names.len();
        if SYMBOLS_MAX < count {
            let problem = format!("{count} symbols at once; analyse at most {SYMBOLS_MAX}");
            return Err(AnalyticsError::new(problem));
        }
        let deviations = panel.returns.iter().map(|returns| deviation(returns));
        let deviations: Vec<f64> = deviations.map(Option::unwrap_or_default).collect();
        let mut sampled = Self {
            matrix: vec![None; count * count],
            deviations,
            condition: None,
            shrinkage: 0.0,
        };
        for one in 0..count {
            for other in 0..=one {
                let correlation = sampled.sample(panel, one, other);
                sampled.matrix[one * count + other] = correlation;
                sampled.matrix[other * count + one] = correlation;
            }
        }
        sampled.condition_and_shrink(panel, condition_max);
        Ok(sampled)
    }

    fn sample(&self, panel: &Panel, one: usize, other: usize) -> Option<f64> {
        let product = self.deviations[one] * self.deviations[other];
        let covariance = covariance(&panel.returns[one], &panel.returns[other])?;
        match one == other {
            true => (0.0 < product).then_some(1.0),
            false => ratio(covariance, product).map(|correlation| correlation.clamp(-1.0, 1.0)),
        }
    }

    fn condition_and_shrink(&mut self, panel: &Panel, condition_max: f64) {
        let moving: Vec<usize> = (0..self.count())
            .filter(|at| 0.0 < self.deviations[*at])
            .collect();
        let pairs = moving
            .iter()
            .flat_map(|one| moving.iter().map(move |other| (*one, *other)));
        let matrix = pairs.map(|(one, other)| self.between(one, other).unwrap_or_default());
        let values = eigenvalues(matrix.collect(), moving.len());
        let greatest = values.iter().copied().fold(0.0, f64::max);
        let least = values.iter().copied().fold(f64::MAX, f64::min);
        if moving.len() < 2 {
            self.condition = moving.first().map(|_| 1.0);
            return;
        }
        // An eigenvalue that rounding alone keeps from zero is zero.
        let noise = greatest * f64::EPSILON * moving.len() as f64;
        self.condition = if noise < least {
            ratio(greatest, least)
        } else {
            None
        };
        if self
            .condition
            .is_some_and(|condition| condition <= condition_max)
        {
            return;
        }
        let least = least.max(0.0);
        let excess = greatest - condition_max * least;
        let enough = ratio(excess, excess + condition_max - 1.0).unwrap_or(1.0);
        let shrinkage = ledoit_wolf(panel, &moving).max(enough).min(1.0);
        self.shrinkage = shrinkage;
        let count = self.count();
        for (at, cell) in self.matrix.iter_mut().enumerate() {
            if at / count != at % count {
                *cell = cell.map(|correlation| (1.0 - shrinkage) * correlation);
            }
        }
    }

    /// How many symbols there are.
    pub const fn count(&self) -> usize {
        self.deviations.len()
    }

    /// Between -1 and 1; `None` where one of the two does not move.
    pub fn between(&self, one: usize, other: usize) -> Option<f64> {
        let row = self.matrix.get(one * self.count()..)?;
        row.get(..self.count())?.get(other).copied().flatten()
    }

    /// Of a day; zero where one of the two does not move.
    pub fn covariance(&self, one: usize, other: usize) -> f64 {
        let between = self.between(one, other).unwrap_or_default();
        between * self.deviation(one) * self.deviation(other)
    }

    /// The sample deviation of a day's return.
    pub fn deviation(&self, at: usize) -> f64 {
        self.deviations.get(at).copied().unwrap_or_default()
    }

    /// The deviation of a day's gain of what is worth so much in each symbol.
    pub fn deviation_of(&self, values: &[f64]) -> Option<f64> {
        let row = |one: usize| -> f64 {
            let products = values.iter().enumerate();
            let products = products.map(|(other, value)| value * self.covariance(one, other));
            products.sum()
        };
        let variance: f64 = values
            .iter()
            .enumerate()
            .map(|(at, value)| value * row(at))
            .sum();
        finite(variance.max(0.0).sqrt())
    }
}

/// The intensity of Ledoit and Wolf for standardised returns and the identity.
fn ledoit_wolf(panel: &Panel, moving: &[usize]) -> f64 {
    let days = panel.returns_count();
    let count = days as f64;
    let standardised: Vec<Vec<f64>> = moving
        .iter()
        .map(|at| {
            let returns = &panel.returns[*at];
            let middle = mean(returns).unwrap_or_default();
            // Of the population, so that every variance is 1.
            let population = variance(returns).unwrap_or_default() * (count - 1.0) / count;
            let deviation = population.sqrt();
            returns
                .iter()
                .map(|value| (value - middle) / deviation)
                .collect()
        })
        .collect();
    let (mut square, mut distance) = (0.0, 0.0);
    for (at, one) in standardised.iter().enumerate() {
        for (of, other) in standardised.iter().enumerate() {
            let product: f64 = one.iter().zip(other).map(|(one, other)| one * other).sum();
            let cell = product / count;
            let target = if at == of { 1.0 } else { 0.0 };
            square += cell * cell;
            distance += (cell - target) * (cell - target);
        }
    }
    let fourth: f64 = (0..days)
        .map(|day| {
            let length: f64 = standardised
                .iter()
                .map(|values| values[day] * values[day])
                .sum();
            length * length
        })
        .sum();
    let error = (fourth - count * square) / (count * count);
    ratio(error.clamp(0.0, distance), distance).unwrap_or(1.0)
}

/// The eigenvalues of a symmetric matrix, by rotations (Jacobi).
pub(super) fn eigenvalues(mut matrix: Vec<f64>, count: usize) -> Vec<f64> {
    const SWEEPS_MAX: usize = 60;
    for _ in 0..SWEEPS_MAX {
        let cells = matrix.iter().enumerate();
        let (mut beside, mut all) = (0.0, 0.0);
        for (at, cell) in cells {
            let square = cell * cell;
            all += square;
            beside += if at / count == at % count {
                0.0
            } else {
                square
            };
        }
        if beside <= all * f64::EPSILON * f64::EPSILON {
            break;
        }
        for row in 0..count {
            for column in row + 1..count {
                rotate(&mut matrix, count, row, column);
            }
        }
    }
    (0..count).map(|at| matrix[at * count + at]).collect()
}

/// Turns a cell beside the diagonal to zero.
fn rotate(matrix: &mut [f64], count: usize, row: usize, column: usize) {
    let cell = matrix[row * count + column];
    if cell.abs() <= f64::MIN_POSITIVE {
        return;
    }
    let apart = (matrix[column * count + column] - matrix[row * count + row]) / (2.0 * cell);
    let tangent = apart.signum() / (apart.abs() + (apart * apart + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for at in 0..count {
        let (one, other) = (matrix[at * count + row], matrix[at * count + column]);
        matrix[at * count + row] = cosine * one - sine * other;
        matrix[at * count + column] = sine * one + cosine * other;
    }
    for at in 0..count {
        let (one, other) = (matrix[row * count + at], matrix[column * count + at]);
        matrix[row * count + at] = cosine * one - sine * other;
        matrix[column * count + at] = sine * one + cosine * other;
    }
}

//! Figures: what is said of one symbol, of all together, and of the tail. Money is in the currency of
//! the prices; deviations, means and shares are parts of 1; what is not defined is `None`.

use jiff::civil::Date;

/// One symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct SymbolFigures {
    /// How much is held, if that was said.
    pub qty: Option<f64>,
    /// On the last day.
    pub price: f64,
    /// Quantity times price times multiplier; below zero: short.
    pub value: f64,
    /// The mean of a day's return.
    pub mean: Option<f64>,
    /// The sample deviation of a day's return.
    pub deviation: f64,
    /// The exponentially weighted one, as of the last day.
    pub ewma_deviation: Option<f64>,
    /// What its beta is against.
    pub index: Option<String>,
    /// `None` without an index, and against one that does not move.
    pub beta: Option<f64>,
}

/// All together.
#[derive(Clone, Debug, PartialEq)]
pub struct PortfolioFigures {
    /// Long and short added.
    pub gross: f64,
    /// Long less short.
    pub net: f64,
    /// What gains and losses are a share of.
    pub equity: f64,
    /// The mean of a day's gain, in money.
    pub mean: Option<f64>,
    /// The deviation of a day's gain, in money, by the covariances.
    pub deviation: Option<f64>,
    /// The exponentially weighted one of the gains, in money.
    pub ewma_deviation: Option<f64>,
    /// See [`crate::analytics::performance::sharpe`]; of gains as shares of the equity.
    pub sharpe: Option<f64>,
    /// What its beta is against.
    pub index: Option<String>,
    /// Of gains as shares of the equity.
    pub beta: Option<f64>,
    /// The worst day and its gain.
    pub worst: Option<(Date, f64)>,
    /// The best.
    pub best: Option<(Date, f64)>,
}

/// What is lost at the worst, at one confidence, in money: losses are above zero.
#[derive(Clone, Debug, PartialEq)]
pub struct TailFigures {
    /// Value at risk, or expected shortfall.
    pub measure: Measure,
    /// In millionths.
    pub confidence: u32,
    /// Of the days that were.
    pub historical: Option<f64>,
    /// Of a normal distribution with the mean of the gains and the deviation of the covariances.
    pub normal: Option<f64>,
    /// Of one with no mean and the exponentially weighted deviation.
    pub ewma: Option<f64>,
}

/// What is said of the tail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Measure {
    /// Exceeded on so few days.
    ValueAtRisk,
    /// The mean of these days.
    ExpectedShortfall,
}

impl Measure {
    /// As people write it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ValueAtRisk => "VaR",
            Self::ExpectedShortfall => "ES",
        }
    }
}

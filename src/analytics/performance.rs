//! Performance: the Sharpe ratio, and how far below its best a portfolio has been.

use super::moments::{deviation, mean, ratio};
use jiff::civil::Date;

/// The mean yearly return above the risk-free rate over the yearly deviation: the day's mean times
/// `days_per_year`, less the rate, over the day's deviation times its root. `None` where nothing moves.
pub fn sharpe(returns: &[f64], days_per_year: f64, risk_free_rate: f64) -> Option<f64> {
    let above = mean(returns)? * days_per_year - risk_free_rate;
    ratio(above, deviation(returns)? * days_per_year.sqrt())
}

/// How far below its best a portfolio was whose weights were held as they are today.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawdown {
    /// Below the best so far, as a part of it, at the end of each day: 0 to 1. What has lost everything
    /// stays at 1.
    pub curve: Vec<f64>,
    /// The deepest.
    pub deepest: f64,
    /// The day of the best before the deepest.
    pub from: Date,
    /// The day of the deepest.
    pub to: Date,
    /// The day on which the best was reached again, if it was.
    pub recovered: Option<Date>,
}

impl Drawdown {
    /// Of a return for each day; `first_day` is the one before them. `None` of none.
    pub fn new(returns: &[f64], first_day: Date, days: &[Date]) -> Option<Self> {
        // Of the best so far: kept below 1, it cannot overflow.
        let (mut part, mut best_day) = (1.0, first_day);
        let mut found: Option<Self> = None;
        let mut curve = Vec::with_capacity(returns.len());
        for (simple, day) in returns.iter().zip(days) {
            part = f64::max(0.0, part * (1.0 + simple));
            let depth = f64::max(0.0, 1.0 - part);
            if 1.0 <= part {
                (part, best_day) = (1.0, *day);
                if let Some(found) = &mut found {
                    found.recovered.get_or_insert(*day);
                }
            }
            if found.as_ref().is_none_or(|found| found.deepest < depth) {
                found = Some(Self {
                    curve: Vec::new(),
                    deepest: depth,
                    from: best_day,
                    to: *day,
                    recovered: None,
                });
            }
            curve.push(depth);
        }
        let found = found?;
        Some(Self { curve, ..found })
    }
}

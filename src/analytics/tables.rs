//! Tables: what the risk core is given of history, in binary fixed-point.
//!
//! A float is exact where it is made by additions, multiplications, divisions and roots alone, and it
//! becomes the nearest fixed-point number here: the same history gives the same table, bit for bit, on
//! every machine.

use super::correlation::Correlation;
use super::error::AnalyticsError;
use super::history::History;
use super::moments::{beta, ewma_deviation};
use super::panel::{Panel, Wanted};
use fixed::types::I16F48;
use jiff::civil::Date;

/// A return, deviation, correlation or beta: in 2^-48, from -32768 to below 32768.
pub type Ratio = I16F48;

/// The returns of symbols on past days, each day a scenario.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScenarioReturns {
    /// On which each return ends, in order.
    pub days: Vec<Date>,
    /// In the order in which they were asked for.
    pub names: Vec<String>,
    /// By symbol, then by day.
    pub returns: Vec<Vec<Ratio>>,
}

/// Everything that the core may ask of history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RiskTables {
    /// See there.
    pub scenarios: ScenarioReturns,
    /// The sample deviation of a day's return, by symbol.
    pub deviations: Vec<Ratio>,
    /// The exponentially weighted one.
    pub ewma_deviations: Vec<Ratio>,
    /// Row by row; zero beside a symbol that does not move.
    pub correlations: Vec<Ratio>,
    /// Against each symbol's index; `None` where it has none.
    pub betas: Vec<Option<Ratio>>,
}

/// What tables are made by.
#[derive(Clone, Copy, Debug)]
pub struct TableTerms {
    /// How many days.
    pub wanted: Wanted,
    /// The weight of yesterday's variance.
    pub ewma_lambda: f64,
    /// Above which correlations are shrunk.
    pub condition_max: f64,
}

/// The returns of these symbols on the last days that all of them have. An error where one has no
/// history, a price is missing, or there are too few days: no return is ever made up.
pub fn scenario_returns(
    history: &History,
    names: &[&str],
    wanted: Wanted,
) -> Result<ScenarioReturns, AnalyticsError> {
    fix(&Panel::new(history, names, wanted)?)
}

/// All tables for these symbols, each with its index or none.
pub fn risk_tables(
    history: &History,
    symbols: &[(&str, Option<&str>)],
    terms: TableTerms,
) -> Result<RiskTables, AnalyticsError> {
    let names: Vec<&str> = symbols.iter().map(|(name, _)| *name).collect();
    let panel = Panel::new(history, &names, terms.wanted)?;
    let correlation = Correlation::new(&panel, terms.condition_max)?;
    let count = names.len();
    let mut tables = RiskTables {
        scenarios: fix(&panel)?,
        deviations: Vec::with_capacity(count),
        ewma_deviations: Vec::with_capacity(count),
        correlations: Vec::with_capacity(count * count),
        betas: Vec::with_capacity(count),
    };
    for (at, (name, index)) in symbols.iter().enumerate() {
        tables
            .deviations
            .push(ratio(name, correlation.deviation(at))?);
        let ewma = ewma_deviation(&panel.returns[at], terms.ewma_lambda);
        tables
            .ewma_deviations
            .push(ratio(name, ewma.unwrap_or_default())?);
        for other in 0..count {
            let between = correlation.between(at, other).unwrap_or_default();
            tables.correlations.push(ratio(name, between)?);
        }
        let beta = index.map(|index| beta_of(history, (name, index), terms.wanted));
        tables.betas.push(beta.transpose()?);
    }
    Ok(tables)
}

pub(super) fn beta_of(
    history: &History,
    (name, index): (&str, &str),
    wanted: Wanted,
) -> Result<Ratio, AnalyticsError> {
    let pair = Panel::new(history, &[name, index], wanted)?;
    match beta(&pair.returns[0], &pair.returns[1]) {
        Some(beta) => ratio(name, beta),
        None => Err(still(index)),
    }
}

/// An index that never moves has no beta.
pub(super) fn still(index: &str) -> AnalyticsError {
    let problem = format!(
        "{index} does not move in its history, so nothing has a beta against it; name another index"
    );
    AnalyticsError::new(problem)
}

fn fix(panel: &Panel) -> Result<ScenarioReturns, AnalyticsError> {
    let series = panel.names.iter().zip(&panel.returns);
    let returns = series.map(|(name, returns)| {
        let returns = returns.iter().map(|simple| ratio(name, *simple));
        returns.collect::<Result<Vec<_>, _>>()
    });
    Ok(ScenarioReturns {
        days: panel.days.clone(),
        names: panel.names.clone(),
        returns: returns.collect::<Result<_, _>>()?,
    })
}

/// The nearest there is; of two alike, the even one.
fn ratio(name: &str, value: f64) -> Result<Ratio, AnalyticsError> {
    Ratio::checked_from_num(value).ok_or_else(|| {
        let problem = format!("{name}: {value} is beyond what tables hold; correct its prices");
        AnalyticsError::new(problem)
    })
}

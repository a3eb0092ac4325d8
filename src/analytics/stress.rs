//! Stress: what is held after the changes of price that a named scenario says.

use super::error::AnalyticsError;
use crate::config::Config;
use crate::config::scenarios::{Scenario, ShockTarget};
use crate::config::tail::exact_change;
use crate::units::SymbolId;

/// What a scenario does to what is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Stress {
    /// The scenario's name.
    pub name: String,
    /// In money; below zero: a loss.
    pub gain: f64,
    /// Of the equity; `None` where that is zero.
    pub share: Option<f64>,
    /// By symbol.
    pub changes: Vec<Change>,
}

/// What it does to one symbol.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The symbol.
    pub symbol: String,
    /// Of its price, as a part of 1.
    pub change: f64,
    /// Of what is held in it, in money.
    pub gain: f64,
}

/// The scenarios of these names, or every one where none is named.
pub fn find<'c>(config: &'c Config, names: &[String]) -> Result<Vec<&'c Scenario>, AnalyticsError> {
    if names.is_empty() {
        return Ok(config.scenarios.iter().collect());
    }
    let found = names.iter().map(|name| {
        let found = config
            .scenarios
            .iter()
            .find(|scenario| scenario.name == *name);
        found.ok_or_else(|| {
            let known: Vec<_> = config.scenarios.iter().map(|of| of.name.as_str()).collect();
            let known = match known.is_empty() {
                true => "none; write a [[scenario]]".to_owned(),
                false => known.join(", "),
            };
            AnalyticsError::new(format!("unknown scenario {name:?}; known: {known}"))
        })
    });
    found.collect()
}

/// The change of one symbol's price: its own, else that of the first group that it is in, else that of
/// the first index by its beta, else that of others. `beta` says the symbol's beta against an index.
pub fn change_of(
    scenario: &Scenario,
    config: &Config,
    symbol: Option<SymbolId>,
    beta: impl Fn(&str) -> Result<f64, AnalyticsError>,
) -> Result<f64, AnalyticsError> {
    if let Some(exact) = symbol.and_then(|of| exact_change(scenario, &config.setup, of)) {
        return Ok(part(exact));
    }
    let shocks = &scenario.shocks;
    let of_index = shocks.iter().find_map(|shock| match &shock.target {
        ShockTarget::Index(index) => Some((index, part(shock.change))),
        ShockTarget::Symbol(_) | ShockTarget::Group(_) => None,
    });
    match of_index {
        Some((index, change)) => Ok(beta(index)? * change),
        None => Ok(part(scenario.others)),
    }
}

/// Millionths as a part of 1.
fn part(millionths: i64) -> f64 {
    millionths as f64 / 1e6
}

//! Handover: what the risk core is given of history, filled in when a run starts.
//!
//! In:   a configuration, and the files of prices that `[analytics]` names.
//! Out:  the same, with every return and cluster that `[tail]` asks for written out in it.
//!
//! A symbol without a price on enough days stays without returns: the core refuses what needs them. What
//! is written in the configuration already is left as it is.

use super::error::AnalyticsError;
use super::history::History;
use super::moments::{covariance, deviation, ratio};
use super::panel::{Panel, Wanted};
use super::stress::change_of;
use super::tables::{Ratio, beta_of, scenario_returns};
use crate::config::Config;
use crate::config::scenarios::ShockTarget;
use crate::config::tail::{RETURN_MAX, clusters};
use crate::units::SymbolId;

/// A whole, in millionths.
const ONE: f64 = 1e6;

/// Fills in what is missing of `[tail]`. Reads no file where nothing is.
pub fn fill(config: &mut Config) -> Result<(), AnalyticsError> {
    let tail = &config.setup.tail;
    let lacks_days = 0 < tail.history_count && tail.returns.iter().any(|of| of.history.is_empty());
    let lacks_betas = tail
        .returns
        .iter()
        .any(|of| of.stress.len() < tail.stress.len() || of.margin.len() < tail.margin.len());
    let terms = &config.analytics;
    if !terms.history.is_empty() && (lacks_days || lacks_betas) {
        let history = History::read(&terms.history, terms.date_order, None)?;
        if lacks_days {
            fill_days(config, &history)?;
        }
        if lacks_betas {
            fill_betas(config, &history)?;
        }
    }
    fill_clusters(config);
    Ok(())
}

/// The returns of the last days that all symbols have which have enough of their own.
fn fill_days(config: &mut Config, history: &History) -> Result<(), AnalyticsError> {
    let tail = &config.setup.tail;
    let count = tail.history_count as usize;
    let wanted = Wanted {
        returns_min: count,
        returns_max: Some(count),
        ..Wanted::new(&config.analytics)
    };
    let symbols = config.setup.symbols.iter().zip(&tail.returns).enumerate();
    let lacking = symbols.filter(|(_, (_, returns))| returns.history.is_empty());
    let known: Vec<(usize, &str)> = lacking
        .map(|(at, (symbol, _))| (at, symbol.name.as_str()))
        .filter(|(_, name)| Panel::new(history, &[name], wanted).is_ok())
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
    let panel = scenario_returns(history, &names, wanted)?;
    let mut found = Vec::with_capacity(known.len());
    for ((at, name), returns) in known.iter().zip(&panel.returns) {
        let returns = returns.iter().map(|of| millionths(name, *of));
        found.push((*at, returns.collect::<Result<Vec<_>, _>>()?));
    }
    for (at, returns) in found {
        config.setup.tail.returns[at].history = returns;
    }
    Ok(())
}

/// What the stresses do to symbols that follow an index. One whose beta cannot be worked out stays
/// without; an index that no file has is an error.
fn fill_betas(config: &mut Config, history: &History) -> Result<(), AnalyticsError> {
    let wanted = Wanted::new(&config.analytics);
    let shocks = config.scenarios.iter().flat_map(|of| &of.shocks);
    for shock in shocks {
        if let ShockTarget::Index(index) = &shock.target {
            history.column(index)?;
        }
    }
    for at in 0..config.setup.symbols.len() {
        let name = config.setup.symbols[at].name.as_str();
        if !history.has(name) {
            continue;
        }
        let of = |names: &[String]| -> Result<Vec<i32>, AnalyticsError> {
            let symbol = Some(SymbolId(at as u32));
            let changes = names.iter().filter_map(|name| {
                config
                    .scenarios
                    .iter()
                    .find(|scenario| scenario.name == *name)
            });
            let changes = changes.map(|scenario| {
                let beta = |index: &str| Ok(beta_of(history, (name, index), wanted)?.to_num());
                let change = change_of(scenario, config, symbol, beta)?;
                within(name, (change * ONE).round())
            });
            changes.collect()
        };
        let tail = &config.setup.tail;
        let [stress, margin] = [&tail.stress, &tail.margin].map(|names| of(names));
        let (stress, margin) = (stress.unwrap_or_default(), margin.unwrap_or_default());
        let returns = &mut config.setup.tail.returns[at];
        if returns.stress.is_empty() {
            returns.stress = stress;
        }
        if returns.margin.is_empty() {
            returns.margin = margin;
        }
    }
    Ok(())
}

/// Symbols that correlate enough, one with the next, become one cluster with those that are named.
fn fill_clusters(config: &mut Config) {
    let Some(min) = config.tail.cluster_correlation else {
        return;
    };
    let (tail, count) = (&config.setup.tail, config.setup.symbols.len());
    let mut of: Vec<u32> = match tail.clusters.is_empty() {
        true => (0..count as u32).collect(),
        false => tail.clusters.clone(),
    };
    let series: Vec<Vec<f64>> = tail
        .returns
        .iter()
        .map(|of| of.history.iter().map(|raw| f64::from(*raw) / ONE).collect())
        .collect();
    let deviations: Vec<_> = series.iter().map(|of| deviation(of)).collect();
    for one in 0..series.len() {
        for other in 0..one {
            let product = deviations[one].zip(deviations[other]).map(|(a, b)| a * b);
            let correlation = covariance(&series[one], &series[other])
                .zip(product)
                .and_then(|(covariance, product)| ratio(covariance, product));
            let is_near = correlation.is_some_and(|of| f64::from(min) / ONE <= of);
            let (kept, gone) = (of[one].min(of[other]), of[one].max(of[other]));
            if is_near && kept != gone {
                let members = of.iter_mut().filter(|cluster| **cluster == gone);
                members.for_each(|cluster| *cluster = kept);
            }
        }
    }
    let mut lists = vec![Vec::new(); count];
    for (symbol, cluster) in of.iter().enumerate() {
        lists[*cluster as usize].push(SymbolId(symbol as u32));
    }
    config.setup.tail.clusters = clusters(&lists, count);
}

/// The nearest there is.
fn millionths(name: &str, of: Ratio) -> Result<i32, AnalyticsError> {
    let half = 1i128 << (Ratio::FRAC_NBITS - 1);
    let raw = (i128::from(of.to_bits()) * 1_000_000 + half) >> Ratio::FRAC_NBITS;
    within(name, raw as f64)
}

fn within(name: &str, millionths: f64) -> Result<i32, AnalyticsError> {
    if millionths.abs() <= RETURN_MAX as f64 {
        return Ok(millionths as i32);
    }
    let problem = format!(
        "{name}: a return of {} is beyond what a scenario may be; correct its prices",
        millionths / ONE
    );
    Err(AnalyticsError::new(problem))
}

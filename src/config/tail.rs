//! Tail: the scenarios in which every level's loss may be limited.
//!
//! Days of history come from the files of `[analytics]` when the gateway starts, and are then written out
//! in `[[tail.returns]]`: the effective configuration holds every number that decides, and a journal that
//! opens with it needs no file. Stresses are exact, in millionths, as `[[scenario]]` writes them.

use crate::config::Config;
use crate::config::analytics::{ONE, change};
use crate::config::effective::{Writer, list, symbol_names};
use crate::config::names::{read_name, read_names};
use crate::config::notation::{
    Problem, SHARE_DIGITS, parse_scaled, quote, write_digits, write_millionths,
};
use crate::config::reader::Table;
use crate::config::scenarios::{Scenario, ShockTarget};
use crate::config::values::{count, decimal, off_or, text};
use crate::risk::setup::{Returns, Setup, TailTerms};
use crate::units::{DecimalError, Notional, SymbolId};
use std::collections::{HashMap, HashSet};
use toml::de::DeValue;

/// What of `[tail]` is not for the risk core.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// From which correlation on symbols are in one cluster, in millionths; `None`: they are not worked
    /// out.
    pub cluster_correlation: Option<u32>,
}

/// The widest return: a hundredfold, as for a shock.
pub(crate) const RETURN_MAX: i64 = 100 * ONE as i64;
/// More days than the sweeps have room for.
const HISTORY_MAX: u32 = 4096;
const RETURNS_MAX: usize = 1 << 20;
const CLUSTERS_MAX: usize = 1 << 16;

/// Reads `[tail]`, behind the symbols and the scenarios.
pub(crate) fn read(table: &Table<'_>, symbols: &HashMap<String, SymbolId>, config: &mut Config) {
    let share = |text: &str| match parse_scaled(text, SHARE_DIGITS, u64::from(ONE) - 1)? {
        share if share * 2 < u64::from(ONE) => Err(DecimalError::OutOfRange),
        share => Ok(share as u32),
    };
    let part = |text: &str| Ok(parse_scaled(text, SHARE_DIGITS, u64::from(ONE))? as u32);
    let days = table.get("history_days", off_or(count(1..=HISTORY_MAX)));
    config.tail.cluster_correlation = table
        .get("cluster_correlation", off_or(decimal(part)))
        .flatten();
    let unit = table.get("unit", decimal(Notional::parse));
    let unit = unit.unwrap_or_default();
    if unit == Notional::ZERO {
        table.refuse(
            "unit",
            "nothing; write what values are rounded up to, as \"0.01\"".to_owned(),
        );
    }
    config.setup.tail = TailTerms {
        unit,
        history_count: days.flatten().unwrap_or_default(),
        stress: read_scenarios(table, "stress", &config.scenarios),
        margin: read_scenarios(table, "margin", &config.scenarios),
        value_at_risk_share: table
            .get("value_at_risk_share", decimal(share))
            .unwrap_or_default(),
        expected_shortfall_share: table
            .get("expected_shortfall_share", decimal(share))
            .unwrap_or_default(),
        returns: Vec::new(),
        clusters: Vec::new(),
    };
    resolve_stresses(config);
    read_returns(table, symbols, &mut config.setup);
    read_clusters(table, symbols, &mut config.setup);
}

/// The names of some scenarios, each once.
fn read_scenarios(table: &Table<'_>, key: &'static str, known: &[Scenario]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for value in table.elements(key) {
        let name = value.get_ref().as_str().unwrap_or_default();
        match known.iter().any(|scenario| scenario.name == name) {
            true if names.iter().any(|known| known == name) => {
                table.refuse_value(key, value, "named twice; keep one of them".to_owned());
            }
            true => names.push(name.to_owned()),
            false => {
                let problem = "no such scenario; write the name of a [[scenario]]".to_owned();
                table.refuse_value(key, value, problem);
            }
        }
    }
    names
}

/// What the stresses do to each symbol, where that needs no history.
fn resolve_stresses(config: &mut Config) {
    let tail = &config.setup.tail;
    if tail.history_count == 0 && tail.stress.is_empty() && tail.margin.is_empty() {
        return;
    }
    let of = |names: &[String], symbol: SymbolId| -> Vec<i32> {
        let changes = names.iter().map(|name| {
            let scenario = config.scenarios.iter().find(|of| of.name == *name)?;
            let change = exact_change(scenario, &config.setup, symbol)?;
            i32::try_from(change).ok()
        });
        // Where one is not known, none is.
        changes.collect::<Option<Vec<i32>>>().unwrap_or_default()
    };
    let symbols = (0..config.setup.symbols.len() as u32).map(SymbolId);
    let returns = symbols.map(|symbol| Returns {
        history: Vec::new(),
        stress: of(&tail.stress, symbol),
        margin: of(&tail.margin, symbol),
    });
    config.setup.tail.returns = returns.collect();
}

/// The change of a symbol's price in a scenario: its own, else that of the first group that it is in,
/// else that of others. `None` where an index decides: a beta needs history.
pub(crate) fn exact_change(scenario: &Scenario, setup: &Setup, symbol: SymbolId) -> Option<i64> {
    let is_in = |group: u32| {
        let group = setup.groups.get(group as usize);
        group.is_some_and(|group| group.symbols.contains(&symbol))
    };
    let shocks = &scenario.shocks;
    let own = shocks
        .iter()
        .find(|shock| shock.target == ShockTarget::Symbol(symbol));
    let of_group = || {
        shocks
            .iter()
            .find(|shock| matches!(shock.target, ShockTarget::Group(group) if is_in(group)))
    };
    let has_index = |shock: &&_| matches!(*shock, ShockTarget::Index(_));
    match own.or_else(of_group) {
        Some(shock) => Some(shock.change),
        None if shocks.iter().any(|shock| has_index(&&shock.target)) => None,
        None => Some(scenario.others),
    }
}

/// Reads every `[[tail.returns]]`.
fn read_returns(table: &Table<'_>, symbols: &HashMap<String, SymbolId>, setup: &mut Setup) {
    let mut taken = HashSet::new();
    for table in table.tables("returns", RETURNS_MAX) {
        let symbol = read_name(&table, "symbol", symbols, "[[symbol]]");
        let Some(symbol) = symbol else { continue };
        if !taken.insert(symbol) {
            let problem = "its returns are written already; keep one of them".to_owned();
            table.refuse("symbol", problem);
        }
        let tail = &setup.tail;
        let counts = [
            ("history", tail.history_count as usize, "tail.history_days"),
            ("stress", tail.stress.len(), "tail.stress"),
            ("margin", tail.margin.len(), "tail.margin"),
        ];
        let sets = counts.map(|(key, count, of)| {
            let returns = table.find(key, returns).flatten();
            let is_wrong = returns
                .as_ref()
                .is_some_and(|returns| returns.len() != count);
            if is_wrong {
                let problem = format!("not as many as {of} says, which is {count}; write as many");
                table.refuse(key, problem);
            }
            returns.filter(|_| !is_wrong)
        });
        let Some(of) = setup.tail.returns.get_mut(symbol.0 as usize) else {
            continue;
        };
        let [history, stress, margin] = sets;
        if let Some(history) = history {
            of.history = history;
        }
        if let Some(stress) = stress {
            of.stress = stress;
        }
        if let Some(margin) = margin {
            of.margin = margin;
        }
    }
}

/// Parts of 1, divided by blanks.
fn returns(value: &DeValue<'_>) -> Result<Vec<i32>, Problem> {
    let text = text(value)?;
    let parse = change(RETURN_MAX);
    let mut returns = Vec::new();
    for word in text.split_ascii_whitespace() {
        let change = parse(word).map_err(|error| format!("{word}: {error}"))?;
        returns.push(i32::try_from(change).unwrap_or_default());
    }
    Ok(returns)
}

/// Reads every `[[tail.cluster]]`.
fn read_clusters(table: &Table<'_>, symbols: &HashMap<String, SymbolId>, setup: &mut Setup) {
    let mut lists = Vec::new();
    let mut taken = HashSet::new();
    for table in table.tables("cluster", CLUSTERS_MAX) {
        let members = read_names(&table, "symbols", symbols, "[[symbol]]");
        if members.iter().any(|symbol| !taken.insert(*symbol)) {
            let problem = "a symbol is in another cluster; keep it in one".to_owned();
            table.refuse("symbols", problem);
        }
        lists.push(members);
    }
    setup.tail.clusters = clusters(&lists, setup.symbols.len());
}

/// Which cluster each symbol is in, named by the first of its members; nothing of none.
pub(crate) fn clusters(lists: &[Vec<SymbolId>], symbol_count: usize) -> Vec<u32> {
    if lists.iter().all(|members| members.len() < 2) {
        return Vec::new();
    }
    let mut clusters: Vec<u32> = (0..symbol_count as u32).collect();
    for members in lists {
        let first = members.iter().map(|symbol| symbol.0).min();
        for symbol in members {
            clusters[symbol.0 as usize] = first.unwrap_or(symbol.0);
        }
    }
    clusters
}

/// Writes what [`read`] reads.
pub(crate) fn write(out: &mut Writer, config: &Config) {
    let tail = &config.setup.tail;
    let names = |names: &[String]| list(&names.iter().map(|name| quote(name)).collect::<Vec<_>>());
    let share = |raw: u32| quote(&write_digits(raw.into(), SHARE_DIGITS));
    out.table("[tail]");
    out.count_or_off(
        "history_days",
        Some(tail.history_count).filter(|days| *days != 0),
    );
    out.put("unit", quote(&tail.unit.to_string()));
    out.put("value_at_risk_share", share(tail.value_at_risk_share));
    out.put(
        "expected_shortfall_share",
        share(tail.expected_shortfall_share),
    );
    out.put("stress", names(&tail.stress));
    out.put("margin", names(&tail.margin));
    let correlation = config.tail.cluster_correlation;
    let correlation = correlation.map(|raw| write_digits(raw.into(), SHARE_DIGITS));
    out.text_or_off("cluster_correlation", correlation);
    for (symbol, returns) in config.setup.symbols.iter().zip(&tail.returns) {
        let sets = [
            ("history", &returns.history),
            ("stress", &returns.stress),
            ("margin", &returns.margin),
        ];
        if sets.iter().all(|(_, returns)| returns.is_empty()) {
            continue;
        }
        out.table("[[tail.returns]]");
        out.put("symbol", quote(&symbol.name));
        for (key, returns) in sets.into_iter().filter(|(_, returns)| !returns.is_empty()) {
            let words: Vec<_> = returns
                .iter()
                .map(|raw| write_millionths((*raw).into()))
                .collect();
            out.put(key, quote(&words.join(" ")));
        }
    }
    let mut members: Vec<Vec<SymbolId>> = vec![Vec::new(); tail.clusters.len()];
    for (symbol, cluster) in tail.clusters.iter().enumerate() {
        members[*cluster as usize].push(SymbolId(symbol as u32));
    }
    for members in members.iter().filter(|members| 1 < members.len()) {
        out.table("[[tail.cluster]]");
        out.put("symbols", symbol_names(config, members));
    }
}

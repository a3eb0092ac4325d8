//! Scenarios: what a stress does to prices, by name. Changes are exact, in millionths of a price.

use crate::config::Config;
use crate::config::analytics::{Names, ONE, change, millionths};
use crate::config::effective::Writer;
use crate::config::names::{claim, read_name};
use crate::config::notation::quote;
use crate::config::reader::Table;
use crate::config::values::{decimal, name};
use crate::units::SymbolId;
use std::collections::HashSet;

/// `[[scenario]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenario {
    /// As users write it.
    pub name: String,
    /// The change of what no shock names, in millionths of 1.
    pub others: i64,
    /// In the order of the file.
    pub shocks: Vec<Shock>,
}

/// `[[scenario.shock]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Shock {
    /// What changes.
    pub target: ShockTarget,
    /// Of the price, in millionths of 1.
    pub change: i64,
}

/// What a shock changes.
#[derive(Clone, Debug, PartialEq)]
pub enum ShockTarget {
    /// One symbol.
    Symbol(SymbolId),
    /// Every symbol of a group, by its place in [`crate::risk::setup::Setup::groups`].
    Group(u32),
    /// Every symbol by its beta against this column of the history.
    Index(String),
}

const SCENARIOS_MAX: usize = 256;
const SHOCKS_MAX: usize = 4096;
/// A hundredfold: futures have traded below zero, and nothing known has risen further in a stress.
const CHANGE_MAX: i64 = 100 * ONE as i64;

/// Reads every `[[scenario]]`.
pub(crate) fn read(root: &Table<'_>, names: &Names<'_>) -> Vec<Scenario> {
    let mut taken = HashSet::new();
    let mut scenarios = Vec::new();
    for table in root.tables("scenario", SCENARIOS_MAX) {
        let scenario = Scenario {
            name: table.get("name", name).unwrap_or_default(),
            others: table
                .get("others", decimal(change(CHANGE_MAX)))
                .unwrap_or_default(),
            shocks: table
                .tables("shock", SHOCKS_MAX)
                .iter()
                .filter_map(|table| read_shock(table, names))
                .collect(),
        };
        claim(&table, "name", scenario.name.clone(), &mut taken);
        scenarios.push(scenario);
    }
    scenarios
}

fn read_shock(table: &Table<'_>, names: &Names<'_>) -> Option<Shock> {
    const KEYS: [&str; 3] = ["symbol", "group", "index"];
    let change = table.get("change", decimal(change(CHANGE_MAX)));
    let written: Vec<_> = KEYS.into_iter().filter(|key| table.has(key)).collect();
    let target = match written[..] {
        ["symbol"] => {
            read_name(table, "symbol", names.symbols, "[[symbol]]").map(ShockTarget::Symbol)
        }
        ["group"] => read_name(table, "group", names.groups, "[[group]]").map(ShockTarget::Group),
        ["index"] => table.find("index", name).flatten().map(ShockTarget::Index),
        _ => {
            let key = written.last().copied().unwrap_or("symbol");
            let problem = "symbol, group or index: write one of the three";
            table.refuse(key, problem.to_owned());
            None
        }
    };
    Some(Shock {
        target: target?,
        change: change?,
    })
}

/// Writes what [`read`] reads.
pub(crate) fn write(out: &mut Writer, config: &Config) {
    for scenario in &config.scenarios {
        write_one(out, config, scenario);
    }
}

fn write_one(out: &mut Writer, config: &Config, scenario: &Scenario) {
    out.table("[[scenario]]");
    out.put("name", quote(&scenario.name));
    out.put("others", millionths(scenario.others));
    for shock in &scenario.shocks {
        out.table("[[scenario.shock]]");
        let setup = &config.setup;
        let (key, target) = match &shock.target {
            ShockTarget::Symbol(id) => {
                let symbol = setup.symbols.get(id.0 as usize);
                ("symbol", symbol.map(|symbol| symbol.name.as_str()))
            }
            ShockTarget::Group(id) => {
                let group = setup.groups.get(*id as usize);
                ("group", group.map(|group| group.name.as_str()))
            }
            ShockTarget::Index(index) => ("index", Some(index.as_str())),
        };
        if let Some(target) = target {
            out.put(key, quote(target));
        }
        out.put("change", millionths(shock.change));
    }
}

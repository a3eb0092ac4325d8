//! Differences: where an edited configuration is not the one in force, and what each takes.
//!
//! Pure.
//!
//! A limit of a level that both have is compared as the number that it is. All else is compared in the
//! canonical text, once the limits that can change while the gate runs are the same in both.

use crate::config::Config;
use crate::config::controls::missing;
use crate::config::effective::effective_toml;
use crate::config::limits::LIMIT_KEYS;
use crate::follower::configuration::{level_name, levels, limits_mut};
use crate::message::{LimitKey, Scope};
use crate::risk::limits::FACTOR_SCALE;
use crate::risk::setup::{Limits, Setup};
use std::collections::{BTreeMap, BTreeSet};
use toml::Value;

/// One key that is not the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Difference {
    /// As it stands in a file, tables of a list by their names.
    pub(super) key: String,
    pub(super) was: String,
    pub(super) is: String,
    pub(super) takes: Takes,
    /// It holds back more than before.
    pub(super) tightens: bool,
    /// None of what only a restart can change.
    pub(super) change: Option<Change>,
}

/// What a difference takes to be in force.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Takes {
    Now,
    /// As far as the limits in force tell: what one person has loosened in steps counts together.
    SecondPerson,
    /// And why, where the key alone does not say it.
    Restart(&'static str),
}

/// A limit that can change while the gate runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Change {
    pub(super) scope: Scope,
    pub(super) name: String,
    pub(super) key: LimitKey,
    pub(super) was: u128,
    pub(super) is: u128,
}

/// Every difference, by key.
pub(super) fn differences(in_force: &Config, edited: &Config) -> Vec<Difference> {
    let mut all = Vec::new();
    let mut changed = in_force.clone();
    let mut wanted = edited.clone();
    let places: BTreeMap<_, _> = levels(&edited.setup)
        .filter_map(|(scope, target)| {
            let name = level_name(&edited.setup, scope, target)?;
            Some(((scope as u8, name.to_owned()), target))
        })
        .collect();
    for (scope, target) in levels(&in_force.setup) {
        let name = level_name(&in_force.setup, scope, target).unwrap_or_default();
        let Some(place) = places.get(&(scope as u8, name.to_owned())) else {
            continue;
        };
        let both = (
            limits_mut(&mut changed.setup, scope, target),
            limits_mut(&mut wanted.setup, scope, *place),
        );
        let (Some(old), Some(new)) = both else {
            continue;
        };
        let (before, firm) = (old.clone(), &in_force.setup.firm);
        for key in LimitKey::ALL.iter().filter(|key| key.limits(scope)) {
            let raw = |limits: &Limits| limits.get(*key).unwrap_or(LimitKey::OFF);
            let (was, is) = (raw(&before), raw(new));
            if was == is {
                continue;
            }
            old.set(*key, is);
            let change = Change {
                scope,
                name: name.to_owned(),
                key: *key,
                was,
                is,
            };
            let takes = takes(&change, &before, firm, &in_force.setup);
            all.push(Difference::of(change, takes));
        }
    }
    all.extend(others(&changed, &wanted));
    // A limit that must be written is not switched off by leaving it out.
    let shut = shut(in_force, edited);
    all.retain(|of| shut.iter().all(|it| it.key != of.key));
    all.extend(shut);
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

/// What the gate will want for a change of a limit that was `limits` before.
fn takes(change: &Change, limits: &Limits, firm: &Limits, setup: &Setup) -> Takes {
    let (key, was, is) = (change.key, change.was, change.is);
    let is_loss = matches!(
        key,
        LimitKey::DayLoss | LimitKey::Drawdown | LimitKey::RollingLoss
    );
    let limits_loss = limits.day_loss_max.is_some()
        || limits.day_loss_share_max.is_some()
        || limits.drawdown_max.is_some()
        || limits.drawdown_share_max.is_some()
        || limits.rolling_loss_max.is_some();
    let is_aged = limits.reference_age_max.is_some() || firm.reference_age_max.is_some();
    let hard = setup.hard_limits.get(key);
    let far =
        |factor: u64| is == LimitKey::OFF || was.saturating_mul(factor.into()) / FACTOR_SCALE < is;
    match () {
        () if is_loss && !limits_loss => {
            Takes::Restart("this level has no limit on losses, so nothing counts them there")
        }
        () if key == LimitKey::RollingLoss && limits.rolling_loss_window.is_none() => {
            Takes::Restart("this level has no rolling_loss_window")
        }
        () if key == LimitKey::PriceCollar && is != LimitKey::OFF && !is_aged => {
            Takes::Restart("nothing says how old its reference may be (reference_age_max)")
        }
        () if is <= was => Takes::Now,
        () if hard.is_some_and(|hard| hard < is) || setup.loosen_factor.is_some_and(far) => {
            Takes::SecondPerson
        }
        () => Takes::Now,
    }
}

impl Difference {
    fn of(change: Change, takes: Takes) -> Self {
        let key = change.key.text();
        let key = match change.scope {
            Scope::Firm => format!("limits.{key}"),
            scope => format!("{}.{}.limits.{key}", scope.text(), change.name),
        };
        Self {
            key,
            was: change.key.show(change.was),
            is: change.key.show(change.is),
            takes,
            tightens: change.is < change.was,
            change: (!matches!(takes, Takes::Restart(_))).then_some(change),
        }
    }

    fn at_restart(key: String, was: String, is: String, why: &'static str) -> Self {
        Self {
            key,
            was,
            is,
            takes: Takes::Restart(why),
            tightens: false,
            change: None,
        }
    }
}

/// What is not the same in the text, where the limits are.
fn others(in_force: &Config, edited: &Config) -> Vec<Difference> {
    let (old, new) = (Keys::of(in_force), Keys::of(edited));
    let mut all = Vec::new();
    // Whatever a list has gained or lost stands once, not key by key.
    for (list, was, is) in [
        (&old.lists, "there", "not there"),
        (&new.lists, "not there", "there"),
    ] {
        let other = if is == "there" {
            &old.lists
        } else {
            &new.lists
        };
        for name in list.difference(other) {
            let (was, is) = (was.to_owned(), is.to_owned());
            all.push(Difference::at_restart(name.clone(), was, is, ""));
        }
    }
    let is_of = |key: &str, name: &String| {
        key.strip_prefix(name.as_str())
            .is_some_and(|rest| rest.starts_with('.'))
    };
    let one_sided: Vec<_> = old.lists.symmetric_difference(&new.lists).collect();
    let keys: BTreeSet<_> = old.values.keys().chain(new.values.keys()).collect();
    for key in keys {
        let (was, is) = (old.values.get(key), new.values.get(key));
        let is_told = one_sided.iter().any(|name| is_of(key, name));
        // What price files say is worked out at each start, but for what the file writes itself.
        let is_history = is.is_none() && key.starts_with("tail.");
        // Whether a limit that is off is written or not is told where it shuts an account.
        let is_off = |value: Option<&String>| value.is_none_or(|of| of == "off");
        let is_limit = key.contains("limits.")
            && LIMIT_KEYS
                .iter()
                .any(|of| key.ends_with(&format!(".{of}")) || *key == format!("limits.{of}"));
        if was == is || is_told || is_history || is_limit && is_off(was) && is_off(is) {
            continue;
        }
        let say = |value: Option<&String>| value.map_or("-".to_owned(), |of| shorten(of));
        all.push(Difference::at_restart(key.clone(), say(was), say(is), ""));
    }
    all
}

/// Accounts that lack a limit in one of both: there they can send nothing.
fn shut(in_force: &Config, edited: &Config) -> Vec<Difference> {
    let mut all = Vec::new();
    for (at, account) in edited.setup.accounts.iter().enumerate() {
        let before = in_force
            .setup
            .accounts
            .iter()
            .position(|of| of.name == account.name);
        let Some(before) = before.map(|at| missing(in_force, at)) else {
            continue;
        };
        let now = missing(edited, at);
        for key in LIMIT_KEYS {
            let say = |missing: &[&str]| match missing.contains(&key) {
                true => "not written",
                false => "written",
            };
            let (was, is) = (say(&before), say(&now));
            if was != is {
                let key = format!("account.{}.limits.{key}", account.name);
                let why = "an account without it can send nothing";
                all.push(Difference::at_restart(
                    key,
                    was.to_owned(),
                    is.to_owned(),
                    why,
                ));
            }
        }
    }
    all
}

/// The keys of a canonical text, and the named tables of its lists.
#[derive(Default)]
struct Keys {
    values: BTreeMap<String, String>,
    lists: BTreeSet<String>,
}

impl Keys {
    fn of(config: &Config) -> Self {
        let mut keys = Self::default();
        // What the writer writes, the reader reads: an empty table would show as a difference.
        let table: toml::Table = effective_toml(config).parse().unwrap_or_default();
        for (key, value) in &table {
            keys.add(key, value);
        }
        keys
    }

    fn add(&mut self, path: &str, value: &Value) {
        match value {
            Value::Table(table) => {
                for (key, value) in table {
                    self.add(&format!("{path}.{key}"), value);
                }
            }
            Value::Array(rows) if rows.iter().any(Value::is_table) => {
                for (index, row) in rows.iter().enumerate() {
                    for name in names(row, index) {
                        let path = format!("{path}.{name}");
                        self.lists.insert(path.clone());
                        for (key, value) in row.as_table().into_iter().flatten() {
                            if key != "names" {
                                self.add(&format!("{path}.{key}"), value);
                            }
                        }
                    }
                }
            }
            Value::String(text) => {
                self.values.insert(path.to_owned(), text.clone());
            }
            other => {
                self.values.insert(path.to_owned(), other.to_string());
            }
        }
    }
}

/// What a table of a list is called: its name or names, or else its place.
fn names(row: &Value, index: usize) -> Vec<String> {
    let word = |key: &str| row.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(names) = row.get("names").and_then(Value::as_array) {
        return names
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
    }
    let name = ["name", "symbol", "currency"]
        .iter()
        .find_map(|key| word(key));
    vec![name.unwrap_or_else(|| (index + 1).to_string())]
}

fn shorten(value: &str) -> String {
    match value.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value.to_owned(),
    }
}

/// So much of a value is shown.
const VALUE_MAX: usize = 60;

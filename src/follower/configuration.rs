//! Configuration: what a run is under now, limits that were changed while it runs included, in one text.
//!
//! Pure. Cold.

use crate::config::effective::{effective_toml, parse_effective};
use crate::message::{LimitKey, Scope};
use crate::risk::core::Core;
use crate::risk::setup::{Limits, Setup};
use serde_json::{Value, json};

/// The text of an opening record, with the limits that are in force.
pub(super) fn say(opening: &str, core: &Core) -> Value {
    let mut config = match parse_effective(opening) {
        Ok(config) => config,
        Err(errors) => return json!({"problem": errors.to_string()}),
    };
    for (scope, target) in levels(&config.setup) {
        let Some(in_force) = core.limits(scope, target) else {
            continue;
        };
        if let Some(limits) = limits_mut(&mut config.setup, scope, target) {
            for key in LimitKey::ALL {
                limits.set(*key, in_force.get(*key).unwrap_or(LimitKey::OFF));
            }
        }
    }
    json!({"text": effective_toml(&config), "limits_version": core.limits_version()})
}

/// Every level that may have limits, the firm first.
pub(crate) fn levels(setup: &Setup) -> impl Iterator<Item = (Scope, u32)> + use<> {
    let counts = [
        (Scope::Firm, 1),
        (Scope::Desk, setup.desks.len()),
        (Scope::Account, setup.accounts.len()),
        (Scope::Strategy, setup.strategies.len()),
        (Scope::Symbol, setup.symbols.len()),
        (Scope::Group, setup.groups.len()),
    ];
    let all = |(scope, count): (Scope, usize)| (0..count as u32).map(move |of| (scope, of));
    counts.into_iter().flat_map(all)
}

/// The limits of one of [`levels`].
pub(crate) fn limits_mut(setup: &mut Setup, scope: Scope, target: u32) -> Option<&mut Limits> {
    let at = target as usize;
    match scope {
        Scope::Firm => Some(&mut setup.firm),
        Scope::Desk => setup.desks.get_mut(at).map(|of| &mut of.limits),
        Scope::Account => setup.accounts.get_mut(at).map(|of| &mut of.limits),
        Scope::Strategy => setup.strategies.get_mut(at).map(|of| &mut of.limits),
        Scope::Symbol => setup.symbols.get_mut(at).map(|of| &mut of.limits),
        Scope::Group => setup.groups.get_mut(at).map(|of| &mut of.limits),
    }
}

/// What the configuration calls one of [`levels`]; nothing for the firm.
pub(crate) fn level_name(setup: &Setup, scope: Scope, target: u32) -> Option<&str> {
    let at = target as usize;
    let name = match scope {
        Scope::Firm => return Some(""),
        Scope::Desk => &setup.desks.get(at)?.name,
        Scope::Account => &setup.accounts.get(at)?.name,
        Scope::Strategy => &setup.strategies.get(at)?.name,
        Scope::Symbol => &setup.symbols.get(at)?.name,
        Scope::Group => &setup.groups.get(at)?.name,
    };
    Some(name)
}

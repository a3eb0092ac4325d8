//! Exit: what became of other terms for a position, or why it did not take them.
//!
//! Pure.

use super::names::Names;
use super::view::time;
use crate::config::notation::{BPS_DIGITS, write_digits, write_duration};
use crate::message::ExitChange;
use crate::risk::core::Core;
use crate::risk::decision::Outcome;
use crate::risk::exits::ExitView;
use crate::risk::setup::ExitTerms;
use crate::units::{AccountId, Nanos, Position, SymbolId};
use serde_json::{Value, json};

/// What a change asks for, as `stop_loss_bps 50, hold_max off`.
pub(crate) fn wanted(change: &ExitChange) -> String {
    let mut found = Vec::new();
    for (key, part) in change.parts() {
        if part != 0 {
            found.push(format!("{key} {}", ExitChange::show_part(part)));
        }
    }
    match change.hold_max {
        Nanos::ZERO => {}
        ExitChange::TIME_OFF => found.push("hold_max off".to_owned()),
        time => found.push(format!("hold_max {}", write_duration(time))),
    }
    if change.close != 0 {
        found.push("closed now".to_owned());
    }
    found.join(", ")
}

/// The answer to who has asked for it.
pub(super) fn said(change: &ExitChange, outcome: Outcome, core: &Core, names: &Names) -> Value {
    let (account, symbol) = (change.account, change.symbol);
    let mut value = json!({
        "act": "exit",
        "operator": names.operator(change.operator),
        "account": names.accounts.name(account.0),
        "symbol": names.symbols.name(symbol.0),
        "note": change.note.as_str(),
    });
    match outcome {
        Outcome::Applied => add(&mut value, core, account, symbol),
        _ => value["why"] = json!(why_not(change, core, names)),
    }
    value
}

/// When a position is closed, and how far that is.
pub(super) fn add(value: &mut Value, core: &Core, account: AccountId, symbol: SymbolId) {
    let (terms, until) = core.exit_terms(account, symbol);
    let position = core.position(true, account.0, symbol);
    let position = position.map_or(Position::ZERO, |cell| cell.position);
    value["position"] = json!(position.to_string());
    for (key, part) in parts(&terms) {
        value[key] = json!(part.map(|part| write_digits(part, BPS_DIGITS)));
    }
    value["hold_max"] = json!(terms.hold_max.map(write_duration));
    value["until"] = json!(until.map(time));
    let exit = under_way(core, account, symbol);
    value["leaving"] = json!(exit.map(|exit| exit.cause.text()));
    value["since"] = json!(exit.map(|exit| time(exit.since)));
    value["attempts"] = json!(exit.map(|exit| exit.attempts));
    value["failing"] = json!(exit.is_some_and(|exit| exit.is_failing));
}

/// Of each term that is a part: the key of the configuration, and what it is.
const fn parts(terms: &ExitTerms) -> [(&'static str, Option<u64>); 4] {
    [
        ("stop_loss_bps", terms.stop_loss),
        ("take_profit_bps", terms.take_profit),
        ("trailing_stop_bps", terms.trailing),
        ("break_even_bps", terms.break_even),
    ]
}

fn under_way(core: &Core, account: AccountId, symbol: SymbolId) -> Option<ExitView> {
    core.exits()
        .find(|exit| (exit.account, exit.symbol) == (account, symbol))
}

fn why_not(change: &ExitChange, core: &Core, names: &Names) -> String {
    let (account, symbol) = (change.account, change.symbol);
    let has = |place: u32, count: usize| (place as usize) < count;
    let is_known = has(change.operator, names.operators.count())
        && has(account.0, names.accounts.count())
        && has(symbol.0, names.symbols.count());
    if !is_known {
        return "the operator, the account or the symbol is unknown".to_owned();
    }
    let (account_name, symbol_name) =
        (names.accounts.name(account.0), names.symbols.name(symbol.0));
    let position = core.position(true, account.0, symbol);
    if position.is_none_or(|cell| cell.position == Position::ZERO) {
        return format!("{account_name} holds nothing of {symbol_name}");
    }
    match under_way(core, account, symbol) {
        Some(exit) => format!(
            "the gate closes the position of {account_name} in {symbol_name} already ({})",
            exit.cause.text()
        ),
        None => "it asks for nothing; see `portcullis exit --help`".to_owned(),
    }
}

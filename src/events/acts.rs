//! Acts: what operators, and the gate itself, have done.
//!
//! Pure.

use super::derive::{Seen, Teller, level, level_name, name};
use super::event::Facts;
use super::kind::EventKind;
use super::orders::of_order;
use crate::follower::exit;
use crate::message::{
    Adjust, AdjustKind, Control, ExitChange, Kind, LimitChange, LimitKey, Locate, Override, Scope,
    Settle, Text,
};
use crate::risk::decision::Outcome;
use crate::units::{AccountId, Money, Price};

/// An act that was done, or not permitted.
pub(super) fn act(seen: &Seen<'_>, out: &mut Teller<'_>) {
    let is_refused = matches!(
        seen.decision.outcome,
        Outcome::NotPermitted | Outcome::OrderUnknown
    );
    let kind = match seen.head.kind() {
        _ if is_refused => EventKind::ActRefused,
        Some(Kind::Kill) => EventKind::Kill,
        Some(Kind::Raise) if still_waits(seen) => EventKind::RaiseAsked,
        Some(Kind::Raise) => EventKind::Raise,
        Some(Kind::Settle) => EventKind::Settlement,
        Some(Kind::Locate) => EventKind::Locate,
        Some(Kind::Limit) if seen.core.limit_persons_missing(seen.head.body()) != 0 => {
            EventKind::LimitAsked
        }
        Some(Kind::Limit) => EventKind::LimitChanged,
        Some(Kind::Adjust) => EventKind::Adjustment,
        Some(Kind::Exit) => EventKind::ExitChanged,
        _ => EventKind::OverrideAsked,
    };
    out.tell(kind, || {
        let (facts, did) = match seen.head.kind() {
            Some(Kind::Kill | Kind::Raise) => control(seen, kind),
            Some(Kind::Settle) => settle(seen),
            Some(Kind::Locate) => locate(seen),
            Some(Kind::Limit) => limit(seen, kind),
            Some(Kind::Adjust) => adjust(seen),
            Some(Kind::Exit) => change_exit(seen),
            _ => ask_override(seen),
        };
        let operator = facts.operator.as_deref().unwrap_or("?");
        let note = facts.note.as_ref();
        let note = note.map_or_else(String::new, |note| format!(" ({note})"));
        let refused = if is_refused {
            ", which was not permitted"
        } else {
            ""
        };
        let text = format!("{operator} {did}{note}{refused}");
        (facts, text)
    });
}

/// Whether others must still ask before a level is raised.
fn still_waits(seen: &Seen<'_>) -> bool {
    let control = seen.head.body::<Control>();
    let Some(scope) = Scope::from_byte(control.scope) else {
        return false;
    };
    let level = seen.core.level(scope, control.target);
    let is_killed = level.is_some_and(|level| level.is_killed);
    is_killed || seen.core.is_raise_waiting(scope, control.target)
}

fn control(seen: &Seen<'_>, kind: EventKind) -> (Facts, String) {
    let control = seen.head.body::<Control>();
    let (names, target) = (seen.names, control.target);
    let scope = Scope::from_byte(control.scope);
    let what = scope.map_or_else(|| "?".to_owned(), |scope| level(names, scope, target));
    let facts = Facts {
        operator: Some(names.operator(control.operator).to_owned()),
        note: some_note(&control.note),
        ..of_level(seen, scope, target)
    };
    let did = match (kind, seen.head.kind()) {
        (EventKind::Kill, _) => format!("killed {what}"),
        (EventKind::Raise, _) => format!("raised {what}"),
        (EventKind::RaiseAsked, _) => format!("asked to raise {what}; others still must"),
        (_, Some(Kind::Kill)) => format!("asked to kill {what}"),
        _ => format!("asked to raise {what}"),
    };
    (facts, did)
}

/// The limit that there was, where it has changed, and the one that there is or is to be.
fn limit(seen: &Seen<'_>, kind: EventKind) -> (Facts, String) {
    let change = seen.head.body::<LimitChange>();
    let (scope, key) = (
        Scope::from_byte(change.scope),
        LimitKey::from_byte(change.limit),
    );
    let show = |raw| key.map_or_else(String::new, |key| key.show(raw));
    let (is, name) = (show(change.value()), key.map_or("?", LimitKey::text));
    let level = of_level(seen, scope, change.target);
    let what = scope.map_or_else(
        || "?".to_owned(),
        |scope| super::derive::level(seen.names, scope, change.target),
    );
    let was = show(seen.core.limit_before());
    let did = match kind {
        EventKind::LimitChanged => format!("changed {name} of {what} from {was} to {is}"),
        EventKind::LimitAsked => {
            format!("asked that {name} of {what} be {is}; others must ask for it too")
        }
        _ => format!("asked that {name} of {what} be {is}"),
    };
    let facts = Facts {
        operator: Some(seen.names.operator(change.operator).to_owned()),
        limit: Some(name.to_owned()),
        value: Some(is),
        note: some_note(&change.note),
        ..level
    };
    (facts, did)
}

/// Which level an act is about.
fn of_level(seen: &Seen<'_>, scope: Option<Scope>, target: u32) -> Facts {
    let names = seen.names;
    let of = |wanted| {
        let is_of = scope == Some(wanted);
        is_of.then(|| level_name(names, wanted, target)).flatten()
    };
    Facts {
        account: of(Scope::Account),
        strategy: of(Scope::Strategy),
        symbol: of(Scope::Symbol),
        scope: scope.map(Scope::text),
        name: scope.and_then(|scope| level_name(names, scope, target)),
        ..Facts::default()
    }
}

fn settle(seen: &Seen<'_>) -> (Facts, String) {
    let settle = seen.head.body::<Settle>();
    let order = seen.core.order(settle.order_id);
    let known = order.map(|order| of_order(order, seen.names));
    let has_price = settle.price != Price::default();
    let facts = Facts {
        operator: Some(seen.names.operator(settle.operator).to_owned()),
        broker: None,
        side: None,
        order_id: Some(settle.order_id.0),
        price: has_price.then(|| settle.price.to_string()),
        filled: Some(settle.filled.to_string()),
        leaves: Some(settle.leaves.to_string()),
        ..known.unwrap_or_default()
    };
    let id = facts
        .id
        .clone()
        .unwrap_or_else(|| settle.order_id.0.to_string());
    let did = format!(
        "settled order {id}: {} filled, {} left",
        settle.filled, settle.leaves
    );
    (facts, did)
}

fn adjust(seen: &Seen<'_>) -> (Facts, String) {
    let adjust = seen.head.body::<Adjust>();
    let names = seen.names;
    let (account, symbol) = (adjust.account.0, adjust.symbol.0);
    let kind = AdjustKind::from_byte(adjust.kind);
    let is_cash = kind == Some(AdjustKind::Cash);
    let facts = Facts {
        account: name(&names.accounts, account),
        symbol: name(&names.symbols, symbol),
        strategy: name(&names.strategies, adjust.strategy.0),
        operator: Some(match adjust.operator {
            u32::MAX => "the gate".to_owned(),
            operator => names.operator(operator).to_owned(),
        }),
        correction: AdjustKind::from_byte(adjust.kind).map(AdjustKind::text),
        qty: (!is_cash).then(|| adjust.qty.to_string()),
        price: (!is_cash).then(|| adjust.price.to_string()),
        cash: (adjust.cash != Money::default()).then(|| adjust.cash.to_string()),
        note: some_note(&adjust.note),
        ..Facts::default()
    };
    let whose = match adjust.account {
        AccountId::NONE => "every account".to_owned(),
        _ => names.accounts.name(account).to_owned(),
    };
    let (qty, price, kind) = (adjust.qty, adjust.price, kind.map_or("?", AdjustKind::text));
    let what = match kind {
        "cash" => String::new(),
        "split" => format!("{qty} for each {price}"),
        kind => format!("{kind} of {qty} at {price}"),
    };
    let cash = match &facts.cash {
        Some(cash) if what.is_empty() => format!("{cash} in cash"),
        Some(cash) => format!(", {cash} in cash"),
        None => String::new(),
    };
    let symbol = names.symbols.name(symbol);
    (facts, format!("adjusted {whose} in {symbol}: {what}{cash}"))
}

fn change_exit(seen: &Seen<'_>) -> (Facts, String) {
    let change = seen.head.body::<ExitChange>();
    let names = seen.names;
    let facts = Facts {
        account: name(&names.accounts, change.account.0),
        symbol: name(&names.symbols, change.symbol.0),
        operator: Some(names.operator(change.operator).to_owned()),
        value: Some(exit::wanted(change)),
        note: some_note(&change.note),
        ..Facts::default()
    };
    let did = format!(
        "set the exit of {} in {}: {}",
        names.accounts.name(change.account.0),
        names.symbols.name(change.symbol.0),
        exit::wanted(change)
    );
    (facts, did)
}

fn locate(seen: &Seen<'_>) -> (Facts, String) {
    let locate = seen.head.body::<Locate>();
    let names = seen.names;
    let facts = Facts {
        account: name(&names.accounts, locate.account.0),
        symbol: name(&names.symbols, locate.symbol.0),
        operator: Some(names.operator(locate.operator).to_owned()),
        qty: Some(locate.qty.to_string()),
        note: some_note(&locate.note),
        ..Facts::default()
    };
    let did = format!(
        "located {} of {} for {}",
        locate.qty,
        names.symbols.name(locate.symbol.0),
        names.accounts.name(locate.account.0)
    );
    (facts, did)
}

fn ask_override(seen: &Seen<'_>) -> (Facts, String) {
    let asked = seen.head.body::<Override>();
    let names = seen.names;
    let facts = Facts {
        account: name(&names.accounts, asked.account.0),
        operator: Some(names.operator(asked.operator).to_owned()),
        id: some_note(&asked.client_order_id),
        note: some_note(&asked.note),
        ..Facts::default()
    };
    let did = format!(
        "asked to let order {} of {} pass what is soft",
        asked.client_order_id,
        names.accounts.name(asked.account.0)
    );
    (facts, did)
}

fn some_note(note: &Text) -> Option<String> {
    (!note.is_empty()).then(|| note.as_str().to_owned())
}

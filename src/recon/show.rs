//! Show: findings in words, for people and for machines.
//!
//! Pure.

use super::finding::{Adjustment, Cause, Finding, Way};
use super::judge::{Judged, Standing};
use super::places::Places;
use crate::units::{Notional, OrderId, Position, Qty, write_decimal};
use serde_json::{Value, json};

impl Standing {
    /// As it is shown.
    pub const fn text(self) -> &'static str {
        match self {
            Self::OnItsWay => "on its way",
            Self::Counts => "counts",
            Self::Stands => "stands",
            Self::Healing => "is healed",
            Self::Halted => "halted",
        }
    }
}

impl Way {
    /// As it is shown.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Transfer => "transfer",
            Self::Cash => "cash",
        }
    }
}

/// Where something differs: an account and a symbol or a currency.
pub fn place(finding: &Finding, places: &Places) -> (String, String) {
    let account = finding.account.map_or(String::new(), |account| {
        places.names.accounts.name(account.0).to_owned()
    });
    let what = match (finding.symbol, finding.currency) {
        (Some(symbol), _) => places.names.symbols.name(symbol.0).to_owned(),
        (None, Some(currency)) if finding.account.is_some() => {
            places.currency_name(currency).to_owned()
        }
        _ => String::new(),
    };
    (account, what)
}

/// What our books lack, in words: a quantity, or money.
pub fn lacks(finding: &Finding) -> String {
    let moved = &finding.lacks;
    match moved.qty {
        0 if moved.cash() == 0 => String::new(),
        0 => format!("{} in cash", money(moved.cash())),
        qty => quantity(qty),
    }
}

/// What accounts for it, in words.
pub fn explanation(finding: &Finding) -> String {
    if finding.causes.is_empty() {
        return match (finding.is_explained, finding.detail.is_empty()) {
            (_, false) => finding.detail.clone(),
            (true, true) => own(finding),
            (false, true) => "nothing known accounts for it".to_owned(),
        };
    }
    let causes: Vec<_> = finding.causes.iter().map(cause).collect();
    causes.join("; ")
}

/// A finding that is its own explanation.
fn own(finding: &Finding) -> String {
    match (finding.id, finding.order) {
        (Some(id), OrderId::NONE) => format!("execution {}", id.text()),
        (Some(id), order) => format!("execution {} of order {}", id.text(), order.0),
        (None, order) => format!("order {}", order.0),
    }
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Timing(Some(id)) => format!("execution {} at the statement's time", id.text()),
        Cause::Timing(None) => "an entry at the statement's time".to_owned(),
        Cause::Ours(Some(id), _) => format!("execution {} is ours alone", id.text()),
        Cause::Ours(None, order) => format!("what was answered of order {} is ours alone", order.0),
        Cause::InDoubt(order) => format!("a fill of order {}, which is in doubt", order.0),
        Cause::InFlight(order) => format!("a fill of order {}, which is live", order.0),
    }
}

/// What would put it right, in words.
pub fn remedy(finding: &Finding) -> String {
    let words = |adjustment: &Adjustment| {
        let qty = position(adjustment.qty);
        let mut words = match adjustment.kind {
            Way::Trade => format!("a trade of {qty} at {}", adjustment.price),
            Way::Transfer => format!("{qty} at {} without cash", adjustment.price),
            Way::Cash => return format!("{} in cash ({})", adjustment.cash, adjustment.note),
        };
        if adjustment.cash.raw() != 0 {
            words.push_str(&format!(" and {} in cash", adjustment.cash));
        }
        format!("{words} ({})", adjustment.note)
    };
    let words: Vec<_> = finding.remedy.iter().map(words).collect();
    words.join("; ")
}

/// One finding as a sentence.
pub fn sentence(judged: &Judged, places: &Places) -> String {
    let finding = &judged.finding;
    let (account, what) = place(finding, places);
    let lacks = lacks(finding);
    let mut text = finding.kind.about().trim_end_matches('.').to_owned();
    for part in [account, what, lacks, explanation(finding)] {
        if !part.is_empty() {
            text.push_str(", ");
            text.push_str(&part);
        }
    }
    if judged.standing == Standing::Halted {
        text.push_str(": trading is halted until it is put right and persons raise it");
    }
    text
}

/// One finding for machines; decimals are text.
pub fn to_json(judged: &Judged, places: &Places) -> Value {
    let finding = &judged.finding;
    let (account, what) = place(finding, places);
    let some = |text: String| (!text.is_empty()).then_some(text);
    let is_cash = finding.symbol.is_none();
    let remedy: Vec<_> = finding
        .remedy
        .iter()
        .map(|adjustment| adjustment_json(adjustment, places))
        .collect();
    json!({
        "kind": finding.kind.text(),
        "severity": judged.severity.text(),
        "standing": judged.standing.text(),
        "account": some(account),
        "symbol": some(if is_cash { String::new() } else { what.clone() }),
        "currency": some(if is_cash { what } else { String::new() }),
        "execution_id": finding.id.map(|id| id.text().as_str().to_owned()),
        "order_id": (finding.order != OrderId::NONE).then_some(finding.order.0),
        "lacks_qty": quantity(finding.lacks.qty),
        "lacks_cash": money(finding.lacks.cash()),
        "amount": (finding.amount != i128::MAX).then(|| money(finding.amount)),
        "explained": finding.is_explained,
        "explanation": explanation(finding),
        "remedy": remedy,
        "waits_for_statement": finding.waits_for_statement,
    })
}

fn adjustment_json(adjustment: &Adjustment, places: &Places) -> Value {
    json!({
        "adjust": adjustment.kind.text(),
        "account": places.names.accounts.name(adjustment.account.0),
        "symbol": places.names.symbols.name(adjustment.symbol.0),
        "qty": position(adjustment.qty),
        "price": adjustment.price.to_string(),
        "cash": adjustment.cash.to_string(),
        "note": adjustment.note.as_str(),
    })
}

/// A quantity as a decimal.
pub fn quantity(raw: i128) -> String {
    text(raw, Qty::DIGITS)
}

/// Money as a decimal.
pub fn money(raw: i128) -> String {
    text(raw, Notional::DIGITS)
}

fn position(position: Position) -> String {
    quantity(i128::from(position.raw()))
}

fn text(raw: i128, digits: u32) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_decimal(&mut out, raw, digits);
    out
}

//! Instant: what of ours a statement of one instant may have in it.
//!
//! Pure.
//!
//! What an answer told of an order happened at some time before the answer: nobody knows whether before
//! the statement's instant or behind it, so it may be in the statement or not.

use super::compare::{Compared, Ours};
use super::entry::{Entry, ExecId, Moved, Origin};
use crate::units::{AccountId, Nanos, OrderId, SymbolId};
use std::collections::BTreeMap;

/// What moves one of our numbers, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timed {
    pub(super) time: Nanos,
    pub(super) id: Option<ExecId>,
    pub(super) symbol: SymbolId,
    pub(super) moved: Moved,
    /// It happened then or at any time before.
    pub(super) is_uncertain: bool,
}

/// What will be booked in an account, as the drop copy says.
pub(super) fn to_come(
    compared: &Compared,
    account: AccountId,
) -> impl Iterator<Item = (SymbolId, Moved)> {
    findings(compared, account).map(|(_, _, symbol, moved)| (symbol, moved))
}

fn findings(
    compared: &Compared,
    account: AccountId,
) -> impl Iterator<Item = (Option<ExecId>, OrderId, SymbolId, Moved)> {
    let of = compared.findings.iter().filter(move |finding| {
        finding.account == Some(account)
            && !finding.waits_for_statement
            && finding.lacks != Moved::ZERO
    });
    of.filter_map(|finding| {
        let symbol = finding.symbol?;
        Some((finding.id, finding.order, symbol, finding.lacks))
    })
}

/// All of an account that happened behind `from`, booked or to be, in the order of its time.
pub(super) fn collect(
    ours: &Ours<'_>,
    compared: &Compared,
    account: AccountId,
    from: Nanos,
) -> Vec<Timed> {
    let entries = ours.books.entries();
    let fills = entries.filter(|entry| entry.origin == Origin::Session);
    let fills: BTreeMap<_, _> = fills
        .filter_map(|entry| entry.id.map(|id| (id, entry.time)))
        .collect();
    let mut timed = Vec::new();
    let mut answers: BTreeMap<(SymbolId, OrderId), (Nanos, Moved)> = BTreeMap::new();
    let entries = ours.books.entries();
    for entry in entries.filter(|entry| entry.account == account) {
        match entry.origin {
            // What was conceded to one statement is in all that come after it.
            Origin::Conceded => {}
            Origin::Answer | Origin::Amended => {
                let answer = answers.entry((entry.symbol, entry.order)).or_default();
                answer.1 += entry.moved;
                if entry.origin == Origin::Answer {
                    answer.0 = answer.0.max(entry.time);
                }
            }
            _ => timed.push(Timed {
                time: happened(entry, compared, &fills),
                id: entry.id,
                symbol: entry.symbol,
                moved: entry.moved,
                is_uncertain: false,
            }),
        }
    }
    for (id, order, symbol, moved) in findings(compared, account) {
        match (id, answers.get_mut(&(symbol, order))) {
            (None, Some(answer)) => answer.1 += moved,
            _ => {
                let net = id.and_then(|id| compared.nets.get(&id));
                let fill = id.and_then(|id| fills.get(&id)).copied();
                let time = net.map(|net| net.since).or(fill);
                timed.push(Timed {
                    time: time.unwrap_or_default(),
                    id,
                    symbol,
                    moved,
                    is_uncertain: false,
                });
            }
        }
    }
    for ((symbol, _), (time, moved)) in answers {
        timed.push(Timed {
            time,
            id: None,
            symbol,
            moved,
            is_uncertain: true,
        });
    }
    timed.retain(|timed| from < timed.time && timed.moved != Moved::ZERO);
    timed.sort_by_key(|timed| (timed.time, timed.id));
    timed
}

/// When something of ours happened for the broker: an adjustment, when what it stands for did. `fills`:
/// when our executions did.
fn happened(entry: &Entry, compared: &Compared, fills: &BTreeMap<ExecId, Nanos>) -> Nanos {
    let is_adjustment = matches!(entry.origin, Origin::Healed | Origin::Adjusted);
    let Some(id) = entry.id.filter(|_| is_adjustment) else {
        return entry.time;
    };
    match compared.nets.get(&id) {
        // What was booked before a correction was of the terms before.
        Some(net) if net.since <= entry.taken => net.since,
        Some(net) => net.time,
        None => fills.get(&id).copied().unwrap_or(entry.time),
    }
}

/// How far apart two instants are.
pub(super) fn distance(one: Nanos, other: Nanos) -> Nanos {
    one.since(other).max(other.since(one))
}

//! Standing: differences that are the same at two statements which no one event can be at the edge of.
//!
//! Pure.
//!
//! An execution near a statement's instant may or may not be in it, so a fill of the right size accounts
//! for a difference. At the next statement it is certain what of it was there: where the same difference
//! is there again, another fill would have to account for it by chance. That is not believed: the
//! difference stands. Where both statements tell cash, and the fills of each account for it to within the
//! tolerance, but at other prices, it is not the same difference.
//!
//! Invariants:
//! - Two statements are compared that are more than twice the settle time apart: their edges share nothing.
//! - What differs at either is found from our books as they are now, so a fill that comes late after all
//!   takes the difference away at both.
//! - Two statements of each account are remembered, in memory alone: after a restart it takes two again.

use super::account::{Account, Told};
use super::compare::Compared;
use super::entry::Moved;
use super::explain::{Bound, Found, smallest};
use super::finding::Cause;
use crate::events::event;
use crate::units::{AccountId, Nanos, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// The statements before the last, by account.
#[derive(Clone, Debug, Default)]
pub struct Earlier(BTreeMap<AccountId, Vec<Told>>);

/// What stands in one account, and since which statement.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The instant of the earlier statement.
    pub(super) since: Nanos,
    /// The books of these symbols.
    pub(super) symbols: BTreeSet<SymbolId>,
}

impl Earlier {
    /// Remembers a statement on positions for those that come long enough after it.
    pub fn take(&mut self, told: &Told, settle_time: Nanos) {
        for id in told.accounts.iter().filter(|_| told.has_positions) {
            let kept = self.0.entry(*id).or_default();
            let is_apart = |last: &Told| is_apart(last, told.as_of, settle_time);
            if kept.last().is_none_or(is_apart) {
                kept.push(told.of(*id));
            }
            if KEPT_MAX < kept.len() {
                kept.remove(0);
            }
        }
    }

    /// The last statement on an account whose edge shares nothing with that of one of `as_of`.
    pub(super) fn before(&self, id: AccountId, as_of: Nanos, settle_time: Nanos) -> Option<&Told> {
        let mut kept = self.0.get(&id)?.iter().rev();
        kept.find(|told| is_apart(told, as_of, settle_time))
    }
}

impl Standing {
    /// For people.
    pub(super) fn detail(&self) -> String {
        let since = event::time(self.since);
        format!("it was the same at the statement of {since}: no fill at the edge accounts for it")
    }
}

impl Account<'_> {
    /// What differs here as it did at the statement before.
    pub(super) fn stands(&self, before: &Told, told: &Told, compared: &Compared) -> Standing {
        let mut standing = Standing {
            since: before.as_of,
            ..Standing::default()
        };
        let differs = self.at_its_instant();
        let symbols = self.symbols.iter().enumerate();
        let mut symbols: Vec<_> = symbols.filter(|(at, _)| differs[*at] != 0).collect();
        // Of what is forgotten nothing can be said.
        if symbols.is_empty() || before.as_of <= self.ours.books.horizon() {
            return standing;
        }
        let then = Account::new(
            self.ours,
            before,
            [before, told],
            compared,
            self.id,
            self.slack,
        );
        let differed = then.at_its_instant();
        symbols.retain(|(at, symbol)| {
            then.symbols.get(*at) == Some(*symbol) && differs[*at] == differed[*at]
        });
        if symbols.is_empty() {
            return standing;
        }
        let cash = then.edge_cash(compared).zip(self.edge_cash(compared));
        let is_other = |symbol: &SymbolId| {
            cash.as_ref().is_some_and(|(then, now)| {
                let pair = then.get(symbol).zip(now.get(symbol));
                // Each is what its statement says to within the tolerance.
                pair.is_some_and(|(then, now)| 2 * self.slack.cash < (then - now).abs())
            })
        };
        let symbols = symbols.into_iter().map(|(_, symbol)| *symbol);
        standing.symbols = symbols.filter(|symbol| !is_other(symbol)).collect();
        standing
    }

    /// What the executions at the edge that account for all that differs have brought in cash, by symbol,
    /// where that is told. `None` where they do not account for all, cash and quantities.
    fn edge_cash(&self, compared: &Compared) -> Option<BTreeMap<SymbolId, i128>> {
        let (cut, more) = self.best_cut();
        let (candidates, causes) = self.candidates(compared, cut);
        let is_edge = |(cause, _): &&(Cause, Moved)| matches!(cause, Cause::Timing(_));
        let edge = &candidates[..causes.iter().take_while(is_edge).count()];
        let Found::Set(set) = smallest(&more, &self.tolerance, edge, Bound::default()) else {
            return None;
        };
        let mut cash = BTreeMap::new();
        let mut add = |effects: &[(usize, i128)], sign: i128| {
            if let [(number, _), (_, moved)] = effects {
                *cash.entry(self.symbols[*number]).or_default() += sign * moved;
            }
        };
        // Those that the cut has on its other side are at the edge as well.
        let (from, to) = (self.as_of.min(cut), self.as_of.max(cut));
        let sign = if cut < self.as_of { -1 } else { 1 };
        let timed = self.timed.iter();
        for timed in timed.filter(|timed| from < timed.time && timed.time <= to) {
            add(&self.effects(timed.symbol, &timed.moved), sign);
        }
        set.iter().for_each(|at| add(&edge[*at].effects, 1));
        Some(cash)
    }
}

fn is_apart(earlier: &Told, as_of: Nanos, settle_time: Nanos) -> bool {
    earlier.as_of.after(settle_time).after(settle_time) < as_of
}

/// The last that was taken, and one that is far enough before whatever comes.
const KEPT_MAX: usize = 2;

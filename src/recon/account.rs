//! Account: one account's numbers, ours against a statement's, at an instant.
//!
//! Pure.
//!
//! A statement is of one instant, and executions near it may or may not be in it: of the instants within
//! the settle time around it, the one is taken at which most agrees. Where a difference stands, its own
//! instant is the one.

use super::books::Book;
use super::compare::{Compared, Ours};
use super::entry::Moved;
use super::instant::{self, Timed, distance};
use super::standing::Standing;
use crate::units::{AccountId, Nanos, Price, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// A statement, by the places of the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Executions up to here are in it.
    pub as_of: Nanos,
    /// Those that it names.
    pub accounts: BTreeSet<AccountId>,
    /// It speaks of positions.
    pub has_positions: bool,
    /// What is held, in 1e-8, and at which average price.
    pub positions: BTreeMap<Book, (i128, Option<Price>)>,
    /// In 1e-17.
    pub cash: BTreeMap<(AccountId, u32), i128>,
}

impl Told {
    /// What it says of one account.
    pub(super) fn of(&self, id: AccountId) -> Self {
        let books = (id, SymbolId(0))..=(id, SymbolId(u32::MAX));
        let positions = self.positions.range(books);
        let cash = self.cash.range((id, 0)..=(id, u32::MAX));
        Self {
            as_of: self.as_of,
            accounts: BTreeSet::from([id]),
            has_positions: self.has_positions,
            positions: positions.map(|(book, held)| (*book, *held)).collect(),
            cash: cash.map(|(key, cash)| (*key, *cash)).collect(),
        }
    }
}

/// By how much sums may be apart, and executions in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slack {
    /// Brokers round: cash, in 1e-17.
    pub cash: i128,
    /// How far from the statement's instant an execution may be on either side of it.
    pub time: Nanos,
}

/// One account's numbers: symbols first, then currencies.
pub(super) struct Account<'a> {
    pub(super) ours: &'a Ours<'a>,
    pub(super) id: AccountId,
    pub(super) as_of: Nanos,
    pub(super) slack: Slack,
    pub(super) standing: Standing,
    pub(super) symbols: Vec<SymbolId>,
    pub(super) currencies: Vec<u32>,
    /// What the statement has more than we have now.
    pub(super) more: Vec<i128>,
    pub(super) tolerance: Vec<i128>,
    /// What we have booked, and have yet to, by time.
    pub(super) timed: Vec<Timed>,
}

impl<'a> Account<'a> {
    /// The account at one statement, in all symbols that are held here or there, or by `lists`.
    pub(super) fn new<'t>(
        ours: &'a Ours<'a>,
        told: &Told,
        lists: impl IntoIterator<Item = &'t Told>,
        compared: &Compared,
        id: AccountId,
        slack: Slack,
    ) -> Self {
        let is_of = |book: &&Book| book.0 == id && told.has_positions;
        let listed = lists.into_iter().flat_map(|told| told.positions.keys());
        let symbols: BTreeSet<_> = listed
            .chain(ours.positions.keys())
            .filter(is_of)
            .map(|book| book.1)
            .collect();
        let currencies = told.cash.keys().filter(|(account, _)| *account == id);
        let currencies = currencies.filter(|key| ours.cash.contains_key(key));
        let currencies: Vec<_> = currencies.map(|key| key.1).collect();
        let symbols: Vec<_> = symbols.into_iter().collect();
        let position = |symbol: &SymbolId| {
            let told = told.positions.get(&(id, *symbol)).map_or(0, |held| held.0);
            told - ours.positions.get(&(id, *symbol)).copied().unwrap_or(0)
        };
        let cash = |currency: &u32| told.cash[&(id, *currency)] - ours.cash[&(id, *currency)];
        let more = symbols.iter().map(position);
        let more: Vec<_> = more.chain(currencies.iter().map(cash)).collect();
        let mut tolerance = vec![0; symbols.len()];
        tolerance.resize(more.len(), slack.cash);
        let mut account = Self {
            ours,
            id,
            as_of: told.as_of,
            slack,
            standing: Standing::default(),
            symbols,
            currencies,
            more,
            tolerance,
            timed: Vec::new(),
        };
        account.collect(compared);
        account
    }

    /// Everything that has happened near the statement's instant or behind it, and what will be booked.
    fn collect(&mut self, compared: &Compared) {
        let from = self.as_of.raw().saturating_sub(self.slack.time.raw());
        let from = Nanos::from_raw(from);
        // What the drop copy has is booked in any case: a statement that is older has it not.
        for (symbol, moved) in instant::to_come(compared, self.id) {
            self.move_by(symbol, &-moved);
        }
        self.timed = instant::collect(self.ours, compared, self.id, from);
    }

    /// The statement has so much more.
    fn move_by(&mut self, symbol: SymbolId, moved: &Moved) {
        for (number, effect) in self.effects(symbol, moved) {
            self.more[number] += effect;
        }
    }

    /// What something moves of our numbers.
    pub(super) fn effects(&self, symbol: SymbolId, moved: &Moved) -> Vec<(usize, i128)> {
        let mut effects = Vec::with_capacity(2);
        if let Ok(number) = self.symbols.binary_search(&symbol)
            && moved.qty != 0
        {
            effects.push((number, moved.qty));
        }
        let currency = self.ours.places.currency(symbol);
        let number = self.currencies.iter().position(|of| *of == currency);
        if let Some(number) = number
            && moved.cash() != 0
        {
            effects.push((self.symbols.len() + number, moved.cash()));
        }
        effects
    }

    /// What the statement has more than we had at an instant.
    pub(super) fn more_at(&self, cut: Nanos) -> Vec<i128> {
        let mut more = self.more.clone();
        let timed = self.timed.iter();
        for timed in timed.filter(|timed| self.cut_for(timed, cut) < timed.time) {
            for (number, effect) in self.effects(timed.symbol, &timed.moved) {
                more[number] += effect;
            }
        }
        more
    }

    /// Where a difference stands, the statement's own instant is the one: no other is believed.
    fn cut_for(&self, timed: &Timed, cut: Nanos) -> Nanos {
        match self.is_certain(timed) {
            true => self.as_of,
            false => cut,
        }
    }

    pub(super) fn is_certain(&self, timed: &Timed) -> bool {
        !timed.is_uncertain && self.standing.symbols.contains(&timed.symbol)
    }

    /// What the statement has more than we had at its own instant.
    pub(super) fn at_its_instant(&self) -> Vec<i128> {
        self.more_at(self.as_of)
    }

    fn off_count(&self, more: &[i128]) -> usize {
        let pairs = more.iter().zip(&self.tolerance);
        pairs.filter(|(more, most)| **most < more.abs()).count()
    }

    /// The instant at which most agrees, and what differs there.
    pub(super) fn best_cut(&self) -> (Nanos, Vec<i128>) {
        let (as_of, slack) = (self.as_of, self.slack.time);
        let more = self.more_at(as_of);
        let mut best = (self.off_count(&more), as_of, more);
        let mut cuts: Vec<_> = self
            .timed
            .iter()
            .flat_map(|timed| [timed.time, Nanos::from_raw(timed.time.raw() - 1)])
            .filter(|cut| distance(*cut, as_of) <= slack)
            .collect();
        cuts.sort_by_key(|cut| (distance(*cut, as_of), *cut));
        cuts.dedup();
        for cut in cuts.into_iter().take(CUTS_MAX) {
            if best.0 == 0 {
                break;
            }
            let more = self.more_at(cut);
            let count = self.off_count(&more);
            if count < best.0 {
                best = (count, cut, more);
            }
        }
        (best.1, best.2)
    }
}

/// Instants around the statement's that are looked at.
const CUTS_MAX: usize = 256;

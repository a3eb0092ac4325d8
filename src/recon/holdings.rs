//! Holdings: our positions and cash against a statement's.
//!
//! Pure.
//!
//! A statement is of one instant, and executions near it may or may not be in it: of the instants
//! within the settle time around it, the one is taken at which most agrees. What still differs is
//! explained by the smallest set of events: executions at that edge, executions that only we have,
//! fills of orders in doubt or on their way.

use super::books::Book;
use super::compare::{Compared, Cover, Live, Ours};
use super::entry::Moved;
use super::explain::{Bound, Candidate, Found, smallest};
use super::finding::{Adjustment, Cause, Finding, FindingKind, Grace, Way, statement_note};
use super::instant::{self, Timed, distance};
use crate::units::{AccountId, Money, Nanos, Position, Price, SymbolId};
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

/// By how much sums may be apart, and executions in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slack {
    /// Brokers round: cash, in 1e-17.
    pub cash: i128,
    /// How far from the statement's instant an execution may be on either side of it.
    pub time: Nanos,
}

/// One account's numbers: symbols first, then currencies.
struct Account<'a> {
    ours: &'a Ours<'a>,
    id: AccountId,
    symbols: Vec<SymbolId>,
    currencies: Vec<u32>,
    /// What the statement has more than we have now.
    more: Vec<i128>,
    tolerance: Vec<i128>,
    /// What we have booked, and have yet to, by time.
    timed: Vec<Timed>,
}

/// Compares all accounts that a statement names. Books that agree are entered into `agreed`.
pub fn holdings(
    ours: &Ours<'_>,
    told: &Told,
    compared: &Compared,
    slack: Slack,
    agreed: &mut BTreeSet<Book>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if told.as_of.after(slack.time) <= ours.books.horizon() {
        let detail = "the statement is older than what `reconcile.history` remembers".to_owned();
        findings.push(Finding {
            grace: Grace::Always,
            detail,
            ..Finding::new(FindingKind::NotCompared, None, None)
        });
        return findings;
    }
    let mut cover = Cover::new(&ours.live);
    for id in &told.accounts {
        let account = Account::new(ours, told, compared, *id, slack);
        account.look(told, compared, slack, &mut cover, agreed, &mut findings);
    }
    findings
}

impl<'a> Account<'a> {
    fn new(
        ours: &'a Ours<'a>,
        told: &Told,
        compared: &Compared,
        id: AccountId,
        slack: Slack,
    ) -> Self {
        let is_of = |book: &&Book| book.0 == id && told.has_positions;
        let symbols: BTreeSet<_> = told
            .positions
            .keys()
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
            symbols,
            currencies,
            more,
            tolerance,
            timed: Vec::new(),
        };
        account.collect(told, compared, slack);
        account
    }

    /// Everything that has happened near the statement's instant or behind it, and what will be booked.
    fn collect(&mut self, told: &Told, compared: &Compared, slack: Slack) {
        let from = Nanos::from_raw(told.as_of.raw().saturating_sub(slack.time.raw()));
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
    fn effects(&self, symbol: SymbolId, moved: &Moved) -> Vec<(usize, i128)> {
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
    fn more_at(&self, cut: Nanos) -> Vec<i128> {
        let mut more = self.more.clone();
        for timed in self.timed.iter().filter(|timed| cut < timed.time) {
            for (number, effect) in self.effects(timed.symbol, &timed.moved) {
                more[number] += effect;
            }
        }
        more
    }

    fn off_count(&self, more: &[i128]) -> usize {
        let pairs = more.iter().zip(&self.tolerance);
        pairs.filter(|(more, most)| **most < more.abs()).count()
    }

    /// The instant at which most agrees, and what differs there.
    fn best_cut(&self, as_of: Nanos, slack: Nanos) -> (Nanos, Vec<i128>) {
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

    fn look(
        &self,
        told: &Told,
        compared: &Compared,
        slack: Slack,
        cover: &mut Cover,
        agreed: &mut BTreeSet<Book>,
        findings: &mut Vec<Finding>,
    ) {
        let (cut, more) = self.best_cut(told.as_of, slack.time);
        let (candidates, causes) = self.candidates(compared, told.as_of, cut, slack.time);
        let mut rest = more.clone();
        // All together first, so that cash tells apart what quantities do not; then each alone, and with
        // fills of orders, of which nobody knows the price.
        let mut sets: Vec<Vec<usize>> = Vec::new();
        let known = candidates.iter().take_while(|of| !of.is_open).count();
        match smallest(
            &more,
            &self.tolerance,
            &candidates[..known],
            Bound::default(),
        ) {
            Found::Set(set) => {
                rest.fill(0);
                sets.push(set);
            }
            Found::Nothing | Found::Bound => {
                for number in 0..self.symbols.len() {
                    let set = self.alone(number, more[number], &candidates);
                    if let Some(set) = set.filter(|_| more[number] != 0) {
                        rest[number] = 0;
                        sets.push(set);
                    }
                }
            }
        }
        let chosen: BTreeSet<_> = sets.into_iter().flatten().collect();
        if rest != vec![0; rest.len()] {
            self.take_cash(&mut rest, chosen.iter().map(|at| &candidates[*at]));
        }
        for (number, symbol) in self.symbols.iter().enumerate() {
            let book = (self.id, *symbol);
            let of: Vec<_> = chosen
                .iter()
                .filter(|at| {
                    candidates[**at]
                        .effects
                        .first()
                        .is_some_and(|of| of.0 == number)
                })
                .map(|at| causes[*at])
                .collect();
            let is_timing = of
                .iter()
                .all(|(cause, _)| matches!(cause, Cause::Timing(_)));
            if rest[number] == 0 && is_timing {
                agreed.insert(book);
                continue;
            }
            findings.push(match rest[number] {
                0 => self.explained(book, more[number], &of, (told, compared)),
                differs => self.unexplained(book, differs, told, cover),
            });
        }
        let has_open = chosen.iter().any(|at| candidates[*at].is_open);
        for (number, currency) in (self.symbols.len()..).zip(&self.currencies) {
            // What a fill on its way has cost is told with it.
            if self.tolerance[number] < rest[number].abs() && !has_open {
                findings.extend(self.cash_differs(*currency, rest[number], told));
            }
        }
    }

    /// Takes what events have cost out of what differs in cash.
    fn take_cash<'c>(&self, rest: &mut [i128], events: impl Iterator<Item = &'c Candidate>) {
        for event in events.filter(|event| !event.is_open) {
            for (number, effect) in &event.effects {
                if self.symbols.len() <= *number {
                    rest[*number] -= effect;
                }
            }
        }
    }

    fn alone(&self, number: usize, more: i128, candidates: &[Candidate]) -> Option<Vec<usize>> {
        let mut tolerance = vec![i128::MAX; self.more.len()];
        tolerance[number] = 0;
        let mut target = vec![0; self.more.len()];
        target[number] = more;
        match smallest(&target, &tolerance, candidates, Bound::default()) {
            Found::Set(set) => Some(set),
            Found::Nothing | Found::Bound => None,
        }
    }

    /// What may account for a difference, in this order: executions at the edge of the statement's
    /// time, executions that only we have, fills of orders in doubt, fills on their way.
    fn candidates(
        &self,
        compared: &Compared,
        as_of: Nanos,
        cut: Nanos,
        slack: Nanos,
    ) -> (Vec<Candidate>, Vec<(Cause, Moved)>) {
        let (mut candidates, mut causes) = (Vec::new(), Vec::new());
        let mut add = |cause, symbol, moved: Moved, is_open| {
            let effects = self.effects(symbol, &moved).into_iter().collect();
            candidates.push(Candidate { effects, is_open });
            causes.push((cause, moved));
        };
        let near = self
            .timed
            .iter()
            .filter(|timed| timed.is_uncertain || distance(timed.time, as_of) <= slack);
        for timed in near.take(EDGE_MAX) {
            // What is before the cut is counted, what is behind it is not.
            let moved = if timed.time <= cut {
                -timed.moved
            } else {
                timed.moved
            };
            add(Cause::Timing(timed.id), timed.symbol, moved, false);
        }
        let only_ours = compared.findings.iter().filter(|finding| {
            finding.kind == FindingKind::NotThere && finding.account == Some(self.id)
        });
        // One that is at the edge is a candidate already.
        let is_near = |finding: &&Finding| {
            let mut edge = self.timed.iter().take(EDGE_MAX);
            finding.id.is_some() && edge.any(|timed| timed.id == finding.id)
        };
        for finding in only_ours.filter(|of| !is_near(of)).take(EDGE_MAX) {
            if let Some(symbol) = finding.symbol {
                let cause = Cause::Ours(finding.id, finding.order);
                add(cause, symbol, finding.lacks, false);
            }
        }
        for is_in_doubt in [true, false] {
            let live = self.ours.live.iter();
            let live =
                live.filter(|live| live.book.0 == self.id && live.is_in_doubt == is_in_doubt);
            for live in live.take(EDGE_MAX) {
                let cause = match is_in_doubt {
                    true => Cause::InDoubt(live.id),
                    false => Cause::InFlight(live.id),
                };
                add(cause, live.book.1, open_fill(live), true);
            }
        }
        (candidates, causes)
    }

    fn explained(
        &self,
        book: Book,
        more: i128,
        causes: &[(Cause, Moved)],
        (told, compared): (&Told, &Compared),
    ) -> Finding {
        let mut remedy = Vec::new();
        let mut grace = Grace::None;
        // What a fill of an order accounts for is what the others leave.
        let mut open = more;
        for (cause, moved) in causes {
            if !matches!(cause, Cause::InDoubt(_) | Cause::InFlight(_)) {
                open -= moved.qty;
            }
            match cause {
                Cause::Ours(id, order) => {
                    let is_it = |finding: &&Finding| {
                        let of = (finding.kind, finding.id, finding.order);
                        of == (FindingKind::NotThere, *id, *order)
                    };
                    let of = compared.findings.iter().find(is_it);
                    remedy.extend(of.into_iter().flat_map(|finding| finding.remedy.clone()));
                }
                Cause::InDoubt(_) | Cause::InFlight(_) => grace = Grace::InFlight,
                Cause::Timing(_) => {}
            }
        }
        // If it is not told in time, it is booked without it.
        if grace == Grace::InFlight {
            remedy.extend(self.conceded(book, open, told));
        }
        let moved = Moved {
            qty: more,
            ..Moved::ZERO
        };
        Finding {
            lacks: moved,
            amount: self.worth(book.1, more),
            grace,
            causes: causes.iter().map(|(cause, _)| *cause).collect(),
            is_explained: true,
            remedy,
            ..Finding::new(FindingKind::PositionDiffers, Some(book.0), Some(book.1))
        }
    }

    fn unexplained(&self, book: Book, more: i128, told: &Told, cover: &mut Cover) -> Finding {
        let grace = match cover.take(book, None, more) {
            true => Grace::InFlight,
            false => Grace::None,
        };
        Finding {
            lacks: Moved {
                qty: more,
                ..Moved::ZERO
            },
            amount: self.worth(book.1, more),
            grace,
            remedy: self.conceded(book, more, told).into_iter().collect(),
            ..Finding::new(FindingKind::PositionDiffers, Some(book.0), Some(book.1))
        }
    }

    /// A position as the statement says, of which nothing else is known.
    fn conceded(&self, book: Book, more: i128, told: &Told) -> Option<Adjustment> {
        let average = told.positions.get(&book).and_then(|held| held.1);
        let price = (self.ours.mark)(book.1).or(average).unwrap_or_default();
        Some(Adjustment {
            account: book.0,
            symbol: book.1,
            kind: Way::Transfer,
            qty: Position::from_raw(i64::try_from(more).ok()?),
            price,
            cash: Money::from_raw(0),
            note: statement_note(told.as_of),
        })
    }

    /// What cannot be valued is worth more than any threshold.
    fn worth(&self, symbol: SymbolId, qty: i128) -> i128 {
        let mark = (self.ours.mark)(symbol);
        mark.map_or(i128::MAX, |mark| {
            self.ours.places.value(symbol, mark, qty).abs()
        })
    }

    fn cash_differs(&self, currency: u32, more: i128, told: &Told) -> Option<Finding> {
        // Cash is booked in a symbol of its currency.
        let symbol = self.ours.places.symbol_of_currency(currency)?;
        let moved = Moved {
            qty: 0,
            value: -more,
            fee: 0,
        };
        let note = statement_note(told.as_of);
        let places = self.ours.places;
        let remedy = Adjustment::of((self.id, symbol), &moved, Price::default(), places, note);
        Some(Finding {
            currency: Some(currency),
            lacks: moved,
            amount: more.abs(),
            remedy: remedy.into_iter().collect(),
            ..Finding::new(FindingKind::CashDiffers, Some(self.id), None)
        })
    }
}

/// All that a live order may still fill: at which price nobody knows.
fn open_fill(live: &Live) -> Moved {
    let qty = if live.is_buy {
        live.leaves
    } else {
        -live.leaves
    };
    Moved {
        qty,
        // It stands for any.
        value: 1,
        fee: 0,
    }
}

/// Instants around the statement's that are looked at.
const CUTS_MAX: usize = 256;
/// Candidates of each kind.
const EDGE_MAX: usize = 64;

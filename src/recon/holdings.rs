//! Holdings: our positions and cash against a statement's.
//!
//! Pure.
//!
//! A statement is of one instant, and executions near it may or may not be in it: of the instants
//! within the settle time around it, the one is taken at which most agrees. What still differs is
//! explained by the smallest set of events: executions at that edge, executions that only we have,
//! fills of orders in doubt or on their way. What differs as it did at an earlier statement is not
//! explained by the edge: see [`standing`](super::standing).

use super::account::{Account, Slack, Told};
use super::books::Book;
use super::compare::{Compared, Cover, Live, Ours};
use super::entry::Moved;
use super::explain::{Bound, Candidate, Found, smallest};
use super::finding::{Adjustment, Cause, Finding, FindingKind, Grace, Way, statement_note};
use super::instant::{Timed, distance};
use super::standing::Earlier;
use crate::units::{Money, Nanos, Position, Price, SymbolId};
use std::collections::BTreeSet;

/// Compares all accounts that a statement names. Books that agree are entered into `agreed`.
pub fn holdings(
    ours: &Ours<'_>,
    told: &Told,
    earlier: &Earlier,
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
        let before = earlier.before(*id, told.as_of, slack.time);
        let lists = before.into_iter().chain([told]);
        let mut account = Account::new(ours, told, lists, compared, *id, slack);
        if let Some(before) = before {
            account.standing = account.stands(before, told, compared);
        }
        account.look(told, compared, &mut cover, agreed, &mut findings);
    }
    findings
}

impl Account<'_> {
    fn look(
        &self,
        told: &Told,
        compared: &Compared,
        cover: &mut Cover,
        agreed: &mut BTreeSet<Book>,
        findings: &mut Vec<Finding>,
    ) {
        let (cut, more) = self.best_cut();
        let (candidates, causes) = self.candidates(compared, cut);
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
            let mut finding = match rest[number] {
                0 => self.explained(book, more[number], &of, (told, compared)),
                differs => self.unexplained(book, differs, told, cover),
            };
            if self.standing.symbols.contains(symbol) {
                finding.detail = self.standing.detail();
            }
            findings.push(finding);
        }
        let has_open = chosen.iter().any(|at| candidates[*at].is_open);
        for (number, currency) in (self.symbols.len()..).zip(&self.currencies) {
            // What a fill on its way has cost is told with it.
            if self.tolerance[number] < rest[number].abs() && !has_open {
                let mut finding = self.cash_differs(*currency, rest[number], told);
                if let Some(finding) = finding.as_mut().filter(|_| self.leans(*currency, agreed)) {
                    finding.waits_for_statement = true;
                    finding.detail = "fills at the statement's edge account for the position, but \
                        not for this cash: nothing is booked before a later statement"
                        .to_owned();
                }
                findings.extend(finding);
            }
        }
    }

    /// True where positions of the currency agree by what is at the edge alone. Then what differs in cash
    /// may be that they do not: another fill than those may be the one.
    fn leans(&self, currency: u32, agreed: &BTreeSet<Book>) -> bool {
        let differs = self.at_its_instant();
        let mut symbols = self.symbols.iter().zip(differs);
        symbols.any(|(symbol, differs)| {
            let is_agreed = agreed.contains(&(self.id, *symbol));
            differs != 0 && is_agreed && self.ours.places.currency(*symbol) == currency
        })
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
    pub(super) fn candidates(
        &self,
        compared: &Compared,
        cut: Nanos,
    ) -> (Vec<Candidate>, Vec<(Cause, Moved)>) {
        let (mut candidates, mut causes) = (Vec::new(), Vec::new());
        let mut add = |cause, symbol, moved: Moved, is_open| {
            let effects = self.effects(symbol, &moved).into_iter().collect();
            candidates.push(Candidate { effects, is_open });
            causes.push((cause, moved));
        };
        let is_near = |timed: &&Timed| {
            let is_near = distance(timed.time, self.as_of) <= self.slack.time;
            (timed.is_uncertain || is_near) && !self.is_certain(timed)
        };
        for timed in self.timed.iter().filter(is_near).take(EDGE_MAX) {
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

/// Candidates of each kind.
const EDGE_MAX: usize = 64;

//! Tail: every loss in every scenario worked out anew for each order, and sorted.

use super::Model;
use super::answer::Cell;
use super::checks::{Findings, Valuation, wide};
use super::exposure::{Added, with, worst};
use super::order::{Level, Who};
use portcullis::message::{Scope, Side};
use portcullis::reject::RejectReason::{self, *};
use portcullis::risk::setup::{Limits, Returns};
use portcullis::units::Notional;

/// The set of scenarios that a limit is about.
#[derive(Clone, Copy)]
enum Set {
    History,
    Stress,
    Margin,
}

/// A level's books: of each symbol what it holds, worth so much a unit.
type Books = Vec<(u32, Cell)>;

const ONE: i128 = 1_000_000;

impl Model {
    /// True where a limit on a tail counts an order of these.
    pub(super) fn has_tail(&self, who: Who) -> bool {
        self.tail_levels(who)
            .iter()
            .any(|level| self.limits(*level).has_tail())
    }

    fn tail_levels(&self, who: Who) -> Vec<Level> {
        let path = self.path(who).into_iter();
        path.filter(|level| !matches!(level.scope, Scope::Symbol | Scope::Group))
            .collect()
    }

    /// Group 5: what the levels of an order could lose with it.
    pub(super) fn check_tail(
        &self,
        findings: &mut Findings,
        who: Who,
        side: Side,
        valuation: &Valuation,
        added: &Added,
    ) {
        if valuation.fresh.is_none() || added.leaves == 0 {
            return;
        }
        for level in self.tail_levels(who) {
            if self.limits(level).has_tail() {
                self.check_tail_of(findings, level, who, side, added.leaves);
            }
        }
    }

    fn check_tail_of(
        &self,
        findings: &mut Findings,
        level: Level,
        who: Who,
        side: Side,
        leaves: u64,
    ) {
        let limits = self.limits(level);
        let exit = self.only_reduces_at(level, who, side, leaves);
        if self.gross_with(level, who, side, leaves) > self.tail_gross_max() {
            findings.fact(ExposureOverflow, !exit);
            return;
        }
        let without = self.tail_books(level);
        let is_held = |cell: &Cell| worst(cell, Side::Buy) != 0 || worst(cell, Side::Sell) != 0;
        let is_unknown = |symbol: u32| !self.is_known(symbol, limits);
        let lacks = |(symbol, cell): &(u32, Cell)| {
            is_held(cell) && (is_unknown(*symbol) || self.marks[*symbol as usize] == 0)
        };
        if is_unknown(who.symbol) || without.iter().any(lacks) {
            findings.fact(TailUnknown, !exit);
            return;
        }
        let change = |cell: &Cell| with(cell, side, leaves);
        let fill = |cell: &Cell| {
            let mut cell = cell.clone();
            let filled = i64::try_from(leaves).unwrap();
            cell.position = match side {
                Side::Buy => cell.position.saturating_add(filled),
                Side::Sell => cell.position.saturating_sub(filled),
            };
            cell
        };
        let working = changed(&without, who.symbol, change);
        let filled = changed(&without, who.symbol, fill);
        for (reason, max, measure) in FIGURES {
            let Some(max) = max(limits) else { continue };
            let figure = |books: &Books| measure(self, books);
            let limit = self.loss_units(max);
            let (is, was) = (figure(&working), figure(&without));
            let each = |books: &Books| self.losses_by_scenario(books, set_of(reason));
            // Who opens the other side makes no figure worse at once.
            let mut pairs = each(&working).into_iter().zip(each(&without));
            let worsens = pairs.any(|(is, was)| is > limit && is > was);
            let is_worse = is.0 > limit * is.1 && (is.0 > was.0 || worsens);
            // Half filled, an order may lose beyond the limit in scenarios of both ends.
            let mut pairs = each(&filled).into_iter().zip(each(&without));
            let moves = pairs.any(|(is, was)| is > limit && is > was);
            let is_count = reason == ValueAtRiskAboveMax;
            let may_exit = exit && figure(&filled).0 <= was.0 && !(is_count && moves);
            if is_worse && !may_exit {
                let value = -(-is.0).div_euclid(is.1);
                findings.limit(level, reason, self.told(limit), self.told(value));
            }
        }
        if let Some(share) = limits.cluster_share_max {
            let free = limits.cluster_share_free.unwrap_or(Notional::ZERO);
            let cluster = self.alone_in_cluster(&working, who.symbol);
            let others = self.least_in_others(&working, who.symbol);
            let allowed = (cluster + others) * i128::from(share) / ONE;
            let allowed = allowed.max(self.loss_units(free));
            if cluster > allowed && cluster > self.alone_in_cluster(&without, who.symbol) {
                let (limit, value) = (self.told(allowed), self.told(cluster));
                findings.limit(level, ClusterShareAboveMax, limit, value);
            }
        }
    }

    /// What a level holds, symbol by symbol.
    fn tail_books(&self, level: Level) -> Books {
        let owner = level.owner;
        let symbols = 0..self.setup.symbols.len() as u32;
        let cell = |symbol: u32| match level.scope {
            Scope::Strategy => self.strategy_cell(owner, symbol),
            Scope::Account => self.account_cell(owner, symbol),
            Scope::Desk => self.desk_cell(owner, symbol),
            _ => self.symbol_cell(symbol),
        };
        symbols.map(|symbol| (symbol, cell(symbol))).collect()
    }

    /// What all worst positions of a level are worth with an order more.
    fn gross_with(&self, level: Level, who: Who, side: Side, leaves: u64) -> u128 {
        let cell = match level.scope {
            Scope::Strategy => self.strategy_cell(who.strategy, who.symbol),
            _ => self.account_cell(who.account, who.symbol),
        };
        let mark = self.marks[who.symbol as usize];
        let value = |cell: &Cell| {
            let larger = worst(cell, Side::Buy).max(worst(cell, Side::Sell));
            let larger = larger.clamp(0, u64::MAX.into()).unsigned_abs();
            (larger * mark).min(Notional::EXPOSURE_MAX.raw())
        };
        self.gross(level) - value(&cell) + value(&with(&cell, side, leaves))
    }

    /// With more, losses in units might not fit 2^60.
    fn tail_gross_max(&self) -> u128 {
        let all = self.setup.tail.returns.iter();
        let returns = all.flat_map(|of| {
            let [history, stress, margin] =
                [Set::History, Set::Stress, Set::Margin].map(|set| self.returns_of(of, set));
            history.into_iter().chain(stress).chain(margin).flatten()
        });
        let widest = returns.map(|change| change.unsigned_abs()).max();
        let units = (1u128 << 60) / widest.unwrap_or(1).max(1);
        let max = self.unit().saturating_mul(units);
        max.min(Notional::EXPOSURE_MAX.raw() - 1)
    }

    fn unit(&self) -> u128 {
        match self.setup.tail.unit.raw() {
            0 => 1_000_000_000_000_000,
            unit => unit,
        }
    }

    fn count(&self, set: Set) -> usize {
        let tail = &self.setup.tail;
        match set {
            Set::History => tail.history_count as usize,
            Set::Stress => tail.stress.len(),
            Set::Margin => tail.margin.len(),
        }
    }

    /// A symbol's returns in a set, if they are known.
    fn returns_of(&self, of: &Returns, set: Set) -> Option<Vec<i128>> {
        let returns = match set {
            Set::History => &of.history,
            Set::Stress => &of.stress,
            Set::Margin => &of.margin,
        };
        let count = self.count(set);
        let is_known = count != 0 && returns.len() == count;
        is_known.then(|| returns.iter().map(|change| i128::from(*change)).collect())
    }

    fn returns(&self, symbol: u32, set: Set) -> Option<Vec<i128>> {
        self.returns_of(self.setup.tail.returns.get(symbol as usize)?, set)
    }

    /// Whether all is known of a symbol that these limits need.
    fn is_known(&self, symbol: u32, limits: &Limits) -> bool {
        let has = |set| self.returns(symbol, set).is_some();
        let sets = [Set::History, Set::Stress, Set::Margin];
        let days = limits.value_at_risk_max.or(limits.expected_shortfall_max);
        let of_cluster = limits.cluster_share_max.is_none()
            || sets.iter().any(|set| self.count(*set) != 0)
                && sets.iter().all(|set| self.count(*set) == 0 || has(*set));
        (days.is_none() || has(Set::History))
            && (limits.stress_loss_max.is_none() || has(Set::Stress))
            && (limits.margin_max.is_none() || has(Set::Margin))
            && of_cluster
    }

    /// What a side of a book is worth, in units, rounded up.
    fn units(&self, symbol: u32, cell: &Cell, side: Side) -> i128 {
        let mark = i128::try_from(self.marks[symbol as usize]).unwrap();
        let value = worst(cell, side) * mark;
        -(-value).div_euclid(i128::try_from(self.unit()).unwrap())
    }

    /// What is lost in each scenario of a set.
    fn losses_by_scenario(&self, books: &Books, set: Set) -> Vec<i128> {
        let mut losses = vec![0; self.count(set)];
        for (symbol, cell) in books {
            let (long, short) = (
                self.units(*symbol, cell, Side::Buy),
                self.units(*symbol, cell, Side::Sell),
            );
            let returns = self.returns(*symbol, set).unwrap_or_default();
            for (loss, change) in losses.iter_mut().zip(returns) {
                *loss += long * (-change).max(0) + short * change.max(0);
            }
        }
        losses
    }

    /// The same, the worst first.
    fn losses(&self, books: &Books, set: Set) -> Vec<i128> {
        let mut losses = self.losses_by_scenario(books, set);
        losses.sort_by_key(|loss| -loss);
        losses
    }

    fn value_at_risk(&self, books: &Books) -> (i128, i128) {
        let losses = self.losses(books, Set::History);
        let tail = ONE - i128::from(self.setup.tail.value_at_risk_share);
        let allowed = losses.len() as i128 * tail / ONE;
        // All but so many lose no more than this.
        let place = (allowed as usize).min(losses.len() - 1);
        (losses[place], 1)
    }

    /// The worst days' losses, the last of them cut: added up, and how many they are; in millionths.
    fn shortfall(&self, books: &Books) -> (i128, i128) {
        let losses = self.losses(books, Set::History);
        let tail = ONE - i128::from(self.setup.tail.expected_shortfall_share);
        let days = (losses.len() as i128 * tail).max(1);
        let (mut left, mut sum) = (days, 0);
        for loss in losses {
            sum += loss * left.min(ONE);
            left -= left.min(ONE);
        }
        (sum, days)
    }

    fn stress_loss(&self, books: &Books) -> (i128, i128) {
        (self.losses(books, Set::Stress)[0], 1)
    }

    fn margin(&self, books: &Books) -> (i128, i128) {
        (self.losses(books, Set::Margin)[0], 1)
    }

    /// The most that each symbol could lose alone, added up.
    fn alone(&self, books: &Books) -> i128 {
        let books = books.iter();
        books
            .map(|(symbol, cell)| {
                let one = vec![(*symbol, cell.clone())];
                let sets = [Set::History, Set::Stress, Set::Margin];
                let losses = sets.into_iter().flat_map(|set| self.losses(&one, set));
                losses.max().unwrap_or(0).max(0)
            })
            .sum()
    }

    fn cluster_of(&self, symbol: u32) -> u32 {
        let clusters = &self.setup.tail.clusters;
        clusters.get(symbol as usize).copied().unwrap_or(symbol)
    }

    fn alone_in_cluster(&self, books: &Books, symbol: u32) -> i128 {
        let cluster = self.cluster_of(symbol);
        let books = books.iter();
        let books = books.filter(|(of, _)| self.cluster_of(*of) == cluster);
        self.alone(&books.cloned().collect())
    }

    /// The same of all other clusters, of what is held even if every live order that could reduce it fills and no
    /// other does.
    fn least_in_others(&self, books: &Books, symbol: u32) -> i128 {
        let cluster = self.cluster_of(symbol);
        let books = books.iter();
        let books = books.filter(|(of, _)| self.cluster_of(*of) != cluster);
        let least = |(symbol, cell): &(u32, Cell)| {
            let long = -self.units(*symbol, cell, Side::Sell);
            let short = -self.units(*symbol, cell, Side::Buy);
            let sets = [Set::History, Set::Stress, Set::Margin];
            let returns = sets
                .into_iter()
                .filter_map(|set| self.returns(*symbol, set));
            let losses = returns.flatten().map(|change| match change < 0 {
                true => long.max(0) * -change,
                false => short.max(0) * change,
            });
            losses.max().unwrap_or(0)
        };
        books.map(least).sum()
    }

    fn loss_units(&self, max: Notional) -> i128 {
        let (max, unit) = (max.raw(), self.unit());
        let units = (max / unit).saturating_mul(ONE as u128);
        let rest = (max % unit).saturating_mul(ONE as u128) / unit;
        wide(units.saturating_add(rest)).min(1 << 60)
    }

    fn told(&self, loss: i128) -> i128 {
        loss.saturating_mul(i128::try_from(self.unit()).unwrap()) / ONE
    }
}

/// The scenarios that a limit is about.
fn set_of(reason: RejectReason) -> Set {
    match reason {
        StressLossAboveMax => Set::Stress,
        MarginAboveMax => Set::Margin,
        _ => Set::History,
    }
}

/// A limit, and the figure that it bounds with what that is a multiple of.
type Figure = (
    RejectReason,
    fn(&Limits) -> Option<Notional>,
    fn(&Model, &Books) -> (i128, i128),
);

const FIGURES: [Figure; 4] = [
    (
        ValueAtRiskAboveMax,
        |limits| limits.value_at_risk_max,
        Model::value_at_risk,
    ),
    (
        ShortfallAboveMax,
        |limits| limits.expected_shortfall_max,
        Model::shortfall,
    ),
    (
        StressLossAboveMax,
        |limits| limits.stress_loss_max,
        Model::stress_loss,
    ),
    (MarginAboveMax, |limits| limits.margin_max, Model::margin),
];

/// The books with one of them changed.
fn changed(books: &Books, symbol: u32, change: impl Fn(&Cell) -> Cell) -> Books {
    let books = books.iter().map(|(of, cell)| match *of == symbol {
        true => (*of, change(cell)),
        false => (*of, cell.clone()),
    });
    books.collect()
}

//! Exposure: every control over many orders, in the group that follows the one order alone.

use super::answer::Cell;
use super::checks::{Findings, Valuation, wide};
use super::order::{Level, Order, Who};
use super::{Compared, Model, Shape};
use portcullis::message::{Kind, Scope, Side};
use portcullis::reject::RejectReason::*;
use portcullis::risk::setup::Rate;
use portcullis::units::Notional;

/// What an order, or a replace, would add to what is reserved.
pub(super) struct Added {
    pub(crate) leaves: u64,
    pub(crate) notional: u128,
    /// False for a replace: it is no further order.
    pub(crate) is_new: bool,
}

impl Model {
    /// Group 4: never more than `count` accepted in any window.
    pub(super) fn check_rates(&self, findings: &mut Findings, who: Who, kind: Kind) {
        for level in self.path(who) {
            let limits = self.limits(level);
            let within = |rate: &Rate, kinds: &[Kind]| {
                let counted = self.acceptances.iter().filter(|past| {
                    kinds.contains(&past.kind)
                        && self.is_in(level, past.who)
                        && self.now - past.time < rate.window.raw()
                });
                counted.count() as i128
            };
            let own = match kind {
                Kind::NewOrder => (NewOrderRateAboveMax, &limits.new_order_rate),
                _ => (ReplaceRateAboveMax, &limits.replace_rate),
            };
            let orders = [Kind::NewOrder, Kind::Replace];
            let both = (OrderRateAboveMax, &limits.order_rate);
            for ((reason, rates), kinds) in [(both, &orders[..]), (own, &[kind])] {
                for rate in rates {
                    let count = within(rate, kinds) + 1;
                    if count > i128::from(rate.count) {
                        findings.limit(level, reason, rate.count.into(), count);
                    }
                }
            }
            for rate in &limits.cancel_rate {
                // However many more there are, what is told is the first too many.
                let count = within(rate, &[Kind::Cancel]);
                let max = i128::from(rate.count);
                if count > max {
                    findings.limit(level, CancelRateAboveMax, max, max + 1);
                }
            }
        }
    }

    /// Group 4: the same order again. Remembers this one, refused or not.
    pub(super) fn check_duplicate(&mut self, findings: &mut Findings, who: Who, shape: Shape) {
        for level in self.path(who) {
            let Some(window) = self.limits(level).duplicate_window else {
                continue;
            };
            let count = self.limits(level).duplicates() as usize;
            let unexpired: Vec<&Compared> = self
                .compared
                .iter()
                .filter(|past| past.level == level)
                .filter(|past| self.now - past.time < window.raw())
                .collect();
            let same: Vec<_> = unexpired
                .iter()
                .filter(|past| past.shape == shape)
                .collect();
            // The first of the last so many that may pass.
            let first = same.len().checked_sub(count).map(|at| same[at]);
            let mut shapes: Vec<Shape> = Vec::new();
            for past in &unexpired {
                if !shapes.contains(&past.shape) {
                    shapes.push(past.shape);
                }
            }
            let capacity = self.setup.capacity.duplicates_per_window;
            if let Some(first) = first {
                let age = self.now - first.time;
                findings.limit(level, OrderDuplicate, window.raw().into(), age.into());
            } else if same.is_empty() && shapes.len() >= capacity as usize {
                findings.limit(level, DuplicatesFull, capacity.into(), capacity.into());
                continue;
            }
            self.compared.push(Compared {
                level,
                shape,
                time: self.now,
            });
        }
    }

    /// Group 4: the sums over all live orders and positions, with this one added.
    pub(super) fn check_sums(
        &self,
        findings: &mut Findings,
        who: Who,
        side: Side,
        valuation: &Valuation,
        added: &Added,
    ) {
        if added.is_new {
            for level in self.path(who) {
                let Some(max) = self.limits(level).open_orders_max else {
                    continue;
                };
                let count = self.live_orders(level).count() as i128 + 1;
                if count > i128::from(max) {
                    findings.limit(level, OrdersOpenAboveMax, max.into(), count);
                }
            }
        }
        if self.overflows(who, side, valuation, added) {
            findings.fact(ExposureOverflow, true);
            return;
        }
        for level in self.path(who) {
            let limits = self.limits(level);
            if let Some(max) = limits.open_notional_max {
                let open = self.open_notional(level) + added.notional;
                if open > max.raw() {
                    findings.limit(level, OpenNotionalAboveMax, wide(max.raw()), wide(open));
                }
            }
            let cell = self.cell_of_level(level, who);
            let mut worst = worst(&with(&cell, side, added.leaves), side).max(0);
            if worst > i128::from(i64::MAX) {
                worst = u64::MAX.into();
            }
            if let Some(max) = limits.position_qty_max
                && worst > i128::from(max.raw())
            {
                findings.limit(level, PositionQtyAboveMax, max.raw().into(), worst);
            }
            let Some(good) = valuation.fresh else {
                continue;
            };
            if let Some(max) = limits.position_value_max {
                let value = value(worst, good.mark);
                if value > max.raw() {
                    findings.limit(level, PositionValueAboveMax, wide(max.raw()), wide(value));
                }
            }
            if let Some(max) = limits.gross_exposure_max {
                // The sum is over the cells of accounts; for a strategy, over its own.
                let before = match level.scope {
                    Scope::Strategy => self.strategy_cell(who.strategy, who.symbol),
                    _ => self.account_cell(who.account, who.symbol),
                };
                let after = with(&before, side, added.leaves);
                let before = value(larger_side(&before), good.mark);
                let after = value(larger_side(&after), good.mark);
                let gross = self.gross(level) - before + after;
                if after > before && gross > max.raw() {
                    findings.limit(level, GrossExposureAboveMax, wide(max.raw()), wide(gross));
                }
            }
            if let Some(max) = limits.net_exposure_max {
                let cell = match level.scope {
                    Scope::Strategy => self.strategy_cell(who.strategy, who.symbol),
                    _ => self.account_cell(who.account, who.symbol),
                };
                let before = net_value(&cell, side, good.mark);
                let after = net_value(&with(&cell, side, added.leaves), side, good.mark);
                let net = self.net(level, side) - before + after;
                if after > before && net > wide(max.raw()) {
                    findings.limit(level, NetExposureAboveMax, wide(max.raw()), net);
                }
            }
        }
        self.check_tail(findings, who, side, valuation, added);
    }

    /// True where the order, or a position that it may lead to, is wider than any real one.
    fn overflows(&self, who: Who, side: Side, valuation: &Valuation, added: &Added) -> bool {
        let worst_of = |level: Level| {
            let cell = self.cell_of_level(level, who);
            worst(&with(&cell, side, added.leaves), side)
        };
        let is_too_wide = |level: &Level| worst_of(*level) > i128::from(i64::MAX);
        let firm_value = valuation.fresh.map_or(0, |good| {
            let worst = worst_of(Level::FIRM).clamp(0, u64::MAX.into());
            worst.unsigned_abs() * good.mark
        });
        let most = Notional::EXPOSURE_MAX.raw();
        let path = self.path(who);
        valuation.notional > most || firm_value > most || path.iter().any(is_too_wide)
    }

    pub(super) fn cell_of_level(&self, level: Level, who: Who) -> Cell {
        match level.scope {
            Scope::Strategy => self.strategy_cell(who.strategy, who.symbol),
            Scope::Account => self.account_cell(who.account, who.symbol),
            Scope::Desk => self.desk_cell(level.owner, who.symbol),
            Scope::Symbol | Scope::Firm | Scope::Group => self.symbol_cell(who.symbol),
        }
    }

    /// The value of all live orders of one level.
    pub(super) fn open_notional(&self, level: Level) -> u128 {
        self.live_orders(level).map(Order::reserved_notional).sum()
    }

    /// The books that a level's sums are made of, and the symbol of each: of a strategy its own, else
    /// those of accounts.
    fn books(&self, level: Level) -> Vec<(Cell, u32)> {
        if level.scope == Scope::Strategy {
            let cells = self.strategy_positions.keys();
            return cells
                .filter(|(strategy, _)| *strategy == level.owner)
                .map(|&(strategy, symbol)| (self.strategy_cell(strategy, symbol), symbol))
                .collect();
        }
        let cells = self.account_positions.keys();
        cells
            .filter(|(account, symbol)| {
                let (account, symbol) = (*account, *symbol);
                let strategy = 0;
                let who = Who {
                    account,
                    strategy,
                    symbol,
                };
                self.is_in(level, who)
            })
            .map(|&(account, symbol)| (self.account_cell(account, symbol), symbol))
            .collect()
    }

    /// The sum over cells of the larger side's worst position, at the last good prices.
    pub(super) fn gross(&self, level: Level) -> u128 {
        let books = self.books(level).into_iter();
        books
            .map(|(cell, symbol)| value(larger_side(&cell), self.marks[symbol as usize]))
            .sum()
    }

    /// The sum over cells of the value of one side's worst position, towards that side.
    /// Nobody looks where no level limits it.
    pub(super) fn net(&self, level: Level, side: Side) -> i128 {
        let mut limits = self.setup.limits();
        if !limits.any(|limits| limits.net_exposure_max.is_some()) {
            return 0;
        }
        let books = self.books(level).into_iter();
        books
            .map(|(cell, symbol)| net_value(&cell, side, self.marks[symbol as usize]))
            .sum()
    }
}

/// The value of one side's worst position, towards that side, cut as [`value`] is.
fn net_value(cell: &Cell, side: Side, mark: u128) -> i128 {
    let most = Notional::EXPOSURE_MAX.raw() as i128;
    worst(cell, side)
        .saturating_mul(mark as i128)
        .clamp(-most, most)
}

/// The value of a worst position, cut where no real one can be, so that sums always fit.
fn value(worst: i128, mark: u128) -> u128 {
    let worst = worst.clamp(0, u64::MAX.into()).unsigned_abs();
    (worst * mark).min(Notional::EXPOSURE_MAX.raw())
}

pub(super) fn with(cell: &Cell, side: Side, leaves: u64) -> Cell {
    let mut cell = cell.clone();
    match side {
        Side::Buy => cell.open_buy += u128::from(leaves),
        Side::Sell => cell.open_sell += u128::from(leaves),
    }
    cell
}

/// The position that `side` could come to, positive in its own direction.
pub(super) fn worst(cell: &Cell, side: Side) -> i128 {
    let position = i128::from(cell.position);
    match side {
        Side::Buy => position + cell.open_buy as i128,
        Side::Sell => -position + cell.open_sell as i128,
    }
}

fn larger_side(cell: &Cell) -> i128 {
    worst(cell, Side::Buy).max(worst(cell, Side::Sell))
}
